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

const struct leash_life *leash_life_of(const void *key)
{
	unsigned long irq;
	struct leash_entry *entry = leash_table_lock(&leash_table, key, &irq);
	const struct leash_life *life;

	if (!entry)
		return NULL;
	life = entry->life;
	leash_table_unlock(&leash_table, key, irq);
	return life;
}

bool leash_lookup_task(struct task_struct *p, struct leash_belonging *out)
{
	bool fresh = leash_task_state(p) == TASK_NEW;

	smp_rmb(); /* who is not new any more has its entry */
	if (leash_lookup(p->signal, out))
		return true;
	/* Until the fork is complete a child can be seen, but has no entry yet: its parent's counts. */
	return unlikely(fresh) && leash_lookup(rcu_dereference(p->real_parent)->signal, out);
}

bool leash_process_lives(const struct signal_struct *sig)
{
	const struct task_struct *t;

	if (atomic_read(&sig->live))
		return true;
	/* It may hang on its way out, in the close of a file, with all that others wait for. */
	list_for_each_entry_rcu(t, &sig->thread_head, thread_node)
		if (!READ_ONCE(t->exit_state))
			return true;
	return false;
}

static noinline void lose(struct task_struct *child, struct leash_life *life, u8 via)
{
	struct leash_entry entry = {
		.life = life,
		.start_ns = child->start_boottime,
		.tgid = child->tgid,
		.via = via,
	};

	leash_lose(&entry);
}

/* Takes over one user of `life`. Filled in where it stays: each fork of a service comes by here. */
static inline int insert_newborn(struct task_struct *child, struct leash_life *life, u8 via,
				 u8 flags, u64 tag, int *nth)
{
	struct leash_entry *entry = leash_table_take_at_hand(&leash_table);

	if (unlikely(!entry)) {
		entry = leash_table_take_from_pool(&leash_table);
		leash_worker_kick_if_low();
	}
	if (unlikely(!entry)) { /* it was never in, so that it leaves nothing empty */
		lose(child, life, via);
		leash_life_put(life);
		return -ENOMEM;
	}
	*nth = leash_life_join(life);
	entry->key = child->signal;
	entry->life = life;
	entry->tag = tag;
	entry->start_ns = child->start_boottime;
	entry->tgid = child->tgid;
	entry->round = 0;
	entry->via = via;
	entry->flags = flags;
	if (unlikely(!leash_table_put_in(&leash_table, entry))) {
		leash_table_give_back(&leash_table, entry); /* adopted while it was being made */
		leash_life_leave(life, child->tgid);
		leash_life_put(life);
		return -EEXIST;
	}
	atomic64_inc(&life->forks);
	return 0;
}

/* Its parent may have been marked, or unmarked, while it was inserted. What its flags are now. */
static noinline u8 sync_spared(struct task_struct *parent, struct task_struct *child, u8 flags)
{
	struct leash_entry *entry;
	unsigned long irq;
	u8 now = flags;

	entry = leash_table_lock(&leash_table, parent->signal, &irq);
	if (entry) {
		now = entry->flags & LEASH_ENTRY_SPARED;
		leash_table_unlock(&leash_table, parent->signal, irq);
	}
	if (likely(now == flags))
		return flags;
	entry = leash_table_lock(&leash_table, child->signal, &irq);
	if (entry) {
		entry->flags = now;
		leash_table_unlock(&leash_table, child->signal, irq);
	}
	return now;
}

struct leash_life *leash_born(struct task_struct *parent, struct task_struct *child)
{
	struct leash_life *life = leash_arm_consume(parent);
	bool inherited = likely(!life);
	u8 via = LEASH_VIA_FORK, flags = 0;
	unsigned int spare_seq = 0;
	u64 tag = 0;
	int nth, err;

	if (inherited) {
		const void *key = parent->signal;
		struct leash_entry *entry;
		unsigned long irq;

		spare_seq = READ_ONCE(leash_spare_seq);
		entry = leash_table_lock(&leash_table, key, &irq);
		if (!entry)
			return NULL;
		life = entry->life;
		atomic_inc(&life->users);
		tag = entry->tag;
		flags = entry->flags & LEASH_ENTRY_SPARED;
		/* What is only claimed or guessed of the parent is no more than that of the child. */
		if (entry->via >= LEASH_VIA_CGROUP)
			via = entry->via;
		leash_table_unlock(&leash_table, key, irq);
	}
	err = insert_newborn(child, life, via, flags, tag, &nth);
	if (unlikely(err == -EEXIST))
		return NULL;
	smp_mb(); /* against leash_kill(): it sees the entry, or we see that the start dies */
	if (!err && inherited && unlikely((spare_seq & 1) || spare_seq != READ_ONCE(leash_spare_seq)))
		flags = sync_spared(parent, child, flags);
	if (unlikely(READ_ONCE(life->dying)))
		leash_kill_newborn(child, life, via, flags);
	else if (unlikely(READ_ONCE(life->limits.any)))
		leash_check_limits(child, life, via, flags,
				   err ? atomic_read(&life->processes) + 1 : nth);
	return life;
}

int leash_insert_running(struct task_struct *p, struct leash_life *life, u8 via, u32 round)
{
	struct signal_struct *sig = p->signal;
	struct leash_entry *entry = leash_table_take(&leash_table);

	if (!entry)
		return -ENOMEM;
	*entry = (struct leash_entry){
		.key = sig,
		.life = life,
		.start_ns = p->start_boottime,
		.tgid = p->tgid,
		.round = round,
		.via = via,
	};
	atomic_inc(&life->users);
	leash_life_join(life);
	if (!leash_table_put_in(&leash_table, entry)) {
		leash_table_give_back(&leash_table, entry);
		leash_life_leave(life, p->tgid);
		leash_life_put(life);
		return -EEXIST;
	}
	leash_event(LEASH_EVENT_ADOPTED, life, p, via, 0);
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

	return READ_ONCE(p->signal->flags) & SIGNAL_GROUP_EXIT ? code : p->exit_code;
}

void leash_remove(struct task_struct *p)
{
	int exit_code = leash_exit_code(p);
	struct leash_life *life;
	const void *key = p->signal;
	unsigned long irq;
	struct leash_entry *entry = leash_table_lock(&leash_table, key, &irq);
	s32 tgid;

	if (!entry)
		return;
	/* While it is locked: who walks the table finds either the entry or what it has left. */
	life = entry->life;
	atomic64_inc(&life->exits);
	if (exit_code & 0x7f)
		atomic64_inc(&life->aborts);
	atomic64_add(p->signal->sum_sched_runtime, &life->runtime_ns);
	atomic64_inc(&leash_counters.gone);
	leash_table_take_out(entry);
	leash_table_unlock(&leash_table, key, irq);
	leash_remember_gone(entry, exit_code);
	tgid = entry->tgid;
	leash_table_give_back(&leash_table, entry);
	/* Whoever forgets the start meanwhile waits for the probe that we are in. */
	leash_life_leave(life, tgid);
	leash_life_put(life);
}
