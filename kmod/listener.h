/* SPDX-License-Identifier: GPL-2.0-only */
/* An open file that watches: what for, and its queues. Between events.c and listener.c. */
#ifndef LEASH_LISTENER_H
#define LEASH_LISTENER_H

#include <linux/atomic.h>
#include <linux/irq_work.h>
#include <linux/kthread.h>
#include <linux/list.h>
#include <linux/mutex.h>
#include <linux/wait.h>

#include "leash.h"
#include "ring.h"

/* A watch. `events` says that it counts: it is set last and cleared first. */
struct leash_observation {
	u32 events;
	bool taken;
	bool ending;			/* no probe's any more, but its place is not free yet */
	u32 flags;
	s32 pid;
	s32 signo;
	u64 start, group;
	u64 start_ns;			/* of the process */
	struct pid *thread;		/* to signal; NULL: none */
	u64 exec_id;			/* of the program that asked for that: not the next one's */
};

struct leash_listener {
	struct list_head list;		/* writers hold a lock of listener.c, readers RCU */
	u32 events;			/* of all its watches */
	u32 used;			/* watches from here on never were any */
	u32 coalesce_ms;
	u32 quarter;			/* of the queue */
	struct leash_ring queue;	/* for read() */
	struct leash_ring signals;	/* for the worker; size 0 until there is such a watch */
	struct irq_work call;		/* from probes, which must not wake up anybody */
	struct kthread_delayed_work wake, send;
	wait_queue_head_t wait;
	struct fasync_struct *fasync;
	struct mutex reading;		/* one takes from the queue at a time */
	u64 sent, refused;		/* signals; the latter without what their queue dropped */
	struct leash_observation watches[LEASH_MAX_WATCHES];
};

extern struct list_head leash_listeners;

#endif
