// SPDX-License-Identifier: GPL-2.0-only
/*
 * When the preallocated entries run out. Needs a module that was loaded with pool=16 max_entries=16;
 * skips with another.
 */
#include "harness.h"

#define ENTRIES 16

static void need_small_pool(void)
{
	if (stats().entries != ENTRIES)
		SKIP("the module was not loaded with pool=16 max_entries=16");
}

static int count_bare(const pid_t *pids, int count, __u64 id)
{
	int bare = 0;

	for (int i = 0; i < count; i++)
		bare += start_of(pids[i]) != id;
	return bare;
}

TEST(exhausted, "Forks that can not be recorded are counted, and INCOMPLETE says so")
{
	unsigned long long before;
	__u64 id;
	pid_t pids[ENTRIES + 9];
	struct leash_whois answer;

	need_small_pool();
	before = stats().lost;
	id = new_start();
	for (int i = 0; i < ENTRIES; i++)
		pids[i] = linger_in(id);
	EQUAL(stats().lost, before);
	EQUAL(stats().entries_free, 0);
	EQUAL(stats().state & LEASH_STATE_INCOMPLETE, 0);
	for (int i = ENTRIES; i < ENTRIES + 9; i++)
		pids[i] = linger_in(id);
	EQUAL(stats().lost, before + 9);
	CHECK(stats().state & LEASH_STATE_INCOMPLETE);
	answer = who(pids[ENTRIES]);
	EQUAL(answer.start, 0);
	CHECK(answer.state & LEASH_STATE_INCOMPLETE);
	CHECK(kill_start(id, 0, 0).state & LEASH_STATE_INCOMPLETE);
	EQUAL(info_of(id).live, ENTRIES);
	EQUAL(info_of(id).forks, ENTRIES);
	/* Looking for the lost is not losing: the count stands still, and so does the worker. */
	usleep(300000);
	EQUAL(stats().lost, before + 9);
	EQUAL(count_bare(pids, ENTRIES + 9, id), 9);
}

TEST(no_room, "RESCAN without room finds nobody, and INCOMPLETE stays")
{
	__u64 id;
	pid_t parent, child[ENTRIES + 4];
	struct leash_rescan rescan = { 0 };

	need_small_pool();
	id = new_start();
	parent = fork_into(id);
	if (!parent) {
		for (int i = 0; i < ENTRIES + 4; i++)
			if (!fork())
				report_and_linger();
		linger();
	}
	for (int i = 0; i < ENTRIES + 4; i++)
		child[i] = hear();
	CHECK(stats().state & LEASH_STATE_INCOMPLETE);
	EQUAL(count_bare(child, ENTRIES + 4, id), 5);
	EQUAL(call(controller(), LEASH_IOC_RESCAN, &rescan), 0);
	EQUAL(rescan.found, 0);
	CHECK(rescan.state & LEASH_STATE_INCOMPLETE);
}

TEST(room, "What ended makes room, and RESCAN clears INCOMPLETE")
{
	unsigned long long found;
	struct leash_rescan rescan = { 0 };
	pid_t filler[ENTRIES], parent, child;
	__u64 id, other;

	need_small_pool();
	id = new_start();
	other = new_start();
	parent = fork_into(id);
	if (!parent) {
		int number;

		if (read(mail[0], &number, sizeof(number)) > 0 && !fork())
			report_and_linger();
		linger();
	}
	for (int i = 0; i < ENTRIES - 1; i++)
		filler[i] = linger_in(other);
	EQUAL(stats().entries_free, 0);
	say(0); /* to the parent: it is the only one that reads now */
	usleep(100000);
	child = hear();
	EQUAL(start_of(child), 0);
	for (int i = 0; i < ENTRIES - 1; i++) {
		kill(filler[i], SIGKILL);
		EQUAL(waitpid(filler[i], NULL, 0), filler[i]);
	}
	WITHIN(5, stats().entries_free >= ENTRIES - 2);
	found = stats().found;
	EQUAL(call(controller(), LEASH_IOC_RESCAN, &rescan), 0);
	EQUAL(start_of(child), id);
	EQUAL(who(child).via, LEASH_VIA_PARENT);
	EQUAL(rescan.state & LEASH_STATE_INCOMPLETE, 0);
	EQUAL(stats().found, found + rescan.found);
}

TEST(adopting, "An adoption without room is ENOMEM")
{
	struct leash_adopt adopt = { 0 };
	__u64 id;
	pid_t pid;

	need_small_pool();
	id = new_start();
	adopt.start = id;
	for (int i = 0; i < ENTRIES; i++)
		linger_in(id);
	pid = fork();
	if (!pid)
		linger();
	adopt.pid = pid;
	EQUAL(call(controller(), LEASH_IOC_ADOPT, &adopt), -ENOMEM);
	EQUAL(start_of(pid), 0);
	EQUAL(info_of(id).live, ENTRIES);
}

TEST(killing, "Those who are recorded are killed while the table is full")
{
	__u64 id;

	need_small_pool();
	id = new_start();
	for (int i = 0; i < ENTRIES + 5; i++)
		linger_in(id);
	EQUAL(kill_start(id, SIGKILL, 0).count, ENTRIES);
	WITHIN(5, info_of(id).live == 0);
}
