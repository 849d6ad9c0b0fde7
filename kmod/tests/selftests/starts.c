// SPDX-License-Identifier: GPL-2.0-only
/* The starts that are known, what they count, and when they are forgotten. */
#include "harness.h"

static struct leash_start_info infos[5000];
static int info_count;

static void list(__u64 group, int at_a_time)
{
	struct leash_starts starts = { .group = group, .record_size = sizeof(*infos) };

	info_count = 0;
	do {
		starts.buffer = (unsigned long)(infos + info_count);
		starts.size = at_a_time * sizeof(*infos);
		EQUAL(call(controller(), LEASH_IOC_STARTS, &starts), 0);
		CHECK(starts.count <= (unsigned int)at_a_time);
		info_count += starts.count;
	} while (starts.cursor);
}

static int forget(__u64 id)
{
	struct leash_start_ref ref = { .id = id };

	return call(controller(), LEASH_IOC_START_DEL, &ref);
}

TEST(described, "A start is as it was set, and can be changed")
{
	struct leash_start start = { .id = new_id(), .group = 3, .cgroup = 4, .name = "test-first" };
	struct leash_start_info info;

	EQUAL(call(controller(), LEASH_IOC_START_SET, &start), 0);
	info = info_of(start.id);
	EQUAL(info.id, start.id);
	EQUAL(info.group, 3);
	EQUAL(info.cgroup, 4);
	EQUAL(info.flags, 0);
	EQUAL(info.live + info.processes + info.forks + info.exits, 0);
	EQUAL(strcmp(info.name, "test-first"), 0);
	start.group = 5;
	start.cgroup = 6;
	strcpy(start.name, "test-2");
	EQUAL(call(controller(), LEASH_IOC_START_SET, &start), 0);
	info = info_of(start.id);
	EQUAL(info.group, 5);
	EQUAL(info.cgroup, 6);
	EQUAL(strcmp(info.name, "test-2"), 0);
	EQUAL(stats().starts, 1);
}

TEST(listed, "The list has all, oldest first, however small the buffer")
{
	__u64 ids[50], group = new_id();

	for (int i = 0; i < 50; i++)
		ids[i] = set_start(new_id(), i % 2 ? group : 0, 0);
	for (int at_a_time = 1; at_a_time < 80; at_a_time *= 3) {
		list(0, at_a_time);
		EQUAL(info_count, 50);
		for (int i = 0; i < 50; i++)
			EQUAL(infos[i].id, ids[i]);
		list(group, at_a_time);
		EQUAL(info_count, 25);
		for (int i = 0; i < 25; i++)
			EQUAL(infos[i].id, ids[2 * i + 1]);
	}
	list(new_id(), 10);
	EQUAL(info_count, 0);
}

TEST(cut, "A start that goes while the list is read loses nobody else")
{
	struct leash_starts starts = { .record_size = sizeof(*infos), .size = 2 * sizeof(*infos),
				       .buffer = (unsigned long)infos };
	__u64 ids[6];

	for (int i = 0; i < 6; i++)
		ids[i] = new_start();
	EQUAL(call(controller(), LEASH_IOC_STARTS, &starts), 0);
	EQUAL(infos[1].id, ids[1]);
	EQUAL(forget(ids[1]), 0);
	EQUAL(forget(ids[2]), 0);
	EQUAL(call(controller(), LEASH_IOC_STARTS, &starts), 0);
	EQUAL(infos[0].id, ids[3]);
	EQUAL(infos[1].id, ids[4]);
}

TEST(most, "There are 4096 at most: ENOSPC")
{
	struct leash_start start = { .name = "test-many" };

	for (int i = 0; i < LEASH_MAX_STARTS; i++) {
		start.id = new_id();
		EQUAL(call(controller(), LEASH_IOC_START_SET, &start), 0);
	}
	EQUAL(stats().starts, LEASH_MAX_STARTS);
	EQUAL(call(controller(), LEASH_IOC_START_SET, &start), 0); /* to change one is none more */
	start.id = new_id();
	EQUAL(call(controller(), LEASH_IOC_START_SET, &start), -ENOSPC);
	list(0, 100);
	EQUAL(info_count, LEASH_MAX_STARTS);
	for (int i = 0; i < info_count; i++)
		EQUAL(forget(infos[i].id), 0);
	EQUAL(stats().starts, 0);
}

