// SPDX-License-Identifier: GPL-2.0-only
/* The queue of events by itself. */
#include <kunit/test.h>
#include <linux/completion.h>
#include <linux/kthread.h>
#include <linux/sched.h>
#include <linux/slab.h>

#include "ring.h"

static struct leash_ring ring;

static u32 put(u64 number)
{
	struct leash_record record = { .arg = number, .code = ~(s32)number };

	return leash_ring_put(&ring, &record);
}

/* The number of the oldest, and in *lost how many were dropped before it; -1: there is none. */
static s64 take(u32 *lost)
{
	const struct leash_record *record;
	s64 number;
	u32 count;

	record = leash_ring_peek(&ring, &count);
	if (!record)
		return -1;
	number = record->code == ~(s32)record->arg ? record->arg : -2;
	*lost = record->lost;
	leash_ring_take(&ring, 1);
	return number;
}

static void test_order(struct kunit *test)
{
	u64 in = 0, out = 0;
	u32 lost, round, i;

	KUNIT_ASSERT_EQ(test, leash_ring_init(&ring, 5), 0);
	KUNIT_EXPECT_EQ(test, ring.size, 8U); /* rounded up */
	KUNIT_EXPECT_EQ(test, take(&lost), -1LL);
	KUNIT_EXPECT_FALSE(test, leash_ring_ready(&ring));
	/* Around many times, to all fill levels. */
	for (round = 0; round < 200; round++) {
		for (i = 0; i <= round % 8; i++)
			KUNIT_ASSERT_EQ(test, put(in++), i + 1);
		KUNIT_ASSERT_TRUE(test, leash_ring_ready(&ring));
		for (i = 0; i <= round % 8; i++)
			KUNIT_ASSERT_EQ(test, take(&lost), (s64)out++);
		KUNIT_ASSERT_EQ(test, lost, 0U);
	}
	KUNIT_EXPECT_EQ(test, ring.told, in);
	KUNIT_EXPECT_EQ(test, ring.lost, 0ULL);
	leash_ring_destroy(&ring);
}

static void test_wrapped(struct kunit *test)
{
	const struct leash_record *record;
	u32 count, lost, i;

	KUNIT_ASSERT_EQ(test, leash_ring_init(&ring, 8), 0);
	ring.head = U32_MAX - 3; /* the counters wrap around, too */
	ring.tail = ring.head;
	for (i = 0; i < 8; i++)
		KUNIT_ASSERT_EQ(test, put(i), i + 1);
	KUNIT_EXPECT_EQ(test, put(8), 0U);
	record = leash_ring_peek(&ring, &count);
	KUNIT_ASSERT_NOT_NULL(test, record);
	KUNIT_EXPECT_EQ(test, count, 4U); /* up to the end of the memory */
	leash_ring_take(&ring, 4);
	for (i = 4; i < 8; i++)
		KUNIT_EXPECT_EQ(test, take(&lost), (s64)i);
	KUNIT_EXPECT_EQ(test, take(&lost), -1LL);
	leash_ring_destroy(&ring);
}

static void test_lost(struct kunit *test)
{
	u32 lost, i;

	KUNIT_ASSERT_EQ(test, leash_ring_init(&ring, 4), 0);
	for (i = 0; i < 10; i++)
		KUNIT_EXPECT_EQ(test, put(i), i < 4 ? i + 1 : 0U);
	KUNIT_EXPECT_EQ(test, leash_ring_take_lost(&ring), 0U); /* the next record will say so */
	KUNIT_EXPECT_EQ(test, take(&lost), 0LL);
	KUNIT_EXPECT_EQ(test, lost, 0U);
	KUNIT_EXPECT_EQ(test, put(10), 4U);
	for (i = 1; i < 4; i++)
		KUNIT_EXPECT_EQ(test, take(&lost), (s64)i);
	KUNIT_EXPECT_EQ(test, take(&lost), 10LL);
	KUNIT_EXPECT_EQ(test, lost, 6U);
	for (i = 0; i < 5; i++)
		put(i);
	while (take(&lost) >= 0)
		KUNIT_EXPECT_EQ(test, lost, 0U);
	KUNIT_EXPECT_TRUE(test, leash_ring_ready(&ring)); /* of what was lost */
	KUNIT_EXPECT_EQ(test, leash_ring_take_lost(&ring), 1U);
	leash_ring_put_lost(&ring, 1); /* could not be told */
	KUNIT_EXPECT_EQ(test, leash_ring_take_lost(&ring), 1U);
	KUNIT_EXPECT_FALSE(test, leash_ring_ready(&ring));
	KUNIT_EXPECT_EQ(test, ring.lost, 7ULL);
	leash_ring_put_lost(&ring, U32_MAX);
	leash_ring_put_lost(&ring, 5);
	KUNIT_EXPECT_EQ(test, leash_ring_take_lost(&ring), U32_MAX); /* at least so many */
	leash_ring_destroy(&ring);
}

