// SPDX-License-Identifier: GPL-2.0-only
#include <linux/log2.h>
#include <linux/mm.h>
#include <linux/slab.h>
#include <linux/string.h>

#include "ring.h"

int leash_ring_init(struct leash_ring *ring, u32 size)
{
	memset(ring, 0, sizeof(*ring));
	raw_spin_lock_init(&ring->lock);
	size = roundup_pow_of_two(size);
	ring->records = kvcalloc(size, sizeof(*ring->records), GFP_KERNEL_ACCOUNT);
	if (!ring->records)
		return -ENOMEM;
	ring->size = size;
	return 0;
}

void leash_ring_destroy(struct leash_ring *ring)
{
	kvfree(ring->records);
	ring->records = NULL;
	ring->size = 0;
}

/* Under the lock. */
static void drop(struct leash_ring *ring, u32 count)
{
	ring->lost += count;
	WRITE_ONCE(ring->dropped, count > U32_MAX - ring->dropped ? U32_MAX : ring->dropped + count);
}

void leash_ring_miss(struct leash_ring *ring, u32 count)
{
	unsigned long irq;

	raw_spin_lock_irqsave(&ring->lock, irq);
	drop(ring, count);
	raw_spin_unlock_irqrestore(&ring->lock, irq);
}

u32 leash_ring_put(struct leash_ring *ring, const struct leash_record *event)
{
	struct leash_record *slot;
	unsigned long irq;
	u32 level;

	raw_spin_lock_irqsave(&ring->lock, irq);
	/* Pairs with leash_ring_take(): the slot is the consumer's no more. */
	level = ring->head - smp_load_acquire(&ring->tail);
	if (level >= ring->size) {
		drop(ring, 1);
		raw_spin_unlock_irqrestore(&ring->lock, irq);
		return 0;
	}
	slot = &ring->records[ring->head & (ring->size - 1)];
	*slot = *event;
	slot->lost = ring->dropped;
	WRITE_ONCE(ring->dropped, 0);
	ring->told++;
	/* Pairs with leash_ring_peek(). */
	smp_store_release(&ring->head, ring->head + 1);
	/*
	 * Against leash_ring_ready(): the consumer sees the event before it sleeps, or we see
	 * that it has taken all others, and wake it.
	 */
	smp_mb();
	level = ring->head - READ_ONCE(ring->tail);
	raw_spin_unlock_irqrestore(&ring->lock, irq);
	return max(level, 1U);
}

const struct leash_record *leash_ring_peek(const struct leash_ring *ring, u32 *count)
{
	u32 tail = ring->tail;
	/* Pairs with leash_ring_put(): the records are written. */
	u32 level = smp_load_acquire(&ring->head) - tail;
	u32 at = tail & (ring->size - 1);

	*count = min(level, ring->size - at);
	return *count ? &ring->records[at] : NULL;
}

void leash_ring_take(struct leash_ring *ring, u32 count)
{
	/* Pairs with leash_ring_put(): we have read what may be overwritten now. */
	smp_store_release(&ring->tail, ring->tail + count);
}

u32 leash_ring_take_lost(struct leash_ring *ring)
{
	unsigned long irq;
	u32 dropped = 0;

	if (!READ_ONCE(ring->dropped))
		return 0;
	raw_spin_lock_irqsave(&ring->lock, irq);
	if (ring->head == ring->tail) {
		dropped = ring->dropped;
		WRITE_ONCE(ring->dropped, 0);
	}
	raw_spin_unlock_irqrestore(&ring->lock, irq);
	return dropped;
}

void leash_ring_put_lost(struct leash_ring *ring, u32 lost)
{
	unsigned long irq;

	raw_spin_lock_irqsave(&ring->lock, irq);
	WRITE_ONCE(ring->dropped, lost > U32_MAX - ring->dropped ? U32_MAX : ring->dropped + lost);
	raw_spin_unlock_irqrestore(&ring->lock, irq);
}

u32 leash_ring_level(const struct leash_ring *ring)
{
	return READ_ONCE(ring->head) - READ_ONCE(ring->tail);
}

bool leash_ring_ready(const struct leash_ring *ring)
{
	smp_mb(); /* our tail before their head: see leash_ring_put() */
	return leash_ring_level(ring) || READ_ONCE(ring->dropped);
}
