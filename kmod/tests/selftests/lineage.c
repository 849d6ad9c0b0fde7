// SPDX-License-Identifier: GPL-2.0-only
/* What a process may do without getting rid of its start, and what remains of it when it is dead. */
#include "harness.h"

#include <pthread.h>
#include <linux/sched.h>
#include <sys/mount.h>
#include <sys/stat.h>

/* Runs `body` in a start; it has to say() the process that the question is about. */
static pid_t ask_about(__u64 id, void (*body)(void))
{
	pid_t pid = fork_into(id);

	if (!pid) {
		body();
		linger();
	}
	return hear();
}

TEST(daemon, "A double fork with setsid stays")
{
	__u64 id = new_start();
	pid_t pid = fork_into(id);

	if (!pid) {
		if (!fork()) {
			setsid();
			if (!fork())
				report_and_linger();
			_exit(0);
		}
		_exit(0);
	}
	EQUAL(waitpid(pid, NULL, 0), pid);
	EQUAL(start_of(hear()), id);
}

TEST(generations, "So does the last of 30 generations, each parent gone at once")
{
	__u64 id = new_start();
	pid_t pid = fork_into(id);

	if (!pid) {
		for (int i = 0; i < 30; i++)
			if (fork())
				_exit(0);
		report_and_linger();
	}
	pid = hear();
	EQUAL(start_of(pid), id);
	EQUAL(who(pid).via, LEASH_VIA_FORK);
	EQUAL(info_of(id).forks, 31);
	WITHIN(5, info_of(id).live == 1);
}

static bool second_life(int argc, char **argv)
{
	if (argc != 3 || strcmp(argv[1], "--linger") != 0)
		return false;
	mail[1] = atoi(argv[2]);
	report_and_linger();
	return true;
}

__attribute__((constructor)) static void register_second_part(void)
{
	second_part = second_life;
}

static void execute_bare(void)
{
	char fd[16];
	char *const words[] = { "lineage", "--linger", fd, NULL };
	char *const environment[] = { NULL };

	snprintf(fd, sizeof(fd), "%d", mail[1]);
	execve("/proc/self/exe", words, environment);
	FAIL("execve: %s", strerror(errno));
}

TEST(bare_environment, "So does a program that is run with an empty environment")
{
	__u64 id = new_start();
	pid_t pid = ask_about(id, execute_bare);

	EQUAL(start_of(pid), id);
	EQUAL(who(pid).tag, 0);
	EQUAL(info_of(id).execs, 1);
}

static void *execute_from_thread(void *unused)
{
	execute_bare();
	return unused;
}

static void execute_by_other_thread(void)
{
	pthread_t thread;

	EQUAL(pthread_create(&thread, NULL, execute_from_thread, NULL), 0);
	linger();
}

TEST(thread_execs, "So does one that another than the main thread executes")
{
	__u64 id = new_start();
	pid_t pid = ask_about(id, execute_by_other_thread);

	EQUAL(start_of(pid), id);
	EQUAL(info_of(id).live, 1);
	EQUAL(info_of(id).exits, 0);
}

static void clone_to_parent(void)
{
	struct clone_args args = { .flags = CLONE_PARENT };
	long pid = syscall(SYS_clone3, &args, sizeof(args));

	CHECK(pid >= 0);
	if (!pid)
		report_and_linger();
}

TEST(clone_parent, "So does a child that is its creator's sibling")
{
	__u64 id = new_start();
	pid_t pid = ask_about(id, clone_to_parent);
	struct leash_whois answer = who(pid);

	EQUAL(answer.start, id);
	EQUAL(answer.via, LEASH_VIA_FORK);
}

static void namespace_with_init(void)
{
	struct clone_args args = { .flags = CLONE_NEWPID, .exit_signal = SIGCHLD };
	long pid = syscall(SYS_clone3, &args, sizeof(args));

	CHECK(pid >= 0);
	if (!pid) {
		EQUAL(getpid(), 1);
		if (!fork()) {
			setsid();
			linger();
		}
		linger();
	}
	say((int)pid);
}

