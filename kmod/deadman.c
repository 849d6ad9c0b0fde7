// SPDX-License-Identifier: GPL-2.0-only
#define pr_fmt(fmt) "leash: " fmt

/*
 * The deadman: init pings, or else. A timer that expires in a hard interrupt notices the silence, and
 * ends the machine after the grace, with everything else standing still. The clock is CLOCK_MONOTONIC,
 * which stands still while the machine sleeps. On the way there and back init is frozen while the clock
 * runs, for as long as it takes to write an image: no silence is counted then.
 */
#include <linux/hrtimer.h>
#include <linux/kernel.h>
#include <linux/ktime.h>
#include <linux/notifier.h>
#include <linux/reboot.h>
#include <linux/spinlock.h>
#include <linux/suspend.h>

#include "compat.h"
#include "leash.h"

static DEFINE_RAW_SPINLOCK(lock);
static struct hrtimer timer;
static struct leash_deadman wanted;
static u32 state;		/* LEASH_DEADMAN_OFF... */
static ktime_t deadline;	/* of the state; on it the timer runs */
static bool close_is_meant;
static bool paused;		/* init is, or is about to be, frozen */
static u64 pings, silences;
unsigned int leash_on_deadman;

/* Under the lock. */
static void enter(u32 next, u32 ms)
{
	state = next;
	deadline = ktime_add_ms(ktime_get(), ms);
	hrtimer_start(&timer, deadline, HRTIMER_MODE_ABS_HARD);
}

static void act(u32 action, u32 silent_ms)
{
	if (action == LEASH_DEADMAN_PANIC)
		panic("leash: init has been silent for %u ms", silent_ms);
	if (action == LEASH_DEADMAN_RESTART) {
		pr_emerg("init has been silent for %u ms: the machine restarts\n", silent_ms);
		emergency_restart();
	}
}

static u32 action_of(void)
{
	return wanted.action == LEASH_DEADMAN_SYSCTL ? READ_ONCE(leash_on_deadman) : wanted.action;
}

/* A ping may come in between: then the deadline has moved, and the timer runs again. */
static enum hrtimer_restart expired(struct hrtimer *unused)
{
	u32 action = LEASH_DEADMAN_NOTHING, silent_ms;
	bool silent = false;
	unsigned long irq;

	raw_spin_lock_irqsave(&lock, irq);
	silent_ms = wanted.timeout_ms + wanted.grace_ms;
	if (!paused && !ktime_before(ktime_get(), deadline)) {
		if (state == LEASH_DEADMAN_ARMED) {
			silent = true;
			silences++;
			enter(LEASH_DEADMAN_SILENT, wanted.grace_ms);
		} else if (state == LEASH_DEADMAN_SILENT) {
			state = LEASH_DEADMAN_FIRED;
			action = action_of();
		}
	}
	raw_spin_unlock_irqrestore(&lock, irq);
	if (silent)
		leash_trouble(LEASH_REASON_SILENT, NULL, 1);
	act(action, silent_ms);
	return HRTIMER_NORESTART;
}

static bool known(const struct leash_deadman *arg)
{
	return !(arg->flags & ~LEASH_DEADMAN_KEEP) && arg->action <= LEASH_DEADMAN_SYSCTL &&
	       arg->grace_ms <= LEASH_DEADMAN_MAX_MS &&
	       (!arg->timeout_ms || (arg->timeout_ms >= LEASH_DEADMAN_MIN_MS &&
				     arg->timeout_ms <= LEASH_DEADMAN_MAX_MS));
}

static void disarm(void)
{
	raw_spin_lock_irq(&lock);
	state = LEASH_DEADMAN_OFF;
	memset(&wanted, 0, sizeof(wanted));
	close_is_meant = false;
	raw_spin_unlock_irq(&lock);
	hrtimer_cancel(&timer);
}

/* Of two controllers' threads at a time each leaves the timer as the state wants it. */
static DEFINE_MUTEX(setting);

int leash_deadman_set(struct leash_deadman *arg)
{
	if (!known(arg))
		return -EINVAL;
	mutex_lock(&setting);
	if (arg->timeout_ms) {
		raw_spin_lock_irq(&lock);
		wanted = *arg;
		close_is_meant = false;
		enter(LEASH_DEADMAN_ARMED, arg->timeout_ms);
		raw_spin_unlock_irq(&lock);
		leash_dbg("deadman: %u ms, grace %u ms, action %u\n", arg->timeout_ms,
			  arg->grace_ms, arg->action);
	} else {
		disarm();
		leash_dbg("deadman: off\n");
	}
	mutex_unlock(&setting);
	return 0;
}

int leash_deadman_ping(void)
{
	int err = -ENODATA;

	raw_spin_lock_irq(&lock);
	if (state != LEASH_DEADMAN_OFF) {
		enter(LEASH_DEADMAN_ARMED, wanted.timeout_ms);
		pings++;
		err = 0;
	}
	raw_spin_unlock_irq(&lock);
	return err;
}

int leash_deadman_get(struct leash_deadman_info *arg)
{
	memset(arg, 0, sizeof(*arg));
	raw_spin_lock_irq(&lock);
	arg->timeout_ms = wanted.timeout_ms;
	arg->grace_ms = wanted.grace_ms;
	arg->action = wanted.action;
	arg->flags = wanted.flags;
	arg->state = state;
	if (state == LEASH_DEADMAN_ARMED || state == LEASH_DEADMAN_SILENT)
		arg->left_ms = max_t(s64, ktime_ms_delta(deadline, ktime_get()), 0);
	arg->pings = pings;
	arg->silences = silences;
	raw_spin_unlock_irq(&lock);
	return 0;
}

void leash_deadman_expect_close(bool close)
{
	WRITE_ONCE(close_is_meant, close);
}

void leash_deadman_closed(void)
{
	bool keep;

	mutex_lock(&setting);
	raw_spin_lock_irq(&lock);
	keep = state != LEASH_DEADMAN_OFF && (wanted.flags & LEASH_DEADMAN_KEEP) && !close_is_meant;
	raw_spin_unlock_irq(&lock);
	if (keep)
		pr_warn("the controller is gone, and the deadman runs on\n");
	else
		disarm();
	mutex_unlock(&setting);
}

/* A timer that expires meanwhile says nothing: it is set anew. */
static int on_sleep(struct notifier_block *block, unsigned long event, void *unused)
{
	raw_spin_lock_irq(&lock);
	switch (event) {
	case PM_HIBERNATION_PREPARE:
	case PM_SUSPEND_PREPARE:
	case PM_RESTORE_PREPARE:
		paused = true;
		break;
	case PM_POST_HIBERNATION:
	case PM_POST_SUSPEND:
	case PM_POST_RESTORE:
		paused = false;
		if (state == LEASH_DEADMAN_ARMED || state == LEASH_DEADMAN_SILENT)
			enter(LEASH_DEADMAN_ARMED, wanted.timeout_ms);
		break;
	}
	raw_spin_unlock_irq(&lock);
	return NOTIFY_DONE;
}

static struct notifier_block sleep_block = { .notifier_call = on_sleep };

int leash_deadman_start(void)
{
	leash_hrtimer_setup(&timer, expired, CLOCK_MONOTONIC, HRTIMER_MODE_ABS_HARD);
	return register_pm_notifier(&sleep_block);
}

void leash_deadman_stop(void)
{
	unregister_pm_notifier(&sleep_block);
	if (READ_ONCE(state) != LEASH_DEADMAN_OFF)
		pr_warn("unloaded while the deadman was armed: it is off\n");
	disarm();
}