TEST(forgotten, "A start without processes is forgotten at once, else with its last one")
{
	__u64 empty = new_start(), used = new_start();
	struct leash_start_info info = { .id = used };
	pid_t pid = linger_in(used);

	EQUAL(forget(empty), 0);
	EQUAL(forget(empty), -ENOENT);
	EQUAL(forget(used), 0);
	EQUAL(start_of(pid), used);
	CHECK(info_of(used).flags & LEASH_START_RELEASED);
	EQUAL(kill_start(used, SIGTERM, 0).count, 1);
	EQUAL(waitpid(pid, NULL, 0), pid);
	WITHIN(5, call(controller(), LEASH_IOC_START_GET, &info) == -ENOENT);
}

TEST(counted, "Forks, executions, ends and their CPU time")
{
	__u64 id = new_start();
	struct leash_start_info info;
	pid_t pid = fork_into(id);

	if (!pid) {
		for (int i = 0; i < 3; i++) {
			pid_t child = fork();

			if (!child && i == 0)
				_exit(3);
			if (!child && i == 1)
				raise(SIGKILL);
			if (!child) {
				execl("/bin/true", "true", NULL);
				execl("/bin/busybox", "true", NULL);
				_exit(127);
			}
			EQUAL(waitpid(child, NULL, 0), child);
		}
		for (volatile int i = 0; i < 3000000; i++)
			;
		say(0);
		linger();
	}
	hear();
	info = info_of(id);
	EQUAL(info.forks, 4);
	EQUAL(info.execs, 1);
	EQUAL(info.exits, 3);
	EQUAL(info.aborts, 1);
	EQUAL(info.live, 1);
	kill(pid, SIGTERM);
	EQUAL(waitpid(pid, NULL, 0), pid);
	WITHIN(5, info_of(id).processes == 0);
	EQUAL(info_of(id).exits, 4);
	EQUAL(info_of(id).aborts, 2);
	CHECK(info_of(id).runtime_ns > 1000000);
}

static int spin(void *unused)
{
	for (;;)
		__asm__ volatile("" : : "r"(unused));
	return 0;
}

TEST(threads, "Threads that end at the same time are one end of one process")
{
	static char stacks[8][8192] __attribute__((aligned(16)));

	for (int round = 0; round < 20; round++) {
		__u64 id = new_start();
		pid_t pid = fork_into(id);

		if (!pid) {
			for (int i = 0; i < 8; i++) /* bare ones, whom nobody waits for */
				CHECK(clone(spin, stacks[i] + 8192, CLONE_VM | CLONE_SIGHAND |
					    CLONE_THREAD | CLONE_FS | CLONE_FILES, NULL) > 0);
			say(0);
			linger();
		}
		hear();
		kill(pid, SIGKILL);
		EQUAL(waitpid(pid, NULL, 0), pid);
		EQUAL(info_of(id).exits, 1);
		EQUAL(info_of(id).aborts, 1);
		EQUAL(info_of(id).live, 0);
		WITHIN(5, info_of(id).processes == 0);
	}
}

TEST(stats, "STATS: processes and entries add up")
{
	struct leash_stats before = stats(), after;
	__u64 id = new_start();

	for (int i = 0; i < 5; i++)
		linger_in(id);
	after = stats();
	EQUAL(after.starts, before.starts + 1);
	EQUAL(after.processes, before.processes + 5);
	EQUAL(after.forks, before.forks + 5);
	EQUAL(after.entries, after.processes + after.entries_free);
	EQUAL(after.lost, before.lost);
}

TEST(observed, "An observer may look at all of it")
{
	__u64 id = new_start();
	struct leash_start_info info = { .id = id };
	struct leash_starts starts = { .record_size = sizeof(*infos), .size = sizeof(infos),
				       .buffer = (unsigned long)infos };
	struct leash_whois whois = { .pid = getpid() };
	struct leash_stats out;
	int fd = open_device(O_RDONLY);

	EQUAL(call(fd, LEASH_IOC_START_GET, &info), 0);
	EQUAL(call(fd, LEASH_IOC_STARTS, &starts), 0);
	EQUAL(starts.count, 1);
	EQUAL(call(fd, LEASH_IOC_WHOIS, &whois), 0);
	EQUAL(call(fd, LEASH_IOC_STATS, &out), 0);
}
