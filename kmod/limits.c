// SPDX-License-Identifier: GPL-2.0-only
#define pr_fmt(fmt) "leash: " fmt

/* What a start may do: processes, and forks within a time. Looked at in the fork probe. */
#include <linux/sched.h>
#include <linux/timekeeping.h>

#include "leash.h"

/* A service can come to its limit as often as it likes: what that sets off runs as root. */
#define TROUBLE_EVERY (60 * (u64)NSEC_PER_SEC)

static bool is_valid(const struct leash_limits *arg)
{
	return !(arg->flags & ~LEASH_LIMITS_QUERY) &&
	       !arg->forks == !arg->period_ms && arg->period_ms <= 86400000 &&
	       arg->action <= LEASH_LIMIT_KILL;
}

static void set(struct leash_life *life, const struct leash_limits *arg)
{
	unsigned long irq;

	raw_spin_lock_irqsave(&life->limits.lock, irq);
	life->limits.processes = arg->processes;
	life->limits.forks = arg->forks;
	life->limits.period_ms = arg->period_ms;
	life->limits.action = arg->action;
	life->limits.forked = 0;
	life->limits.since_ns = 0;
	life->limits.above = false;
	life->limits.trouble_ns = 0;
	raw_spin_unlock_irqrestore(&life->limits.lock, irq);
	WRITE_ONCE(life->limits.any, arg->processes || arg->forks);
}

static void query(struct leash_life *life, struct leash_limits *arg)
{
	unsigned long irq;

	raw_spin_lock_irqsave(&life->limits.lock, irq);
	arg->processes = life->limits.processes;
	arg->forks = life->limits.forks;
	arg->period_ms = life->limits.period_ms;
	arg->action = life->limits.action;
	arg->exceeded = life->limits.exceeded;
	raw_spin_unlock_irqrestore(&life->limits.lock, irq);
	arg->now = atomic_read(&life->processes);
}

int leash_start_limits(struct leash_limits *arg)
{
	struct leash_life *life;

	if (!is_valid(arg))
		return -EINVAL;
	mutex_lock(&leash_lock);
	life = leash_life_find(arg->id);
	if (life) {
		if (!(arg->flags & LEASH_LIMITS_QUERY))
			set(life, arg);
		query(life, arg);
	}
	mutex_unlock(&leash_lock);
	return life ? 0 : -ENOENT;
}

/* What a fork has done to the limits of its start. */
struct verdict {
	bool processes, forks;		/* exceeded */
	bool tell_processes, tell_forks; /* since now */
	bool trouble;			/* and nobody was told lately */
	u32 max_processes, max_forks, action;
};

static void count(struct leash_life *life, int nth, struct verdict *verdict)
{
	unsigned long irq;
	u64 now;

	raw_spin_lock_irqsave(&life->limits.lock, irq);
	now = ktime_get_boottime_ns(); /* in the order in which they count */
	verdict->action = life->limits.action;
	verdict->max_processes = life->limits.processes;
	verdict->max_forks = life->limits.forks;
	verdict->processes = life->limits.processes && (u32)nth > life->limits.processes;
	verdict->tell_processes = verdict->processes && !life->limits.above;
	/* Forks come here in another order than they were counted in. */
	if (verdict->processes)
		life->limits.above = true;
	else if ((u32)atomic_read(&life->processes) <= life->limits.processes)
		life->limits.above = false;
	if (life->limits.forks) {
		if (!life->limits.since_ns ||
		    now - life->limits.since_ns >= life->limits.period_ms * (u64)NSEC_PER_MSEC) {
			life->limits.since_ns = now;
			life->limits.forked = 0;
		}
		if (life->limits.forked <= life->limits.forks) {
			life->limits.forked++;
			verdict->tell_forks = life->limits.forked > life->limits.forks;
		}
		verdict->forks = life->limits.forked > life->limits.forks;
	}
	if (verdict->processes || verdict->forks)
		life->limits.exceeded++;
	if ((verdict->tell_processes || verdict->tell_forks) &&
	    (!life->limits.trouble_ns || now - life->limits.trouble_ns >= TROUBLE_EVERY)) {
		life->limits.trouble_ns = now;
		verdict->trouble = true;
	}
	raw_spin_unlock_irqrestore(&life->limits.lock, irq);
}

void leash_check_limits(struct task_struct *child, struct leash_life *life, u8 via, u8 flags,
			int nth)
{
	struct verdict verdict = { };

	count(life, nth, &verdict);
	if (likely(!verdict.processes && !verdict.forks))
		return;
	if (verdict.tell_processes) {
		leash_event(LEASH_EVENT_LIMIT, life, child, LEASH_LIMIT_PROCESSES,
			    verdict.max_processes);
		if (verdict.trouble)
			leash_trouble(LEASH_REASON_TASK_LIMIT, life, child->tgid);
	}
	if (verdict.tell_forks) {
		leash_event(LEASH_EVENT_LIMIT, life, child, LEASH_LIMIT_FORKS, verdict.max_forks);
		if (verdict.trouble)
			leash_trouble(LEASH_REASON_FORK_RATE, life, child->tgid);
	}
	if (verdict.action == LEASH_LIMIT_TELL)
		return;
	if (via != LEASH_VIA_TAG && !(flags & LEASH_ENTRY_SPARED))
		leash_kill_at_birth(child);
	if (verdict.action == LEASH_LIMIT_KILL && !READ_ONCE(life->dying)) {
		WRITE_ONCE(life->limits.doomed, true);
		leash_worker_kick();
	}
}
