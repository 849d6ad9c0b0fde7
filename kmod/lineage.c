// SPDX-License-Identifier: GPL-2.0-only
#include <linux/sched/signal.h>
#include <linux/sched/task.h>
#include <linux/string.h>

#include "compat.h"
#include "leash.h"

struct leash_table leash_table;

static atomic_t rounds;

u32 leash_next_round(void)
{
	u32 round = atomic_inc_return(&rounds);

	return round ? round : atomic_inc_return(&rounds);
}

bool leash_lookup(const void *key, struct leash_belonging *out)
{
	unsigned long irq;
	struct leash_entry *entry = leash_table_lock(&leash_table, key, &irq);

	if (!entry)
		return false;
	out->start = entry->life->id;
	out->group = entry->life->group;
	out->tag = entry->tag;
	out->start_ns = entry->start_ns;
	out->via = entry->via;
	out->flags = entry->flags;
	if (out->name)
		memcpy(out->name, entry->life->name, LEASH_NAME_SIZE);
	leash_table_unlock(&leash_table, key, irq);
	return true;
}

bool leash_lookup_task(struct task_struct *p, struct leash_belonging *out)
{
	if (leash_lookup(p->signal, out))
		return true;
	/* Until the fork is complete a child can be seen, but has no entry yet: its parent's counts. */
	if (unlikely(leash_task_state(p) == TASK_NEW))
		return leash_lookup(rcu_dereference(p->real_parent)->signal, out);
	return false;
}

void leash_lost_one(void)
{
	atomic64_inc(&leash_counters.lost);
	WRITE_ONCE(leash_incomplete, true);
	leash_worker_kick();
}

/* Takes over one user of `life`. */
int leash_insert_newborn(struct task_struct *child, struct leash_life *life, u8 via, u8 flags,
			 u64 tag)
{
	struct leash_entry entry = {
		.key = child->signal,
		.life = life,
		.tag = tag,
		.start_ns = child->start_boottime,
		.tgid = child->tgid,
		.via = via,
		.flags = flags,
	};
	int err;

	err = leash_table_insert(&leash_table, &entry);
	if (err) {
		leash_life_put(life);
		if (err == -ENOMEM) /* else it was adopted while it was being made */
			leash_lost_one();
		return err;
	}
	atomic64_inc(&life->forks);
	atomic64_inc(&leash_counters.forks);
	leash_worker_kick_if_low();
	return 0;
}

int leash_insert_running(struct task_struct *p, struct leash_life *life, u8 via, u32 round)
{
	struct signal_struct *sig = p->signal;
	struct leash_entry entry = {
		.key = sig,
		.life = life,
		.start_ns = p->start_boottime,
		.tgid = p->tgid,
		.round = round,
		.via = via,
	};
	int err;

	atomic_inc(&life->users);
	err = leash_table_insert(&leash_table, &entry);
	if (err) {
		leash_life_put(life);
		return err;
	}
	/*
	 * It may have been reaped meanwhile, and its last probe may have run before there was an
	 * entry. If it has not, it finds the entry from now on.
	 */
	smp_mb();
	if (!READ_ONCE(sig->nr_threads))
		leash_remove(p);
	return 0;
}

int leash_exit_code(const struct task_struct *p)
{
	int code = READ_ONCE(p->signal->group_exit_code);

	return code ? code : p->exit_code;
}

void leash_remove(struct task_struct *p)
{
	struct leash_entry gone;
	int exit_code = leash_exit_code(p);

	if (!leash_table_remove(&leash_table, p->signal, &gone))
		return;
	atomic64_inc(&gone.life->exits);
	if (exit_code & 0x7f)
		atomic64_inc(&gone.life->aborts);
	atomic64_add(p->signal->sum_sched_runtime, &gone.life->runtime_ns);
	leash_remember_gone(&gone, exit_code);
	leash_life_put(gone.life);
}
