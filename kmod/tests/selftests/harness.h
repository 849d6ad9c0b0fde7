/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The frame of the self-tests: a program is a list of TEST()s, each run in a process of its own under
 * a time limit; what it leaves behind is killed, and the module must then know of no start any more.
 * Prints KTAP. With an argument: only the tests whose names contain it.
 *
 * $LEASH_TEST_PATIENCE multiplies all time limits (the debug kernel is slow).
 */
#ifndef LEASH_HARNESS_H
#define LEASH_HARNESS_H

#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <linux/leash.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#define DEVICE "/dev/leash"
#define TEST_SECONDS 30
#define STATUS_FAILED 1
#define STATUS_SKIPPED 4

struct test {
	const char *name;
	void (*run)(void);
	struct test *next;
};

static struct test *tests, **tests_end = &tests;
/* Shared with all processes of a test: a check that fails in a grandchild counts. */
static struct shared { bool failed; } *shared;
static pid_t test_pid;
static int mail[2]; /* what the processes of a test tell each other: say(), hear() */

#define TEST(identifier, description)						\
	static void test_##identifier(void);					\
	static struct test entry_##identifier = { description, test_##identifier, NULL }; \
	__attribute__((constructor)) static void add_##identifier(void)	\
	{									\
		*tests_end = &entry_##identifier;				\
		tests_end = &entry_##identifier.next;				\
	}									\
	static void test_##identifier(void)

static inline void fail(const char *file, int line, const char *format, ...)
{
	char text[512];
	va_list rest;

	va_start(rest, format);
	vsnprintf(text, sizeof(text), format, rest);
	va_end(rest);
	printf("# %s:%d: %s\n", file, line, text);
	fflush(stdout);
	shared->failed = true;
	_exit(STATUS_FAILED);
}

#define FAIL(...) fail(__FILE_NAME__, __LINE__, __VA_ARGS__)
#define CHECK(condition)							\
	do {									\
		if (!(condition))						\
			FAIL("not true: %s (errno %d: %s)", #condition, errno,	\
			     strerror(errno));					\
	} while (0)
