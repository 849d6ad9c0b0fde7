// SPDX-License-Identifier: GPL-2.0-only
/* Who watches is told what happens, all of it, once, and how much was lost. */
#include "events.h"

#include <pthread.h>

TEST(life, "A process' life is told: fork, exec, exit, and that its start is empty")
{
	__u64 id = new_start(), before;
	int fd = watching(id, LEASH_EVENT_ALL, 0);
	struct timespec time;
	struct leash_record record;
	pid_t pid;

	clock_gettime(CLOCK_BOOTTIME, &time);
	before = time.tv_sec * 1000000000ULL + time.tv_nsec;
	pid = fork_into(id);
	if (!pid) {
		char *const arguments[] = { "busybox", "sh", "-c", "exit 7", NULL };

		execv("/bin/busybox", arguments);
		_exit(7);
	}
	reap(pid);
	record = next(fd);
	EQUAL(record.type, LEASH_EVENT_PROCESS_FORK);
	EQUAL(record.tgid, pid);
	EQUAL(record.tid, pid);
	EQUAL(record.actor, getpid());
	EQUAL(record.start, id);
	EQUAL(record.watches, 1);
	EQUAL(record.lost, 0);
	CHECK(record.time_ns >= before && record.time_ns < before + 30000000000ULL * patience());
	record = next(fd);
	EQUAL(record.type, LEASH_EVENT_PROCESS_EXEC);
	EQUAL(record.tgid, pid);
	EQUAL(record.arg, pid);
	EQUAL(strcmp(record.comm, "busybox"), 0);
	record = next(fd);
	EQUAL(record.type, LEASH_EVENT_PROCESS_EXIT);
	EQUAL(record.tgid, pid);
	EQUAL(record.code, 7 << 8);
	record = next(fd);
	EQUAL(record.type, LEASH_EVENT_START_EMPTY);
	EQUAL(record.start, id);
	EQUAL(record.tgid, 0);
	EQUAL(take(fd), 0);
}

TEST(aborted, "Who dies by a signal is told as aborted, with the signal")
{
	__u64 id = new_start();
	int fd = watching(id, LEASH_EVENT_PROCESS_ABORT | LEASH_EVENT_PROCESS_EXIT, 0);
	struct leash_record record;
	pid_t pid = linger_in(id);

	kill(pid, SIGTERM);
	record = next(fd);
	EQUAL(record.type, LEASH_EVENT_PROCESS_ABORT);
	EQUAL(record.code, SIGTERM);
	EQUAL(record.tgid, pid);
	reap(pid);
	EQUAL(take(fd), 0);
}

static void *thread(void *how)
{
	if (how)
		pause();
	return NULL;
}

TEST(threads, "Threads are told as they come and go; those that die with their process are aborted")
{
	__u64 id = new_start();
	int fd = watching(id, LEASH_EVENT_TASKS, 0), seen[7] = { 0 }, count;
	pid_t pid = fork_into(id);

	if (!pid) {
		pthread_t threads[5];

		for (long i = 0; i < 5; i++)
			pthread_create(&threads[i], NULL, thread, i < 3 ? NULL : "");
		for (int i = 0; i < 3; i++)
			pthread_join(threads[i], NULL);
		kill(getpid(), SIGKILL);
		linger();
	}
	reap(pid);
	WITHIN(1, told(fd).told >= 12);
	count = take(fd);
	for (int i = 0; i < count; i++) {
		EQUAL(records[i].tgid, pid);
		CHECK(records[i].type <= LEASH_EVENT_PROCESS_EXIT);
		seen[__builtin_ctz(records[i].type)]++;
		if (records[i].type < LEASH_EVENT_PROCESS_FORK)
			CHECK(records[i].tid != pid);
	}
	EQUAL(count, 12);
	EQUAL(seen[0], 5);	/* THREAD_CREATE */
	EQUAL(seen[1], 2);	/* THREAD_ABORT */
	EQUAL(seen[2], 3);	/* THREAD_EXIT */
	EQUAL(seen[3], 1);
	EQUAL(seen[4], 1);	/* PROCESS_ABORT, once, though three threads went together */
	EQUAL(seen[6], 0);
}

