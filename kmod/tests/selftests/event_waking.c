// SPDX-License-Identifier: GPL-2.0-only
/* How who watches is woken: in read() and poll(), late if it wants so, and by signals. */
#include "events.h"

#include <pthread.h>
#include <sys/resource.h>

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

TEST(coalesced, "Who sleeps is woken late, or when a quarter is full; who asks is told at once")
{
	__u64 id = new_start();
	struct leash_watch wanted = { .start = id, .events = LEASH_EVENT_PROCESS_FORK, .queue = 64,
				      .coalesce_ms = 700 * patience() };
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
	EQUAL(poll(&ready, 1, 10000 * patience()), 1);
	CHECK(now() - began > 0.6 * patience());
	reap(pid);
	EQUAL(take(fd), 1);
	pid = fork();
	if (!pid) {
		usleep(100000);
		churn(id, 19);
		linger();
	}
	EQUAL(poll(&ready, 1, 10000 * patience()), 1);
	CHECK(take(fd) >= 16);
	WITHIN(1, told(fd).told == 21);
	take(fd);
	churn(id, 0);
	EQUAL(take(fd), 1);
}

TEST(sooner, "A shorter time counts for what comes next, too, while a longer one runs")
{
	__u64 id = new_start();
	struct leash_watch wanted = { .start = id, .events = LEASH_EVENT_PROCESS_FORK,
				      .coalesce_ms = 60000 };
	int fd = observer();
	struct pollfd ready = { .fd = fd, .events = POLLIN };
	double began;
	pid_t pid;

	EQUAL(watch(fd, &wanted), 0);
	churn(id, 0); /* from now on the long time runs */
	wanted = (struct leash_watch){ .start = id, .events = LEASH_EVENT_PROCESS_FORK,
				       .coalesce_ms = 100 };
	EQUAL(watch(fd, &wanted), 0);
	EQUAL(take(fd), 1);
	pid = fork();
	if (!pid) {
		usleep(300000 * patience()); /* until it sleeps */
		churn(id, 0);
		_exit(0);
	}
	began = now();
	EQUAL(poll(&ready, 1, 20000 * patience()), 1);
	CHECK(now() - began < 15 * patience()); /* at its time limit it would look, and find it */
	reap(pid);
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
