// SPDX-License-Identifier: GPL-2.0-only
#define pr_fmt(fmt) "leash: " fmt

/*
 * A thread for what probes must not do: fill the pool, heal what was lost, free what nobody needs,
 * unhook, and on PREEMPT_RT kill the new-borns of dying starts. Probes call it by an irq_work, since
 * they must not wake up anybody.
 */
#include <linux/irq_work.h>
#include <linux/kthread.h>
#include <linux/sched.h>

#include "leash.h"

#define UNHOOK_AFTER (10 * HZ)	/* starts come and go: hooking takes milliseconds */
#define HEAL_AFTER (HZ / 20)	/* walks over all processes, at most so often */

static struct kthread_worker *worker;
static u64 lost_and_told;

static void unhook_if_idle(struct kthread_work *work)
{
	mutex_lock(&leash_lock);
	if (leash_auto_hook && !leash_life_count() && leash_hooked())
		leash_unhook();
	mutex_unlock(&leash_lock);
}

static DEFINE_KTHREAD_DELAYED_WORK(unhook_work, unhook_if_idle);

/* What it did not find now, for want of room or because it looked too early, it looks for again. */
static void heal(struct kthread_work *unused)
{
	u64 lost = atomic64_read(&leash_counters.lost);
	unsigned int found;

	if (lost == lost_and_told || !leash_hooked())
		return;
	leash_fill_pool(GFP_KERNEL);
	found = leash_rescan_quick();
	pr_warn_ratelimited("no entries left: %llu forks not recorded, %u processes found again\n",
			    lost - lost_and_told, found);
	pr_warn_ratelimited("rescan; larger parameters pool or max_entries help\n");
	lost_and_told = lost;
	if (found)
		leash_worker_kick(); /* their start may be dying */
}

static DEFINE_KTHREAD_DELAYED_WORK(heal_work, heal);

static void work(struct kthread_work *unused)
{
	if (leash_fill_pool(GFP_KERNEL))
		pr_warn_ratelimited("no memory for entries\n");
	leash_table_trim(&leash_table, 4 * leash_pool + 1024);
	mutex_lock(&leash_lock);
	if (leash_hooked()) {
		/* Before they have forked much: that is found by its parents. */
		atomic64_add(leash_find_lost(), &leash_counters.found);
		leash_kill_the_dying();
		if (atomic64_read(&leash_counters.lost) != lost_and_told)
			kthread_queue_delayed_work(worker, &heal_work, HEAL_AFTER);
	}
	leash_lives_sweep();
	if (leash_auto_hook && !leash_life_count() && leash_hooked())
		kthread_mod_delayed_work(worker, &unhook_work, UNHOOK_AFTER);
	mutex_unlock(&leash_lock);
}

static DEFINE_KTHREAD_WORK(the_work, work);

static void queue(struct irq_work *unused)
{
	kthread_queue_work(worker, &the_work);
}

static DEFINE_IRQ_WORK(call, queue);

void leash_worker_kick(void)
{
	irq_work_queue(&call);
}

void leash_worker_queue(struct kthread_delayed_work *delayed, unsigned long delay)
{
	kthread_queue_delayed_work(worker, delayed, delay);
}

void leash_worker_kick_if_low(void)
{
	if (unlikely(READ_ONCE(leash_table.entries_free) < leash_pool / 2 &&
		     READ_ONCE(leash_table.entries) < READ_ONCE(leash_max_entries)))
		leash_worker_kick();
}

int leash_worker_start(void)
{
	worker = kthread_create_worker(0, "leash");
	if (IS_ERR(worker))
		return PTR_ERR(worker);
	sched_set_fifo(worker->task);
	return 0;
}

/* Nothing is hooked and the device is gone: nobody kicks any more. */
void leash_worker_stop(void)
{
	irq_work_sync(&call);
	kthread_flush_worker(worker);
	irq_work_sync(&call); /* what was under way may have kicked */
	kthread_cancel_delayed_work_sync(&heal_work);
	kthread_cancel_delayed_work_sync(&unhook_work);
	kthread_destroy_worker(worker);
}
