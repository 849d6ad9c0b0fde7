// SPDX-License-Identifier: GPL-2.0-only
#define pr_fmt(fmt) "leash: " fmt

#include <linux/hashtable.h>
#include <linux/rculist.h>
#include <linux/sizes.h>
#include <linux/slab.h>
#include <linux/string.h>
#include <linux/uaccess.h>

#include "leash.h"

/* See leash.h. */
DEFINE_MUTEX(leash_lock);
LIST_HEAD(leash_lives);

static DEFINE_HASHTABLE(by_id, 8);
static int count;
static u64 last_seq;

struct leash_life *leash_life_find(u64 id)
{
	struct leash_life *life;

	hash_for_each_possible_rcu(by_id, life, hash, id, lockdep_is_held(&leash_lock))
		if (life->id == id)
			return life;
	return NULL;
}

struct leash_life *leash_life_of_cgroup(u64 cgroup)
{
	struct leash_life *life, *newest = NULL;

	list_for_each_entry_rcu(life, &leash_lives, list, lockdep_is_held(&leash_lock))
		if (cgroup && READ_ONCE(life->cgroup) == cgroup && !READ_ONCE(life->released))
			newest = life;
	return newest;
}

int leash_life_count(void)
{
	return READ_ONCE(count);
}

/* The sweeper frees by kfree_rcu() as soon as it sees the last user gone: this may be it. */
void leash_life_put(struct leash_life *life)
{
	if (atomic_dec_and_test(&life->users) && READ_ONCE(life->released))
		leash_worker_kick();
}

static void forget(struct leash_life *life)
{
	leash_dbg("start %016llx of %s is forgotten\n", life->id, life->name);
	list_del_rcu(&life->list);
	hash_del_rcu(&life->hash);
	count--;
	kfree_rcu(life, rcu);
}

void leash_lives_sweep(void)
{
	struct leash_life *life, *next;

	lockdep_assert_held(&leash_lock);
	list_for_each_entry_safe(life, next, &leash_lives, list)
		if (life->released && !atomic_read(&life->users))
			forget(life);
}

/* Nothing is hooked any more. */
void leash_lives_destroy(void)
{
	struct leash_life *life, *next;

	mutex_lock(&leash_lock);
	list_for_each_entry_safe(life, next, &leash_lives, list)
		forget(life);
	mutex_unlock(&leash_lock);
}

static struct leash_life *make(const struct leash_start *arg)
{
	struct leash_life *life = kzalloc(sizeof(*life), GFP_KERNEL_ACCOUNT);

	if (!life)
		return NULL;
	life->id = arg->id;
	life->seq = ++last_seq;
	return life;
}

static void set_name(struct leash_life *life, const char *name)
{
	int size;

	WRITE_ONCE(life->tag_size, 0); /* an execve that reads half a text compares in vain */
	strscpy_pad(life->name, name, sizeof(life->name));
	size = snprintf(life->tag_text, sizeof(life->tag_text), "LEASH_TAG=%s@%016llx", name,
			life->id);
	/* Pairs with begins_as_expected(). */
	smp_store_release(&life->tag_size, size + 1);
}

int leash_start_set(struct leash_start *arg)
{
	struct leash_life *life;
	bool fresh;
	int err = 0;

	if (!arg->id || arg->flags || arg->reserved || !arg->name[0] ||
	    strnlen(arg->name, sizeof(arg->name)) == sizeof(arg->name))
		return -EINVAL;
	mutex_lock(&leash_lock);
	life = leash_life_find(arg->id);
	fresh = !life;
	if (fresh) {
		if (count >= LEASH_MAX_STARTS) {
			err = -ENOSPC;
			goto out;
		}
		err = leash_hook();
		if (err)
			goto out;
		life = make(arg);
		if (!life) {
			err = -ENOMEM;
			goto out;
		}
	}
	life->group = arg->group;
	WRITE_ONCE(life->cgroup, arg->cgroup);
	set_name(life, arg->name);
	if (fresh) {
		list_add_tail_rcu(&life->list, &leash_lives);
		hash_add_rcu(by_id, &life->hash, life->id);
		count++;
		leash_dbg("start %016llx of %s\n", life->id, life->name);
	}
out:
	mutex_unlock(&leash_lock);
	return err;
}

