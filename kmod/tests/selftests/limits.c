// SPDX-License-Identifier: GPL-2.0-only
/* What a start may do: processes at one time, and forks within a time. */
#include "trouble.h"

static int limit(__u64 id, __u32 processes, __u32 forks, __u32 period_ms, __u32 action)
{
	struct leash_limits limits = { .id = id, .processes = processes, .forks = forks,
				       .period_ms = period_ms, .action = action };

	return call(controller(), LEASH_IOC_START_LIMITS, &limits);
}

static struct leash_limits limits_of(__u64 id)
{
	struct leash_limits limits = { .id = id, .flags = LEASH_LIMITS_QUERY };

	EQUAL(call(controller(), LEASH_IOC_START_LIMITS, &limits), 0);
	return limits;
}

static int watching_limits(__u64 id)
{
	struct leash_watch wanted = { .start = id, .events = LEASH_EVENT_LIMIT };
	int fd = open_device(O_RDONLY | O_NONBLOCK);

	CHECK(fd >= 0);
	EQUAL(call(fd, LEASH_IOC_WATCH, &wanted), 0);
	return fd;
}

static struct leash_record records[64];
static int take(int fd)
{
	ssize_t size = read(fd, records, sizeof(records));

	return size < 0 ? 0 : size / sizeof(*records);
}

/* A process of the start that forks so many that stay; its exit code: how many of them live. */
static int forking(__u64 id, int count)
{
	int status, live = count;
	pid_t pid = fork_into(id);

	if (pid) {
		CHECK(waitpid(pid, &status, 0) == pid);
		return WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status);
	}
	for (int i = 0; i < count; i++) {
		pid_t child = fork();

		if (!child)
			linger();
		usleep(2000); /* on PREEMPT_RT a thread kills it */
	}
	usleep(300000 * patience());
	while (waitpid(-1, NULL, WNOHANG) > 0)
		live--;
	_exit(live);
}

TEST(described, "Limits are as they were set; what makes no sense is refused")
{
	__u64 id = new_start();
	struct leash_limits limits;

	EQUAL(limit(id, 5, 100, 2000, LEASH_LIMIT_REFUSE), 0);
	limits = limits_of(id);
	EQUAL(limits.processes, 5);
	EQUAL(limits.forks, 100);
	EQUAL(limits.period_ms, 2000);
	EQUAL(limits.action, LEASH_LIMIT_REFUSE);
	EQUAL(limits.now, 0);
	EQUAL(limits.exceeded, 0);
	EQUAL(limit(id, 5, 100, 0, 0), -EINVAL);
	EQUAL(limit(id, 5, 0, 100, 0), -EINVAL);
	EQUAL(limit(id, 5, 1, 86400001, 0), -EINVAL);
	EQUAL(limit(id, 5, 0, 0, 3), -EINVAL);
	EQUAL(limit(new_id(), 5, 0, 0, 0), -ENOENT);
	EQUAL(limits_of(id).processes, 5);
	EQUAL(limit(id, 0, 0, 0, 0), 0);
	EQUAL(limits_of(id).processes, 0);
}

TEST(told, "With no action the event alone says so, once until there are fewer again")
{
	__u64 id = new_start();
	long troubles = counter("troubles");
	int fd = watching_limits(id);

	prctl(PR_SET_CHILD_SUBREAPER, 1);
	EQUAL(limit(id, 3, 0, 0, LEASH_LIMIT_TELL), 0);
	EQUAL(forking(id, 5), 5);
	EQUAL(take(fd), 1);
	EQUAL(records[0].code, LEASH_LIMIT_PROCESSES);
	EQUAL(records[0].arg, 3);
	EQUAL(records[0].start, id);
	EQUAL(limits_of(id).exceeded, 3);
	EQUAL(counter("troubles"), troubles + 1);
	kill_start(id, SIGTERM, 0);
	WITHIN(2, waitpid(-1, NULL, WNOHANG) < 0 && limits_of(id).now == 0);
	EQUAL(forking(id, 3), 3);
	EQUAL(take(fd), 1);
	EQUAL(limits_of(id).exceeded, 4);
	/* Trouble runs a program as root: once a minute, however often a service comes to its limit. */
	EQUAL(counter("troubles"), troubles + 1);
	kill_start(id, SIGTERM, 0);
	WITHIN(2, waitpid(-1, NULL, WNOHANG) < 0 && limits_of(id).now == 0);
	EQUAL(limit(id, 3, 0, 0, LEASH_LIMIT_TELL), 0); /* another limit, another trouble */
	EQUAL(forking(id, 3), 3);
	EQUAL(counter("troubles"), troubles + 2);
}

