// SPDX-License-Identifier: GPL-2.0-only
#include <linux/percpu.h>
#include <linux/sched.h>
#include <linux/slab.h>
#include <linux/string.h>

#include "table.h"

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

struct leash_entry *leash_table_take_from_pool(struct leash_table *table)
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

void leash_table_give_to_pool(struct leash_table *table, struct leash_entry *entry)
{
	give_to_pool(table, entry, false);
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
		struct leash_entry *entry = leash_table_take_from_pool(table);
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
