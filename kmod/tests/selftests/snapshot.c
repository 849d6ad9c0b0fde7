// SPDX-License-Identifier: GPL-2.0-only
/* LEASH_IOC_SNAPSHOT: who is in it. What is there all the time is in it exactly once. */
#include "harness.h"

#include <pthread.h>

#define MOST 8192

static __s32 seen[MOST]; /* the tids of the last snapshot, in its order */
static int seen_count;
static int calls;

static void snap(__u64 start, __u64 group, unsigned int flags, int at_a_time)
{
	static struct leash_task tasks[1024];
	struct leash_snapshot snapshot = { .start = start, .group = group, .flags = flags,
					   .buffer = (unsigned long)tasks,
					   .size = at_a_time * sizeof(*tasks),
					   .record_size = sizeof(*tasks) };
	int last = 0;

	seen_count = 0;
	calls = 0;
	do {
		EQUAL(call(controller(), LEASH_IOC_SNAPSHOT, &snapshot), 0);
		calls++;
		CHECK(snapshot.count <= (unsigned int)at_a_time);
		for (unsigned int i = 0; i < snapshot.count; i++) {
			if (tasks[i].tid <= last)
				FAIL("%d comes after %d", tasks[i].tid, last);
			last = tasks[i].tid;
			CHECK(seen_count < MOST);
			seen[seen_count++] = tasks[i].tid;
			if (start)
				EQUAL(tasks[i].start, start);
			if (group)
				EQUAL(tasks[i].group, group);
			if (flags & LEASH_SNAPSHOT_ATTRIBUTED)
				CHECK(tasks[i].start != 0);
			if (!(flags & LEASH_SNAPSHOT_THREADS))
				EQUAL(tasks[i].tid, tasks[i].tgid);
			if (!(flags & LEASH_SNAPSHOT_KERNEL))
				EQUAL(tasks[i].flags & LEASH_TASK_KERNEL, 0);
		}
	} while (snapshot.cursor);
}

static bool saw(pid_t pid)
{
	for (int i = 0; i < seen_count; i++)
		if (seen[i] == pid)
			return true;
	return false;
}

TEST(all, "All processes, in the order of their numbers, however small the buffer")
{
	pid_t bare = lingering(), mine = linger_in(new_start());

	for (int at_a_time = 1; at_a_time < 600; at_a_time *= 3) {
		snap(0, 0, 0, at_a_time);
		CHECK(saw(1) && saw(getpid()) && saw(bare) && saw(mine));
		CHECK(!saw(2)); /* kthreadd */
	}
}

TEST(kernel, "Kernel threads, if asked")
{
	snap(0, 0, LEASH_SNAPSHOT_KERNEL, 64);
	CHECK(saw(1) && saw(2));
}

TEST(filters, "Only a start, a group, what belongs to some start")
{
	__u64 group = new_id(), first = set_start(new_id(), group, 0);
	__u64 second = set_start(new_id(), group, 0), other = new_start();
	pid_t in_first = linger_in(first), in_second = linger_in(second), in_other = linger_in(other);
	pid_t bare = lingering();

	snap(first, 0, 0, 7);
	EQUAL(seen_count, 1);
	CHECK(saw(in_first));
	snap(0, group, 0, 7);
	EQUAL(seen_count, 2);
	CHECK(saw(in_first) && saw(in_second));
	snap(0, 0, LEASH_SNAPSHOT_ATTRIBUTED, 7);
	EQUAL(seen_count, 3);
	CHECK(saw(in_other) && !saw(bare));
	snap(other, group, 0, 7);
	EQUAL(seen_count, 0);
	snap(new_id(), 0, 0, 7); /* nobody knows it: nobody is in it */
	EQUAL(seen_count, 0);
}

static void *linger_as_thread(void *unused)
{
	linger();
	return unused;
}

TEST(threads, "All of 2000 threads, none lost and none twice, with buffers from 1 to 500 records")
{
	int wanted = patience() > 1 ? 400 : 2000;
	__u64 id = new_start();
	pthread_attr_t attributes;
	int limit = open("/proc/sys/kernel/threads-max", O_WRONLY);
	pid_t pid;

	CHECK(write(limit, "10000", 5) == 5); /* a small machine has less */
	pid = fork_into(id);
	if (!pid) {
		pthread_t thread;

		pthread_attr_init(&attributes);
		pthread_attr_setstacksize(&attributes, 16384);
		for (int i = 0; i < wanted; i++)
			EQUAL(pthread_create(&thread, &attributes, linger_as_thread, NULL), 0);
		report_and_linger();
	}
	hear();
	for (int at_a_time = 1; at_a_time <= 500; at_a_time *= 7) {
		snap(id, 0, LEASH_SNAPSHOT_THREADS, at_a_time);
		EQUAL(seen_count, wanted + 1);
		CHECK(calls >= wanted / at_a_time);
	}
	snap(id, 0, 0, 10);
	EQUAL(seen_count, 1);
	EQUAL(seen[0], pid);
}

