// SPDX-License-Identifier: GPL-2.0-only
#include <linux/pid_namespace.h>
#include <linux/sched/clock.h>
#include <linux/sched/signal.h>
#include <linux/sizes.h>
#include <linux/slab.h>
#include <linux/timekeeping.h>
#include <linux/uaccess.h>

#include "leash.h"

#define CHUNK		64	/* records between two copies to the caller */
#define LOOKED_AT	512	/* tasks in one RCU section */

#define ALL_FLAGS (LEASH_SNAPSHOT_THREADS | LEASH_SNAPSHOT_ATTRIBUTED | LEASH_SNAPSHOT_KERNEL)

static bool wanted(struct task_struct *p, const struct leash_snapshot *arg)
{
	struct leash_belonging found = { };

	if ((p->flags & PF_KTHREAD) && !(arg->flags & LEASH_SNAPSHOT_KERNEL))
		return false;
	if (!arg->start && !arg->group && !(arg->flags & LEASH_SNAPSHOT_ATTRIBUTED))
		return true;
	return leash_lookup_task(p, &found) && (!arg->start || found.start == arg->start) &&
	       (!arg->group || found.group == arg->group);
}

/*
 * Fills at most `room` records of `stride` bytes from number *nr on; *nr is 0 when there are no more
 * tasks. Behind the last record there must be room for a whole struct leash_task.
 */
static unsigned int gather(const struct leash_snapshot *arg, char *chunk, unsigned int stride,
			   unsigned int room, int *nr)
{
	bool threads = arg->flags & LEASH_SNAPSHOT_THREADS;
	unsigned int count = 0, looked_at;

	rcu_read_lock();
	for (looked_at = 0; count < room && looked_at < LOOKED_AT; looked_at++) {
		struct task_struct *p = threads ? leash_task_from(nr) : leash_process_from(nr);

		if (!p) {
			*nr = 0;
			break;
		}
		++*nr;
		if (!wanted(p, arg))
			continue;
		leash_facts(p, arg->facts, threads, (struct leash_task *)chunk, stride);
		chunk += stride;
		count++;
	}
	rcu_read_unlock();
	return count;
}

/* The caller's records may be longer than ours. */
static int copy_records(u64 to, unsigned int to_stride, const char *chunk, unsigned int stride,
			unsigned int count)
{
	unsigned int i;

	if (to_stride == stride)
		return copy_to_user(u64_to_user_ptr(to), chunk, count * stride) ? -EFAULT : 0;
	for (i = 0; i < count; i++, to += to_stride, chunk += stride) {
		char __user *record = u64_to_user_ptr(to);

		if (copy_to_user(record, chunk, stride) ||
		    clear_user(record + stride, to_stride - stride))
			return -EFAULT;
	}
	return 0;
}

int leash_snapshot(struct leash_snapshot *arg)
{
	unsigned int stride = min_t(u32, arg->record_size, sizeof(struct leash_task));
	char *chunk;
	int nr = arg->cursor, err = 0;
	u32 room;

	if ((arg->flags & ~ALL_FLAGS) || (arg->facts & ~leash_facts_known()) ||
	    !arg->record_size || arg->record_size % sizeof(u64) || arg->record_size > SZ_4K ||
	    arg->size < arg->record_size || nr < 0 || nr > PID_MAX_LIMIT)
		return -EINVAL;
	chunk = kmalloc(CHUNK * stride + sizeof(struct leash_task), GFP_KERNEL_ACCOUNT);
	if (!chunk)
		return -ENOMEM;
	atomic64_inc(&leash_counters.snapshots);
	arg->time_ns = ktime_get_boottime_ns();
	arg->sched_ns = local_clock();
	arg->state = leash_state();
	arg->count = 0;
	room = arg->size / arg->record_size;
	if (!nr)
		nr = 1;
	while (nr && arg->count < room) {
		int from = nr;
		unsigned int count = gather(arg, chunk, stride, min_t(u32, CHUNK, room - arg->count),
					    &nr);

		err = copy_records(arg->buffer + (u64)arg->count * arg->record_size,
				   arg->record_size, chunk, stride, count);
		if (err) {
			nr = from; /* who asks again shall miss nobody */
			break;
		}
		arg->count += count;
		cond_resched();
		if (fatal_signal_pending(current)) {
			err = -EINTR;
			break;
		}
	}
	arg->cursor = nr;
	kfree(chunk);
	return err;
}
