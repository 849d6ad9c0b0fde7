// SPDX-License-Identifier: GPL-2.0-only
/* What LEASH_IOC_SNAPSHOT says of a process, against what /proc says. */
#include "harness.h"

#include <pthread.h>
#include <sys/ioctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

#define ALL_FACTS (LEASH_FACT_CPU | LEASH_FACT_MEMORY | LEASH_FACT_FDS | LEASH_FACT_SCHED | \
		   LEASH_FACT_SYSCALL | LEASH_FACT_IO | LEASH_FACT_CGROUP | LEASH_FACT_EXE | \
		   LEASH_FACT_TTY)

static __u64 known_facts(void)
{
	struct leash_version version;

	EQUAL(call(controller(), LEASH_IOC_VERSION, &version), 0);
	return version.facts;
}

static struct leash_task task_of(pid_t tid, __u64 facts, unsigned int flags)
{
	static struct leash_task tasks[4096];
	struct leash_snapshot snapshot = { .facts = facts & known_facts(), .flags = flags,
					   .buffer = (unsigned long)tasks, .size = sizeof(tasks),
					   .record_size = sizeof(*tasks) };

	EQUAL(call(controller(), LEASH_IOC_SNAPSHOT, &snapshot), 0);
	EQUAL(snapshot.cursor, 0);
	for (unsigned int i = 0; i < snapshot.count; i++)
		if (tasks[i].tid == tid)
			return tasks[i];
	FAIL("%d is not in the snapshot", tid);
	return tasks[0];
}

static void read_proc(pid_t pid, const char *name, char *text, size_t size)
{
	char path[64];
	ssize_t got;
	int fd;

	snprintf(path, sizeof(path), "/proc/%d/%s", pid, name);
	fd = open(path, O_RDONLY);
	CHECK(fd >= 0);
	got = read(fd, text, size - 1);
	CHECK(got >= 0);
	text[got] = '\0';
	close(fd);
}

/* Field `number` of /proc/PID/stat, counted as in proc(5); from 4 on. */
static long long stat_field(pid_t pid, int number)
{
	char text[1024], *at;

	read_proc(pid, "stat", text, sizeof(text));
	at = strrchr(text, ')') + 2; /* field 3 */
	for (int i = 3; i < number; i++)
		at = strchr(at, ' ') + 1;
	return atoll(at);
}

/* A line of /proc/PID/status, a number. */
static long long status_line(pid_t pid, const char *name)
{
	char text[4096], *at;

	read_proc(pid, "status", text, sizeof(text));
	at = strstr(text, name);
	CHECK(at != NULL);
	return atoll(at + strlen(name));
}

TEST(identity, "Numbers, names, ids, priorities and times")
{
	pid_t pid = fork();
	struct leash_task task;

	if (!pid) {
		prctl(PR_SET_NAME, "a known name", 0, 0, 0);
		setpriority(PRIO_PROCESS, 0, 7);
		setsid();
		EQUAL(setresgid(1234, 1234, 1234), 0);
		EQUAL(setresuid(4321, 4321, 4321), 0);
		report_and_linger();
	}
	hear();
	WITHIN(5, task_of(pid, 0, 0).state == 'S');
	task = task_of(pid, 0, 0);
	EQUAL(task.tgid, pid);
	EQUAL(task.ppid, getpid());
	EQUAL(task.pgid, pid);
	EQUAL(task.sid, pid);
	EQUAL(task.uid, 4321);
	EQUAL(task.gid, 1234);
	EQUAL(task.threads, 1);
	EQUAL(task.nice, 7);
	EQUAL(task.prio, stat_field(pid, 18));
	EQUAL(task.policy, SCHED_OTHER);
	EQUAL(strcmp(task.comm, "a known name"), 0);
	EQUAL(task.start_ns / 10000000, stat_field(pid, 22));
	EQUAL(task.start_ns, who(pid).start_ns);
	EQUAL(task.flags, 0);
	EQUAL(task.reserved, 0);
	EQUAL(task.facts, 0); /* none were asked for */
	EQUAL(task.vm + task.fds + task.runtime_ns + task.cgroup + task.exe_ino, 0);
}

