/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A queue of events of fixed size: any context puts, on PREEMPT_RT, too; one consumer at a time takes.
 * If it is full, the newest events are dropped and counted.
 */
#ifndef LEASH_RING_H
#define LEASH_RING_H

#include <linux/spinlock.h>
#include <linux/types.h>
#include <uapi/linux/leash.h>

struct leash_ring {
	raw_spinlock_t lock;		/* of who puts */
	u32 size;			/* a power of 2; 0: there is none */
	u32 head;			/* the next to put; both count on beyond the size */
	u32 tail;			/* the next to take */
	u32 dropped;			/* since the last that was put */
	u64 told, lost;			/* since the beginning */
	struct leash_record *records;
};

/* -ENOMEM. Rounds the size, 1..LEASH_MAX_QUEUE, up to a power of 2. */
int leash_ring_init(struct leash_ring *ring, u32 size);
void leash_ring_destroy(struct leash_ring *ring);

/* How many are in the queue now; 0: it is full, and the event is counted as lost. */
u32 leash_ring_put(struct leash_ring *ring, const struct leash_record *event);

/* What never was an event to put, but would have been. */
void leash_ring_miss(struct leash_ring *ring, u32 count);

/*
 * The consumer's. The oldest events, *count of them behind each other; NULL: there are none. They stay
 * as they are until they are taken.
 */
const struct leash_record *leash_ring_peek(const struct leash_ring *ring, u32 *count);
void leash_ring_take(struct leash_ring *ring, u32 count);
/* How many were dropped, if no event is left to say so; the consumer tells them then. Else 0. */
u32 leash_ring_take_lost(struct leash_ring *ring);
void leash_ring_put_lost(struct leash_ring *ring, u32 lost);	/* it could not */

u32 leash_ring_level(const struct leash_ring *ring);
/* Is there anything for the consumer? */
bool leash_ring_ready(const struct leash_ring *ring);

#endif
