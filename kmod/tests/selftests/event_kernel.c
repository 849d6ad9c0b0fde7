// SPDX-License-Identifier: GPL-2.0-only
/* Events that the kernel has the cause of: the memory is out, a task does not come back. */
#include <linux/membarrier.h>

#include "events.h"
#include "trouble.h"

#define CGROUPS "/sys/fs/cgroup/"
#define SMALL CGROUPS "leash-test-oom"

static void eat(void)
{
	char number[32];

	snprintf(number, sizeof(number), "%d", getpid());
	CHECK(put_text(SMALL "/cgroup.procs", number));
	for (;;) {
		char *some = mmap(NULL, 1 << 20, PROT_READ | PROT_WRITE,
				  MAP_PRIVATE | MAP_ANONYMOUS | MAP_POPULATE, -1, 0);

		CHECK(some != MAP_FAILED);
	}
}

TEST(oom, "Who is killed for want of memory is told, before its end")
{
	__u64 id = new_start(), other = new_start();
	struct leash_watch wanted = { .start = id,
				      .events = LEASH_EVENT_OOM | LEASH_EVENT_PROCESS_ABORT };
	int fd = observer(), others;
	struct leash_record record;
	pid_t pid;

	put_text(CGROUPS "cgroup.subtree_control", "+memory");
	mkdir(SMALL, 0755);
	if (!put_text(SMALL "/memory.max", "8388608"))
		SKIP("no memory controller of cgroup v2");
	put_text(SMALL "/memory.swap.max", "0");
	EQUAL(watch(fd, &wanted), 0);
	EQUAL(wanted.events, LEASH_EVENT_OOM | LEASH_EVENT_PROCESS_ABORT);
	others = watching(other, LEASH_EVENT_OOM, 0);
	pid = fork_into(id);
	if (!pid)
		eat();
	record = next(fd);
	EQUAL(record.type, LEASH_EVENT_OOM);
	EQUAL(record.tgid, pid);
	EQUAL(record.start, id);
	record = next(fd);
	EQUAL(record.type, LEASH_EVENT_PROCESS_ABORT);
	EQUAL(record.tgid, pid);
	EQUAL(record.code & 0x7f, SIGKILL);
	reap(pid);
	EQUAL(take(fd), 0);
	EQUAL(take(others), 0);
	WITHIN(5, !rmdir(SMALL));
}

#define KERNEL "/proc/sys/kernel/"

/*
 * Sleeps until the directory's holder is killed, and cannot be woken. It looks for a name that nobody
 * has looked for: that there is none is known from then on, without a look into the directory.
 */
static pid_t stuck_in(__u64 id)
{
	pid_t pid = fork_into(id);

	if (!pid) {
		char path[64];

		snprintf(path, sizeof(path), HUNG "/nothing-%d", getpid());
		open(path, O_RDONLY);
		_exit(0);
	}
	WITHIN(5, is_in_state(pid, 'D'));
	return pid;
}

/*
 * khungtaskd asks whether to warn only after it has told the event, which may have woken us by then. It
 * looks at tasks in RCU sections: after the next grace period it has asked.
 */
static void khungtaskd_is_through(void)
{
	EQUAL(syscall(SYS_membarrier, MEMBARRIER_CMD_GLOBAL, 0, 0), 0);
}

TEST(khungtaskd, "A task that the kernel's own watch finds hung is told")
{
	__u64 id = new_start(), other = new_start();
	int fd = watching(id, LEASH_EVENT_HUNG, 0), others = watching(other, LEASH_EVENT_HUNG, 0);
	char before[64], warnings[64];
	struct leash_record record;
	pid_t holder, stuck;

	snprintf(before, sizeof(before), "%.60s", read_text(KERNEL "hung_task_timeout_secs"));
	snprintf(warnings, sizeof(warnings), "%.60s", read_text(KERNEL "hung_task_warnings"));
	if (!before[0])
		SKIP("a kernel without CONFIG_DETECT_HUNG_TASK");
	EQUAL(set_sysctl("hung_task_ms", "0"), 0); /* not by us */
	CHECK(put_text(KERNEL "hung_task_warnings", "0"));
	holder = hang_directory();
	linger_in(other);
	stuck = stuck_in(id);
	CHECK(put_text(KERNEL "hung_task_timeout_secs", "1"));
	record = next(fd);
	CHECK(put_text(KERNEL "hung_task_timeout_secs", before));
	khungtaskd_is_through();
	CHECK(put_text(KERNEL "hung_task_warnings", warnings));
	EQUAL(record.type, LEASH_EVENT_HUNG);
	EQUAL(record.tid, stuck);
	EQUAL(record.start, id);
	EQUAL(record.arg, 0);
	EQUAL(take(others), 0);
	EQUAL(kill(holder, SIGKILL), 0);
	reap(stuck);
}

TEST(hung, "So is one that the module finds, with how long")
{
	__u64 id = new_start();
	int fd = watching(id, LEASH_EVENT_HUNG, 0);
	pid_t holder = hang_directory(), stuck = stuck_in(id);
	struct leash_record record;

	EQUAL(set_sysctl("hung_task_ms", "300"), 0);
	record = next(fd);
	EQUAL(set_sysctl("hung_task_ms", "0"), 0);
	EQUAL(record.type, LEASH_EVENT_HUNG);
	EQUAL(record.tid, stuck);
	EQUAL(record.start, id);
	CHECK(record.arg >= 300);
	EQUAL(kill(holder, SIGKILL), 0);
	reap(stuck);
}
