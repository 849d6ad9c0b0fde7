// SPDX-License-Identifier: GPL-2.0-only
/* Trouble, and the program that the kernel runs then. */
#include "trouble.h"

#include <linux/capability.h>

static __u64 watched_start(void)
{
	struct leash_start start = { .id = new_id(), .flags = LEASH_START_WATCH_EMPTY };

	snprintf(start.name, sizeof(start.name), "test-%llx", (unsigned long long)start.id);
	EQUAL(call(controller(), LEASH_IOC_START_SET, &start), 0);
	return start.id;
}

/* A process is born into the start and ends; which. */
static pid_t lose_one(__u64 id)
{
	pid_t pid = fork_into(id);

	if (!pid)
		_exit(0);
	EQUAL(waitpid(pid, NULL, 0), pid);
	return pid;
}

/* ... and is forgotten: only then the next one is the start's only process. */
static void lose_and_wait(__u64 id)
{
	long before = counter("troubles");

	lose_one(id);
	WITHIN(5, counter("troubles") == before + 1);
}

static const char *line(const char *reason, __u64 id, pid_t pid)
{
	static char text[200];

	snprintf(text, sizeof(text), "%s test-%llx %d %016llx\n", reason, (unsigned long long)id, pid,
		 (unsigned long long)id);
	return text;
}

static void settle(void)
{
	sleep_ms(300 * patience());
}

TEST(path, "The handler is an absolute path, or none; root alone sees it")
{
	struct stat status;
	char longest[400];

	EQUAL(stat(SYSCTL "handler", &status), 0);
	EQUAL(status.st_mode & 0777, 0600);
	EQUAL(set_sysctl("handler", "/bin/true\n"), 0);
	CHECK(!strcmp(get_sysctl("handler"), "/bin/true"));
	EQUAL(set_sysctl("handler", "true\n"), -EINVAL);
	EQUAL(set_sysctl("handler", "./true\n"), -EINVAL);
	EQUAL(set_sysctl("handler", " /bin/true\n"), -EINVAL);
	CHECK(!strcmp(get_sysctl("handler"), "/bin/true"));
	memset(longest, 'a', sizeof(longest));
	longest[0] = '/';
	longest[399] = '\0';
	EQUAL(set_sysctl("handler", longest), -ENAMETOOLONG);
	longest[256] = '\0';
	EQUAL(set_sysctl("handler", longest), -ENAMETOOLONG);
	CHECK(!strcmp(get_sysctl("handler"), "/bin/true"));
	longest[255] = '\0';
	EQUAL(set_sysctl("handler", longest), 0);
	CHECK(!strcmp(get_sysctl("handler"), longest));
	EQUAL(set_sysctl("handler", "\n"), 0);
	CHECK(!strcmp(get_sysctl("handler"), ""));
}

TEST(values, "The other values have bounds")
{
	EQUAL(set_sysctl("handler_timeout_ms", "99"), -EINVAL);
	EQUAL(set_sysctl("handler_timeout_ms", "3600001"), -EINVAL);
	EQUAL(set_sysctl("handler_timeout_ms", "100"), 0);
	EQUAL(counter("handler_timeout_ms"), 100);
	EQUAL(set_sysctl("handler_timeout_ms", "10000"), 0);
	EQUAL(set_sysctl("on_deadman", "3"), -EINVAL);
	EQUAL(set_sysctl("on_deadman", "-1"), -EINVAL);
	EQUAL(set_sysctl("on_deadman", "2"), 0);
	EQUAL(counter("on_deadman"), 2);
	EQUAL(set_sysctl("on_deadman", "0"), 0);
	EQUAL(set_sysctl("hung_task_ms", "99"), -EINVAL);
	EQUAL(set_sysctl("hung_task_ms", "86400001"), -EINVAL);
	EQUAL(set_sysctl("hung_task_ms", "86400000"), 0);
	EQUAL(set_sysctl("hung_task_ms", "0"), 0);
	CHECK(set_sysctl("troubles", "0") < 0);
	CHECK(set_sysctl("troubles_lost", "0") < 0);
}