/* Forks and exits without end beside those who stay. */
static void churn(void)
{
	for (;;) {
		for (int i = 0; i < 20; i++)
			if (!fork())
				_exit(0);
		while (waitpid(-1, NULL, WNOHANG) > 0)
			;
	}
}

TEST(churn, "Who stays is in each of 100 snapshots, resumed while others come and go")
{
	int rounds = patience() > 1 ? 20 : 100;
	pid_t staying[20];

	for (int i = 0; i < 20; i++) {
		staying[i] = lingering();
		if (i == 5 || i == 10) {
			pid_t pid = fork();

			if (!pid)
				churn();
		}
	}
	for (int round = 0; round < rounds; round++) {
		snap(0, 0, 0, 1 + round % 5);
		for (int i = 0; i < 20; i++)
			if (!saw(staying[i]))
				FAIL("process %d is not in snapshot %d", staying[i], round);
	}
}

TEST(dying, "A cursor that stands at a process that is gone goes on behind it")
{
	static struct leash_task task;
	struct leash_snapshot snapshot = { .buffer = (unsigned long)&task, .size = sizeof(task),
					   .record_size = sizeof(task) };
	__u64 id = new_start();
	pid_t pid[3];

	for (int i = 0; i < 3; i++)
		pid[i] = linger_in(id);
	snapshot.start = id;
	EQUAL(call(controller(), LEASH_IOC_SNAPSHOT, &snapshot), 0);
	EQUAL(task.tid, pid[0]);
	kill(pid[1], SIGKILL);
	EQUAL(waitpid(pid[1], NULL, 0), pid[1]);
	EQUAL(call(controller(), LEASH_IOC_SNAPSHOT, &snapshot), 0);
	EQUAL(snapshot.count, 1);
	EQUAL(task.tid, pid[2]);
}

TEST(zombies, "A zombie is in it, without memory")
{
	static struct leash_task task;
	struct leash_snapshot snapshot = { .buffer = (unsigned long)&task, .size = sizeof(task),
					   .record_size = sizeof(task), .facts = LEASH_FACT_MEMORY };
	__u64 id = new_start();
	pid_t pid = fork_into(id);
	siginfo_t info;

	if (!pid)
		_exit(0);
	EQUAL(waitid(P_PID, pid, &info, WEXITED | WNOWAIT), 0);
	snapshot.start = id;
	EQUAL(call(controller(), LEASH_IOC_SNAPSHOT, &snapshot), 0);
	EQUAL(snapshot.count, 1);
	EQUAL(task.tid, pid);
	EQUAL(task.state, 'Z');
	CHECK(task.flags & LEASH_TASK_DEAD);
	EQUAL(task.facts & LEASH_FACT_MEMORY, 0);
	EQUAL(task.vm, 0);
}

TEST(header, "Times of the call, and STATS counts it")
{
	static struct leash_task task[512];
	struct leash_snapshot snapshot = { .buffer = (unsigned long)task, .size = sizeof(task),
					   .record_size = sizeof(*task) };
	unsigned long long before = stats().snapshots;
	struct timespec time;

	clock_gettime(CLOCK_BOOTTIME, &time);
	EQUAL(call(controller(), LEASH_IOC_SNAPSHOT, &snapshot), 0);
	CHECK(snapshot.time_ns >= time.tv_sec * 1000000000ULL + time.tv_nsec);
	CHECK(snapshot.time_ns < (time.tv_sec + 20) * 1000000000ULL);
	CHECK(snapshot.sched_ns > 0);
	EQUAL(stats().snapshots, before + 1);
	for (unsigned int i = 0; i < snapshot.count; i++)
		CHECK(task[i].start_ns <= snapshot.time_ns + 10000000);
}

TEST(observer, "An observer may take one")
{
	static struct leash_task task[512];
	struct leash_snapshot snapshot = { .buffer = (unsigned long)task, .size = sizeof(task),
					   .record_size = sizeof(*task) };
	int fd = open_device(O_RDONLY);

	EQUAL(call(fd, LEASH_IOC_SNAPSHOT, &snapshot), 0);
	CHECK(snapshot.count >= 2);
}
