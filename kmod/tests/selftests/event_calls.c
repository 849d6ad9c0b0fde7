// SPDX-License-Identifier: GPL-2.0-only
/* What a watch may be, how it ends, and how it is read. */
#include "events.h"

TEST(sizes, "Only whole records are read, as many as fit")
{
	__u64 id = new_start();
	int fd = watching(id, LEASH_EVENT_PROCESS_FORK, 0);
	void *volatile nowhere = (void *)8;

	EQUAL(read(fd, records, sizeof(*records)), -1);
	EQUAL(errno, EAGAIN);
	churn(id, 9);
	EQUAL(read(fd, records, sizeof(*records) - 1), -1);
	EQUAL(errno, EINVAL);
	EQUAL(read(fd, records, 0), -1);
	EQUAL(read(fd, nowhere, sizeof(*records)), -1);
	EQUAL(errno, EFAULT);
	EQUAL(read(fd, records, 4 * sizeof(*records) - 1), 3 * sizeof(*records));
	EQUAL(take(fd), 7);
}

TEST(refused, "What makes no sense is EINVAL")
{
	static const struct leash_watch wrong[] = {
		{ .events = 0 },
		{ .events = LEASH_EVENT_ALL + 1 },
		{ .events = 1, .flags = 2 },
		{ .events = 1, .pid = -1 },
		{ .events = 1, .start_ns = 5 },
		{ .events = 1, .queue = LEASH_MAX_QUEUE + 1 },
		{ .events = 1, .coalesce_ms = 60001 },
		{ .events = 1, .signo = 65 },
		{ .events = 1, .signo = -1 },
		{ .events = 1, .tid = 1 },
		{ .events = 1, .signo = 34, .tid = 1 }, /* not ours */
		{ .events = 1, .id = 1 },
	};
	int fd = observer();
	struct leash_unwatch end = { .id = 1 };

	for (size_t i = 0; i < sizeof(wrong) / sizeof(*wrong); i++) {
		struct leash_watch wanted = wrong[i];

		if (watch(fd, &wanted) != -EINVAL)
			FAIL("number %zu is taken", i);
	}
	EQUAL(call(fd, LEASH_IOC_UNWATCH, &end), -ENOENT);
	CHECK(read(fd, records, sizeof(records)) > 0); /* still the table */
	EQUAL(fcntl(fd, F_SETFL, O_RDONLY | O_ASYNC), -1);
}

TEST(unwatched, "UNWATCH ends a watch alone, and its number is used again")
{
	__u64 id = new_start(), other = new_start();
	int fd = watching(id, LEASH_EVENT_PROCESS_FORK, 0);
	struct leash_watch wanted = { .start = other, .events = LEASH_EVENT_PROCESS_FORK };
	struct leash_unwatch end = { .id = 1 };

	EQUAL(watch(fd, &wanted), 0);
	churn(id, 0);
	EQUAL(call(fd, LEASH_IOC_UNWATCH, &end), 0);
	EQUAL(end.told, 1);
	EQUAL(call(fd, LEASH_IOC_UNWATCH, &end), -ENOENT);
	churn(id, 5);
	churn(other, 0);
	EQUAL(take(fd), 2); /* what was queued can be read */
	EQUAL(records[0].start, id);
	EQUAL(records[1].start, other);
	for (__u32 i = 1; i <= LEASH_MAX_WATCHES; i += i == 1 ? 2 : 1) {
		wanted.id = 0;
		EQUAL(watch(fd, &wanted), 0);
		EQUAL(wanted.id, i);
	}
	wanted.id = 0;
	EQUAL(watch(fd, &wanted), -ENOSPC);
}

TEST(many, "As many may watch as there is room for; what is closed makes room, dead openers, too")
{
	int fds[200], count = 0;
	struct leash_watch wanted = { .events = LEASH_EVENT_HUNG, .queue = 16 };

	for (int round = 0; round < 2; round++) {
		for (count = 0; count < 200; count++) {
			fds[count] = observer();
			wanted.id = 0;
			wanted.events = LEASH_EVENT_TROUBLE;
			if (watch(fds[count], &wanted))
				break;
		}
		EQUAL(count, 128);
		if (!round) {
			pid_t pid;

			for (int i = 0; i <= count; i++)
				close(fds[i]);
			pid = fork();
			if (!pid) {
				for (int i = 0; i < 100; i++) {
					struct leash_watch one = { .events = 1, .queue = 16 };

					EQUAL(watch(observer(), &one), 0);
				}
				kill(getpid(), SIGKILL);
			}
			reap(pid);
		}
	}
}

TEST(inherited, "A copy of the descriptor keeps the watch; the last one takes it along")
{
	__u64 id = new_start();
	int fd = watching(id, LEASH_EVENT_PROCESS_FORK, 0), copy = dup(fd);

	close(fd);
	churn(id, 0);
	EQUAL(take(copy), 1);
}
