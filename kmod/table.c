// SPDX-License-Identifier: GPL-2.0-only
#include <linux/hash.h>
#include <linux/percpu.h>
#include <linux/sched.h>
#include <linux/slab.h>
#include <linux/string.h>

#include "table.h"

/* A bucket and its lock. */
struct place {
	struct hlist_head *bucket;
	raw_spinlock_t *lock;
};

static inline struct place place_of(struct leash_table *table, const void *key)
{
	unsigned int index = hash_ptr(key, table->bits);

	return (struct place){ &table->buckets[index], &table->stripes[index % LEASH_STRIPES] };
}

int leash_table_init(struct leash_table *table, unsigned int bits)
{
	int i;

	memset(table, 0, sizeof(*table));
	table->buckets = kvcalloc(1U << bits, sizeof(*table->buckets), GFP_KERNEL);
	if (!table->buckets)
		return -ENOMEM;
	table->at_hand = alloc_percpu(struct leash_entry *);
	if (!table->at_hand) {
		kvfree(table->buckets);
		table->buckets = NULL;
		return -ENOMEM;
	}
	table->bits = bits;
	for (i = 0; i < LEASH_STRIPES; i++)
		raw_spin_lock_init(&table->stripes[i]);
	raw_spin_lock_init(&table->pool_lock);
	return 0;
}

static void free_chain(struct hlist_head *head)
{
	struct leash_entry *entry;
	struct hlist_node *next;

	hlist_for_each_entry_safe(entry, next, head, node)
		kfree(entry);
	INIT_HLIST_HEAD(head);
}

void leash_table_destroy(struct leash_table *table)
{
	unsigned int i;

	for (i = 0; table->buckets && i < 1U << table->bits; i++)
		free_chain(&table->buckets[i]);
	free_chain(&table->pool);
	if (table->at_hand) {
		int cpu;

		for_each_possible_cpu(cpu)
			kfree(*per_cpu_ptr(table->at_hand, cpu));
	}
	free_percpu(table->at_hand);
	table->at_hand = NULL;
	kvfree(table->buckets);
	table->buckets = NULL;
}

static struct leash_entry *take_from_pool(struct leash_table *table)
{
	struct leash_entry *entry = NULL;
	unsigned long irq;

	raw_spin_lock_irqsave(&table->pool_lock, irq);
	if (!hlist_empty(&table->pool)) {
		entry = hlist_entry(table->pool.first, struct leash_entry, node);
		__hlist_del(&entry->node);
		table->entries_free--;
	}
	raw_spin_unlock_irqrestore(&table->pool_lock, irq);
	return entry;
}

static void give_to_pool(struct leash_table *table, struct leash_entry *entry, bool fresh)
{
	unsigned long irq;

	raw_spin_lock_irqsave(&table->pool_lock, irq);
	hlist_add_head(&entry->node, &table->pool);
	table->entries_free++;
	if (fresh)
		table->entries++;
	raw_spin_unlock_irqrestore(&table->pool_lock, irq);
}

static struct leash_entry *take(struct leash_table *table)
{
	struct leash_entry *entry = this_cpu_xchg(*table->at_hand, NULL);

	return likely(entry) ? entry : take_from_pool(table);
}

void leash_table_give_back(struct leash_table *table, struct leash_entry *entry)
{
	struct leash_entry *other = this_cpu_xchg(*table->at_hand, entry);

	if (unlikely(other))
		give_to_pool(table, other, false);
}

unsigned int leash_table_used(struct leash_table *table)
{
	unsigned int free = READ_ONCE(table->entries_free);
	int cpu;

	for_each_possible_cpu(cpu)
		free += !!READ_ONCE(*per_cpu_ptr(table->at_hand, cpu));
	return READ_ONCE(table->entries) - min(free, READ_ONCE(table->entries));
}

int leash_table_fill(struct leash_table *table, unsigned int wanted, unsigned int limit, gfp_t gfp)
{
	while (READ_ONCE(table->entries_free) < wanted && READ_ONCE(table->entries) < limit) {
		struct leash_entry *entry = kzalloc(sizeof(*entry), gfp);

		if (!entry)
			return -ENOMEM;
		give_to_pool(table, entry, true);
		cond_resched();
	}
	return 0;
}

void leash_table_trim(struct leash_table *table, unsigned int wanted)
{
	while (READ_ONCE(table->entries_free) > wanted) {
		struct leash_entry *entry = take_from_pool(table);
		unsigned long irq;

		if (!entry)
			return;
		raw_spin_lock_irqsave(&table->pool_lock, irq);
		table->entries--;
		raw_spin_unlock_irqrestore(&table->pool_lock, irq);
		kfree(entry);
		cond_resched();
	}
}

static struct leash_entry *find(struct hlist_head *bucket, const void *key)
{
	struct leash_entry *entry;

	hlist_for_each_entry(entry, bucket, node)
		if (entry->key == key)
			return entry;
	return NULL;
}

struct leash_entry *leash_table_lock(struct leash_table *table, const void *key,
				     unsigned long *irq)
{
	struct place place = place_of(table, key);
	struct leash_entry *entry;

	/* Most processes of a machine are in no service: they shall not pay for a lock. */
	if (!READ_ONCE(place.bucket->first))
		return NULL;
	raw_spin_lock_irqsave(place.lock, *irq);
	entry = find(place.bucket, key);
	if (!entry)
		raw_spin_unlock_irqrestore(place.lock, *irq);
	return entry;
}

void leash_table_unlock(struct leash_table *table, const void *key, unsigned long irq)
{
	raw_spin_unlock_irqrestore(place_of(table, key).lock, irq);
}

int leash_table_insert(struct leash_table *table, const struct leash_entry *wanted)
{
	struct place place = place_of(table, wanted->key);
	struct leash_entry *entry = take(table);
	unsigned long irq;

	if (!entry)
		return -ENOMEM;
	*entry = *wanted;
	raw_spin_lock_irqsave(place.lock, irq);
	if (find(place.bucket, wanted->key)) {
		raw_spin_unlock_irqrestore(place.lock, irq);
		leash_table_give_back(table, entry);
		return -EEXIST;
	}
	hlist_add_head(&entry->node, place.bucket);
	raw_spin_unlock_irqrestore(place.lock, irq);
	return 0;
}

void leash_table_take_out(struct leash_entry *entry)
{
	__hlist_del(&entry->node);
}

void leash_table_walk(struct leash_table *table, unsigned int *bucket,
		      bool (*visit)(struct leash_entry *entry, void *data), void *data)
{
	for (; !leash_table_walked(table, *bucket); ++*bucket) {
		raw_spinlock_t *stripe = &table->stripes[*bucket % LEASH_STRIPES];
		struct leash_entry *entry;
		bool more = true;
		unsigned long irq;

		if (!READ_ONCE(table->buckets[*bucket].first))
			continue;
		raw_spin_lock_irqsave(stripe, irq);
		hlist_for_each_entry(entry, &table->buckets[*bucket], node) {
			more = visit(entry, data);
			if (!more)
				break;
		}
		raw_spin_unlock_irqrestore(stripe, irq);
		if (!more)
			return;
	}
}
