// SPDX-License-Identifier: GPL-2.0-only
#define pr_fmt(fmt) "leash: " fmt

/*
 * Killing by lineage. First the start is marked, then the table is walked: a process that is forked
 * meanwhile is either in the table when the walk comes by, or its fork sees the mark.
 */
#include <linux/pid.h>
#include <linux/pid_namespace.h>
#include <linux/rculist.h>
#include <linux/sched/signal.h>
#include <linux/signal.h>

#include "leash.h"

#define BATCH 32

struct strike {
	u64 id;
	bool group;
	bool spared_too, tagged_too;
	bool doomed;		/* those who are marked so, of whichever start */
	bool again;		/* the dying are left alone: they only need time */
	int signo;
	u32 round;
	u32 count, live, spared, claimed;
	unsigned int victims;
	struct {
		const void *key;
		pid_t tgid;
	} victim[BATCH];
};

static bool applies(const struct leash_life *life, const struct strike *strike)
{
	return (strike->group ? life->group : life->id) == strike->id;
}

static bool choose(struct leash_entry *entry, void *data)
{
	struct strike *strike = data;

	if (strike->doomed) {
		if (!(entry->flags & LEASH_ENTRY_DOOMED))
			return true;
		entry->flags &= ~LEASH_ENTRY_DOOMED;
		strike->victim[strike->victims].key = entry->key;
		strike->victim[strike->victims].tgid = entry->tgid;
		return ++strike->victims < BATCH;
	}
	if (!applies(entry->life, strike) || entry->round == strike->round)
		return true;
	entry->round = strike->round;
	if (!leash_process_lives(entry->key))
		return true;
	if ((entry->flags & LEASH_ENTRY_SPARED) && !strike->spared_too) {
		strike->spared++;
		return true;
	}
	if (entry->via == LEASH_VIA_TAG && !strike->tagged_too) {
		strike->claimed++;
		return true;
	}
	strike->victim[strike->victims].key = entry->key;
	strike->victim[strike->victims].tgid = entry->tgid;
	return ++strike->victims < BATCH;
}

static bool signal_victim(const void *key, pid_t tgid, int signo, bool again)
{
	struct task_struct *p;
	bool sent = false;

	rcu_read_lock();
	p = pid_task(find_pid_ns(tgid, &init_pid_ns), PIDTYPE_TGID);
	/* The number may be another process' by now; the key proves that it is not. */
	if (p && p->signal == key && leash_is_ours_to_touch(p) &&
	    !(again && (READ_ONCE(p->signal->flags) & SIGNAL_GROUP_EXIT)))
		sent = !kill_pid(task_tgid(p), signo, 1);
	rcu_read_unlock();
	return sent;
}

static void pass(struct strike *strike)
{
	unsigned int bucket = 0, i;

	strike->count = 0;
	strike->live = 0;
	strike->spared = 0;
	strike->claimed = 0;
	strike->round = leash_next_round();
	while (!leash_table_walked(&leash_table, bucket)) {
		strike->victims = 0;
		leash_table_walk(&leash_table, &bucket, choose, strike);
		for (i = 0; i < strike->victims; i++) {
			strike->live++;
			if (strike->signo &&
			    signal_victim(strike->victim[i].key, strike->victim[i].tgid, strike->signo,
					  strike->again))
				strike->count++;
		}
		cond_resched();
	}
	atomic64_add(strike->count, &leash_counters.killed);
}

/* How much of a start dies, new-borns included. Never less than before. */
#define LEASH_DIES		0x01
#define LEASH_DIES_SPARED	0x02
#define LEASH_DIES_TAGGED	0x04

static struct strike the_strike; /* under leash_lock: killing needs no memory */

