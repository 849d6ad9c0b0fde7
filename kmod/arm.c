// SPDX-License-Identifier: GPL-2.0-only
/*
 * The armed slot: the next process that a thread of the controller forks is born into a start. There
 * is one, since there is one controller, and it spawns from one thread.
 */
#include <linux/rcupdate.h>

#include "leash.h"

static DEFINE_RAW_SPINLOCK(lock);
static struct task_struct *armed_task; /* compared, never followed: an exit disarms */
static struct leash_life *armed_life;

/* Empties the slot if it is `task`'s (NULL: whoever's). The slot's user is the caller's then. */
static struct leash_life *take(struct task_struct *task)
{
	struct leash_life *life = NULL;
	unsigned long irq;

	if (!READ_ONCE(armed_task))
		return NULL;
	raw_spin_lock_irqsave(&lock, irq);
	if (armed_task && (!task || armed_task == task)) {
		life = armed_life;
		armed_life = NULL;
		WRITE_ONCE(armed_task, NULL);
	}
	raw_spin_unlock_irqrestore(&lock, irq);
	return life;
}

struct leash_life *leash_arm_consume(struct task_struct *parent)
{
	return unlikely(READ_ONCE(armed_task) == parent) ? take(parent) : NULL;
}

void leash_disarm_task(struct task_struct *p)
{
	struct leash_life *life = leash_arm_consume(p);

	if (unlikely(life))
		leash_life_put(life);
}

void leash_disarm_all(void)
{
	struct leash_life *life = take(NULL);

	if (life)
		leash_life_put(life);
}

bool leash_armed(void)
{
	return READ_ONCE(armed_task);
}

int leash_arm(struct leash_start_ref *arg)
{
	struct leash_life *life;
	unsigned long irq;
	int err = 0;

	if (arg->flags || arg->reserved)
		return -EINVAL;
	if (!arg->id) {
		leash_disarm_all();
		return 0;
	}
	mutex_lock(&leash_lock);
	life = leash_life_find(arg->id);
	if (!life) {
		err = -ENOENT;
	} else if (life->dying || life->released) {
		err = -ESHUTDOWN;
	} else {
		leash_disarm_all();
		atomic_inc(&life->users);
		raw_spin_lock_irqsave(&lock, irq);
		armed_life = life;
		WRITE_ONCE(armed_task, current);
		raw_spin_unlock_irqrestore(&lock, irq);
	}
	mutex_unlock(&leash_lock);
	return err;
}