TEST(descriptors, "Open descriptors")
{
	pid_t pid = fork();

	if (!pid) {
		for (int i = 3; i < 100; i++)
			close(i);
		for (int fd = 0; fd < 3; fd++)
			if (fd != mail[1])
				fcntl(fd, F_GETFD);
		for (int i = 0; i < 300; i++)
			dup(0);
		close(17);
		close(200);
		linger();
	}
	WITHIN(5, task_of(pid, LEASH_FACT_FDS, 0).fds == 301);
	CHECK(task_of(pid, LEASH_FACT_FDS, 0).facts & LEASH_FACT_FDS);
	EQUAL(task_of(pid, LEASH_FACT_FDS, 0).flags & LEASH_TASK_FDS_AT_LEAST, 0);
}

#define MEGABYTES 24

TEST(memory, "Anonymous and shared memory, within what counters may lag behind")
{
	const long long size = (long long)MEGABYTES << 20, lag = 64 * 4096 * 2;
	struct leash_task before, after;
	int go[2], number = 0;
	pid_t pid;

	EQUAL(pipe(go), 0);
	pid = fork();
	if (!pid) {
		char *private, *shared;

		CHECK(read(go[0], &number, sizeof(number)) > 0);
		private = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
		shared = mmap(NULL, size / 2, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
		CHECK(private != MAP_FAILED && shared != MAP_FAILED);
		memset(private, 1, size);
		memset(shared, 1, size / 2);
		report_and_linger();
	}
	before = task_of(pid, LEASH_FACT_MEMORY, 0);
	CHECK(write(go[1], &number, sizeof(number)) > 0);
	hear();
	after = task_of(pid, LEASH_FACT_MEMORY, 0);
	CHECK(after.facts & LEASH_FACT_MEMORY);
	EQUAL(after.vm, status_line(pid, "VmSize:") * 1024);
	CHECK(llabs((long long)(after.anon - before.anon) - size) <= lag);
	CHECK(llabs((long long)(after.shmem - before.shmem) - size / 2) <= lag);
	CHECK(llabs((long long)after.anon - status_line(pid, "RssAnon:") * 1024) <= lag);
	CHECK(llabs((long long)after.file - status_line(pid, "RssFile:") * 1024) <= lag);
	CHECK(llabs((long long)after.shmem - status_line(pid, "RssShmem:") * 1024) <= lag);
	EQUAL(after.swap, 0);
}

TEST(system_call, "The system call that a process is blocked in, with its arguments")
{
	int ends[2];
	static char room[77];
	struct leash_task task;
	char text[256];
	pid_t pid;

	if (!(known_facts() & LEASH_FACT_SYSCALL))
		SKIP("this machine has no system calls to look at");
	EQUAL(pipe(ends), 0);
	pid = fork();
	if (!pid) {
		syscall(SYS_read, ends[0], room, sizeof(room));
		linger();
	}
	WITHIN(5, task_of(pid, LEASH_FACT_SYSCALL, 0).sys_nr == SYS_read);
	task = task_of(pid, LEASH_FACT_SYSCALL, 0);
	CHECK(task.facts & LEASH_FACT_SYSCALL);
	EQUAL(task.sys_arg[0], ends[0]);
	EQUAL(task.sys_arg[1], (unsigned long)room);
	EQUAL(task.sys_arg[2], sizeof(room));
	read_proc(pid, "syscall", text, sizeof(text));
	EQUAL(atoi(text), task.sys_nr);
	/* Not asked for: none. */
	EQUAL(task_of(pid, 0, 0).sys_nr, -1);
}

TEST(running, "A process that runs is in no system call")
{
	pid_t pid = fork();

	if (!pid)
		for (;;)
			;
	usleep(100000);
	for (int i = 0; i < 20; i++) {
		struct leash_task task = task_of(pid, LEASH_FACT_SYSCALL | LEASH_FACT_CPU, 0);

		EQUAL(task.state, 'R');
		EQUAL(task.sys_nr, -1);
	}
}

TEST(cpu, "CPU time grows while it runs, exact to the tick of /proc")
{
	pid_t pid = fork();
	struct leash_task first, second;

	if (!pid)
		for (;;)
			;
	WITHIN(20, task_of(pid, LEASH_FACT_CPU, 0).runtime_ns > 50000000);
	first = task_of(pid, LEASH_FACT_CPU, 0);
	WITHIN(20, task_of(pid, LEASH_FACT_CPU, 0).runtime_ns > first.runtime_ns + 200000000);
	kill(pid, SIGSTOP);
	WITHIN(5, task_of(pid, 0, 0).state == 'T');
	second = task_of(pid, LEASH_FACT_CPU | LEASH_FACT_SCHED, 0);
	EQUAL(task_of(pid, LEASH_FACT_CPU, 0).runtime_ns, second.runtime_ns);
	/* utime and stime of /proc are scaled to what really ran. */
	CHECK(llabs((stat_field(pid, 14) + stat_field(pid, 15)) * 10 -
		    (long long)(second.runtime_ns / 1000000)) <= 20);
	CHECK(second.last_ran_ns > 0);
}

static void *burn(void *unused)
{
	struct timespec used;

	do
		clock_gettime(CLOCK_THREAD_CPUTIME_ID, &used);
	while (used.tv_sec == 0 && used.tv_nsec < 50000000);
	return unused;
}

TEST(threads_cpu, "Of a process it is the sum of its threads, with those that ended")
{
	pid_t pid = fork();
	struct leash_task task;

	if (!pid) {
		for (int i = 0; i < 4; i++) {
			pthread_t thread;

			EQUAL(pthread_create(&thread, NULL, burn, NULL), 0);
			EQUAL(pthread_join(thread, NULL), 0);
		}
		report_and_linger();
	}
	hear();
	WITHIN(5, task_of(pid, LEASH_FACT_CPU, 0).threads == 1);
	task = task_of(pid, LEASH_FACT_CPU, 0);
	CHECK(task.runtime_ns >= 200000000);
	CHECK(task_of(pid, LEASH_FACT_CPU, LEASH_SNAPSHOT_THREADS).runtime_ns < 100000000);
}

TEST(switches, "Context switches and page faults")
{
	struct leash_task task;
	pid_t pid = fork();

	if (!pid) {
		char *memory = mmap(NULL, 1 << 20, PROT_READ | PROT_WRITE,
				    MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

		madvise(memory, 1 << 20, MADV_NOHUGEPAGE);
		for (int i = 0; i < 256; i++)
			memory[i * 4096] = 1;
		for (int i = 0; i < 30; i++)
			usleep(1000);
		report_and_linger();
	}
	hear();
	WITHIN(5, task_of(pid, 0, 0).state == 'S');
	task = task_of(pid, LEASH_FACT_SCHED, 0);
	CHECK(task.nvcsw >= 30);
	EQUAL(task.nvcsw, status_line(pid, "\nvoluntary_ctxt_switches:"));
	EQUAL(task.nivcsw, status_line(pid, "nonvoluntary_ctxt_switches:"));
	CHECK(task.min_flt >= 256);
	EQUAL(task.min_flt, stat_field(pid, 10));
	EQUAL(task.maj_flt, stat_field(pid, 12));
}

TEST(state, "The letter of /proc: stopped, zombie, sleeping")
{
	pid_t pid = fork();
	siginfo_t info;

	if (!pid)
		linger();
	WITHIN(5, task_of(pid, 0, 0).state == 'S');
	kill(pid, SIGSTOP);
	WITHIN(5, task_of(pid, 0, 0).state == 'T');
	kill(pid, SIGKILL);
	EQUAL(waitid(P_PID, pid, &info, WEXITED | WNOWAIT), 0);
	EQUAL(task_of(pid, 0, 0).state, 'Z');
}

TEST(cgroup, "The cgroup, as the number of its folder")
{
	struct stat status;
	char text[16];
	pid_t pid = fork();
	int fd;

	if (!pid)
		linger();
	if (access("/sys/fs/cgroup/cgroup.procs", W_OK))
		SKIP("no cgroup v2 at /sys/fs/cgroup");
	mkdir("/sys/fs/cgroup/leash-facts", 0755);
	EQUAL(stat("/sys/fs/cgroup/leash-facts", &status), 0);
	fd = open("/sys/fs/cgroup/leash-facts/cgroup.procs", O_WRONLY);
	snprintf(text, sizeof(text), "%d", pid);
	CHECK(write(fd, text, strlen(text)) > 0);
	EQUAL(task_of(pid, LEASH_FACT_CGROUP, 0).cgroup, status.st_ino);
	kill(pid, SIGKILL);
	EQUAL(waitpid(pid, NULL, 0), pid);
	rmdir("/sys/fs/cgroup/leash-facts");
}

TEST(executable, "The file that it runs")
{
	struct stat status;
	struct leash_task task = task_of(getpid(), LEASH_FACT_EXE, 0);

	EQUAL(stat("/proc/self/exe", &status), 0);
	EQUAL(task.exe_ino, status.st_ino);
	EQUAL(task.exe_dev, status.st_dev);
}

TEST(terminal, "The controlling terminal")
{
	int master = open("/dev/ptmx", O_RDWR | O_NOCTTY);
	unsigned int number;
	struct stat status;
	char path[32];
	int slave, unlock = 0;
	pid_t pid;

	if (master < 0 || ioctl(master, TIOCGPTN, &number) || ioctl(master, TIOCSPTLCK, &unlock))
		SKIP("no pseudo terminals");
	snprintf(path, sizeof(path), "/dev/pts/%u", number);
	if (stat(path, &status))
		SKIP("no /dev/pts");
	pid = fork();
	if (!pid) {
		setsid();
		slave = open(path, O_RDWR);
		CHECK(slave >= 0);
		report_and_linger();
	}
	hear();
	EQUAL(task_of(pid, LEASH_FACT_TTY, 0).tty, stat_field(pid, 7));
	EQUAL(task_of(pid, LEASH_FACT_TTY, 0).tty, status.st_rdev);
	EQUAL(task_of(getpid(), LEASH_FACT_TTY, 0).tty, stat_field(getpid(), 7));
}

TEST(io, "Bytes written to storage")
{
	static char block[1 << 20];
	struct leash_task task;
	char text[512], *at;
	pid_t pid;

	if (!(known_facts() & LEASH_FACT_IO))
		SKIP("this kernel does not account for it");
	pid = fork();
	if (!pid) {
		int fd = open("/var/tmp/leash-facts", O_CREAT | O_TRUNC | O_RDWR, 0600);

		memset(block, 1, sizeof(block));
		CHECK(write(fd, block, sizeof(block)) == sizeof(block));
		unlink("/var/tmp/leash-facts");
		report_and_linger();
	}
	hear();
	task = task_of(pid, LEASH_FACT_IO, 0);
	read_proc(pid, "io", text, sizeof(text));
	at = strstr(text, "\nwrite_bytes:");
	CHECK(at != NULL);
	EQUAL(task.write_bytes, atoll(at + strlen("\nwrite_bytes:")));
	CHECK(task.write_bytes >= sizeof(block));
}

static void *linger_as_thread(void *unused)
{
	linger();
	return unused;
}

TEST(leaderless, "A process without its main thread is told by another")
{
	struct leash_task task;
	pid_t pid = fork();

	if (!pid) {
		pthread_t thread;

		EQUAL(pthread_create(&thread, NULL, linger_as_thread, NULL), 0);
		syscall(SYS_exit, 0);
	}
	WITHIN(5, task_of(pid, 0, 0).flags & LEASH_TASK_LEADERLESS);
	task = task_of(pid, ALL_FACTS, 0);
	EQUAL(task.flags & LEASH_TASK_DEAD, 0);
	CHECK(task.facts & LEASH_FACT_MEMORY);
	CHECK(task.vm > 0);
	CHECK(task.fds > 0);
}

TEST(everything, "All facts of all tasks, 50 times, while they come and go")
{
	static struct leash_task tasks[4096];
	pid_t pid = fork();

	if (!pid) {
		for (;;) {
			pthread_t thread;

			if (!fork()) {
				if (!pthread_create(&thread, NULL, linger_as_thread, NULL))
					usleep(500);
				_exit(0);
			}
			while (waitpid(-1, NULL, WNOHANG) > 0)
				;
		}
	}
	for (int i = 0; i < (patience() > 1 ? 10 : 50); i++) {
		struct leash_snapshot snapshot = {
			.facts = known_facts(),
			.flags = LEASH_SNAPSHOT_KERNEL | (i % 2 ? LEASH_SNAPSHOT_THREADS : 0),
			.buffer = (unsigned long)tasks, .size = sizeof(tasks),
			.record_size = sizeof(*tasks) };

		EQUAL(call(controller(), LEASH_IOC_SNAPSHOT, &snapshot), 0);
		for (unsigned int at = 0; at < snapshot.count; at++) {
			EQUAL(tasks[at].facts & ~known_facts(), 0);
			CHECK(strchr("RSDTtXZPI", tasks[at].state));
			CHECK(memchr(tasks[at].comm, 0, LEASH_COMM_SIZE));
			CHECK(tasks[at].vm < 1ULL << 47);
		}
		usleep(2000);
	}
}