TEST(capability, "To change them takes CAP_SYS_ADMIN, whatever the file's mode")
{
	static const char *const names[] = { "handler", "handler_timeout_ms", "on_deadman",
					     "hung_task_ms" };
	static const char *const values[] = { "/bin/false", "1000", "1", "1000" };
	int status;
	pid_t pid;

	EQUAL(set_sysctl("handler", ""), 0);
	pid = fork();
	if (!pid) {
		struct __user_cap_header_struct header = { .version = _LINUX_CAPABILITY_VERSION_3 };
		struct __user_cap_data_struct data[2] = {
			{ .effective = 1 << CAP_DAC_OVERRIDE, .permitted = 1 << CAP_DAC_OVERRIDE },
		};

		EQUAL(syscall(SYS_capset, &header, data), 0);
		for (int i = 0; i < 4; i++)
			EQUAL(set_sysctl(names[i], values[i]), -EPERM);
		_exit(0);
	}
	EQUAL(waitpid(pid, &status, 0), pid);
	EQUAL(status, 0);
	CHECK(!strcmp(get_sysctl("handler"), ""));
	EQUAL(counter("on_deadman"), 0);
}

TEST(empty, "A start that loses its last process is trouble, if that is asked for")
{
	__u64 id = watched_start(), other = new_start();
	struct leash_start again = { .id = id, .name = "test-again" };
	pid_t first, last;

	use_handler("");
	EQUAL(info_of(id).flags, LEASH_START_WATCH_EMPTY);
	first = linger_in(id);
	last = linger_in(id);
	lose_one(other);
	EQUAL(kill(first, SIGKILL), 0);
	EQUAL(waitpid(first, NULL, 0), first);
	settle();
	EQUAL(lines_of(TOLD), 0);
	EQUAL(kill(last, SIGKILL), 0);
	settle();
	EQUAL(lines_of(TOLD), 0); /* a zombie is left */
	EQUAL(waitpid(last, NULL, 0), last);
	WITHIN(5, was_told(line("no-task", id, last)));
	EQUAL(lines_of(TOLD), 1);
	EQUAL(call(controller(), LEASH_IOC_START_SET, &again), 0); /* takes the flag back */
	EQUAL(info_of(id).flags, 0);
	lose_one(id);
	settle();
	EQUAL(lines_of(TOLD), 1);
}

TEST(meant, "Who is killed by lineage, or let go, is not missed")
{
	__u64 killed = watched_start(), let_go = watched_start();
	struct leash_start_ref ref = { .id = let_go };
	pid_t first = linger_in(killed), second = linger_in(let_go);

	use_handler("");
	kill_start(killed, SIGKILL, 0);
	EQUAL(waitpid(first, NULL, 0), first);
	EQUAL(call(controller(), LEASH_IOC_START_DEL, &ref), 0);
	EQUAL(kill(second, SIGKILL), 0);
	EQUAL(waitpid(second, NULL, 0), second);
	settle();
	EQUAL(lines_of(TOLD), 0);
}

TEST(armed, "A fork that was armed and did not come is no process that was lost")
{
	__u64 id = watched_start();

	use_handler("");
	EQUAL(arm(id), 0);
	EQUAL(arm(0), 0);
	settle();
	EQUAL(lines_of(TOLD), 0);
}

TEST(environment, "It is run as root, with an environment of its own, and no arguments")
{
	__u64 id = watched_start();

	use_handler("echo \"$# $(id -u) $HOME $PATH\" >> /tmp/more; env | wc -l >> /tmp/more");
	unlink("/tmp/more");
	lose_one(id);
	WITHIN(5, lines_of("/tmp/more") == 2);
	CHECK(strstr(read_text("/tmp/more"), "0 0 / /usr/sbin:/usr/bin:/sbin:/bin\n"));
}

TEST(none, "No handler: nothing runs, and it is counted")
{
	__u64 id = watched_start();
	long before = counter("troubles");

	use_handler("");
	EQUAL(set_sysctl("handler", ""), 0);
	lose_one(id);
	WITHIN(5, counter("troubles") == before + 1);
	settle();
	EQUAL(lines_of(TOLD), 0);
}

