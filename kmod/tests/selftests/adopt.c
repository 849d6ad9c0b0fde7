// SPDX-License-Identifier: GPL-2.0-only
/* LEASH_IOC_ADOPT: processes that live already. */
#include "harness.h"

#include <pthread.h>

static int adopt(__u64 id, pid_t pid, unsigned int flags, unsigned int *count)
{
	struct leash_adopt adopt = { .start = id, .pid = pid, .flags = flags };
	int result = call(controller(), LEASH_IOC_ADOPT, &adopt);

	if (count)
		*count = adopt.count;
	return result;
}

/* A process with a child and a grandchild: out[0] to out[2]. */
static void make_tree(pid_t out[3])
{
	out[0] = fork();
	if (!out[0]) {
		if (!fork()) {
			if (!fork())
				report_and_linger();
			report_and_linger();
		}
		linger();
	}
	out[1] = hear();
	out[2] = hear();
	if (out[2] < out[1]) { /* numbers rise: the child is the lower one */
		pid_t swap = out[1];

		out[1] = out[2];
		out[2] = swap;
	}
}

TEST(one, "A living process is put into a start, and what it forks from then on")
{
	__u64 id = new_start();
	int go[2], number = 0;
	unsigned int count;
	pid_t pid, child;

	EQUAL(pipe(go), 0);
	pid = fork();
	if (!pid) {
		if (read(go[0], &number, sizeof(number)) > 0 && !fork())
			report_and_linger();
		linger();
	}
	EQUAL(start_of(pid), 0);
	EQUAL(adopt(id, pid, 0, &count), 0);
	EQUAL(count, 1);
	EQUAL(start_of(pid), id);
	EQUAL(who(pid).via, LEASH_VIA_ADOPT);
	CHECK(write(go[1], &number, sizeof(number)) > 0);
	child = hear();
	EQUAL(start_of(child), id);
	EQUAL(who(child).via, LEASH_VIA_FORK);
	EQUAL(info_of(id).live, 2);
	EQUAL(adopt(id, pid, 0, &count), 0); /* again */
	EQUAL(count, 0);
	EQUAL(info_of(id).live, 2);
}

TEST(self, "pid 0 is the caller's process, from any of its threads")
{
	__u64 id = new_start();

	EQUAL(adopt(id, 0, 0, NULL), 0);
	EQUAL(start_of(getpid()), id);
}

static __u64 for_thread;
static void *adopt_self(void *unused)
{
	EQUAL(adopt(for_thread, 0, 0, NULL), 0);
	return unused;
}

TEST(thread, "Adopted by a thread, the whole process belongs")
{
	pthread_t thread;

	for_thread = new_start();
	EQUAL(pthread_create(&thread, NULL, adopt_self, NULL), 0);
	EQUAL(pthread_join(thread, NULL), 0);
	EQUAL(start_of(getpid()), for_thread);
	EQUAL(info_of(for_thread).live, 1);
}

TEST(tree, "A tree with its descendants")
{
	__u64 id = new_start();
	unsigned int count;
	pid_t tree[3];

	make_tree(tree);
	EQUAL(adopt(id, tree[0], LEASH_ADOPT_TREE, &count), 0);
	EQUAL(count, 3);
	for (int i = 0; i < 3; i++)
		EQUAL(start_of(tree[i]), id);
	EQUAL(info_of(id).live, 3);
	EQUAL(start_of(getpid()), 0);
}

TEST(alone, "Without the flag its descendants stay bare")
{
	__u64 id = new_start();
	pid_t tree[3];

	make_tree(tree);
	EQUAL(adopt(id, tree[1], 0, NULL), 0);
	EQUAL(start_of(tree[0]), 0);
	EQUAL(start_of(tree[1]), id);
	EQUAL(start_of(tree[2]), 0);
}

TEST(keeps, "Who has a start keeps it: EEXIST, but for REPLACE")
{
	__u64 first = new_start(), second = new_start();
	pid_t pid = linger_in(first);
	unsigned int count;

	EQUAL(adopt(second, pid, 0, &count), -EEXIST);
	EQUAL(count, 0);
	EQUAL(start_of(pid), first);
	EQUAL(adopt(second, pid, LEASH_ADOPT_REPLACE, &count), 0);
	EQUAL(count, 1);
	EQUAL(start_of(pid), second);
	EQUAL(info_of(first).live, 0);
	EQUAL(info_of(first).processes, 0);
	EQUAL(info_of(second).live, 1);
	EQUAL(adopt(first, pid, 0, NULL), -EEXIST);
}