/* The first child of a process, as the outer namespace numbers it. */
static pid_t child_of(pid_t pid)
{
	char path[64], text[64] = "";
	int fd;

	snprintf(path, sizeof(path), "/proc/%d/task/%d/children", pid, pid);
	fd = open(path, O_RDONLY);
	if (fd < 0 || read(fd, text, sizeof(text) - 1) < 0)
		text[0] = '\0';
	close(fd);
	return atoi(text);
}

TEST(pid_namespace, "So does all of a pid namespace with an init of its own")
{
	__u64 id = new_start();
	pid_t inner_init = ask_about(id, namespace_with_init), inner = 0;

	EQUAL(start_of(inner_init), id);
	WITHIN(5, (inner = child_of(inner_init)) > 0);
	EQUAL(start_of(inner), id);
	EQUAL(info_of(id).live, 3);
}

static void leave_cgroup(void)
{
	int fd;

	mkdir("/sys/fs/cgroup/leash-test", 0755);
	fd = open("/sys/fs/cgroup/leash-test/cgroup.procs", O_WRONLY);
	CHECK(fd >= 0);
	CHECK(write(fd, "0", 1) == 1);
	report_and_linger();
}

TEST(cgroup, "So does one that writes itself into another cgroup")
{
	__u64 id = new_start();
	pid_t pid;

	if (access("/sys/fs/cgroup/cgroup.procs", W_OK))
		SKIP("no cgroup v2 at /sys/fs/cgroup");
	pid = ask_about(id, leave_cgroup);
	EQUAL(start_of(pid), id);
	kill(pid, SIGKILL);
	WITHIN(5, rmdir("/sys/fs/cgroup/leash-test") == 0);
}

static pid_t vforked;
static void vfork_child(void)
{
	vforked = vfork();
	if (!vforked) {
		int number = getpid();

		if (write(mail[1], &number, sizeof(number)) < 0)
			_exit(1);
		_exit(0);
	}
}

TEST(vfork, "So does a child of vfork, though it shares its parent's memory")
{
	__u64 id = new_start();

	EQUAL(start_of(ask_about(id, vfork_child)), id);
}

static void *linger_thread(void *unused)
{
	linger();
	return unused;
}

static void end_main_thread(void)
{
	pthread_t thread;

	EQUAL(pthread_create(&thread, NULL, linger_thread, NULL), 0);
	say(getpid());
	syscall(SYS_exit, 0);
}

static char state_of(pid_t pid)
{
	char path[64], text[512] = "";
	int fd;
	char *end;

	snprintf(path, sizeof(path), "/proc/%d/stat", pid);
	fd = open(path, O_RDONLY);
	if (fd < 0)
		return '?';
	if (read(fd, text, sizeof(text) - 1) < 0)
		text[0] = '\0';
	close(fd);
	end = strrchr(text, ')');
	return end ? end[2] : '?';
}

TEST(leaderless, "A process whose main thread ended is not dead")
{
	__u64 id = new_start();
	pid_t pid = ask_about(id, end_main_thread);

	WITHIN(5, state_of(pid) == 'Z');
	EQUAL(who(pid).flags & LEASH_WHOIS_DEAD, 0);
	EQUAL(start_of(pid), id);
	EQUAL(info_of(id).live, 1);
}

static pthread_t second_thread;
static void *tell_tid(void *unused)
{
	say((int)syscall(SYS_gettid));
	linger();
	return unused;
}

static void ask_about_thread(void)
{
	EQUAL(pthread_create(&second_thread, NULL, tell_tid, NULL), 0);
}

TEST(of_thread, "WHOIS takes the number of a thread and gives that of its process")
{
	__u64 id = new_start();
	pid_t tid = ask_about(id, ask_about_thread);
	struct leash_whois answer = who(tid);

	EQUAL(answer.start, id);
	CHECK(answer.pid != tid);
	EQUAL(start_of(answer.pid), id);
}

