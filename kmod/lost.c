// SPDX-License-Identifier: GPL-2.0-only
/*
 * Forks that found no free entry. They are remembered, so that as soon as there is room again those
 * that live are attributed exactly, whatever they did meanwhile. What a lost process has forked is
 * found by its parent.
 */
#include <linux/pid.h>
#include <linux/pid_namespace.h>
#include <linux/sched/signal.h>

#include "leash.h"

#define REMEMBERED 512

struct lost {
	u64 start;
	u64 start_ns;
	pid_t tgid;
	u8 via;
};

static struct lost ring[REMEMBERED];
static unsigned int head, tail;		/* tail..head are remembered, modulo the size */
static DEFINE_RAW_SPINLOCK(lock);

/* In the fork probe. The oldest make room for the newest. */
void leash_lose(const struct leash_entry *entry)
{
	unsigned long irq;

	raw_spin_lock_irqsave(&lock, irq);
	ring[head % REMEMBERED] = (struct lost){
		.start = entry->life->id,
		.start_ns = entry->start_ns,
		.tgid = entry->tgid,
		.via = entry->via,
	};
	head++;
	if (head - tail > REMEMBERED)
		tail = head - REMEMBERED;
	raw_spin_unlock_irqrestore(&lock, irq);
	atomic64_inc(&leash_counters.lost);
	WRITE_ONCE(leash_incomplete, true);
	leash_events_miss(entry->life);
	leash_worker_kick();
}

static bool next(struct lost *lost)
{
	unsigned long irq;
	bool any;

	raw_spin_lock_irqsave(&lock, irq);
	any = tail != head;
	if (any)
		*lost = ring[tail++ % REMEMBERED];
	raw_spin_unlock_irqrestore(&lock, irq);
	return any;
}

static bool there_is_room(void)
{
	if (!READ_ONCE(leash_table.entries_free))
		leash_fill_pool(GFP_NOWAIT | __GFP_NOWARN);
	return READ_ONCE(leash_table.entries_free);
}

unsigned int leash_find_lost(void)
{
	unsigned int found = 0, tries = REMEMBERED;
	struct lost lost;

	lockdep_assert_held(&leash_lock);
	while (tries-- && there_is_room() && next(&lost)) {
		struct leash_life *life = leash_life_find(lost.start);
		struct task_struct *p;

		rcu_read_lock();
		p = pid_task(find_pid_ns(lost.tgid, &init_pid_ns), PIDTYPE_TGID);
		if (life && p && p->start_boottime == lost.start_ns &&
		    !leash_insert_running(p, life, lost.via, 0))
			found++;
		rcu_read_unlock();
	}
	return found;
}
