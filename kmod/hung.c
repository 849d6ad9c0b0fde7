// SPDX-License-Identifier: GPL-2.0-only
#define pr_fmt(fmt) "leash: " fmt

/*
 * Tasks of services that sleep uninterruptibly, and have not run for hung_task_ms. Those that SIGKILL
 * can end (TASK_KILLABLE) are left out, as by the kernel's own khungtaskd, and so are idle ones. What
 * is suspect is kept in a table of fixed size: where it is full, further ones are looked at later.
 */
#include <linux/jiffies.h>
#include <linux/mutex.h>
#include <linux/sched.h>
#include <linux/sched/debug.h>
#include <linux/workqueue.h>

#include "compat.h"
#include "leash.h"

#define SUSPECTS 64
#define CHUNK 256		/* tasks in one RCU section */

struct suspect {
	u64 start_ns;		/* of the task; 0: free */
	unsigned long switches;	/* it has not run since as long as they stay */
	unsigned long since;	/* jiffies */
	unsigned int round;
	pid_t tid;
	bool told;
};

static DEFINE_MUTEX(lock);	/* of hung_ms and of the work being on or off */
static unsigned int hung_ms;
static struct suspect suspects[SUSPECTS];	/* the work's */
static unsigned int last_round;

static void look(struct work_struct *work);
static DECLARE_DELAYED_WORK(look_work, look);

static bool is_stuck(struct task_struct *p)
{
	unsigned int state = leash_task_state(p);

	return (state & TASK_UNINTERRUPTIBLE) && !(state & (TASK_WAKEKILL | TASK_NOLOAD | TASK_NEW)) &&
	       !(p->flags & PF_KTHREAD);
}

static struct suspect *suspect_of(struct task_struct *p)
{
	struct suspect *vacant = NULL;
	size_t i;

	for (i = 0; i < SUSPECTS; i++) {
		struct suspect *suspect = &suspects[i];

		if (suspect->start_ns == p->start_boottime && suspect->tid == p->pid)
			return suspect;
		if (!vacant && !suspect->start_ns)
			vacant = suspect;
	}
	return vacant;
}

static void tell(struct task_struct *p, unsigned int ms)
{
	struct leash_belonging belongs = { };
	struct leash_life *life;

	if (!leash_lookup_task(p, &belongs))
		return;
	life = leash_life_find(belongs.start);
	if (!life)
		return;
	pr_warn_ratelimited("%s[%d] has been asleep and not to be woken for %u ms\n", p->comm,
			    p->pid, ms);
	leash_event(LEASH_EVENT_HUNG, life, p, 0, ms);
	leash_trouble(LEASH_REASON_HUNG, life, p->pid);
}

static void examine(struct task_struct *p, unsigned int limit)
{
	unsigned long switches = p->nvcsw + p->nivcsw;
	struct leash_belonging belongs = { };
	struct suspect *suspect;
	unsigned int ms;

	if (!is_stuck(p) || !leash_lookup_task(p, &belongs))
		return;
	suspect = suspect_of(p);
	if (!suspect)
		return;
	if (suspect->start_ns != p->start_boottime || suspect->switches != switches) {
		suspect->start_ns = p->start_boottime;
		suspect->tid = p->pid;
		suspect->switches = switches;
		suspect->since = jiffies;
		suspect->told = false;
	}
	suspect->round = last_round;
	ms = jiffies_to_msecs(jiffies - suspect->since);
	if (suspect->told || ms < limit)
		return;
	suspect->told = true;
	tell(p, ms);
}

static void forget_the_others(void)
{
	size_t i;

	for (i = 0; i < SUSPECTS; i++)
		if (suspects[i].round != last_round)
			memset(&suspects[i], 0, sizeof(suspects[i]));
}

/* Four looks, so that it is told when it is late by a quarter at most. */
static unsigned long period(unsigned int ms)
{
	return msecs_to_jiffies(clamp(ms / 4, 25U, 30000U));
}

static void look(struct work_struct *work)
{
	unsigned int limit = READ_ONCE(hung_ms);
	struct task_struct *p = NULL;
	int nr = 1;

	if (!limit)
		return;
	last_round++;
	do {
		int count = CHUNK;

		rcu_read_lock();
		while (count-- && (p = leash_task_from(&nr))) {
			examine(p, limit);
			nr++;
		}
		rcu_read_unlock();
		cond_resched();
	} while (p && nr <= PID_MAX_LIMIT);
	forget_the_others();
	queue_delayed_work(system_unbound_wq, &look_work, period(limit));
}

unsigned int leash_hung_get(void)
{
	return READ_ONCE(hung_ms);
}

void leash_hung_set(unsigned int ms)
{
	mutex_lock(&lock);
	WRITE_ONCE(hung_ms, 0);
	cancel_delayed_work_sync(&look_work);
	memset(suspects, 0, sizeof(suspects));
	WRITE_ONCE(hung_ms, ms);
	if (ms)
		queue_delayed_work(system_unbound_wq, &look_work, period(ms));
	mutex_unlock(&lock);
}

void leash_hung_stop(void)
{
	leash_hung_set(0);
}