static void *execute(void *none)
{
	char *const arguments[] = { "busybox", "true", NULL };

	execv("/bin/busybox", arguments);
	return none;
}

TEST(replaced, "Threads that end since another one calls execve have exited, with 0")
{
	__u64 id = new_start();
	int fd = watching(id, LEASH_EVENT_TASKS, 0), exits = 0, execs = 0, count;
	pid_t pid = fork_into(id), executed = 0;

	if (!pid) {
		pthread_t threads[3];

		for (int i = 0; i < 3; i++)
			pthread_create(&threads[i], NULL, i < 2 ? thread : execute, "");
		linger();
	}
	reap(pid);
	count = take(fd);
	EQUAL(count, 8);
	for (int i = 0; i < count; i++) {
		if (records[i].type == LEASH_EVENT_THREAD_EXIT) {
			EQUAL(records[i].code, 0);
			CHECK(records[i].tid != pid && records[i].tid != executed);
			exits++;
		}
		if (records[i].type == LEASH_EVENT_PROCESS_EXEC) {
			executed = records[i].arg;
			execs++;
		}
	}
	EQUAL(exits, 2);
	EQUAL(execs, 1);
	CHECK(executed != pid);
	EQUAL(records[count - 1].type, LEASH_EVENT_PROCESS_EXIT);
	EQUAL(records[count - 1].code, 0);
}

TEST(masked, "Only what was asked for is told")
{
	__u64 id = new_start(), other = new_start();
	int exits = watching(id, LEASH_EVENT_PROCESS_EXIT, 0);
	int none = watching(other, LEASH_EVENT_ALL, 0);

	for (int i = 0; i < 5; i++) {
		pid_t pid = fork_into(id);

		if (!pid)
			_exit(i);
		reap(pid);
		EQUAL(next(exits).code, i << 8);
	}
	EQUAL(take(exits), 0);
	EQUAL(take(none), 0);
}

TEST(filters, "By group, by process, by none: each open file has its own, and several")
{
	__u64 group = new_id(), a = set_start(new_id(), group, 0), b = set_start(new_id(), group, 0),
	      c = new_start();
	int fd = observer();
	struct leash_watch of_group = { .group = group, .events = LEASH_EVENT_PROCESS_FORK },
			   of_c = { .start = c, .events = LEASH_EVENT_PROCESS_EXIT },
			   of_me = { .pid = getpid(), .events = LEASH_EVENT_PROCESS_FORK };
	pid_t pid;

	EQUAL(watch(fd, &of_group), 0);
	EQUAL(watch(fd, &of_c), 0);
	EQUAL(watch(fd, &of_me), 0);
	EQUAL(of_me.id, 3);
	CHECK(of_me.start_ns);
	for (int i = 0; i < 3; i++) {
		pid = fork_into(i == 0 ? a : i == 1 ? b : c);
		if (!pid)
			_exit(0);
		reap(pid);
	}
	EQUAL(take(fd), 4);
	EQUAL(records[0].start, a);
	EQUAL(records[0].watches, 5); /* of the group, and of me: once */
	EQUAL(records[1].start, b);
	EQUAL(records[2].watches, 4);
	EQUAL(records[3].type, LEASH_EVENT_PROCESS_EXIT);
	EQUAL(records[3].watches, 2);
}

TEST(bare, "A process without a start can be watched, and its number alone does not do")
{
	pid_t pid = lingering();
	struct leash_watch wanted = { .pid = pid, .events = LEASH_EVENT_TASKS, .start_ns = 1 };
	int fd = observer();
	struct leash_record record;

	EQUAL(watch(fd, &wanted), -ESRCH);
	wanted.start_ns = 0;
	EQUAL(watch(fd, &wanted), 0);
	kill(pid, SIGKILL);
	record = next(fd);
	EQUAL(record.type, LEASH_EVENT_PROCESS_ABORT);
	EQUAL(record.tgid, pid);
	EQUAL(record.start, 0);
	reap(pid);
	wanted.start_ns = 0;
	wanted.id = 0;
	EQUAL(watch(fd, &wanted), -ESRCH);
}