TEST(missing, "A handler that is not there hurts nobody; the next one runs")
{
	__u64 id = watched_start();

	EQUAL(set_sysctl("handler", "/tmp/no/such/handler"), 0);
	lose_one(id);
	settle();
	EQUAL(set_sysctl("handler", "/etc"), 0);
	lose_one(id);
	settle();
	use_handler("");
	lose_one(id);
	WITHIN(5, lines_of(TOLD) == 1);
}

TEST(once, "What is told again while it waits is told once")
{
	__u64 id = watched_start();
	long before = counter("troubles");

	use_handler("while [ ! -e /tmp/go ]; do sleep 0.1; done");
	unlink("/tmp/go");
	lose_one(id);
	WITHIN(5, lines_of(TOLD) == 1);
	for (int i = 0; i < 5; i++)
		lose_and_wait(id);
	EQUAL(counter("troubles"), before + 6);
	EQUAL(lines_of(TOLD), 1);
	close(open("/tmp/go", O_CREAT | O_WRONLY, 0600));
	WITHIN(5, lines_of(TOLD) == 2);
	settle();
	EQUAL(lines_of(TOLD), 2);
}

TEST(too_many, "More than wait are counted, and lost")
{
	long before = counter("troubles"), lost = counter("troubles_lost");

	use_handler("while [ ! -e /tmp/go ]; do sleep 0.1; done");
	unlink("/tmp/go");
	lose_one(watched_start());
	WITHIN(5, lines_of(TOLD) == 1);
	for (int i = 0; i < 40; i++)
		lose_one(watched_start());
	WITHIN(5, counter("troubles") == before + 41);
	EQUAL(counter("troubles_lost"), lost + 8);
	close(open("/tmp/go", O_CREAT | O_WRONLY, 0600));
	WITHIN(10, lines_of(TOLD) == 33);
}

TEST(limit, "A handler that takes too long is killed")
{
	__u64 id = watched_start();
	char limit[16];
	pid_t pid;

	use_handler("echo $$ > /tmp/pid; exec sleep 1000");
	unlink("/tmp/pid");
	/* The time runs from the fork on: a slow machine takes long to get to the script. */
	snprintf(limit, sizeof(limit), "%d", 500 * patience());
	EQUAL(set_sysctl("handler_timeout_ms", limit), 0);
	lose_one(id);
	WITHIN(5, lines_of("/tmp/pid") == 1);
	pid = atoi(read_text("/tmp/pid"));
	CHECK(pid > 1);
	WITHIN(5, is_gone(pid));
	lose_one(id);
	WITHIN(5, lines_of(TOLD) == 2);
}

TEST(hanging, "A handler whose execve hangs for ever holds up nobody")
{
	__u64 id = watched_start();
	pid_t holder = hang_directory();

	use_handler("");
	EQUAL(set_sysctl("handler", HUNG "/handler-of-test"), 0);
	EQUAL(set_sysctl("handler_timeout_ms", "300"), 0);
	lose_and_wait(id);
	sleep_ms(100 * patience());
	EQUAL(set_sysctl("handler", HANDLER), 0);
	EQUAL(set_sysctl("handler_timeout_ms", "60000"), 0);
	lose_one(id);
	WITHIN(5, lines_of(TOLD) == 1);
	EQUAL(kill(holder, SIGKILL), 0);
	EQUAL(waitpid(holder, NULL, 0), holder);
	lose_one(id);
	WITHIN(5, lines_of(TOLD) == 2);
}

TEST(silence_first, "The silence of init waits for no other trouble's handler")
{
	use_handler("[ $REASON != no-task ] || exec sleep 1000");
	lose_one(watched_start());
	WITHIN(5, lines_of(TOLD) == 1);
	EQUAL(set_deadman(100, 0, LEASH_DEADMAN_NOTHING, 0), 0);
	WITHIN(5, was_told("init-silent"));
	CHECK(system("killall sleep") == 0);
}

/*
 * The first reader sleeps in a page fault that nobody answers, and holds the lock of the file's
 * position. The second one waits for that lock, in an uninterruptible sleep.
 */
