// SPDX-License-Identifier: GPL-2.0-only
#define pr_fmt(fmt) "leash: " fmt

/*
 * The program of user space that trouble is told to. The kernel forks it off one of its own threads:
 * neither init nor anybody else needs to run. Nobody waits for its execve, which a file system that
 * hangs may hold up for ever, nor for its end without a time limit; who cannot be killed is given up,
 * and holds up neither the next one nor the module's going.
 */
#include <linux/completion.h>
#include <linux/jiffies.h>
#include <linux/kmemleak.h>
#include <linux/list.h>
#include <linux/mutex.h>
#include <linux/pid.h>
#include <linux/rcupdate.h>
#include <linux/sched/signal.h>
#include <linux/sched/task.h>
#include <linux/slab.h>
#include <linux/string.h>
#include <linux/umh.h>

#include "leash.h"

#define DIES_WITHIN (2 * HZ)	/* after SIGKILL; else it hangs in the kernel */
#define GIVEN_UP_MOST 8		/* that hang, of silence and of all else: no further one is run */

/*
 * What the kernel reads until the program is there: ours to free then, not before, and with nothing in
 * it that goes with the module.
 */
struct run {
	struct list_head list;
	struct completion begun;	/* there is a process, or there will be none */
	struct task_struct *task;	/* as it was forked; NULL: none */
	struct pid *pid;
	bool silence;
	char path[LEASH_HANDLER_SIZE], reason[32], service[LEASH_NAME_SIZE + 20], pid_text[32],
	     start[40], search[40], home[8];
	char *argv[2], *env[7];
};

static DEFINE_MUTEX(lock);
static char handler[LEASH_HANDLER_SIZE];
unsigned int leash_handler_timeout_ms = 10000;
static LIST_HEAD(given_up);		/* under the lock */
static bool any_run;

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

/* In the child, before it is the program. Nothing of it comes back to this module. */
static int begin(struct subprocess_info *info, struct cred *new)
{
	struct run *run = info->data;

	info->cleanup = NULL;
	run->task = get_task_struct(current);
	run->pid = get_pid(task_tgid(current));
	complete(&run->begun);
	return 0;
}

/* There is none, for want of memory or because the machine goes down. */
static void not_begun(struct subprocess_info *info)
{
	struct run *run = info->data;

	complete(&run->begun);
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

static bool is_program(const struct run *run)
{
	return !(READ_ONCE(run->task->flags) & PF_FORKNOEXEC);
}

static void destroy(struct run *run)
{
	if (run->task)
		put_task_struct(run->task);
	put_pid(run->pid);
	kfree(run);
}

/* Frees those given up that went on after all. How many of that kind hang still. */
static unsigned int sweep(bool silence)
{
	struct run *run, *next;
	unsigned int hanging = 0;

	mutex_lock(&lock);
	list_for_each_entry_safe(run, next, &given_up, list) {
		if (runs(run->pid)) {
			hanging += run->silence == silence;
			continue;
		}
		list_del(&run->list);
		destroy(run);
	}
	mutex_unlock(&lock);
	return hanging;
}

static void give_up(struct run *run)
{
	pr_err("the handler %s hangs in the kernel\n", run->path);
	mutex_lock(&lock);
	list_add_tail(&run->list, &given_up);
	mutex_unlock(&lock);
}

static struct run *make(const struct leash_handler_call *call)
{
	struct run *run = kzalloc(sizeof(*run), GFP_KERNEL);

	if (!run)
		return NULL;
	init_completion(&run->begun);
	run->silence = call->silence;
	leash_handler_get(run->path);
	snprintf(run->reason, sizeof(run->reason), "REASON=%s", call->reason);
	snprintf(run->service, sizeof(run->service), "TROUBLED_SERVICE=%.*s", LEASH_NAME_SIZE - 1,
		 call->service);
	snprintf(run->pid_text, sizeof(run->pid_text), "TROUBLED_PID=%d", call->pid);
	snprintf(run->start, sizeof(run->start), "TROUBLED_START=%016llx", call->start);
	run->argv[0] = run->path;
	strscpy(run->search, "PATH=/usr/sbin:/usr/bin:/sbin:/bin", sizeof(run->search));
	strscpy(run->home, "HOME=/", sizeof(run->home));
	run->env[0] = run->search;
	run->env[1] = run->home;
	run->env[2] = run->reason;
	run->env[3] = run->service;
	run->env[4] = run->pid_text;
	run->env[5] = run->start;
	return run;
}

/* False: there is no process. */
static bool begin_run(struct run *run)
{
	struct subprocess_info *info;
	int err = -ENOMEM;

	info = call_usermodehelper_setup(run->path, run->argv, run->env, GFP_KERNEL, begin,
					 not_begun, run);
	if (info) {
		WRITE_ONCE(any_run, true);
		err = call_usermodehelper_exec(info, UMH_NO_WAIT);
		wait_for_completion(&run->begun); /* one of them is called always, and soon */
	}
	if (!run->task)
		pr_err("the handler %s cannot be run: error %d\n", run->path, err ? err : -ENOMEM);
	return run->task;
}

bool leash_handler_run(const struct leash_handler_call *call, bool (*enough)(void))
{
	unsigned int limit = READ_ONCE(leash_handler_timeout_ms), hanging = sweep(call->silence);
	struct run *run = make(call);
	bool begun = false;

	if (!run) {
		pr_err_ratelimited("no memory for a run of the handler\n");
		return false;
	}
	if (!run->path[0]) {
		begun = true; /* nobody wants to be told */
		goto out;
	}
	if (hanging >= GIVEN_UP_MOST) {
		pr_err_ratelimited("the handler %s is not run: %u of it hang in the kernel\n",
				   run->path, hanging);
		goto out;
	}
	begun = begin_run(run);
	if (!begun)
		goto out;
	if (!wait_for(run->pid, msecs_to_jiffies(limit), enough)) {
		if (!enough())
			pr_err("the handler %s has run for %u ms and is killed\n", run->path, limit);
		kill_pid(run->pid, SIGKILL, 1);
		if (!wait_for(run->pid, DIES_WITHIN, NULL)) {
			give_up(run);
			return true;
		}
	}
	if (!is_program(run) && !enough())
		pr_err("the handler %s cannot be executed\n", run->path);
out:
	destroy(run);
	return begun;
}

void leash_handler_stop(void)
{
	struct run *run, *next;

	/* Who has begun may not have left begin() yet. */
	if (any_run)
		synchronize_rcu_tasks();
	sweep(false);
	list_for_each_entry_safe(run, next, &given_up, list) {
		list_del(&run->list);
		if (is_program(run)) {
			destroy(run);
			continue;
		}
		/* Its execve, if it ever goes on, reads what we would free: that is left to it. */
		pr_warn("unloaded while the execve of %s hangs\n", run->path);
		put_task_struct(run->task);
		put_pid(run->pid);
		kmemleak_ignore(run);
	}
}