TEST(ended_once, "The end of a process without a start is told once, with many threads, too")
{
	struct leash_watch wanted = { .events = LEASH_EVENT_PROCESS_EXIT | LEASH_EVENT_PROCESS_ABORT };
	int fd = observer(), ends = 0, count;

	EQUAL(watch(fd, &wanted), 0);
	for (int i = 0; i < 20; i++) {
		pid_t pid = fork();

		if (!pid) {
			for (int j = 0; j < 8; j++) {
				pthread_t some;

				pthread_create(&some, NULL, thread, "");
			}
			_exit(i);
		}
		reap(pid);
		count = take(fd);
		for (int j = 0; j < count; j++)
			ends += records[j].tgid == pid && records[j].code == i << 8;
		EQUAL(ends, i + 1);
	}
}

TEST(attributed, "Who asks for what belongs to some start is told nothing of others")
{
	__u64 id = new_start();
	struct leash_watch all = { .events = LEASH_EVENT_PROCESS_FORK | LEASH_EVENT_PROCESS_EXIT },
			   some = { .events = all.events, .flags = LEASH_WATCH_ATTRIBUTED };
	int of_all = observer(), of_some = observer(), seen = 0, count;
	pid_t bare, pid;

	EQUAL(watch(of_all, &all), 0);
	EQUAL(watch(of_some, &some), 0);
	bare = fork();
	if (!bare)
		_exit(0);
	reap(bare);
	pid = fork_into(id);
	if (!pid)
		_exit(3);
	reap(pid);
	EQUAL(take(of_some), 2);
	EQUAL(records[0].type, LEASH_EVENT_PROCESS_FORK);
	EQUAL(records[0].tgid, pid);
	EQUAL(records[0].start, id);
	EQUAL(records[1].type, LEASH_EVENT_PROCESS_EXIT);
	EQUAL(records[1].start, id);
	EQUAL(records[1].code, 3 << 8);
	count = take(of_all); /* of the whole machine */
	for (int i = 0; i < count; i++)
		seen += records[i].tgid == bare && !records[i].start;
	EQUAL(seen, 2);
}

TEST(trouble, "Trouble is told: what it is, of which start, and the process")
{
	struct leash_start start = { .id = new_id(), .group = 0x77, .name = "test-trouble",
				     .flags = LEASH_START_WATCH_EMPTY };
	int fd = watching(start.id, LEASH_EVENT_TROUBLE, 0);
	int others = watching(new_start(), LEASH_EVENT_TROUBLE, 0);
	struct leash_record record;
	pid_t pid;

	EQUAL(call(controller(), LEASH_IOC_START_SET, &start), 0);
	pid = linger_in(start.id);
	EQUAL(take(fd), 0);
	kill(pid, SIGKILL);
	reap(pid);
	record = next(fd);
	EQUAL(record.type, LEASH_EVENT_TROUBLE);
	EQUAL(record.code, LEASH_REASON_NO_TASK);
	EQUAL(record.arg, pid);
	EQUAL(record.start, start.id);
	EQUAL(record.group, 0x77);
	EQUAL(record.tgid, 0); /* it is the start's */
	EQUAL(record.watches, 1);
	EQUAL(take(fd), 0);
	EQUAL(take(others), 0);
}

TEST(both, "Two open files that watch the same are told all, each; one that does not read, too")
{
	static struct leash_record mine[64];
	__u64 id = new_start();
	__u32 events = LEASH_EVENT_PROCESS_FORK | LEASH_EVENT_PROCESS_EXIT | LEASH_EVENT_START_EMPTY;
	int reader = watching(id, events, 0), sleeper = watching(id, events, 0), count = 0;

	for (int i = 0; i < 3; i++) {
		churn(id, 4);
		WITHIN(5, told(reader).told == (unsigned int)count + 11);
		EQUAL(take(reader), 11);
		memcpy(&mine[count], records, 11 * sizeof(*records));
		count += 11;
	}
	EQUAL(take(sleeper), count);
	EQUAL(memcmp(mine, records, count * sizeof(*records)), 0);
	EQUAL(told(reader).told, count);
	EQUAL(told(sleeper).told, count);
	close(reader);
	churn(id, 4);
	WITHIN(5, told(sleeper).told == (unsigned int)count + 11);
	EQUAL(take(sleeper), 11);
}

