// SPDX-License-Identifier: GPL-2.0-only
/* The table by itself, with keys of our own: no process is involved. */
#include <kunit/test.h>
#include <linux/completion.h>
#include <linux/kthread.h>
#include <linux/module.h>
#include <linux/sched.h>
#include <linux/slab.h>

#include "table.h"

#define BITS 6 /* the smallest: 64 buckets */

static struct leash_table table;

static const void *key(unsigned long number)
{
	return (const void *)(0xffff888000000000UL + number * 1088);
}

static int insert(unsigned long number)
{
	struct leash_entry *entry = leash_table_take(&table);

	if (!entry)
		return -ENOMEM;
	*entry = (struct leash_entry){ .key = key(number), .tgid = number, .tag = ~number };
	if (leash_table_put_in(&table, entry))
		return 0;
	leash_table_give_back(&table, entry);
	return -EEXIST;
}

/* The number that the entry of a key holds; -1: there is none. */
static long find(unsigned long number)
{
	unsigned long irq;
	struct leash_entry *entry = leash_table_lock(&table, key(number), &irq);
	long found;

	if (!entry)
		return -1;
	found = entry->tag == ~(u64)entry->tgid ? entry->tgid : -2;
	leash_table_unlock(&table, key(number), irq);
	return found;
}

static bool take_out(unsigned long number)
{
	unsigned long irq;
	struct leash_entry *entry = leash_table_lock(&table, key(number), &irq);
	bool right;

	if (!entry)
		return false;
	leash_table_take_out(entry);
	leash_table_unlock(&table, key(number), irq);
	right = entry->tgid == number && entry->key == key(number);
	leash_table_give_back(&table, entry);
	return right;
}

static int fill(unsigned int wanted, unsigned int limit)
{
	return leash_table_fill(&table, wanted, limit, GFP_KERNEL);
}

static int table_test_init(struct kunit *test)
{
	int err = leash_table_init(&table, BITS);

	return err ? err : fill(256, 4096);
}

static void table_test_exit(struct kunit *test)
{
	leash_table_destroy(&table);
}

static void test_one(struct kunit *test)
{
	KUNIT_EXPECT_EQ(test, find(1), -1L);
	KUNIT_EXPECT_EQ(test, insert(1), 0);
	KUNIT_EXPECT_EQ(test, find(1), 1L);
	KUNIT_EXPECT_EQ(test, find(2), -1L);
	KUNIT_EXPECT_EQ(test, leash_table_used(&table), 1U);
	KUNIT_EXPECT_EQ(test, insert(1), -EEXIST);
	KUNIT_EXPECT_EQ(test, leash_table_used(&table), 1U); /* the refused entry went back */
	KUNIT_EXPECT_TRUE(test, take_out(1));
	KUNIT_EXPECT_FALSE(test, take_out(1));
	KUNIT_EXPECT_EQ(test, find(1), -1L);
	KUNIT_EXPECT_EQ(test, leash_table_used(&table), 0U);
}

/* 2000 entries in 64 buckets: chains of 30, emptied from all ends. */
static void test_chains(struct kunit *test)
{
	const unsigned long count = 2000;
	unsigned long i;

	KUNIT_ASSERT_EQ(test, fill(count, 4096), 0);
	for (i = 0; i < count; i++)
		KUNIT_ASSERT_EQ(test, insert(i), 0);
	for (i = 0; i < count; i++)
		KUNIT_ASSERT_EQ(test, find(i), (long)i);
	KUNIT_EXPECT_EQ(test, leash_table_used(&table), (unsigned int)count);
	for (i = 0; i < count; i += 3)
		KUNIT_ASSERT_TRUE(test, take_out(i));
	for (i = 0; i < count; i++)
		KUNIT_ASSERT_EQ(test, find(i), i % 3 ? (long)i : -1L);
	for (i = count; i-- > 0;)
		KUNIT_ASSERT_EQ(test, take_out(i), i % 3 != 0);
	KUNIT_EXPECT_EQ(test, leash_table_used(&table), 0U);
}

static void test_exhaustion(struct kunit *test)
{
	unsigned long i;

	leash_table_trim(&table, 0);
	KUNIT_EXPECT_EQ(test, table.entries, 0U);
	KUNIT_EXPECT_EQ(test, insert(1), -ENOMEM);
	KUNIT_ASSERT_EQ(test, fill(100, 10), 0); /* the limit is what counts */
	KUNIT_EXPECT_EQ(test, table.entries, 10U);
	for (i = 0; i < 10; i++)
		KUNIT_ASSERT_EQ(test, insert(i), 0);
	KUNIT_EXPECT_EQ(test, insert(10), -ENOMEM);
	KUNIT_EXPECT_EQ(test, find(10), -1L);
	KUNIT_EXPECT_EQ(test, fill(100, 10), 0);
	KUNIT_EXPECT_EQ(test, insert(10), -ENOMEM);
	KUNIT_EXPECT_EQ(test, leash_table_used(&table), 10U);
	/* What is given back can be used again; and there may be more. */
	migrate_disable(); /* one entry stays at hand on the CPU that gave it back */
	KUNIT_EXPECT_TRUE(test, take_out(3));
	KUNIT_EXPECT_EQ(test, insert(10), 0);
	migrate_enable();
	KUNIT_EXPECT_EQ(test, find(10), 10L);
	KUNIT_ASSERT_EQ(test, fill(5, 4096), 0);
	KUNIT_EXPECT_EQ(test, insert(11), 0);
}

