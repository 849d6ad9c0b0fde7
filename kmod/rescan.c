// SPDX-License-Identifier: GPL-2.0-only
#define pr_fmt(fmt) "leash: " fmt

/*
 * Finds the start of processes that have none: those that lived before the module or the start was
 * known, and those that were forked when there was no entry left.
 */
#include <linux/sched/signal.h>
#include <linux/sched/task.h>
#include <linux/string.h>

#include "compat.h"
#include "leash.h"

#define ALL (LEASH_RESCAN_PARENT | LEASH_RESCAN_CGROUP | LEASH_RESCAN_TAG)
#define AT_A_TIME 1024	/* numbers in one RCU section */

static bool no_room; /* some process was found, but there was no entry for it */

static bool wants_start(struct task_struct *p)
{
	struct leash_belonging unused = { };

	/* Who is being forked right now is told by its fork. */
	return leash_is_ours_to_touch(p) && leash_task_state(p) != TASK_NEW &&
	       leash_process_lives(p->signal) && !leash_lookup_task(p, &unused);
}

static bool attribute(struct task_struct *p, struct leash_life *life, u8 via)
{
	int err = leash_insert_running(p, life, via, 0);

	/* Not a fork more that is lost: the worker, which looks for these, would find work for ever. */
	if (err == -ENOMEM) {
		no_room = true;
		WRITE_ONCE(leash_incomplete, true);
	}
	if (!err)
		leash_dbg("rescan: process %d belongs to %s, told by source %u\n", p->tgid, life->name,
			  via);
	return !err;
}

static struct leash_life *life_of_parent(struct task_struct *p, u8 *via)
{
	struct leash_belonging found = { };

	if (!leash_lookup(rcu_dereference(p->real_parent)->signal, &found))
		return NULL;
	*via = max_t(u8, LEASH_VIA_PARENT, found.via);
	return leash_life_find(found.start);
}

static bool by_parent(struct task_struct *p)
{
	u8 via;
	struct leash_life *life = life_of_parent(p, &via);

	return life && attribute(p, life, via);
}

static bool by_cgroup(struct task_struct *p)
{
	struct leash_life *life = leash_life_of_cgroup(leash_cgroup_of(p));

	return life && attribute(p, life, LEASH_VIA_CGROUP);
}

static unsigned int pass(bool (*attribute_by)(struct task_struct *p))
{
	unsigned int found = 0;
	struct task_struct *p;
	int nr = 1;

	do {
		int stop = nr + AT_A_TIME;

		leash_table_fill(&leash_table, leash_pool + AT_A_TIME, leash_max_entries, GFP_KERNEL);
		mutex_lock(&leash_lock);
		rcu_read_lock();
		for (p = leash_process_from(&nr); p && nr < stop; nr++, p = leash_process_from(&nr))
			if (wants_start(p) && attribute_by(p))
				found++;
		rcu_read_unlock();
		mutex_unlock(&leash_lock);
		cond_resched();
	} while (p && !fatal_signal_pending(current));
	return found;
}

/* Numbers mostly grow from parent to child, so that one pass finds whole families. */
static unsigned int all_by_parent(void)
{
	unsigned int found, sum = 0;
	int passes = 16;

	do {
		found = pass(by_parent);
		sum += found;
	} while (found && --passes && !fatal_signal_pending(current));
	return sum;
}

unsigned int leash_rescan_quick(void)
{
	unsigned int found;

	mutex_lock(&leash_lock);
	found = leash_find_lost();
	mutex_unlock(&leash_lock);
	found += all_by_parent() + pass(by_cgroup);
	found += all_by_parent(); /* children of those that the cgroup has told about */
	atomic64_add(found, &leash_counters.found);
	return found;
}

/* Reading the memory of others may take long: not under leash_lock. */
static unsigned int all_by_tag(void)
{
	unsigned int found = 0;
	struct task_struct *p;
	int nr = 1;

	while (!fatal_signal_pending(current)) {
		char name[LEASH_NAME_SIZE];
		struct leash_life *life;
		bool asks = false;
		u64 id;

		rcu_read_lock();
		p = leash_process_from(&nr);
		if (p) {
			asks = wants_start(p);
			get_task_struct(p);
			nr++;
		}
		rcu_read_unlock();
		if (!p)
			break;
		id = asks ? leash_tag_of_other(p, name) : 0;
		if (id) {
			leash_fill_pool(GFP_KERNEL);
			mutex_lock(&leash_lock);
			rcu_read_lock();
			life = leash_life_find(id);
			if (life && !strcmp(life->name, name) && wants_start(p) &&
			    attribute(p, life, LEASH_VIA_TAG))
				found++;
			rcu_read_unlock();
			mutex_unlock(&leash_lock);
		}
		put_task_struct(p);
		cond_resched();
	}
	return found;
}

int leash_rescan(struct leash_rescan *arg)
{
	u32 flags = arg->flags ? arg->flags : ALL;
	s64 lost;

	if ((flags & ~ALL) || arg->reserved)
		return -EINVAL;
	lost = atomic64_read(&leash_counters.lost);
	no_room = false;
	mutex_lock(&leash_lock);
	arg->found = leash_find_lost();
	mutex_unlock(&leash_lock);
	if (flags & LEASH_RESCAN_PARENT)
		arg->found += all_by_parent();
	if (flags & LEASH_RESCAN_CGROUP)
		arg->found += pass(by_cgroup);
	if (flags & LEASH_RESCAN_TAG)
		arg->found += all_by_tag();
	if (flags & LEASH_RESCAN_PARENT)
		arg->found += all_by_parent();
	atomic64_add(arg->found, &leash_counters.found);
	if (arg->found)
		leash_worker_kick(); /* their start may be dying */
	if (fatal_signal_pending(current))
		return -EINTR;
	if (flags == ALL && !no_room) {
		WRITE_ONCE(leash_incomplete, false);
		smp_mb(); /* against leash_lose(), which counts before it sets the flag */
		if (lost != atomic64_read(&leash_counters.lost))
			WRITE_ONCE(leash_incomplete, true);
	}
	arg->state = leash_state();
	return 0;
}
