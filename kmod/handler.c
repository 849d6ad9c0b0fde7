// SPDX-License-Identifier: GPL-2.0-only
#define pr_fmt(fmt) "leash: " fmt

/*
 * The program of user space that trouble is told to. The kernel forks it off one of its own threads:
 * neither init nor anybody else needs to run. Its end is polled for, since a wait for it, which the
 * kernel offers, has no time limit; and who cannot be killed holds up nobody then.
 */
#include <linux/jiffies.h>
#include <linux/mutex.h>
#include <linux/pid.h>
#include <linux/sched/signal.h>
#include <linux/string.h>
#include <linux/umh.h>

#include "leash.h"

#define DIES_WITHIN (2 * HZ)	/* after SIGKILL; else it hangs in the kernel */

static DEFINE_MUTEX(lock);
static char handler[LEASH_HANDLER_SIZE];
unsigned int leash_handler_timeout_ms = 10000;

void leash_handler_get(char path[LEASH_HANDLER_SIZE])
{
	mutex_lock(&lock);
	memcpy(path, handler, sizeof(handler));
	mutex_unlock(&lock);
}

int leash_handler_set(const char *path)
{
	if (path[0] && path[0] != '/')
		return -EINVAL;
	mutex_lock(&lock);
	strscpy_pad(handler, path, sizeof(handler));
	mutex_unlock(&lock);
	return 0;
}

/* In the child, before it is the program. */
static int keep_pid(struct subprocess_info *info, struct cred *new)
{
	struct pid **pid = info->data;

	*pid = get_pid(task_tgid(current));
	return 0;
}

static bool runs(struct pid *pid)
{
	bool there;

	rcu_read_lock();
	there = pid_task(pid, PIDTYPE_TGID);
	rcu_read_unlock();
	return there;
}

static bool wait_for(struct pid *pid, unsigned long limit, bool (*enough)(void))
{
	unsigned long end = jiffies + limit;

	while (runs(pid)) {
		if (time_after(jiffies, end) || (enough && enough()))
			return false;
		schedule_timeout_idle(max(HZ / 100, 1));
	}
	return true;
}

void leash_handler_run(const struct leash_handler_call *call, bool (*enough)(void))
{
	char path[LEASH_HANDLER_SIZE], reason[32], pid_text[32], start[40];
	char service[LEASH_NAME_SIZE + 20];
	char *argv[] = { path, NULL };
	char *env[] = { "PATH=/usr/sbin:/usr/bin:/sbin:/bin", "HOME=/", reason, service, pid_text,
			start, NULL };
	struct subprocess_info *info;
	struct pid *pid = NULL;
	unsigned int limit = READ_ONCE(leash_handler_timeout_ms);
	int err;

	leash_handler_get(path);
	if (!path[0])
		return;
	snprintf(reason, sizeof(reason), "REASON=%s", call->reason);
	snprintf(service, sizeof(service), "TROUBLED_SERVICE=%.*s", LEASH_NAME_SIZE - 1,
		 call->service);
	snprintf(pid_text, sizeof(pid_text), "TROUBLED_PID=%d", call->pid);
	snprintf(start, sizeof(start), "TROUBLED_START=%016llx", call->start);
	info = call_usermodehelper_setup(path, argv, env, GFP_KERNEL, keep_pid, NULL, &pid);
	err = info ? call_usermodehelper_exec(info, UMH_WAIT_EXEC) : -ENOMEM;
	if (err)
		pr_err("the handler %s cannot be run: error %d\n", path, err);
	if (!pid)
		return;
	if (!wait_for(pid, msecs_to_jiffies(limit), enough)) {
		if (!enough())
			pr_err("the handler %s has run for %u ms and is killed\n", path, limit);
		kill_pid(pid, SIGKILL, 1);
		if (!wait_for(pid, DIES_WITHIN, NULL))
			pr_err("the handler %s hangs in the kernel\n", path);
	}
	put_pid(pid);
}