static void test_trim(struct kunit *test)
{
	unsigned long i;

	for (i = 0; i < 100; i++)
		KUNIT_ASSERT_EQ(test, insert(i), 0);
	leash_table_trim(&table, 7);
	KUNIT_EXPECT_LE(test, table.entries_free, 7U);
	KUNIT_EXPECT_EQ(test, leash_table_used(&table), 100U);
	for (i = 0; i < 100; i++)
		KUNIT_ASSERT_EQ(test, find(i), (long)i);
}

struct visits {
	unsigned int count;
	u64 sum;
	unsigned int stop_after;
};

static bool visit(struct leash_entry *entry, void *data)
{
	struct visits *visits = data;

	if (entry->round == 1)
		return true;
	entry->round = 1;
	visits->sum += entry->tgid;
	return ++visits->count % visits->stop_after;
}

/* All entries are visited, and once if they are stamped, however often the walk is interrupted. */
static void test_walk(struct kunit *test)
{
	struct visits visits = { .stop_after = 7 };
	unsigned int bucket = 0, calls = 0;
	unsigned long i;

	for (i = 0; i < 200; i++)
		KUNIT_ASSERT_EQ(test, insert(i), 0);
	while (!leash_table_walked(&table, bucket) && calls++ < 1000)
		leash_table_walk(&table, &bucket, visit, &visits);
	KUNIT_EXPECT_EQ(test, visits.count, 200U);
	KUNIT_EXPECT_EQ(test, visits.sum, 199ULL * 200 / 2);
	KUNIT_EXPECT_GE(test, calls, 200U / 7);
	KUNIT_EXPECT_TRUE(test, leash_table_walked(&table, bucket));
}

#define HAMMERS 4
#define OF_EACH 300
#define ROUNDS 20

static struct hammer {
	unsigned long first;
	unsigned int faults, exhausted;
	struct completion done;
} hammers[HAMMERS];

/* Each works on keys of its own, in buckets that all share. */
static int hammer(void *data)
{
	struct hammer *my = data;
	int round;
	unsigned long i;

	for (round = 0; round < ROUNDS; round++) {
		for (i = my->first; i < my->first + OF_EACH; i++) {
			int err = insert(i);

			my->exhausted += err == -ENOMEM;
			my->faults += err && err != -ENOMEM;
			my->faults += find(i) != (err ? -1L : (long)i);
			if (i % 2 && !err)
				my->faults += !take_out(i);
		}
		for (i = my->first; i < my->first + OF_EACH; i++) {
			take_out(i);
			my->faults += find(i) != -1L;
		}
		cond_resched();
	}
	complete(&my->done);
	return 0;
}

static bool look(struct leash_entry *entry, void *data)
{
	unsigned int *faults = data;

	*faults += entry->tag != ~(u64)entry->tgid;
	return true;
}

static void run_hammers(struct kunit *test, unsigned int *exhausted)
{
	unsigned int walks, faults = 0;
	int i;

	for (i = 0; i < HAMMERS; i++) {
		struct task_struct *thread;

		hammers[i] = (struct hammer){ .first = 100000UL * i };
		init_completion(&hammers[i].done);
		thread = kthread_run(hammer, &hammers[i], "leash-hammer/%d", i);
		KUNIT_ASSERT_FALSE(test, IS_ERR(thread));
	}
	for (walks = 0; walks < 50; walks++) {
		unsigned int bucket = 0;

		leash_table_walk(&table, &bucket, look, &faults);
		cond_resched();
	}
	for (i = 0; i < HAMMERS; i++) {
		wait_for_completion(&hammers[i].done);
		KUNIT_EXPECT_EQ(test, hammers[i].faults, 0U);
		*exhausted += hammers[i].exhausted;
	}
	KUNIT_EXPECT_EQ(test, faults, 0U);
	KUNIT_EXPECT_EQ(test, leash_table_used(&table), 0U);
}

static void test_concurrent(struct kunit *test)
{
	unsigned int exhausted = 0;

	KUNIT_ASSERT_EQ(test, fill(HAMMERS * OF_EACH + 64, 8192), 0);
	run_hammers(test, &exhausted);
	KUNIT_EXPECT_EQ(test, exhausted, 0U);
}

static void test_concurrent_exhausted(struct kunit *test)
{
	unsigned int exhausted = 0;

	leash_table_trim(&table, 20);
	run_hammers(test, &exhausted);
	KUNIT_EXPECT_GT(test, exhausted, 0U);
	KUNIT_EXPECT_LE(test, table.entries, 20U);
}

static struct kunit_case table_cases[] = {
	KUNIT_CASE(test_one),
	KUNIT_CASE(test_chains),
	KUNIT_CASE(test_exhaustion),
	KUNIT_CASE(test_trim),
	KUNIT_CASE(test_walk),
	KUNIT_CASE(test_concurrent),
	KUNIT_CASE(test_concurrent_exhausted),
	{ }
};

static struct kunit_suite table_suite = {
	.name = "leash_table",
	.init = table_test_init,
	.exit = table_test_exit,
	.test_cases = table_cases,
};

kunit_test_suite(table_suite);

MODULE_LICENSE("GPL");
MODULE_DESCRIPTION("KUnit tests of Leash's lineage table");
