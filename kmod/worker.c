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

static void heal(void)
{
	u64 lost = atomic64_read(&leash_counters.lost);
	unsigned int found;

	if (lost == lost_and_told)
		return;
	mutex_lock(&leash_lock);
	found = leash_rescan_quick();
	mutex_unlock(&leash_lock);
	pr_warn_ratelimited("no entries left: %llu forks not recorded, %u processes found again\n",
			    lost - lost_and_told, found);
	pr_warn_ratelimited("rescan; larger parameters pool or max_entries help\n");
	lost_and_told = lost;
}

static void work(struct kthread_work *unused)
{
	if (leash_table_fill(&leash_table, leash_pool, leash_max_entries))
		pr_warn_ratelimited("no memory for entries\n");
	heal();
	leash_table_trim(&leash_table, 4 * leash_pool);
	mutex_lock(&leash_lock);
	leash_lives_sweep();
	if (IS_ENABLED(CONFIG_PREEMPT_RT) && leash_hooked())
		leash_kill_the_dying();
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

void leash_worker_kick_if_low(void)
{
	if (unlikely(READ_ONCE(leash_table.entries_free) < leash_pool / 2))
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
	kthread_cancel_delayed_work_sync(&unhook_work);
	kthread_destroy_worker(worker);
}