#define EQUAL(is, wanted)							\
	do {									\
		long long is_ = (long long)(is), wanted_ = (long long)(wanted);	\
		if (is_ != wanted_)						\
			FAIL("%s is %lld, wanted %s (%lld)", #is, is_, #wanted, wanted_); \
	} while (0)
#define SKIP(reason)								\
	do {									\
		printf("# SKIP %s\n", reason);					\
		fflush(stdout);							\
		_exit(STATUS_SKIPPED);						\
	} while (0)

static inline int patience(void)
{
	const char *text = getenv("LEASH_TEST_PATIENCE");

	return text && atoi(text) > 0 ? atoi(text) : 1;
}

static inline double now(void)
{
	struct timespec time;

	clock_gettime(CLOCK_MONOTONIC, &time);
	return time.tv_sec + time.tv_nsec / 1e9;
}

static inline void wait_a_little(void)
{
	nanosleep(&(struct timespec){ .tv_nsec = 2000000 }, NULL);
}

/* Until the condition holds, or the test fails: nothing is assumed to take effect at once. */
#define WITHIN(seconds, condition)						\
	do {									\
		double end_ = now() + 3 * (seconds) * patience();		\
		while (!(condition)) {						\
			if (now() > end_)					\
				FAIL("not true in %d s: %s", 3 * (seconds), #condition); \
			wait_a_little();					\
		}								\
	} while (0)

/* 0 or a negative errno, as the kernel has it. */
static inline int call(int fd, unsigned long request, void *argument)
{
	return ioctl(fd, request, argument) < 0 ? -errno : 0;
}

static inline int open_device(int flags)
{
	int fd = open(DEVICE, flags);

	return fd < 0 ? -errno : fd;
}

/* The test's own controller. */
static int controller_fd = -1;
static inline int controller(void)
{
	if (controller_fd < 0) {
		controller_fd = open_device(O_RDWR);
		if (controller_fd < 0)
			FAIL("cannot open " DEVICE " as controller: %s", strerror(-controller_fd));
	}
	return controller_fd;
}

static inline void say(int number)
{
	CHECK(write(mail[1], &number, sizeof(number)) == sizeof(number));
}

static inline int hear(void)
{
	struct pollfd ready = { .fd = mail[0], .events = POLLIN };
	int number;

	if (poll(&ready, 1, 10000 * patience()) != 1)
		FAIL("a process of the test said nothing");
	CHECK(read(mail[0], &number, sizeof(number)) == sizeof(number));
	return number;
}

/* A process that lives until it is killed. */
static inline void __attribute__((noreturn)) linger(void)
{
	for (;;)
		pause();
}

static inline void report_and_linger(void)
{
	say(getpid());
	linger();
}

/* An id that no other test uses; the runner forgets those called test-... */
static inline __u64 set_start(__u64 id, __u64 group, __u64 cgroup)
{
	struct leash_start start = { .id = id, .group = group, .cgroup = cgroup };
	int result;

	snprintf(start.name, sizeof(start.name), "test-%llx", (unsigned long long)id);
	result = call(controller(), LEASH_IOC_START_SET, &start);
	if (result)
		FAIL("START_SET: %s", strerror(-result));
	return id;
}

static inline __u64 new_id(void)
{
	static __u64 last;

	if (!last)
		last = ((__u64)getpid() << 32) + 0x1000;
	return ++last;
}

static inline __u64 new_start(void)
{
	return set_start(new_id(), 0, 0);
}

static inline int arm(__u64 id)
{
	struct leash_start_ref ref = { .id = id };

	return call(controller(), LEASH_IOC_ARM, &ref);
}

/* fork() whose child is born into the start. */
static inline pid_t fork_into(__u64 id)
{
	pid_t pid;

	EQUAL(arm(id), 0);
	pid = fork();
	if (pid < 0)
		FAIL("fork: %s", strerror(errno));
	return pid;
}

/* A child of no start that lives until the test is over. */
static inline pid_t lingering(void)
{
	pid_t pid = fork();

	CHECK(pid >= 0);
	if (!pid)
		linger();
	return pid;
}

static inline pid_t linger_in(__u64 id)
{
	pid_t pid = fork_into(id);

	if (!pid)
		linger();
	return pid;
}

static inline int whois(pid_t pid, struct leash_whois *out)
{
	memset(out, 0, sizeof(*out));
	out->pid = pid;
	return call(controller(), LEASH_IOC_WHOIS, out);
}

static inline struct leash_whois who(pid_t pid)
{
	struct leash_whois answer;
	int result = whois(pid, &answer);

	if (result)
		FAIL("WHOIS %d: %s", pid, strerror(-result));
	return answer;
}

static inline __u64 start_of(pid_t pid)
{
	return who(pid).start;
}

static inline struct leash_start_info info_of(__u64 id)
{
	struct leash_start_info info = { .id = id };
	int result = call(controller(), LEASH_IOC_START_GET, &info);

	if (result)
		FAIL("START_GET: %s", strerror(-result));
	return info;
}

static inline struct leash_stats stats(void)
{
	struct leash_stats out;

	EQUAL(call(controller(), LEASH_IOC_STATS, &out), 0);
	return out;
}

static inline struct leash_kill kill_start(__u64 id, int signo, unsigned int flags)
{
	struct leash_kill out = { .id = id, .signo = signo, .flags = flags };
	int result = call(controller(), LEASH_IOC_KILL, &out);

	if (result)
		FAIL("KILL: %s", strerror(-result));
	return out;
}

static inline bool is_gone(pid_t pid)
{
	return kill(pid, 0) < 0 && errno == ESRCH;
}

/* ---- the runner ---- */

static inline bool kill_children(void)
{
	char path[64], text[4096];
	int fd;
	ssize_t size;

	snprintf(path, sizeof(path), "/proc/self/task/%d/children", getpid());
	fd = open(path, O_RDONLY | O_CLOEXEC);
	size = fd < 0 ? -1 : read(fd, text, sizeof(text) - 1);
	if (fd >= 0)
		close(fd);
	if (size <= 0)
		return false;
	text[size] = '\0';
	for (char *word = strtok(text, " "); word; word = strtok(NULL, " "))
		if (atoi(word) > 1)
			kill(atoi(word), SIGKILL);
	return true;
}

/* What was left behind becomes the runner's child sooner or later. */
static inline void clear_away(void)
{
	double end = now() + 10 * patience();

	while (kill_children() && now() < end)
		while (waitpid(-1, NULL, WNOHANG) > 0)
			;
	while (waitpid(-1, NULL, WNOHANG) > 0)
		;
}

/* Lets the module forget the tests' starts: it must, once nobody lives in them. */
static inline bool forget_starts(void)
{
	struct leash_start_info info[64];
	double end = now() + 10 * patience();
	int fd = open_device(O_RDWR), left = 0;

	if (fd < 0)
		return true; /* the test is about a device that does not open */
	do {
		struct leash_starts starts = { .buffer = (__u64)(unsigned long)info,
					       .size = sizeof(info), .record_size = sizeof(*info) };

		left = call(fd, LEASH_IOC_STARTS, &starts) ? 0 : (int)starts.count;
		for (int i = 0; i < left; i++) {
			struct leash_start_ref ref = { .id = info[i].id };

			if (!(info[i].flags & LEASH_START_RELEASED))
				call(fd, LEASH_IOC_START_DEL, &ref);
		}
		if (left)
			wait_a_little();
	} while (left && now() < end);
	close(fd);
	if (left)
		printf("# %d starts are not forgotten, such as %s with %u processes\n", left,
		       info[0].name, info[0].processes);
	return !left;
}

static inline int run_test(struct test *test)
{
	double end = now() + TEST_SECONDS * patience();
	int status = 0;
	pid_t pid, done;

	shared->failed = false;
	pid = fork();
	if (!pid) {
		test_pid = getpid();
		if (pipe(mail))
			FAIL("pipe: %s", strerror(errno));
		test->run();
		_exit(0);
	}
	while ((done = waitpid(pid, &status, WNOHANG)) == 0 && now() < end)
		wait_a_little();
	if (!done) {
		printf("# timed out after %d s\n", TEST_SECONDS * patience());
		shared->failed = true;
		kill(pid, SIGKILL);
		waitpid(pid, NULL, 0);
	} else if (WIFSIGNALED(status)) {
		printf("# ended by signal %d\n", WTERMSIG(status));
		shared->failed = true;
	}
	clear_away();
	if (!forget_starts())
		shared->failed = true;
	if (done && WIFEXITED(status) && WEXITSTATUS(status) == STATUS_SKIPPED && !shared->failed)
		return STATUS_SKIPPED;
	return shared->failed || (WIFEXITED(status) && WEXITSTATUS(status)) ? STATUS_FAILED : 0;
}

/* Programs that exec themselves do the second part here: true if it was one. */
static bool (*second_part)(int argc, char **argv);

int main(int argc, char **argv)
{
	int number = 0, failures = 0, wanted = 0;

	shared = mmap(NULL, sizeof(*shared), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS,
		      -1, 0);
	if (argc > 1 && second_part && second_part(argc, argv))
		return 0;
	setvbuf(stdout, NULL, _IONBF, 0);
	prctl(PR_SET_CHILD_SUBREAPER, 1);
	for (struct test *test = tests; test; test = test->next)
		wanted += argc < 2 || strstr(test->name, argv[1]);
	printf("KTAP version 1\n1..%d\n", wanted);
	for (struct test *test = tests; test; test = test->next) {
		int result;

		if (argc > 1 && !strstr(test->name, argv[1]))
			continue;
		result = run_test(test);
		failures += result == STATUS_FAILED;
		printf("%sok %d %s%s\n", result == STATUS_FAILED ? "not " : "", ++number,
		       test->name, result == STATUS_SKIPPED ? " # SKIP" : "");
	}
	printf("# %d of %d tests failed\n", failures, wanted);
	return failures ? 1 : 0;
}

#endif
