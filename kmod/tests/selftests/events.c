// SPDX-License-Identifier: GPL-2.0-only
/* Who watches is told what happens, all of it, once, and how much was lost. */
#include "harness.h"

#include <pthread.h>
#include <sys/resource.h>

static struct leash_record records[4096];

static int observer(void)
{
	int fd = open_device(O_RDONLY | O_NONBLOCK);

	CHECK(fd >= 0);
	return fd;
}

static int watch(int fd, struct leash_watch *wanted)
{
	return call(fd, LEASH_IOC_WATCH, wanted);
}

/* A descriptor that is told `events` of a start. */
static int watching(__u64 start, __u32 events, __u32 queue)
{
	struct leash_watch wanted = { .start = start, .events = events, .queue = queue };
	int fd = observer();

	EQUAL(watch(fd, &wanted), 0);
	EQUAL(wanted.id, 1);
	return fd;
}

/* All that is there now; EAGAIN is none. */
static int take(int fd)
{
	ssize_t size = read(fd, records, sizeof(records));

	if (size < 0 && errno == EAGAIN)
		return 0;
	CHECK(size > 0 && size % sizeof(*records) == 0);
	return size / sizeof(*records);
}

/* Waits for one event and takes that alone. */
static struct leash_record next(int fd)
{
	struct pollfd ready = { .fd = fd, .events = POLLIN };
	struct leash_record record;

	if (poll(&ready, 1, 10000 * patience()) != 1)
		FAIL("no event came");
	EQUAL(read(fd, &record, sizeof(record)), sizeof(record));
	return record;
}

static struct leash_unwatch told(int fd)
{
	struct leash_unwatch out = { .id = 0 };

	EQUAL(call(fd, LEASH_IOC_UNWATCH, &out), 0);
	return out;
}

static void reap(pid_t pid)
{
	EQUAL(waitpid(pid, NULL, 0), pid);
}

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

