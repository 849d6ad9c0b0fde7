// SPDX-License-Identifier: GPL-2.0-only
/* Events: what happens to tasks and starts goes to the queues of those who have asked for it. */
#include <linux/bitops.h>
#include <linux/rculist.h>
#include <linux/sched.h>
#include <linux/string.h>
#include <linux/timekeeping.h>

#include "leash.h"
#include "listener.h"

u32 leash_wanted;
u32 leash_wanted_of_all;
u64 leash_wanted_starts;

static bool concerns(const struct leash_happening *what, s32 pid, u64 start_ns)
{
	return (what->event.tgid == pid && what->start_ns == start_ns) ||
	       (what->event.actor == pid && what->actor_start_ns == start_ns);
}

static bool applies(const struct leash_observation *watch, const struct leash_happening *what)
{
	/* Pairs with the release in listener.c: the rest is what these events are watched for. */
	if (!(smp_load_acquire(&watch->events) & what->event.type))
		return false;
	if ((watch->start && watch->start != what->event.start) ||
	    (watch->group && watch->group != what->event.group))
		return false;
	if ((watch->flags & LEASH_WATCH_ATTRIBUTED) && !what->event.start)
		return false;
	return !watch->pid || concerns(what, watch->pid, watch->start_ns);
}

static u32 watches_of(const struct leash_listener *listener, const struct leash_happening *what,
		      u32 *by_signal)
{
	u32 bits = 0, i, used = READ_ONCE(listener->used);

	*by_signal = 0;
	for (i = 0; i < used; i++) {
		if (!applies(&listener->watches[i], what))
			continue;
		if (listener->watches[i].signo)
			*by_signal |= 1U << i;
		else
			bits |= 1U << i;
	}
	return bits;
}

static void put(struct leash_listener *listener, struct leash_happening *what)
{
	u32 by_signal, bits = watches_of(listener, what, &by_signal);

	if (!bits && !by_signal)
		return;
	if (!what->event.time_ns)
		what->event.time_ns = ktime_get_boottime_ns();
	if (bits) {
		u32 level;

		what->event.watches = bits;
		level = leash_ring_put(&listener->queue, &what->event);
		if (level == 1 || level == listener->quarter)
			irq_work_queue(&listener->call);
	}
	if (by_signal) {
		what->event.watches = by_signal;
		switch (leash_ring_put(&listener->signals, &what->event)) {
		case 0: /* a record stands for the signals of all watches */
			leash_ring_miss(&listener->signals, hweight32(by_signal) - 1);
			break;
		case 1:
			irq_work_queue(&listener->call);
			break;
		}
	}
}

void leash_tell(struct leash_happening *what)
{
	struct leash_listener *listener;

	rcu_read_lock();
	list_for_each_entry_rcu(listener, &leash_listeners, list)
		if (READ_ONCE(listener->events) & what->event.type)
			put(listener, what);
	rcu_read_unlock();
}

/* Whom it will not be told what a process of `life` does that has no entry. Others see it go by. */
static u32 misses(const struct leash_listener *listener, const struct leash_life *life,
		  u32 *by_signal)
{
	u32 bits = 0, i, used = READ_ONCE(listener->used);

	*by_signal = 0;
	for (i = 0; i < used; i++) {
		const struct leash_observation *watch = &listener->watches[i];

		/* As in applies(). */
		if (!smp_load_acquire(&watch->events) ||
		    (watch->start && watch->start != life->id) ||
		    (watch->group && watch->group != READ_ONCE(life->group)))
			continue;
		if (!watch->start && !watch->group && !(watch->flags & LEASH_WATCH_ATTRIBUTED))
			continue;
		if (watch->signo)
			++*by_signal;
		else
			++bits;
	}
	return bits;
}

void leash_events_miss(const struct leash_life *life)
{
	struct leash_listener *listener;

	if (likely(!leash_is_wanted(LEASH_EVENT_ALL, life)))
		return;
	rcu_read_lock();
	list_for_each_entry_rcu(listener, &leash_listeners, list) {
		u32 by_signal, count = misses(listener, life, &by_signal);

		if (by_signal)
			leash_ring_miss(&listener->signals, by_signal);
		if (!count)
			continue;
		leash_ring_miss(&listener->queue, 1);
		irq_work_queue(&listener->call);
	}
	rcu_read_unlock();
}

void leash_happening_of(struct leash_happening *what, u32 type, const struct task_struct *p,
			const struct leash_life *life)
{
	memset(what, 0, sizeof(*what));
	what->event.type = type;
	if (life) {
		what->event.start = life->id;
		what->event.group = READ_ONCE(life->group);
	}
	if (!p)
		return;
	what->event.tid = p->pid;
	what->event.tgid = p->tgid;
	what->start_ns = READ_ONCE(p->group_leader)->start_boottime;
	strscpy(what->event.comm, p->comm, sizeof(what->event.comm));
}

void leash_event(u32 type, const struct leash_life *life, const struct task_struct *p, s32 code,
		 u64 arg)
{
	struct leash_happening what;

	if (likely(!(READ_ONCE(leash_wanted) & type)))
		return;
	if (!life && p)
		life = leash_life_of(p->signal);
	if (!leash_is_wanted(type, life))
		return;
	leash_happening_of(&what, type, p, life);
	what.event.code = code;
	what.event.arg = arg;
	leash_tell(&what);
}
