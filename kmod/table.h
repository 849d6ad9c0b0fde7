/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The lineage table: which process belongs to which start.
 *
 * The key is the address of the process' signal_struct: all threads share it, it survives execve
 * (which may change tasks and numbers), setsid and reparenting, and it cannot be used again before
 * the last thread has been freed. Numbers, on the other hand, are free an RCU grace period before
 * that, and may by then be somebody else's.
 *
 * Everything here can be called with interrupts or preemption off, on PREEMPT_RT, too: raw locks,
 * no allocation. Entries come from a pool that process context fills.
 */
#ifndef LEASH_TABLE_H
#define LEASH_TABLE_H

#include <linux/compiler.h>
#include <linux/hash.h>
#include <linux/list.h>
#include <linux/percpu.h>
#include <linux/spinlock.h>
#include <linux/types.h>

struct leash_life;

#define LEASH_ENTRY_SPARED	0x01	/* LEASH_IOC_KILL passes it by; inherited */
#define LEASH_ENTRY_ENDED	0x02	/* its end was told */
#define LEASH_ENTRY_DOOMED	0x04	/* the worker kills it */

struct leash_entry {
	struct hlist_node node;		/* in its bucket, or in the pool */
	const void *key;
	struct leash_life *life;
	u64 tag;			/* start id in its environment, as read at exec */
	u64 start_ns;
	pid_t tgid;
	u32 round;			/* the last walk that visited it */
	u8 via;				/* LEASH_VIA_* */
	u8 flags;			/* LEASH_ENTRY_* */
};

#define LEASH_STRIPES	64

struct leash_table {
	struct hlist_head *buckets;
	unsigned int bits;
	raw_spinlock_t stripes[LEASH_STRIPES];	/* bucket i is guarded by stripe i % 64 */

	/* One free entry at hand on each CPU, for who forks and reaps all the time; then the pool. */
	struct leash_entry * __percpu *at_hand;
	raw_spinlock_t pool_lock;
	struct hlist_head pool;
	unsigned int entries;			/* in use, free and at hand */
	unsigned int entries_free;		/* in the pool */
};

int leash_table_init(struct leash_table *table, unsigned int bits);
void leash_table_destroy(struct leash_table *table);

/*
 * Allocates until `wanted` entries are free, but has at most `limit` in all. Sleeps as `gfp` allows:
 * GFP_KERNEL only where no lock is held that others wait for.
 */
int leash_table_fill(struct leash_table *table, unsigned int wanted, unsigned int limit, gfp_t gfp);
/* Frees entries beyond `wanted` free ones. Sleeps. */
void leash_table_trim(struct leash_table *table, unsigned int wanted);

/* What follows is inline where each fork, execve and end of a service's process comes by. */
static inline unsigned int leash_table_index(const struct leash_table *table, const void *key)
{
	return hash_ptr((void *)key, table->bits);
}

/* Under the lock of the bucket. */
static inline struct leash_entry *leash_table_find(const struct hlist_head *bucket, const void *key)
{
	struct leash_entry *entry;

	hlist_for_each_entry(entry, bucket, node)
		if (entry->key == key)
			return entry;
	return NULL;
}

/*
 * Finds the entry of a key and keeps its bucket locked; NULL: there is none, and nothing is locked.
 */
static inline struct leash_entry *leash_table_lock(struct leash_table *table, const void *key,
						   unsigned long *irq)
{
	unsigned int index = leash_table_index(table, key);
	raw_spinlock_t *stripe = &table->stripes[index % LEASH_STRIPES];
	struct hlist_head *bucket = &table->buckets[index];
	struct leash_entry *entry;
	unsigned long flags;

	/* Most processes of a machine are in no service: they shall not pay for a lock. */
	if (!READ_ONCE(bucket->first))
		return NULL;
	raw_spin_lock_irqsave(stripe, flags);
	entry = leash_table_find(bucket, key);
	if (unlikely(!entry))
		raw_spin_unlock_irqrestore(stripe, flags);
	else
		*irq = flags;
	return entry;
}

static inline void leash_table_unlock(struct leash_table *table, const void *key, unsigned long irq)
{
	unsigned int index = leash_table_index(table, key);

	raw_spin_unlock_irqrestore(&table->stripes[index % LEASH_STRIPES], irq);
}

/* Entries in use. */
unsigned int leash_table_used(struct leash_table *table);

/* A free entry from the pool, the caller's; NULL: it is empty. */
struct leash_entry *leash_table_take_from_pool(struct leash_table *table);
/* The one at hand, if there is one: the pool is for who gets none. */
static inline struct leash_entry *leash_table_take_at_hand(struct leash_table *table)
{
	return this_cpu_xchg(*table->at_hand, NULL);
}

/* One or the other. */
static inline struct leash_entry *leash_table_take(struct leash_table *table)
{
	struct leash_entry *entry = leash_table_take_at_hand(table);

	return entry ? entry : leash_table_take_from_pool(table);
}

void leash_table_give_to_pool(struct leash_table *table, struct leash_entry *entry);
static inline void leash_table_give_back(struct leash_table *table, struct leash_entry *entry)
{
	struct leash_entry *other = this_cpu_xchg(*table->at_hand, entry);

	if (unlikely(other))
		leash_table_give_to_pool(table, other);
}

/*
 * Puts in an entry that was taken, and all of which is filled in but its node. False: the key is there,
 * and the entry is the caller's still.
 */
static inline bool leash_table_put_in(struct leash_table *table, struct leash_entry *entry)
{
	unsigned int index = leash_table_index(table, entry->key);
	raw_spinlock_t *stripe = &table->stripes[index % LEASH_STRIPES];
	struct hlist_head *bucket = &table->buckets[index];
	bool fresh;
	unsigned long irq;

	raw_spin_lock_irqsave(stripe, irq);
	fresh = !leash_table_find(bucket, entry->key);
	if (likely(fresh))
		hlist_add_head(&entry->node, bucket);
	raw_spin_unlock_irqrestore(stripe, irq);
	return fresh;
}

/*
 * Takes out an entry that leash_table_lock() has found and that is locked still. It is the caller's
 * then, who unlocks, and gives it back when all is said about it.
 */
static inline void leash_table_take_out(struct leash_entry *entry)
{
	__hlist_del(&entry->node);
}

/*
 * Calls visit() for each entry, its bucket locked, until it returns false. Then *bucket is the
 * bucket to go on with (it will be visited from its beginning), else it is behind the last one.
 */
void leash_table_walk(struct leash_table *table, unsigned int *bucket,
		      bool (*visit)(struct leash_entry *entry, void *data), void *data);
static inline bool leash_table_walked(const struct leash_table *table, unsigned int bucket)
{
	return bucket >= 1U << table->bits;
}

#endif