int leash_kill(struct leash_kill *arg)
{
	struct strike *strike = &the_strike;
	struct leash_life *life;
	bool known = false;

	if ((arg->flags & ~(LEASH_KILL_GROUP | LEASH_KILL_SPARED | LEASH_KILL_TAGGED)) ||
	    arg->reserved || !arg->id || arg->signo < 0 || arg->signo > _NSIG)
		return -EINVAL;
	mutex_lock(&leash_lock);
	memset(strike, 0, sizeof(*strike));
	strike->id = arg->id;
	strike->group = arg->flags & LEASH_KILL_GROUP;
	strike->spared_too = arg->flags & LEASH_KILL_SPARED;
	strike->tagged_too = arg->flags & LEASH_KILL_TAGGED;
	strike->signo = arg->signo;
	list_for_each_entry(life, &leash_lives, list) {
		if (!applies(life, strike))
			continue;
		known = true;
		if (arg->signo == SIGKILL)
			WRITE_ONCE(life->dying, life->dying | LEASH_DIES |
				   (strike->spared_too ? LEASH_DIES_SPARED : 0) |
				   (strike->tagged_too ? LEASH_DIES_TAGGED : 0));
	}
	smp_mb(); /* against the fork probe */
	if (known)
		pass(strike);
	arg->count = strike->count;
	arg->live = strike->live;
	arg->spared = strike->spared;
	arg->claimed = strike->claimed;
	mutex_unlock(&leash_lock);
	if (known && arg->signo)
		leash_dbg("signal %d to %s %016llx: %u processes, %u spared\n", arg->signo,
			  arg->flags & LEASH_KILL_GROUP ? "group" : "start", arg->id, arg->count,
			  arg->spared);
	arg->state = leash_state();
	return known ? 0 : -ENOENT;
}

static bool any_doomed;

void leash_kill_at_birth(struct task_struct *child)
{
	if (IS_ENABLED(CONFIG_PREEMPT_RT)) { /* a signal needs a lock that sleeps */
		unsigned long irq;
		struct leash_entry *entry = leash_table_lock(&leash_table, child->signal, &irq);

		if (!entry)
			return;
		entry->flags |= LEASH_ENTRY_DOOMED;
		leash_table_unlock(&leash_table, child->signal, irq);
		/* After the mark: who sees this finds it. */
		smp_store_release(&any_doomed, true);
		leash_worker_kick();
		return;
	}
	/* It has not run yet, and never will in user mode. */
	if (!send_sig(SIGKILL, child, 1))
		atomic64_inc(&leash_counters.killed_at_birth);
}

void leash_kill_newborn(struct task_struct *child, const struct leash_life *life, u8 via, u8 flags)
{
	u8 dying = READ_ONCE(life->dying);

	if ((via == LEASH_VIA_TAG && !(dying & LEASH_DIES_TAGGED)) ||
	    ((flags & LEASH_ENTRY_SPARED) && !(dying & LEASH_DIES_SPARED)))
		return;
	if (IS_ENABLED(CONFIG_PREEMPT_RT))
		leash_worker_kick(); /* the start is killed once more */
	else
		leash_kill_at_birth(child);
}

static void kill_the_doomed(struct strike *strike)
{
	if (!xchg(&any_doomed, false))
		return;
	memset(strike, 0, sizeof(*strike));
	strike->doomed = true;
	strike->signo = SIGKILL;
	pass(strike);
}

void leash_kill_the_dying(void)
{
	struct strike *strike = &the_strike;
	struct leash_life *life;

	lockdep_assert_held(&leash_lock);
	kill_the_doomed(strike);
	list_for_each_entry(life, &leash_lives, list) {
		int passes = 100;

		if (READ_ONCE(life->limits.doomed)) {
			WRITE_ONCE(life->limits.doomed, false);
			WRITE_ONCE(life->dying, life->dying | LEASH_DIES);
			smp_mb(); /* against the fork probe */
		}
		if (!life->dying || !atomic_read(&life->users))
			continue;
		memset(strike, 0, sizeof(*strike));
		strike->id = life->id;
		strike->again = true;
		strike->spared_too = life->dying & LEASH_DIES_SPARED;
		strike->tagged_too = life->dying & LEASH_DIES_TAGGED;
		strike->signo = SIGKILL;
		/* Who forks faster than it is killed runs below the priority of the worker. */
		do {
			pass(strike);
		} while (strike->count && --passes);
	}
}
