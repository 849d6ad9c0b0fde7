// SPDX-License-Identifier: GPL-2.0-only
/*
 * What the controller says about processes that live: whose they are, and that they are spared.
 * Both can be said of a whole tree; the tree is walked until a pass finds nobody new, so that a
 * child that is forked meanwhile is found, too (or has inherited what its parent was told).
 */
#include <linux/pid.h>
#include <linux/pid_namespace.h>
#include <linux/sched/signal.h>
#include <linux/sched/task.h>
#include <linux/timekeeping.h>

#include "leash.h"

#define AT_A_TIME 1024	/* numbers in one RCU section */

struct order {
	struct leash_life *life;
	u64 begun;		/* who was born later has inherited what its parent was told */
	bool replace;		/* adopt: also from another start */
	bool spare, clear;	/* else: adopt */
	u32 round;		/* stamps who was visited */
	u32 count;		/* who was changed */
};

/* The entry is there: changes it, and stamps it if it follows the order. 0, -EEXIST, -ESRCH */
static int change(struct leash_entry *entry, struct order *order)
{
	if (order->spare) {
		u8 flags = order->clear ? entry->flags & ~LEASH_ENTRY_SPARED :
					  entry->flags | LEASH_ENTRY_SPARED;

		if (entry->life != order->life)
			return -ESRCH;
		if (flags != entry->flags)
			order->count++;
		entry->flags = flags;
		entry->round = order->round;
		return 0;
	}
	if (entry->life == order->life) {
		entry->round = order->round;
		entry->via = min_t(u8, entry->via, LEASH_VIA_ADOPT);
		return 0;
	}
	if (!order->replace && entry->via <= LEASH_VIA_PARENT)
		return -EEXIST;
	atomic_inc(&order->life->users);
	leash_life_join(order->life);
	leash_life_leave(entry->life, entry->tgid);
	leash_life_put(entry->life);
	entry->life = order->life;
	entry->round = order->round;
	entry->via = LEASH_VIA_ADOPT;
	entry->flags &= ~LEASH_ENTRY_SPARED;
	order->count++;
	return 0;
}

/* 0, -EEXIST, -ESRCH, -ENOMEM. Under RCU and leash_lock. */
static int apply(struct task_struct *p, struct order *order)
{
	unsigned long irq;
	struct leash_entry *entry;
	int err;

	entry = leash_table_lock(&leash_table, p->signal, &irq);
	if (entry) {
		u32 before = order->count;

		err = change(entry, order);
		leash_table_unlock(&leash_table, p->signal, irq);
		if (!order->spare && order->count != before)
			leash_event(LEASH_EVENT_ADOPTED, order->life, p, LEASH_VIA_ADOPT, 0);
		return err;
	}
	if (order->spare)
		return -ESRCH;
	err = leash_insert_running(p, order->life, LEASH_VIA_ADOPT, order->round);
	if (err == -EEXIST) /* born into a start this very moment: once more, and it is there */
		return apply(p, order);
	if (!err) {
		order->count++;
		atomic64_inc(&leash_counters.adopted);
	}
	return err;
}

static bool visited(struct task_struct *p, u32 round)
{
	unsigned long irq;
	struct leash_entry *entry = leash_table_lock(&leash_table, p->signal, &irq);
	bool yes;

	if (!entry)
		return false;
	yes = entry->round == round;
	leash_table_unlock(&leash_table, p->signal, irq);
	return yes;
}