TEST(adopted, "Who joins is told, with how")
{
	__u64 id = new_start();
	int fd = watching(id, LEASH_EVENT_ADOPTED | LEASH_EVENT_START_EMPTY, 0);
	struct leash_adopt adopt = { .start = id, .pid = lingering() };
	struct leash_record record;

	EQUAL(call(controller(), LEASH_IOC_ADOPT, &adopt), 0);
	record = next(fd);
	EQUAL(record.type, LEASH_EVENT_ADOPTED);
	EQUAL(record.code, LEASH_VIA_ADOPT);
	EQUAL(record.tgid, adopt.pid);
	adopt.start = new_start();
	adopt.flags = LEASH_ADOPT_REPLACE;
	EQUAL(call(controller(), LEASH_IOC_ADOPT, &adopt), 0);
	EQUAL(next(fd).type, LEASH_EVENT_START_EMPTY);
	EQUAL(take(fd), 0);
}

/* How many: the soak has more than the gate. */
static int forks_wanted(int usual)
{
	const char *text = getenv("LEASH_TEST_FORKS");

	return text ? atoi(text) : usual;
}

TEST(truth, "With a reader that keeps up, each fork and each end is told exactly once")
{
	int forks = forks_wanted(1000), seen_forks = 0, seen_ends = 0;
	__u64 id = new_start();
	int fd = watching(id, LEASH_EVENT_PROCESS_FORK | LEASH_EVENT_PROCESS_EXIT |
				      LEASH_EVENT_START_EMPTY, 16384);
	pid_t churner = fork();
	bool empty = false;

	if (!churner) {
		EQUAL(arm(id), 0); /* our controller's descriptor */
		churn(id, forks);
		_exit(0);
	}
	while (!empty) {
		struct pollfd ready = { .fd = fd, .events = POLLIN };
		int count;

		if (poll(&ready, 1, 10000 * patience()) != 1)
			FAIL("no event came after %d forks and %d ends", seen_forks, seen_ends);
		count = take(fd);
		for (int i = 0; i < count; i++) {
			EQUAL(records[i].start, id);
			EQUAL(records[i].lost, 0);
			CHECK(!empty);
			seen_forks += records[i].type == LEASH_EVENT_PROCESS_FORK;
			seen_ends += records[i].type == LEASH_EVENT_PROCESS_EXIT;
			empty = records[i].type == LEASH_EVENT_START_EMPTY;
		}
	}
	EQUAL(seen_forks, forks + 1);
	EQUAL(seen_ends, forks + 1);
	EQUAL(told(fd).lost, 0);
	EQUAL(told(fd).told, 2 * forks + 3);
	EQUAL(info_of(id).forks, forks + 1);
	reap(churner);
}

TEST(loss, "What does not fit is counted exactly, and told where it is missing")
{
	__u64 id = new_start();
	int fd = watching(id, LEASH_EVENT_PROCESS_FORK, 16);
	int forks = forks_wanted(100), lost = forks - 16;
	__u64 unrecorded = stats().lost;

	churn(id, forks - 1);
	/* Each process without an entry stands for one more: see LEASH_IOC_WATCH. */
	unrecorded = stats().lost - unrecorded;
	if (unrecorded)
		printf("# no entry was left for %llu\n", (unsigned long long)unrecorded);
	lost += unrecorded;
	EQUAL(told(fd).told, 16);
	EQUAL(told(fd).lost, lost);
	EQUAL(take(fd), 17);
	for (int i = 0; i < 16; i++)
		EQUAL(records[i].lost, 0);
	EQUAL(records[16].type, LEASH_EVENT_OVERFLOW);
	EQUAL(records[16].lost, lost);
	EQUAL(take(fd), 0);
	/* With events behind it: no record of its own. */
	churn(id, 19);
	next(fd);
	churn(id, 4);
	EQUAL(take(fd), 17);
	EQUAL(records[14].lost, 0);
	EQUAL(records[15].lost, 4);
	EQUAL(records[15].type, LEASH_EVENT_PROCESS_FORK);
	EQUAL(records[16].lost, 4);
	EQUAL(told(fd).lost, lost + 8);
	EQUAL(told(fd).told, 33);
}
