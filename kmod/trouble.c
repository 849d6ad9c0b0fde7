// SPDX-License-Identifier: GPL-2.0-only
#define pr_fmt(fmt) "leash: " fmt

/*
 * Trouble: what is wrong is told from any context, and goes to a thread that runs the handler. The
 * silence of init has a thread of its own: it must not wait for the handler of anything else.
 */
#include <linux/irq_work.h>
#include <linux/kthread.h>
#include <linux/spinlock.h>
#include <linux/string.h>
#include <linux/swait.h>

#include "leash.h"

#define ROOM 32

struct trouble {
	u32 reason;
	s32 pid;
	u64 start;
	char name[LEASH_NAME_SIZE];
};

struct lane {
	const char *name;
	struct task_struct *thread;
	struct swait_queue_head wait;
	struct irq_work wake;
	raw_spinlock_t lock;		/* the queue */
	struct trouble queue[ROOM];
	unsigned int first, waiting;
};

/* Probes and hard interrupts wake up nobody themselves: an irq_work does, in a hard interrupt. */
static void wake(struct irq_work *work)
{
	swake_up_one(&container_of(work, struct lane, wake)->wait);
}

static struct lane lanes[] = {
	{ .name = "leash-silence", .lock = __RAW_SPIN_LOCK_UNLOCKED(lanes[0].lock),
	  .wait = __SWAIT_QUEUE_HEAD_INITIALIZER(lanes[0].wait), .wake = IRQ_WORK_INIT_HARD(wake) },
	{ .name = "leash-trouble", .lock = __RAW_SPIN_LOCK_UNLOCKED(lanes[1].lock),
	  .wait = __SWAIT_QUEUE_HEAD_INITIALIZER(lanes[1].wait), .wake = IRQ_WORK_INIT_HARD(wake) },
};

atomic64_t leash_troubles, leash_troubles_lost;

static const char *word_of(u32 reason)
{
	switch (reason) {
	case LEASH_REASON_SILENT:
		return "init-silent";
	case LEASH_REASON_NO_TASK:
		return "no-task";
	case LEASH_REASON_TASK_LIMIT:
		return "task-limit";
	case LEASH_REASON_FORK_RATE:
		return "fork-rate";
	case LEASH_REASON_HUNG:
		return "hung-task";
	}
	return "unknown";
}

/* A start's trouble is one, whichever of its processes shows it; of hung tasks each is. */
static bool is_told(const struct lane *lane, const struct trouble *trouble)
{
	unsigned int i;

	for (i = 0; i < lane->waiting; i++) {
		const struct trouble *other = &lane->queue[(lane->first + i) % ROOM];

		if (other->reason == trouble->reason && other->start == trouble->start &&
		    (other->pid == trouble->pid || trouble->reason != LEASH_REASON_HUNG))
			return true;
	}
	return false;
}

static bool put(struct lane *lane, const struct trouble *trouble)
{
	unsigned long irq;
	bool done = true;

	raw_spin_lock_irqsave(&lane->lock, irq);
	if (!is_told(lane, trouble)) {
		done = lane->waiting < ROOM;
		if (done)
			lane->queue[(lane->first + lane->waiting++) % ROOM] = *trouble;
	}
	raw_spin_unlock_irqrestore(&lane->lock, irq);
	return done;
}

static bool take(struct lane *lane, struct trouble *trouble)
{
	bool there;

	raw_spin_lock_irq(&lane->lock);
	there = lane->waiting;
	if (there) {
		*trouble = lane->queue[lane->first];
		lane->first = (lane->first + 1) % ROOM;
		lane->waiting--;
	}
	raw_spin_unlock_irq(&lane->lock);
	return there;
}

void leash_trouble(u32 reason, const struct leash_life *life, s32 pid)
{
	struct lane *lane = &lanes[reason != LEASH_REASON_SILENT];
	struct trouble trouble = { .reason = reason, .pid = pid, .start = life ? life->id : 0 };

	memcpy(trouble.name, life ? life->name : "init", life ? sizeof(trouble.name) : 5);
	atomic64_inc(&leash_troubles);
	leash_event(LEASH_EVENT_TROUBLE, life, NULL, reason, pid);
	if (!put(lane, &trouble))
		atomic64_inc(&leash_troubles_lost);
	irq_work_queue(&lane->wake);
}

static void answer(const struct trouble *trouble)
{
	struct leash_handler_call call = { .reason = word_of(trouble->reason),
					   .service = trouble->name, .start = trouble->start,
					   .pid = trouble->pid,
					   .silence = trouble->reason == LEASH_REASON_SILENT };

	pr_warn_ratelimited("trouble: %s, service %s, process %d, start %016llx\n", call.reason,
			    call.service, call.pid, call.start);
	if (!leash_handler_run(&call, kthread_should_stop))
		atomic64_inc(&leash_troubles_lost);
}

static int run(void *data)
{
	struct lane *lane = data;
	struct trouble trouble;

	while (!kthread_should_stop()) {
		swait_event_idle_exclusive(lane->wait,
					   READ_ONCE(lane->waiting) || kthread_should_stop());
		while (!kthread_should_stop() && take(lane, &trouble))
			answer(&trouble);
	}
	return 0;
}

void leash_trouble_stop(void)
{
	size_t i;

	leash_hung_stop();
	leash_deadman_stop();
	for (i = 0; i < ARRAY_SIZE(lanes); i++) {
		irq_work_sync(&lanes[i].wake);
		if (lanes[i].thread)
			kthread_stop(lanes[i].thread);
		lanes[i].thread = NULL;
	}
	leash_handler_stop();
}

int leash_trouble_start(void)
{
	int err = leash_deadman_start();
	size_t i;

	if (err)
		return err;
	for (i = 0; i < ARRAY_SIZE(lanes); i++) {
		struct task_struct *thread = kthread_run(run, &lanes[i], "%s", lanes[i].name);

		if (IS_ERR(thread)) {
			leash_trouble_stop();
			return PTR_ERR(thread);
		}
		lanes[i].thread = thread;
	}
	return 0;
}