int leash_start_del(struct leash_start_ref *arg)
{
	struct leash_life *life;

	if (arg->flags || arg->reserved)
		return -EINVAL;
	mutex_lock(&leash_lock);
	life = leash_life_find(arg->id);
	if (life) {
		WRITE_ONCE(life->released, true);
		smp_mb(); /* against leash_life_put(): one of us sees the other */
		leash_lives_sweep();
		if (!count)
			leash_worker_kick();
	}
	mutex_unlock(&leash_lock);
	return life ? 0 : -ENOENT;
}

static bool count_process(struct leash_entry *entry, void *unused)
{
	const struct signal_struct *sig = entry->key;
	struct leash_life *life = entry->life;

	life->processes++;
	if (leash_entry_lives(entry)) {
		life->live++;
		return true;
	}
	if (READ_ONCE(sig->group_exit_code) & 0x7f)
		life->dead_by_signal++;
	life->dead_runtime_ns += READ_ONCE(sig->sum_sched_runtime);
	return true;
}

/* Of all starts at once. */
static void count_processes(void)
{
	struct leash_life *life;
	unsigned int bucket = 0;

	lockdep_assert_held(&leash_lock);
	list_for_each_entry(life, &leash_lives, list) {
		life->processes = 0;
		life->live = 0;
		life->dead_by_signal = 0;
		life->dead_runtime_ns = 0;
	}
	leash_table_walk(&leash_table, &bucket, count_process, NULL);
}

static void tell(const struct leash_life *life, struct leash_start_info *info)
{
	memset(info, 0, sizeof(*info));
	info->id = life->id;
	info->group = life->group;
	info->cgroup = life->cgroup;
	info->flags = (life->dying ? LEASH_START_DYING : 0) |
		      (life->released ? LEASH_START_RELEASED : 0);
	info->live = life->live;
	info->processes = life->processes;
	info->forks = atomic64_read(&life->forks);
	info->execs = atomic64_read(&life->execs);
	info->exits = atomic64_read(&life->exits) + life->processes - life->live;
	info->aborts = atomic64_read(&life->aborts) + life->dead_by_signal;
	info->runtime_ns = atomic64_read(&life->runtime_ns) + life->dead_runtime_ns;
	memcpy(info->name, life->name, sizeof(info->name));
}

int leash_start_get(struct leash_start_info *arg)
{
	struct leash_life *life;
	u64 id = arg->id;

	if (arg->reserved)
		return -EINVAL;
	mutex_lock(&leash_lock);
	life = leash_life_find(id);
	if (life) {
		count_processes();
		tell(life, arg);
	}
	mutex_unlock(&leash_lock);
	return life ? 0 : -ENOENT;
}

/* A record as the caller's stride wants it: cut, or filled up with zeroes. */
static int put_record(u64 buffer, u32 index, u32 stride, const void *record, u32 size)
{
	void __user *to = u64_to_user_ptr(buffer + (u64)index * stride);

	if (copy_to_user(to, record, min(stride, size)))
		return -EFAULT;
	if (stride > size && clear_user(to + size, stride - size))
		return -EFAULT;
	return 0;
}

int leash_starts(struct leash_starts *arg)
{
	struct leash_start_info info;
	struct leash_life *life;
	u64 after = arg->cursor;
	int err = 0;

	if (arg->flags || arg->record_size < sizeof(u64) || arg->size < arg->record_size ||
	    arg->record_size > SZ_4K)
		return -EINVAL;
	arg->count = 0;
	arg->cursor = 0;
	mutex_lock(&leash_lock);
	count_processes();
	list_for_each_entry(life, &leash_lives, list) {
		if (life->seq <= after || (arg->group && life->group != arg->group))
			continue;
		if ((u64)(arg->count + 1) * arg->record_size > arg->size) {
			arg->cursor = after; /* there is more */
			break;
		}
		tell(life, &info);
		err = put_record(arg->buffer, arg->count, arg->record_size, &info, sizeof(info));
		if (err)
			break;
		arg->count++;
		after = life->seq;
	}
	mutex_unlock(&leash_lock);
	return err;
}