TEST(refused, "With REFUSE the processes beyond the limit die before they run, the others live")
{
	__u64 id = new_start();

	EQUAL(limit(id, 4, 0, 0, LEASH_LIMIT_REFUSE), 0);
	EQUAL(forking(id, 10), 3);
	CHECK(limits_of(id).exceeded >= 7);
	EQUAL(info_of(id).live, 3);
}

TEST(spared, "Who is spared counts, but is not killed")
{
	__u64 id = new_start();
	struct leash_spare spare = { .start = id };
	int status;
	pid_t pid;

	EQUAL(limit(id, 1, 0, 0, LEASH_LIMIT_REFUSE), 0);
	pid = fork_into(id);
	if (!pid) {
		raise(SIGSTOP); /* until it is spared */
		pid = fork();
		if (!pid)
			linger();
		usleep(50000 * patience());
		_exit(waitpid(pid, &status, WNOHANG) == 0 ? 0 : 1);
	}
	CHECK(waitpid(pid, &status, WUNTRACED) == pid && WIFSTOPPED(status));
	spare.pid = pid;
	EQUAL(call(controller(), LEASH_IOC_SPARE, &spare), 0);
	kill(pid, SIGCONT);
	CHECK(waitpid(pid, &status, 0) == pid);
	EQUAL(status, 0);
}

TEST(rate, "Forks beyond the rate are refused until the period is over, and told once in it")
{
	__u64 id = new_start();
	int fd = watching_limits(id), period = 3000 * patience();

	EQUAL(limit(id, 0, 4, period, LEASH_LIMIT_REFUSE), 0);
	EQUAL(forking(id, 8), 3);
	EQUAL(take(fd), 1);
	EQUAL(records[0].code, LEASH_LIMIT_FORKS);
	EQUAL(records[0].arg, 4);
	EQUAL(limits_of(id).exceeded, 5);
	usleep(period * 1000);
	EQUAL(forking(id, 2), 2);
	EQUAL(take(fd), 0);
}

TEST(killed, "With KILL the whole start dies")
{
	__u64 id = new_start();
	pid_t pids[4];

	EQUAL(limit(id, 4, 0, 0, LEASH_LIMIT_KILL), 0);
	for (int i = 0; i < 4; i++)
		pids[i] = linger_in(id);
	EQUAL(info_of(id).live, 4);
	EQUAL(arm(id), 0);
	if (!fork())
		linger();
	for (int i = 0; i < 4; i++)
		CHECK(waitpid(pids[i], NULL, 0) == pids[i]);
	WITHIN(1, info_of(id).live == 0);
	CHECK(info_of(id).flags & LEASH_START_DYING);
	EQUAL(arm(id), -ESHUTDOWN);
}

/* Reaps, but not at once: what is refused stays as zombie until its parent looks at it. */
static void bomb(void)
{
	for (;;) {
		fork();
		while (waitpid(-1, NULL, WNOHANG) > 0)
			;
	}
}

TEST(bombed, "A fork bomb is held, and then killed")
{
	__u64 id = new_start();
	pid_t pid;

	EQUAL(limit(id, 64, 0, 0, LEASH_LIMIT_REFUSE), 0);
	pid = fork_into(id);
	if (!pid)
		bomb();
	WITHIN(3, limits_of(id).exceeded > 200);
	EQUAL(limit(id, 32, 0, 0, LEASH_LIMIT_KILL), 0);
	WITHIN(3, info_of(id).live == 0);
}