static void hold_position(int fd)
{
	struct uffdio_api api = { .api = UFFD_API };
	char *page = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	struct uffdio_register range = { .range = { .start = (unsigned long)page, .len = 4096 },
					 .mode = UFFDIO_REGISTER_MODE_MISSING };
	int faults = syscall(SYS_userfaultfd, O_CLOEXEC);

	CHECK(page != MAP_FAILED);
	CHECK(faults >= 0);
	EQUAL(ioctl(faults, UFFDIO_API, &api), 0);
	EQUAL(ioctl(faults, UFFDIO_REGISTER, &range), 0);
	say(0);
	CHECK(read(fd, page, 100) > 0);
}

TEST(hung, "A task that sleeps uninterruptibly for too long is trouble, once; others are not")
{
	__u64 id = new_start(), other = new_start();
	int fd = open("/proc/self/status", O_RDONLY);
	pid_t holder, stuck;

	CHECK(fd >= 0);
	use_handler("");
	holder = fork();
	if (!holder) {
		hold_position(fd);
		_exit(0);
	}
	hear();
	sleep_ms(200);
	stuck = fork_into(id);
	if (!stuck) {
		char byte;

		_exit(read(fd, &byte, 1) < 0);
	}
	linger_in(other); /* sleeps, too, but can be woken */
	EQUAL(set_sysctl("hung_task_ms", "800"), 0);
	sleep_ms(400);
	EQUAL(lines_of(TOLD), 0);
	WITHIN(10, was_told(line("hung-task", id, stuck)));
	sleep_ms(2000);
	EQUAL(lines_of(TOLD), 1);
	EQUAL(kill(holder, SIGKILL), 0);
	EQUAL(waitpid(stuck, NULL, 0), stuck);
	EQUAL(set_sysctl("hung_task_ms", "0"), 0);
}

static int set_limits(__u64 id, __u32 processes, __u32 forks, __u32 period_ms)
{
	struct leash_limits limits = { .id = id, .processes = processes, .forks = forks,
				       .period_ms = period_ms, .action = LEASH_LIMIT_TELL };

	return call(controller(), LEASH_IOC_START_LIMITS, &limits);
}

TEST(task_limit, "One process more than a start may have is trouble, once while it has too many")
{
	__u64 id = new_start();
	pid_t pid;

	use_handler("");
	EQUAL(set_limits(id, 2, 0, 0), 0);
	linger_in(id);
	linger_in(id);
	settle();
	EQUAL(lines_of(TOLD), 0);
	pid = linger_in(id);
	WITHIN(5, was_told(line("task-limit", id, pid)));
	linger_in(id);
	settle();
	EQUAL(lines_of(TOLD), 1);
}

TEST(fork_rate, "One fork more than a start may make in its time is trouble")
{
	__u64 id = new_start();
	pid_t pid;

	use_handler("");
	EQUAL(set_limits(id, 0, 2, 3600000), 0);
	lose_one(id);
	lose_one(id);
	settle();
	EQUAL(lines_of(TOLD), 0);
	pid = lose_one(id);
	WITHIN(5, was_told(line("fork-rate", id, pid)));
	lose_one(id);
	settle();
	EQUAL(lines_of(TOLD), 1);
}

TEST(clean, "Everything is off again")
{
	EQUAL(set_sysctl("hung_task_ms", "0"), 0);
	EQUAL(set_sysctl("handler", ""), 0);
	EQUAL(set_sysctl("handler_timeout_ms", "10000"), 0);
	unlink(HANDLER);
	unlink(TOLD);
	CHECK(!strcmp(get_sysctl("handler"), ""));
}

/* For the test of unloading: the handler's execve hangs, until the holder, whom we name, is killed. */
static bool leave(int argc, char **argv)
{
	pid_t holder;

	if (argc != 3 || strcmp(argv[1], "leave") || strcmp(argv[2], "hanging"))
		return false;
	CHECK(!pipe(mail));
	holder = hang_directory();
	EQUAL(set_sysctl("handler", HUNG "/handler"), 0);
	EQUAL(set_deadman(LEASH_DEADMAN_MIN_MS, 0, LEASH_DEADMAN_NOTHING, LEASH_DEADMAN_KEEP), 0);
	WITHIN(5, deadman().state == LEASH_DEADMAN_FIRED);
	sleep_ms(500 * patience());
	printf("%d\n", holder);
	return true;
}

__attribute__((constructor)) static void set_second_part(void)
{
	second_part = leave;
}
