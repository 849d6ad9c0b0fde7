// SPDX-License-Identifier: GPL-2.0-only
/*
 * When the preallocated entries run out. Needs a module that was loaded with pool=16 max_entries=16;
 * skips with another.
 */
#include <sys/utsname.h>

#include "events.h"
#include "trouble.h"

#define ENTRIES 16

static void need_small_pool(void)
{
	if (stats().entries != ENTRIES)
		SKIP("the module was not loaded with pool=16 max_entries=16");
}

static void run_on(int cpu)
{
	cpu_set_t cpus;

	CPU_ZERO(&cpus);
	CPU_SET(cpu, &cpus);
	EQUAL(sched_setaffinity(0, sizeof(cpus), &cpus), 0);
}

/*
 * Forks lingering processes into the start until no CPU has an entry left. How many forks it took:
 * one was lost on each CPU.
 */
static int fill_up(__u64 id, pid_t *pids)
{
	int count = 0;

	for (int cpu = 0; cpu < sysconf(_SC_NPROCESSORS_ONLN); cpu++) {
		unsigned long long before = stats().lost;

		run_on(cpu);
		while (stats().lost == before) {
			pid_t pid = linger_in(id);

			if (pids)
				pids[count] = pid;
			count++;
			CHECK(count < 2 * ENTRIES);
		}
	}
	EQUAL(stats().entries_free, 0);
	return count;
}

TEST(exhausted, "Forks that can not be recorded are counted, and INCOMPLETE says so")
{
	unsigned long long before;
	pid_t pids[2 * ENTRIES], last;
	struct leash_whois answer;
	__u64 id;
	int count, bare = 0;

	need_small_pool();
	before = stats().lost;
	id = new_start();
	EQUAL(stats().state & LEASH_STATE_INCOMPLETE, 0);
	count = fill_up(id, pids);
	EQUAL(stats().lost - before, sysconf(_SC_NPROCESSORS_ONLN));
	EQUAL(info_of(id).live, ENTRIES);
	EQUAL(info_of(id).forks, ENTRIES);
	for (int i = 0; i < 9; i++)
		last = linger_in(id);
	EQUAL(stats().lost - before, count + 9 - ENTRIES);
	CHECK(stats().state & LEASH_STATE_INCOMPLETE);
	answer = who(last);
	EQUAL(answer.start, 0);
	CHECK(answer.state & LEASH_STATE_INCOMPLETE);
	CHECK(kill_start(id, 0, 0).state & LEASH_STATE_INCOMPLETE);
	for (int i = 0; i < count; i++)
		bare += start_of(pids[i]) != id;
	EQUAL(bare, count - ENTRIES);
	/* Looking for the lost is not losing: the count stands still, and so does the worker. */
	usleep(300000);
	EQUAL(stats().lost - before, count + 9 - ENTRIES);
}

TEST(unseen, "What a process without an entry does is counted as lost with who watches its start")
{
	struct leash_watch by_pid = { .pid = getpid(), .events = LEASH_EVENT_PROCESS_EXIT };
	struct pollfd ready;
	int fd, other, else_where, forks;
	unsigned int lost = 0;
	__u64 id, another;

	need_small_pool();
	id = new_start();
	another = new_start();
	fill_up(id, NULL);
	fd = watching(id, LEASH_EVENT_PROCESS_EXIT, 0);
	other = watching(another, LEASH_EVENT_PROCESS_EXIT, 0);
	else_where = observer();
	EQUAL(watch(else_where, &by_pid), 0);
	forks = watching(id, LEASH_EVENT_PROCESS_FORK, 0);
	ready = (struct pollfd){ .fd = fd, .events = POLLIN };
	for (int i = 0; i < 3; i++)
		churn(id, 0);
	EQUAL(poll(&ready, 1, 10000 * patience()), 1);
	for (int i = take(fd); i > 0; i--) {
		EQUAL(records[i - 1].type, LEASH_EVENT_OVERFLOW);
		lost += records[i - 1].lost;
	}
	EQUAL(lost, 3);
	EQUAL(told(fd).lost, 3);
	EQUAL(told(fd).told, 0);
	EQUAL(told(other).lost, 0);
	EQUAL(told(else_where).lost, 0);
	EQUAL(take(other), 0);
	/* Its own birth is seen. Whom it gives birth to would not be. */
	EQUAL(told(forks).told, 3);
	EQUAL(told(forks).lost, 3);
}

