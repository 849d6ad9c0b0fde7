// SPDX-License-Identifier: GPL-2.0-only
/* LEASH_IOC_RESCAN: processes that nobody saw being born, and tags. */
#include "harness.h"

#include <sys/stat.h>

static struct leash_rescan rescan(unsigned int flags)
{
	struct leash_rescan out = { .flags = flags };

	EQUAL(call(controller(), LEASH_IOC_RESCAN, &out), 0);
	return out;
}

static bool second_life(int argc, char **argv)
{
	if (argc != 3 || strcmp(argv[1], "--linger") != 0)
		return false;
	mail[1] = atoi(argv[2]);
	if (getenv("THEN_FORK") && !fork())
		report_and_linger();
	report_and_linger();
	return true;
}

__attribute__((constructor)) static void register_second_part(void)
{
	second_part = second_life;
}

/* A process outside of all starts that runs with such an environment. */
static pid_t run_with(const char *first, const char *second)
{
	char fd[16];
	char *const words[] = { "rescan", "--linger", fd, NULL };
	char *const environment[] = { (char *)first, (char *)second, NULL };
	pid_t pid = fork();

	snprintf(fd, sizeof(fd), "%d", mail[1]);
	if (!pid) {
		execve("/proc/self/exe", words, environment);
		FAIL("execve: %s", strerror(errno));
	}
	return hear();
}

static const char *tag_of(__u64 id)
{
	static char tags[8][160];
	static int next;
	char *tag = tags[next++ % 8];

	snprintf(tag, 160, "LEASH_TAG=test-%llx@%llx", (unsigned long long)id,
		 (unsigned long long)id);
	return tag;
}

TEST(parent, "By the parent: a child from before its parent was adopted")
{
	__u64 id = new_start();
	pid_t parent = fork(), child;
	struct leash_adopt adopt = { .start = id };

	if (!parent) {
		if (!fork())
			report_and_linger();
		linger();
	}
	child = hear();
	adopt.pid = parent;
	EQUAL(call(controller(), LEASH_IOC_ADOPT, &adopt), 0);
	EQUAL(start_of(child), 0);
	EQUAL(rescan(LEASH_RESCAN_PARENT).found, 1);
	EQUAL(start_of(child), id);
	EQUAL(who(child).via, LEASH_VIA_PARENT);
	EQUAL(rescan(LEASH_RESCAN_PARENT).found, 0);
}

TEST(cgroup, "By the cgroup of a start, with the children of those who sit there")
{
	struct stat status;
	__u64 id;
	pid_t pid = fork();
	char text[16];
	int fd;

	if (!pid)
		linger();
	if (access("/sys/fs/cgroup/cgroup.procs", W_OK))
		SKIP("no cgroup v2 at /sys/fs/cgroup");
	mkdir("/sys/fs/cgroup/leash-test", 0755);
	EQUAL(stat("/sys/fs/cgroup/leash-test", &status), 0);
	id = set_start(new_id(), 0, status.st_ino);
	fd = open("/sys/fs/cgroup/leash-test/cgroup.procs", O_WRONLY);
	snprintf(text, sizeof(text), "%d", pid);
	CHECK(write(fd, text, strlen(text)) > 0);
	EQUAL(rescan(LEASH_RESCAN_TAG | LEASH_RESCAN_PARENT).found, 0);
	EQUAL(rescan(LEASH_RESCAN_CGROUP).found, 1);
	EQUAL(start_of(pid), id);
	EQUAL(who(pid).via, LEASH_VIA_CGROUP);
	EQUAL(kill_start(id, SIGKILL, 0).count, 1); /* a cgroup is enough to be killed by */
	WITHIN(5, waitpid(pid, NULL, WNOHANG) == pid);
	WITHIN(5, rmdir("/sys/fs/cgroup/leash-test") == 0);
}

TEST(tag, "By the tag: a claim, that alone does not kill")
{
	__u64 id = new_id();
	pid_t pid = run_with("PATH=/bin", tag_of(id));
	struct leash_kill killed;

	set_start(id, 0, 0);
	EQUAL(start_of(pid), 0);
	EQUAL(rescan(LEASH_RESCAN_PARENT | LEASH_RESCAN_CGROUP).found, 0);
	EQUAL(rescan(LEASH_RESCAN_TAG).found, 1);
	EQUAL(start_of(pid), id);
	EQUAL(who(pid).via, LEASH_VIA_TAG);
	killed = kill_start(id, SIGKILL, 0);
	EQUAL(killed.count, 0);
	EQUAL(killed.live, 0);
	EQUAL(killed.claimed, 1);
	CHECK(!is_gone(pid));
	killed = kill_start(id, SIGKILL, LEASH_KILL_TAGGED);
	EQUAL(killed.count, 1);
	WITHIN(5, waitpid(pid, NULL, WNOHANG) == pid);
}

