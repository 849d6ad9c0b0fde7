/* SPDX-License-Identifier: GPL-2.0-only */
/* What the tests of events share. */
#ifndef LEASH_EVENTS_H
#define LEASH_EVENTS_H

#include "harness.h"

static struct leash_record records[4096];

static inline int observer(void)
{
	int fd = open_device(O_RDONLY | O_NONBLOCK);

	CHECK(fd >= 0);
	return fd;
}

static inline int watch(int fd, struct leash_watch *wanted)
{
	return call(fd, LEASH_IOC_WATCH, wanted);
}

/* A descriptor that is told `events` of a start. */
static inline int watching(__u64 start, __u32 events, __u32 queue)
{
	struct leash_watch wanted = { .start = start, .events = events, .queue = queue };
	int fd = observer();

	EQUAL(watch(fd, &wanted), 0);
	EQUAL(wanted.id, 1);
	return fd;
}

/* All that is there now; EAGAIN is none. */
static inline int take(int fd)
{
	ssize_t size = read(fd, records, sizeof(records));

	if (size < 0 && errno == EAGAIN)
		return 0;
	CHECK(size > 0 && size % sizeof(*records) == 0);
	return size / sizeof(*records);
}

/* Waits for one event and takes that alone. */
static inline struct leash_record next(int fd)
{
	struct pollfd ready = { .fd = fd, .events = POLLIN };
	struct leash_record record;

	if (poll(&ready, 1, 10000 * patience()) != 1)
		FAIL("no event came");
	EQUAL(read(fd, &record, sizeof(record)), sizeof(record));
	return record;
}

static inline struct leash_unwatch told(int fd)
{
	struct leash_unwatch out = { .id = 0 };

	EQUAL(call(fd, LEASH_IOC_UNWATCH, &out), 0);
	return out;
}

static inline void reap(pid_t pid)
{
	EQUAL(waitpid(pid, NULL, 0), pid);
}

/* A process that has ended: without a copy of our memory, since a soak makes very many. */
static __attribute__((noinline, unused)) void fork_and_end(void)
{
	pid_t pid = vfork();

	if (!pid)
		_exit(0);
	CHECK(pid > 0);
	reap(pid);
}

/* `count` processes of the start, one after the other. With very many, says how far it is. */
static inline void churn(__u64 id, int count)
{
	pid_t parent = fork_into(id);

	if (!parent) {
		double begun = now();

		for (int i = 1; i <= count; i++) {
			fork_and_end();
			if (i % 10000 == 0)
				printf("# %d of %d forks, %.0f a second\n", i, count,
				       i / (now() - begun));
		}
		_exit(0);
	}
	reap(parent);
}

#endif