static void test_missed(struct kunit *test)
{
	u32 lost;

	KUNIT_ASSERT_EQ(test, leash_ring_init(&ring, 4), 0);
	leash_ring_miss(&ring, 3);
	KUNIT_EXPECT_TRUE(test, leash_ring_ready(&ring));
	KUNIT_EXPECT_EQ(test, put(0), 1U);
	KUNIT_EXPECT_EQ(test, take(&lost), 0LL);
	KUNIT_EXPECT_EQ(test, lost, 3U);
	leash_ring_miss(&ring, 2);
	KUNIT_EXPECT_EQ(test, leash_ring_take_lost(&ring), 2U); /* no event is left to say so */
	leash_ring_miss(&ring, U32_MAX);
	leash_ring_miss(&ring, U32_MAX);
	KUNIT_EXPECT_EQ(test, leash_ring_take_lost(&ring), U32_MAX);
	KUNIT_EXPECT_EQ(test, ring.lost, 5 + 2ULL * U32_MAX);
	KUNIT_EXPECT_EQ(test, ring.told, 1ULL);
	leash_ring_destroy(&ring);
}

/* Two who put and one who takes: what was put arrives or is counted, and whole. */
#define EACH 20000

static DECLARE_COMPLETION(putters_done);
static atomic_t putters;

static int putter(void *unused)
{
	int i;

	for (i = 0; i < EACH; i++) {
		put(i);
		if (i % 64 == 0)
			cond_resched();
	}
	if (atomic_dec_and_test(&putters))
		complete(&putters_done);
	return 0;
}

static void test_race(struct kunit *test)
{
	u64 taken = 0, lost_sum = 0;
	bool broken = false, done = false;
	s64 number;
	u32 lost;

	KUNIT_ASSERT_EQ(test, leash_ring_init(&ring, 64), 0);
	atomic_set(&putters, 2);
	KUNIT_ASSERT_FALSE(test, IS_ERR(kthread_run(putter, NULL, "putter1")));
	KUNIT_ASSERT_FALSE(test, IS_ERR(kthread_run(putter, NULL, "putter2")));
	while (!done || leash_ring_ready(&ring)) {
		done = done || try_wait_for_completion(&putters_done);
		while ((number = take(&lost)) != -1) {
			broken |= number < 0;
			taken++;
			lost_sum += lost;
		}
		lost_sum += leash_ring_take_lost(&ring);
		cond_resched();
	}
	KUNIT_EXPECT_FALSE(test, broken);
	KUNIT_EXPECT_EQ(test, taken, ring.told);
	KUNIT_EXPECT_EQ(test, lost_sum, ring.lost);
	KUNIT_EXPECT_EQ(test, taken + lost_sum, 2ULL * EACH);
	leash_ring_destroy(&ring);
}

static struct kunit_case ring_cases[] = {
	KUNIT_CASE(test_order),
	KUNIT_CASE(test_wrapped),
	KUNIT_CASE(test_lost),
	KUNIT_CASE(test_missed),
	KUNIT_CASE(test_race),
	{}
};

static struct kunit_suite ring_suite = {
	.name = "leash_ring",
	.test_cases = ring_cases,
};

kunit_test_suites(&ring_suite);