/* One pass over all processes. How many joined the tree; negative: an error. */
static int grow(struct order *order)
{
	struct task_struct *p;
	int joined = 0, nr = 1, err = 0;

	while (!err) {
		int stop = nr + AT_A_TIME;

		if (leash_table_fill(&leash_table, leash_pool + AT_A_TIME, leash_max_entries,
				     GFP_NOWAIT | __GFP_NOWARN))
			return -ENOMEM;
		rcu_read_lock();
		for (p = leash_process_from(&nr); p && nr < stop; nr++, p = leash_process_from(&nr)) {
			u32 before = order->count;

			if (!leash_is_ours_to_touch(p) || visited(p, order->round) ||
			    !visited(rcu_dereference(p->real_parent), order->round))
				continue;
			err = apply(p, order);
			if (err == -ENOMEM)
				break;
			/*
			 * Who keeps its start is not part of the tree, nor is what it forked. Who forks
			 * all the time shall not keep us here: a child born since is no news.
			 */
			if (!err && (order->count != before || p->start_boottime < order->begun))
				joined++;
			err = 0;
		}
		rcu_read_unlock();
		if (!p)
			break;
		cond_resched();
		if (fatal_signal_pending(current))
			return -EINTR;
	}
	return err ? err : joined;
}

static struct task_struct *get_process(s32 pid, u64 start_ns)
{
	struct task_struct *p;

	rcu_read_lock();
	p = pid ? pid_task(find_pid_ns(pid, &init_pid_ns), PIDTYPE_TGID) : current->group_leader;
	if (p && start_ns && p->start_boottime != start_ns)
		p = NULL;
	if (p)
		get_task_struct(p);
	rcu_read_unlock();
	return p;
}

static int carry_out(struct order *order, s32 pid, u64 start_ns, bool tree)
{
	struct task_struct *p;
	int err, joined;

	if (pid < 0 || pid > PID_MAX_LIMIT)
		return -EINVAL;
	p = get_process(pid, start_ns);
	if (!p)
		return -ESRCH;
	order->round = leash_next_round();
	order->begun = ktime_get_boottime_ns();
	rcu_read_lock();
	if (!leash_process_lives(p->signal))
		err = -ESRCH;
	else if (leash_is_ours_to_touch(p))
		err = apply(p, order);
	else
		err = -EINVAL;
	rcu_read_unlock();
	put_task_struct(p);
	if (!tree || err)
		return err;
	do {
		joined = grow(order);
	} while (joined > 0);
	return joined;
}

int leash_adopt(struct leash_adopt *arg)
{
	struct order order = { .replace = arg->flags & LEASH_ADOPT_REPLACE };
	int err;

	if ((arg->flags & ~(LEASH_ADOPT_TREE | LEASH_ADOPT_REPLACE)) || arg->reserved)
		return -EINVAL;
	leash_fill_pool(GFP_KERNEL);
	mutex_lock(&leash_lock);
	order.life = leash_life_find(arg->start);
	if (!order.life || order.life->released)
		err = -ENOENT;
	else if (order.life->dying)
		err = -ESHUTDOWN;
	else
		err = carry_out(&order, arg->pid, arg->start_ns, arg->flags & LEASH_ADOPT_TREE);
	mutex_unlock(&leash_lock);
	arg->count = order.count;
	leash_worker_kick_if_low();
	return err;
}

unsigned int leash_spare_seq;

int leash_spare(struct leash_spare *arg)
{
	struct order order = { .spare = true, .clear = arg->flags & LEASH_SPARE_CLEAR };
	int err;

	if ((arg->flags & ~(LEASH_SPARE_TREE | LEASH_SPARE_CLEAR)) || arg->reserved)
		return -EINVAL;
	mutex_lock(&leash_lock);
	order.life = leash_life_find(arg->start);
	WRITE_ONCE(leash_spare_seq, leash_spare_seq + 1);
	smp_mb(); /* a fork that misses the mark sees that there is one to look for */
	err = order.life ? carry_out(&order, arg->pid, arg->start_ns, arg->flags & LEASH_SPARE_TREE) :
			   -ENOENT;
	smp_mb(); /* the marks before the word that they are complete */
	WRITE_ONCE(leash_spare_seq, leash_spare_seq + 1);
	mutex_unlock(&leash_lock);
	arg->count = order.count;
	return err;
}