TEST(zombie, "A zombie is known, with how it ended")
{
	__u64 id = new_start();
	pid_t pid = fork_into(id);
	struct leash_whois answer;
	siginfo_t info;

	if (!pid)
		_exit(42);
	EQUAL(waitid(P_PID, pid, &info, WEXITED | WNOWAIT), 0);
	answer = who(pid);
	EQUAL(answer.start, id);
	EQUAL(answer.flags, LEASH_WHOIS_DEAD);
	EQUAL(answer.exit_code, 42 << 8);
	EQUAL(info_of(id).live, 0);
	EQUAL(info_of(id).processes, 1);
	pid = linger_in(id);
	kill(pid, SIGKILL);
	EQUAL(waitid(P_PID, pid, &info, WEXITED | WNOWAIT), 0);
	EQUAL(who(pid).exit_code, SIGKILL);
	EQUAL(info_of(id).exits, 2);
	EQUAL(info_of(id).aborts, 1);
}

TEST(gone, "So is one that was reaped, for a while")
{
	__u64 id = set_start(new_id(), 5, 0);
	pid_t pid = fork_into(id);
	struct leash_whois before, after;

	if (!pid)
		linger();
	before = who(pid);
	kill(pid, SIGTERM);
	EQUAL(waitpid(pid, NULL, 0), pid);
	WITHIN(5, !whois(pid, &after) && (after.flags & LEASH_WHOIS_GONE));
	EQUAL(after.start, id);
	EQUAL(after.group, 5);
	EQUAL(after.start_ns, before.start_ns);
	EQUAL(after.exit_code, SIGTERM);
	EQUAL(after.flags, LEASH_WHOIS_DEAD | LEASH_WHOIS_GONE);
	WITHIN(5, info_of(id).processes == 0);
}

TEST(guard, "start_ns tells a process from the next one of its number")
{
	__u64 id = new_start();
	pid_t pid = linger_in(id), wanted[1] = { pid }, second;
	struct leash_whois first = who(pid), ask = { .pid = pid };
	struct clone_args args = { .exit_signal = SIGCHLD, .set_tid = (__u64)(unsigned long)wanted,
				   .set_tid_size = 1 };
	struct leash_adopt adopt = { .start = id, .pid = pid, .start_ns = first.start_ns };

	ask.start_ns = first.start_ns;
	EQUAL(call(controller(), LEASH_IOC_WHOIS, &ask), 0);
	ask = (struct leash_whois){ .pid = pid, .start_ns = first.start_ns + 1 };
	EQUAL(call(controller(), LEASH_IOC_WHOIS, &ask), -ESRCH);

	kill(pid, SIGKILL);
	EQUAL(waitpid(pid, NULL, 0), pid);
	second = (pid_t)syscall(SYS_clone3, &args, sizeof(args));
	if (!second)
		linger();
	EQUAL(second, pid);
	EQUAL(start_of(pid), 0);
	/* The dead one is asked for by its start time, and still known. */
	ask = (struct leash_whois){ .pid = pid, .start_ns = first.start_ns };
	WITHIN(5, !call(controller(), LEASH_IOC_WHOIS, &ask));
	EQUAL(ask.start, id);
	EQUAL(ask.flags, LEASH_WHOIS_DEAD | LEASH_WHOIS_GONE);
	/* Its number is no way to get hold of the new one. */
	EQUAL(call(controller(), LEASH_IOC_ADOPT, &adopt), -ESRCH);
	EQUAL(kill_start(id, SIGKILL, 0).count, 0);
	CHECK(!is_gone(pid));
}

TEST(churn, "1000 short lives leave nothing behind")
{
	__u64 id = new_start();
	unsigned int before = stats().processes;
	int rounds = patience() > 1 ? 300 : 1000;

	for (int i = 0; i < rounds; i++) {
		pid_t pid = fork_into(id);

		if (!pid)
			_exit(i & 1);
		EQUAL(waitpid(pid, NULL, 0), pid);
	}
	EQUAL(info_of(id).forks, rounds);
	EQUAL(info_of(id).exits, rounds);
	EQUAL(info_of(id).live, 0);
	WITHIN(10, info_of(id).processes == 0);
	WITHIN(10, stats().processes == before);
	EQUAL(stats().lost, 0);
	CHECK(info_of(id).runtime_ns > 0);
}
