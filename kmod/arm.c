// SPDX-License-Identifier: GPL-2.0-only
/*
 * The armed slot: the next process that a thread of the controller forks is born into a start. There
 * is one, since there is one controller, and it spawns from one thread.
 */
#include <linux/rcupdate.h>

#include "leash.h"

static DEFINE_RAW_SPINLOCK(lock);
static struct leash_life *armed_life;
struct task_struct *leash_armed_task; /* never followed: execve and the end of a thread disarm it */

/* NULL: whoever's it is. */
struct leash_life *leash_arm_take(struct task_struct *thread)
{
	struct leash_life *life = NULL;
	unsigned long irq;

	raw_spin_lock_irqsave(&lock, irq);
	if (leash_armed_task && (!thread || leash_armed_task == thread)) {
		life = armed_life;
		armed_life = NULL;
		WRITE_ONCE(leash_armed_task, NULL);
	}
	raw_spin_unlock_irqrestore(&lock, irq);
	return life;
}

void leash_disarm_all(void)
{
	struct leash_life *life;

	rcu_read_lock();
	life = leash_arm_take(NULL);
	if (life)
		leash_life_put(life);
	rcu_read_unlock();
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
	/* Init calls this on its loop: no waiting for memory. */
	if (!READ_ONCE(leash_table.entries_free))
		leash_fill_pool(GFP_NOWAIT | __GFP_NOWARN);
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
		WRITE_ONCE(leash_armed_task, current);
		raw_spin_unlock_irqrestore(&lock, irq);
	}
	mutex_unlock(&leash_lock);
	return err;
}
