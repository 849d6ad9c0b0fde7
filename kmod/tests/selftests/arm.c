// SPDX-License-Identifier: GPL-2.0-only
/* LEASH_IOC_ARM: the next fork of the calling thread, and nothing else. */
#include "harness.h"

#include <pthread.h>
#include <spawn.h>
#include <linux/sched.h>

TEST(born, "The next child is born into the start, and says so from its first instruction")
{
	__u64 id = set_start(new_id(), 77, 0);
	pid_t pid = fork_into(id);
	struct leash_whois answer;

	if (!pid) {
		EQUAL(start_of(getpid()), id);
		linger();
	}
	answer = who(pid);
	EQUAL(answer.start, id);
	EQUAL(answer.group, 77);
	EQUAL(answer.via, LEASH_VIA_FORK);
	EQUAL(answer.pid, pid);
	EQUAL(answer.flags, 0);
	EQUAL(strncmp(answer.name, "test-", 5), 0);
}

TEST(once, "One arming is for one fork")
{
	__u64 id = new_start();
	pid_t first = linger_in(id), second = lingering();

	EQUAL(start_of(first), id);
	EQUAL(start_of(second), 0);
	EQUAL(who(second).via, LEASH_VIA_NONE);
	EQUAL(start_of(getpid()), 0);
	EQUAL(stats().armed, 0);
}

TEST(shown, "STATS says that a fork is waited for")
{
	__u64 id = new_start();

	EQUAL(arm(id), 0);
	EQUAL(stats().armed, 1);
	EQUAL(arm(0), 0);
	EQUAL(stats().armed, 0);
	EQUAL(arm(0), 0); /* nothing to disarm */
}

static void *do_nothing(void *unused)
{
	return unused;
}

TEST(thread, "A thread does not consume it")
{
	__u64 id = new_start();
	pthread_t thread;
	pid_t pid;

	EQUAL(arm(id), 0);
	EQUAL(pthread_create(&thread, NULL, do_nothing, NULL), 0);
	EQUAL(pthread_join(thread, NULL), 0);
	pid = lingering();
	EQUAL(start_of(pid), id);
	EQUAL(start_of(getpid()), 0);
}

TEST(replaced, "Arming again replaces; id 0 disarms")
{
	__u64 first = new_start(), second = new_start();
	pid_t pid;

	EQUAL(arm(first), 0);
	EQUAL(arm(second), 0);
	pid = lingering();
	EQUAL(start_of(pid), second);
	EQUAL(arm(first), 0);
	EQUAL(arm(0), 0);
	pid = lingering();
	EQUAL(start_of(pid), 0);
}

TEST(closed, "Closing the device disarms")
{
	__u64 id = new_start();
	pid_t pid;

	EQUAL(arm(id), 0);
	close(controller_fd);
	controller_fd = -1;
	EQUAL(stats().armed, 0); /* opens it again */
	pid = lingering();
	EQUAL(start_of(pid), 0);
}

static bool after_exec(int argc, char **argv)
{
	int status = 0;
	pid_t pid;

	if (argc != 3 || strcmp(argv[1], "--after-exec") != 0)
		return false;
	controller_fd = atoi(argv[2]);
	pid = fork();
	if (!pid)
		linger();
	if (start_of(pid) || stats().armed)
		status = 1;
	kill(pid, SIGKILL);
	exit(status);
}

__attribute__((constructor)) static void register_second_part(void)
{
	second_part = after_exec;
}

TEST(execve, "An execve disarms")
{
	__u64 id = new_start();
	char fd[16];

	snprintf(fd, sizeof(fd), "%d", controller());
	EQUAL(arm(id), 0);
	execl("/proc/self/exe", "arm", "--after-exec", fd, NULL);
	FAIL("execl: %s", strerror(errno));
}

static __u64 for_thread;
static void *arm_and_end(void *unused)
{
	EQUAL(arm(for_thread), 0);
	return unused;
}

TEST(ended, "The end of the thread disarms")
{
	pthread_t thread;
	pid_t pid;

	for_thread = new_start();
	EQUAL(pthread_create(&thread, NULL, arm_and_end, NULL), 0);
	EQUAL(pthread_join(thread, NULL), 0);
	WITHIN(5, !stats().armed); /* joined is a little before the kernel's end of it */
	pid = lingering();
	EQUAL(start_of(pid), 0);
}

static pthread_barrier_t barrier;
static pid_t childs_of_thread[2];
static void *arm_wait_fork(void *unused)
{
	EQUAL(arm(for_thread), 0);
	pthread_barrier_wait(&barrier); /* now the main thread may do something */
	pthread_barrier_wait(&barrier); /* it has */
	childs_of_thread[0] = lingering();
	pthread_barrier_wait(&barrier);
	return unused;
}