TEST(masked, "Only what was asked for is told")
{
	__u64 id = new_start(), other = new_start();
	int exits = watching(id, LEASH_EVENT_PROCESS_EXIT, 0), none = watching(other, LEASH_EVENT_ALL, 0);

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

/* `count` processes of the start, one after the other. */
static void churn(__u64 id, int count)
{
	pid_t parent = fork_into(id);

	if (!parent) {
		for (int i = 0; i < count; i++) {
			pid_t pid = fork();

			if (!pid)
				_exit(0);
			waitpid(pid, NULL, 0);
		}
		_exit(0);
	}
	reap(parent);
}

TEST(truth, "With a reader that keeps up, each fork and each end is told exactly once")
{
	const char *text = getenv("LEASH_TEST_FORKS");
	int forks = text ? atoi(text) : 1000, seen_forks = 0, seen_ends = 0;
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
		struct leash_record record = next(fd);

		EQUAL(record.start, id);
		EQUAL(record.lost, 0);
		seen_forks += record.type == LEASH_EVENT_PROCESS_FORK;
		seen_ends += record.type == LEASH_EVENT_PROCESS_EXIT;
		empty = record.type == LEASH_EVENT_START_EMPTY;
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

	churn(id, 99);
	EQUAL(told(fd).told, 16);
	EQUAL(told(fd).lost, 84);
	EQUAL(take(fd), 17);
	for (int i = 0; i < 16; i++)
		EQUAL(records[i].lost, 0);
	EQUAL(records[16].type, LEASH_EVENT_OVERFLOW);
	EQUAL(records[16].lost, 84);
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
	EQUAL(told(fd).lost, 92);
	EQUAL(told(fd).told, 33);
}

static volatile sig_atomic_t rang;
static int rang_pid, rang_value, rang_code;
static pid_t rang_thread;
static void ring(int signo, siginfo_t *info, void *unused)
{
	(void)signo;
	(void)unused;
	rang_pid = info->si_pid;
	rang_value = info->si_value.sival_int;
	rang_code = info->si_code;
	rang_thread = syscall(SYS_gettid);
	rang++;
}

static void on_signal(int signo)
{
	struct sigaction action = { .sa_sigaction = ring, .sa_flags = SA_SIGINFO };

	EQUAL(sigaction(signo, &action, NULL), 0);
}

TEST(blocking, "read() waits for an event, or for a signal; poll() for an event")
{
	__u64 id = new_start();
	int fd = open_device(O_RDONLY);
	struct leash_watch wanted = { .start = id, .events = LEASH_EVENT_PROCESS_FORK };
	struct pollfd ready = { .fd = fd, .events = POLLIN };
	pid_t pid, me = getpid();

	EQUAL(watch(fd, &wanted), 0);
	EQUAL(poll(&ready, 1, 50), 0);
	on_signal(SIGUSR1);
	pid = fork();
	if (!pid) {
		for (;;) { /* until it sleeps in read(), and beyond */
			usleep(50000);
			kill(me, SIGUSR1);
		}
	}
	EQUAL(read(fd, records, sizeof(records)), -1);
	EQUAL(errno, EINTR);
	kill(pid, SIGKILL);
	reap(pid);
	signal(SIGUSR1, SIG_IGN);
	pid = fork();
	if (!pid) {
		pid_t child;

		usleep(100000);
		child = fork_into(id);
		if (child)
			_exit(0);
		linger();
	}
	EQUAL(read(fd, records, sizeof(records)), sizeof(*records));
	EQUAL(poll(&ready, 1, 0), 0);
}

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

TEST(coalesced, "A reader that sleeps is woken late, or when a quarter is full; one that asks, never late")
{
	__u64 id = new_start();
	struct leash_watch wanted = { .start = id, .events = LEASH_EVENT_PROCESS_FORK, .queue = 64,
				      .coalesce_ms = 700 };
	int fd = observer();
	struct pollfd ready = { .fd = fd, .events = POLLIN };
	double began;
	pid_t pid;

	EQUAL(watch(fd, &wanted), 0);
	began = now();
	pid = fork();
	if (!pid) {
		usleep(100000);
		churn(id, 0);
		_exit(0);
	}
	EQUAL(poll(&ready, 1, 10000), 1);
	CHECK(now() - began > 0.6);
	reap(pid);
	EQUAL(take(fd), 1);
	pid = fork();
	if (!pid) {
		usleep(100000);
		churn(id, 19);
		linger();
	}
	EQUAL(poll(&ready, 1, 10000), 1);
	CHECK(take(fd) >= 16);
	WITHIN(1, told(fd).told == 21);
	take(fd);
	churn(id, 0);
	EQUAL(take(fd), 1);
}

/* A signal handler has run this often. */
static void rung(int times)
{
	WITHIN(2, rang >= times);
	EQUAL(rang, times);
}

TEST(signals, "On request events are real-time signals, with the event and the process")
{
	__u64 id = new_start();
	struct leash_watch wanted = { .start = id, .signo = SIGRTMIN,
				      .events = LEASH_EVENT_PROCESS_FORK | LEASH_EVENT_PROCESS_EXIT };
	int fd = observer();
	pid_t pid;

	on_signal(SIGRTMIN);
	EQUAL(watch(fd, &wanted), 0);
	pid = fork_into(id);
	if (!pid) {
		usleep(200000 * patience());
		_exit(0);
	}
	rung(1);
	EQUAL(rang_value, LEASH_EVENT_PROCESS_FORK);
	EQUAL(rang_pid, pid);
	EQUAL(rang_code, SI_QUEUE);
	rung(2);
	EQUAL(rang_value, LEASH_EVENT_PROCESS_EXIT);
	EQUAL(rang_pid, pid);
	reap(pid);
	EQUAL(take(fd), 0); /* not queued as well */
	EQUAL(told(fd).signals, 2);
	EQUAL(told(fd).signals_lost, 0);
}

static pid_t second_thread;
static void *wait_for_signals(void *unused)
{
	(void)unused;
	__atomic_store_n(&second_thread, syscall(SYS_gettid), __ATOMIC_SEQ_CST);
	while (pause())
		;
	return NULL;
}

TEST(directed, "Signals go to the thread that was named")
{
	__u64 id = new_start();
	struct leash_watch wanted = { .start = id, .signo = SIGRTMIN + 3,
				      .events = LEASH_EVENT_PROCESS_FORK };
	int fd = observer();
	pthread_t other;

	on_signal(SIGRTMIN + 3);
	pthread_create(&other, NULL, wait_for_signals, NULL);
	WITHIN(1, __atomic_load_n(&second_thread, __ATOMIC_SEQ_CST));
	wanted.tid = second_thread;
	EQUAL(watch(fd, &wanted), 0);
	churn(id, 0);
	rung(1);
	EQUAL(rang_thread, second_thread);
}

TEST(refused_signals, "Signals that RLIMIT_SIGPENDING refuses are counted")
{
	__u64 id = new_start();
	struct leash_watch wanted = { .start = id, .signo = SIGRTMIN,
				      .events = LEASH_EVENT_PROCESS_FORK };
	struct rlimit few = { 5, 5 };
	int fd = observer();
	sigset_t blocked;

	sigemptyset(&blocked);
	sigaddset(&blocked, SIGRTMIN);
	sigprocmask(SIG_BLOCK, &blocked, NULL);
	EQUAL(setrlimit(RLIMIT_SIGPENDING, &few), 0);
	EQUAL(watch(fd, &wanted), 0);
	churn(id, 29);
	WITHIN(1, told(fd).signals + told(fd).signals_lost == 30);
	CHECK(told(fd).signals <= 5);
	CHECK(told(fd).signals_lost >= 25);
}

TEST(async, "SIGIO tells that there is something to read")
{
	__u64 id = new_start();
	int fd = watching(id, LEASH_EVENT_PROCESS_FORK, 0);

	on_signal(SIGIO);
	EQUAL(fcntl(fd, F_SETOWN, getpid()), 0);
	EQUAL(fcntl(fd, F_SETFL, O_RDONLY | O_NONBLOCK | O_ASYNC), 0);
	churn(id, 0);
	WITHIN(1, rang);
	EQUAL(take(fd), 1);
}