TEST(never_in, "Who finds no entry leaves no start empty")
{
	struct leash_start empty = { .id = new_id(), .flags = LEASH_START_WATCH_EMPTY,
				     .name = "test-never-in" };
	long troubles = counter("troubles");
	struct leash_adopt adopt = { 0 };
	int fd;

	need_small_pool();
	fill_up(new_start(), NULL);
	EQUAL(call(controller(), LEASH_IOC_START_SET, &empty), 0);
	fd = watching(empty.id, LEASH_EVENT_START_EMPTY, 0);
	adopt.start = empty.id;
	adopt.pid = fork();
	if (!adopt.pid)
		linger();
	EQUAL(call(controller(), LEASH_IOC_ADOPT, &adopt), -ENOMEM);
	churn(empty.id, 0);
	usleep(100000);
	for (int i = take(fd); i > 0; i--)
		CHECK(records[i - 1].type != LEASH_EVENT_START_EMPTY);
	EQUAL(counter("troubles"), troubles);
}

/* A process that forks one more when it is told to. */
static pid_t parent_in(__u64 id)
{
	pid_t pid = fork_into(id);
	int number;

	if (!pid) {
		if (read(mail[0], &number, sizeof(number)) > 0 && !fork())
			report_and_linger();
		linger();
	}
	return pid;
}

TEST(no_room, "RESCAN without room finds nobody, and INCOMPLETE stays")
{
	struct leash_rescan rescan = { 0 };
	pid_t child;
	__u64 id;

	need_small_pool();
	id = new_start();
	parent_in(id);
	fill_up(id, NULL);
	say(0);
	usleep(200000 * patience()); /* only the parent reads meanwhile */
	child = hear();
	EQUAL(start_of(child), 0);
	EQUAL(call(controller(), LEASH_IOC_RESCAN, &rescan), 0);
	EQUAL(rescan.found, 0);
	CHECK(rescan.state & LEASH_STATE_INCOMPLETE);
	EQUAL(start_of(child), 0);
}

TEST(room, "What ended makes room, and RESCAN finds the lost and clears INCOMPLETE")
{
	struct leash_rescan rescan = { 0 };
	pid_t fillers[2 * ENTRIES], child;
	unsigned long long found;
	__u64 id, other;
	int count;

	need_small_pool();
	id = new_start();
	other = new_start();
	parent_in(id);
	count = fill_up(other, fillers);
	say(0);
	usleep(200000 * patience());
	child = hear();
	EQUAL(start_of(child), 0);
	for (int i = 0; i < count; i++) {
		kill(fillers[i], SIGKILL);
		EQUAL(waitpid(fillers[i], NULL, 0), fillers[i]);
	}
	WITHIN(5, stats().entries_free >= ENTRIES - 2);
	found = stats().found;
	EQUAL(call(controller(), LEASH_IOC_RESCAN, &rescan), 0);
	EQUAL(start_of(child), id);
	EQUAL(who(child).via, LEASH_VIA_FORK);
	EQUAL(rescan.state & LEASH_STATE_INCOMPLETE, 0);
	EQUAL(stats().found, found + rescan.found);
	EQUAL(info_of(id).live, 2);
}

TEST(adopting, "An adoption without room is ENOMEM")
{
	struct leash_adopt adopt = { 0 };
	__u64 id;
	pid_t pid;

	need_small_pool();
	id = new_start();
	adopt.start = id;
	fill_up(id, NULL);
	pid = fork();
	if (!pid)
		linger();
	adopt.pid = pid;
	EQUAL(call(controller(), LEASH_IOC_ADOPT, &adopt), -ENOMEM);
	EQUAL(start_of(pid), 0);
	EQUAL(info_of(id).live, ENTRIES);
}

TEST(limited, "Limits hold for forks that find no entry, too")
{
	struct leash_limits limits = { .processes = ENTRIES, .action = LEASH_LIMIT_REFUSE };
	struct utsname kernel;
	int status;
	pid_t pid;

	need_small_pool();
	limits.id = new_start();
	fill_up(limits.id, NULL);
	EQUAL(call(controller(), LEASH_IOC_START_LIMITS, &limits), 0);
	EQUAL(limits.now, ENTRIES);
	EQUAL(limits.exceeded, 0);
	pid = linger_in(limits.id);
	limits.flags = LEASH_LIMITS_QUERY;
	EQUAL(call(controller(), LEASH_IOC_START_LIMITS, &limits), 0);
	EQUAL(limits.exceeded, 1);
	EQUAL(uname(&kernel), 0);
	if (strstr(kernel.version, "PREEMPT_RT"))
		return; /* what kills there is found by its entry */
	WITHIN(5, waitpid(pid, &status, WNOHANG) == pid);
	CHECK(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
}

TEST(killing, "Those who are recorded are killed while the table is full")
{
	__u64 id;

	need_small_pool();
	id = new_start();
	fill_up(id, NULL);
	EQUAL(kill_start(id, SIGKILL, 0).count, ENTRIES);
	WITHIN(5, info_of(id).live == 0);
}