TEST(own, "It is the arming thread's: a fork of another one passes it by")
{
	pthread_t thread;
	pid_t mine;

	for_thread = new_start();
	pthread_barrier_init(&barrier, NULL, 2);
	EQUAL(pthread_create(&thread, NULL, arm_wait_fork, NULL), 0);
	pthread_barrier_wait(&barrier);
	mine = lingering();
	pthread_barrier_wait(&barrier);
	pthread_barrier_wait(&barrier);
	EQUAL(start_of(mine), 0);
	EQUAL(start_of(childs_of_thread[0]), for_thread);
}

TEST(taken_over, "Another thread's arming is replaced")
{
	__u64 id = new_start();
	pthread_t thread;
	pid_t mine;

	for_thread = new_start();
	pthread_barrier_init(&barrier, NULL, 2);
	EQUAL(pthread_create(&thread, NULL, arm_wait_fork, NULL), 0);
	pthread_barrier_wait(&barrier);
	EQUAL(arm(id), 0);
	pthread_barrier_wait(&barrier);
	pthread_barrier_wait(&barrier);
	EQUAL(start_of(childs_of_thread[0]), 0);
	mine = lingering();
	EQUAL(start_of(mine), id);
}

TEST(others, "A fork of another process passes it by")
{
	__u64 id = new_start();
	int go[2], number = 0;
	pid_t child;

	EQUAL(pipe(go), 0);
	child = fork();
	if (!child) {
		CHECK(read(go[0], &number, sizeof(number)) == sizeof(number));
		say(lingering());
		linger();
	}
	EQUAL(arm(id), 0);
	CHECK(write(go[1], &number, sizeof(number)) == sizeof(number));
	EQUAL(start_of(hear()), 0);
	EQUAL(stats().armed, 1);
	EQUAL(start_of(lingering()), id);
}

TEST(failed_fork, "A fork that fails leaves it armed, for the caller to disarm")
{
	__u64 id = new_start();

	EQUAL(arm(id), 0);
	/* CLONE_THREAD without CLONE_SIGHAND is refused before anything is made. */
	EQUAL(syscall(SYS_clone, CLONE_THREAD, 0, 0, 0, 0), -1);
	EQUAL(stats().armed, 1);
	EQUAL(start_of(lingering()), id);
}

TEST(refused, "A start that is not there is ENOENT, one that is being killed ESHUTDOWN")
{
	__u64 id = new_start();

	EQUAL(arm(new_id()), -ENOENT);
	kill_start(id, SIGKILL, 0);
	EQUAL(arm(id), -ESHUTDOWN);
	EQUAL(stats().armed, 0);
}

TEST(stronger, "An armed fork counts more than what the parent belongs to")
{
	__u64 outer = new_start(), inner = new_start();
	pid_t pid = fork_into(outer);

	if (!pid) {
		EQUAL(arm(inner), 0);
		say(lingering());
		say(lingering());
		linger();
	}
	EQUAL(start_of(hear()), inner);
	EQUAL(start_of(hear()), outer);
}

TEST(vfork, "vfork, clone3 and posix_spawn consume it like fork")
{
	__u64 id = new_start();
	struct clone_args args = { .exit_signal = SIGCHLD };
	char *const words[] = { "arm", "nothing-of-this-name", NULL };
	char *const environment[] = { NULL };
	pid_t pid;

	EQUAL(arm(id), 0);
	pid = vfork();
	if (!pid)
		_exit(0);
	EQUAL(start_of(pid), id); /* a zombie */
	EQUAL(arm(id), 0);
	pid = (pid_t)syscall(SYS_clone3, &args, sizeof(args));
	if (!pid)
		linger();
	EQUAL(start_of(pid), id);
	EQUAL(arm(id), 0);
	EQUAL(posix_spawn(&pid, "/proc/self/exe", NULL, NULL, words, environment), 0);
	EQUAL(start_of(pid), id);
	EQUAL(info_of(id).forks, 3);
}

TEST(released, "An armed start that is forgotten meanwhile does no harm")
{
	__u64 id = new_start();
	struct leash_start_ref ref = { .id = id };
	pid_t pid;

	EQUAL(arm(id), 0);
	EQUAL(call(controller(), LEASH_IOC_START_DEL, &ref), 0);
	pid = lingering();
	EQUAL(start_of(pid), id); /* its last user was the arming */
	CHECK(info_of(id).flags & LEASH_START_RELEASED);
}