TEST(tag_child, "What is forked from a claim is a claim")
{
	__u64 id = new_id();
	pid_t pid = run_with(tag_of(id), "THEN_FORK=1"), child = hear();

	set_start(id, 0, 0);
	EQUAL(rescan(LEASH_RESCAN_TAG).found, 2);
	EQUAL(who(pid).via, LEASH_VIA_TAG);
	EQUAL(who(child).via, LEASH_VIA_TAG);
	EQUAL(kill_start(id, SIGTERM, 0).claimed, 2);
}

TEST(weaker, "A claim gives way to the controller's word")
{
	__u64 id = new_id(), real = new_start();
	pid_t pid = run_with(tag_of(id), NULL);
	struct leash_adopt adopt = { .start = real, .pid = pid };

	set_start(id, 0, 0);
	EQUAL(rescan(LEASH_RESCAN_TAG).found, 1);
	EQUAL(call(controller(), LEASH_IOC_ADOPT, &adopt), 0);
	EQUAL(start_of(pid), real);
	EQUAL(who(pid).via, LEASH_VIA_ADOPT);
	EQUAL(info_of(id).live, 0);
}

TEST(not_override, "A tag never overrides where a process really comes from")
{
	__u64 real = new_start(), claimed = new_start();
	char fd[16];
	char *const words[] = { "rescan", "--linger", fd, NULL };
	char *const environment[] = { (char *)tag_of(claimed), NULL };
	pid_t pid = fork_into(real);

	snprintf(fd, sizeof(fd), "%d", mail[1]);
	if (!pid) {
		execve("/proc/self/exe", words, environment);
		_exit(1);
	}
	EQUAL(hear(), pid);
	rescan(0);
	EQUAL(start_of(pid), real);
	EQUAL(who(pid).via, LEASH_VIA_FORK);
	EQUAL(who(pid).tag, claimed); /* but it is told */
	EQUAL(info_of(claimed).live, 0);
}

TEST(malformed, "Tags that are none, and others' names, are nothing")
{
	__u64 id = new_start();
	char with_name[128], long_tag[400];
	const char *wrong[] = { "LEASH_TAG=", "LEASH_TAG=@", "LEASH_TAG=test@", "LEASH_TAG=test@xyz",
				"LEASH_TAG=@1234", "XLEASH_TAG=test@1", with_name, long_tag };

	/* The id is right, the name another service's. */
	snprintf(with_name, sizeof(with_name), "LEASH_TAG=other@%llx", (unsigned long long)id);
	memset(long_tag, 'x', sizeof(long_tag));
	memcpy(long_tag, "LEASH_TAG=", 10);
	snprintf(long_tag + 350, sizeof(long_tag) - 350, "@%llx", (unsigned long long)id);
	for (size_t i = 0; i < sizeof(wrong) / sizeof(*wrong); i++)
		run_with(wrong[i], "B=2");
	EQUAL(rescan(LEASH_RESCAN_TAG).found, 0);
	EQUAL(info_of(id).live, 0);
}

TEST(far, "A tag behind other variables, of all lengths, is found")
{
	static char other[512];
	int found = 0;

	for (int length = 100; length < 460; length += 13) {
		__u64 id = new_start();
		pid_t pid;

		memset(other, 'a', sizeof(other));
		other[1] = '=';
		other[length] = '\0';
		pid = run_with(other, tag_of(id));
		rescan(LEASH_RESCAN_TAG);
		found += start_of(pid) == id;
		if (start_of(pid) != id)
			FAIL("not found behind %d characters", length);
		kill(pid, SIGKILL);
		waitpid(pid, NULL, 0);
	}
	CHECK(found > 20);
}

TEST(everything, "0 means all three")
{
	__u64 id = new_id();
	pid_t pid = run_with(tag_of(id), "THEN_FORK=1"), child = hear();

	set_start(id, 0, 0);
	EQUAL(rescan(0).found, 2);
	EQUAL(start_of(pid), id);
	EQUAL(start_of(child), id);
	EQUAL(stats().state & LEASH_STATE_INCOMPLETE, 0);
}

/* In the module the tag that is expected is compared a word at a time. */
TEST(to_the_end, "A tag is read to its last digit, whatever the length of the service's name")
{
	for (int wrong = 0; wrong <= 1; wrong++) {
		for (size_t size = 1; size <= 17; size++) {
			struct leash_start start = { .id = new_id(), .name = "" };
			__u64 told = start.id ^ wrong;
			char tag[128];
			pid_t pid;

			memset(start.name, 'n', size);
			EQUAL(call(controller(), LEASH_IOC_START_SET, &start), 0);
			EQUAL(arm(start.id), 0);
			snprintf(tag, sizeof(tag), "LEASH_TAG=%s@%016llx", start.name,
				 (unsigned long long)told);
			pid = run_with(tag, "B=2");
			EQUAL(start_of(pid), start.id);
			EQUAL(who(pid).tag, told);
			kill(pid, SIGKILL);
			waitpid(pid, NULL, 0);
		}
	}
}