TEST(mixed, "A tree goes on where a part belongs to another start already")
{
	__u64 first = new_start(), second = new_start();
	unsigned int count = 0;
	pid_t top = fork(), inner, below;

	if (!top) {
		pid_t child = fork_into(first);

		if (!child) {
			if (!fork())
				report_and_linger();
			linger();
		}
		say(child);
		if (!fork())
			report_and_linger();
		linger();
	}
	inner = hear();
	below = hear();
	hear();
	if (start_of(inner) != first) { /* they speak in any order */
		pid_t swap = inner;

		inner = below;
		below = swap;
	}
	EQUAL(adopt(second, top, LEASH_ADOPT_TREE, &count), 0);
	EQUAL(start_of(top), second);
	EQUAL(info_of(first).live, 2);
	EQUAL(info_of(second).live, 2);
	EQUAL(count, 2);
	EQUAL(adopt(second, top, LEASH_ADOPT_TREE | LEASH_ADOPT_REPLACE, &count), 0);
	EQUAL(info_of(first).live, 0);
	EQUAL(info_of(second).live, 4);
	(void)below;
}

TEST(start_time, "start_ns is the guard against a number that went to somebody else")
{
	__u64 id = new_start();
	pid_t pid = lingering();
	struct leash_adopt adopt = { .start = id, .pid = pid };

	adopt.start_ns = who(pid).start_ns + 1;
	EQUAL(call(controller(), LEASH_IOC_ADOPT, &adopt), -ESRCH);
	EQUAL(start_of(pid), 0);
	adopt = (struct leash_adopt){ .start = id, .pid = pid, .start_ns = who(pid).start_ns };
	EQUAL(call(controller(), LEASH_IOC_ADOPT, &adopt), 0);
	EQUAL(start_of(pid), id);
}

TEST(zombie, "A zombie that is adopted does not count as living")
{
	__u64 id = new_start();
	siginfo_t info;
	pid_t pid = fork();
	int result;

	if (!pid)
		_exit(7);
	EQUAL(waitid(P_PID, pid, &info, WEXITED | WNOWAIT), 0);
	result = adopt(id, pid, 0, NULL);
	CHECK(result == 0 || result == -ESRCH);
	EQUAL(info_of(id).live, 0);
	EQUAL(waitpid(pid, NULL, 0), pid);
	WITHIN(5, info_of(id).processes == 0);
}

TEST(dying, "Nobody is adopted into a start that is being killed")
{
	__u64 id = new_start();

	kill_start(id, SIGKILL, 0);
	CHECK(adopt(id, lingering(), 0, NULL) < 0);
	EQUAL(info_of(id).processes, 0);
}

/* A tree that grows while it is adopted. */
static void grow(void)
{
	for (int i = 0; i < 40; i++) {
		if (!fork()) {
			if (i % 4 == 0)
				fork();
			usleep(20000);
			if (i % 3 == 0)
				fork();
			linger();
		}
		usleep(300);
	}
	linger();
}

static int living_in_session(pid_t sid, __u64 id, int *bare)
{
	static struct leash_task tasks[4096];
	struct leash_snapshot snapshot = { .buffer = (unsigned long)tasks, .size = sizeof(tasks),
					   .record_size = sizeof(*tasks) };
	int count = 0;

	*bare = 0;
	EQUAL(call(controller(), LEASH_IOC_SNAPSHOT, &snapshot), 0);
	EQUAL(snapshot.cursor, 0);
	for (unsigned int i = 0; i < snapshot.count; i++) {
		if (tasks[i].sid != sid)
			continue;
		count++;
		*bare += tasks[i].start != id;
	}
	return count;
}

TEST(growing, "A tree that forks while it is adopted is adopted whole")
{
	for (int round = 0; round < (patience() > 1 ? 3 : 10); round++) {
		__u64 id = new_start();
		pid_t top = fork();
		int bare, count;

		if (!top) {
			setsid();
			say(0);
			grow();
		}
		hear();
		usleep(1000 * round);
		EQUAL(adopt(id, top, LEASH_ADOPT_TREE, NULL), 0);
		WITHIN(20, living_in_session(top, id, &bare) >= 50);
		usleep(30000);
		count = living_in_session(top, id, &bare);
		if (bare)
			FAIL("round %d: %d of %d processes are bare", round, bare, count);
		kill_start(id, SIGKILL, 0);
		WITHIN(10, info_of(id).live == 0);
	}
}
