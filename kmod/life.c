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
static u64 forgotten_forks;

u64 leash_forks_of_all(void)
{
	struct leash_life *life;
	u64 forks;

	mutex_lock(&leash_lock);
	forks = forgotten_forks;
	list_for_each_entry(life, &leash_lives, list)
		forks += atomic64_read(&life->forks);
	mutex_unlock(&leash_lock);
	return forks;
}

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

void leash_life_unused(struct leash_life *life)
{
	if (READ_ONCE(life->released))
		leash_worker_kick();
}

void leash_life_empty(struct leash_life *life, s32 tgid)
{
	leash_event(LEASH_EVENT_START_EMPTY, life, NULL, 0, 0);
	/* While forks are lost one of them may live. */
	if (READ_ONCE(life->watch_empty) && !READ_ONCE(life->released) && !READ_ONCE(life->dying) &&
	    !READ_ONCE(leash_incomplete))
		leash_trouble(LEASH_REASON_NO_TASK, life, tgid);
}

static void forget(struct leash_life *life)
{
	leash_dbg("start %016llx of %s is forgotten\n", life->id, life->name);
	forgotten_forks += atomic64_read(&life->forks);
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
	life->bit = leash_bit_of(arg->id);
	raw_spin_lock_init(&life->limits.lock);
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

/* Under the lock. Takes over `spare`, if this is the first that is heard of it. */
static int set_start(const struct leash_start *arg, struct leash_life **spare)
{
	struct leash_life *life = leash_life_find(arg->id);
	bool fresh = !life;
	int err;

	if (life && life->released)
		return -ESHUTDOWN;
	if (fresh && count >= LEASH_MAX_STARTS)
		return -ENOSPC;
	if (fresh) {
		err = leash_hook();
		if (err)
			return err;
		swap(life, *spare);
		life->seq = ++last_seq;
	}
	life->group = arg->group;
	WRITE_ONCE(life->cgroup, arg->cgroup);
	WRITE_ONCE(life->watch_empty, !!(arg->flags & LEASH_START_WATCH_EMPTY));
	set_name(life, arg->name);
	if (fresh) {
		list_add_tail_rcu(&life->list, &leash_lives);
		hash_add_rcu(by_id, &life->hash, life->id);
		count++;
		leash_dbg("start %016llx of %s\n", life->id, life->name);
	}
	return 0;
}

int leash_start_set(struct leash_start *arg)
{
	struct leash_life *spare;
	int err;

	if (!arg->id || (arg->flags & ~LEASH_START_WATCH_EMPTY) || arg->reserved || !arg->name[0] ||
	    strnlen(arg->name, sizeof(arg->name)) == sizeof(arg->name))
		return -EINVAL;
	spare = make(arg); /* who holds the lock waits for no memory */
	if (!spare)
		return -ENOMEM;
	mutex_lock(&leash_lock);
	err = set_start(arg, &spare);
	mutex_unlock(&leash_lock);
	kfree(spare);
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

static bool add_process(struct leash_entry *entry, void *unused)
{
	const struct signal_struct *sig = entry->key;
	struct leash_life *life = entry->life;

	life->sum.processes++;
	life->sum.runtime_ns += READ_ONCE(sig->sum_sched_runtime);
	if (leash_process_lives(sig)) {
		life->sum.live++;
		return true;
	}
	life->sum.exits++;
	if (READ_ONCE(sig->group_exit_code) & 0x7f)
		life->sum.aborts++;
	return true;
}

/* Of all starts at once. */
static void sum_up_once(void)
{
	struct leash_life *life;
	unsigned int bucket = 0;

	list_for_each_entry(life, &leash_lives, list)
		memset(&life->sum, 0, sizeof(life->sum));
	leash_table_walk(&leash_table, &bucket, add_process, NULL);
	list_for_each_entry(life, &leash_lives, list) {
		life->sum.exits += atomic64_read(&life->exits);
		life->sum.aborts += atomic64_read(&life->aborts);
		life->sum.runtime_ns += atomic64_read(&life->runtime_ns);
	}
}

/* A process that leaves the table meanwhile would count twice. */
static void sum_up(void)
{
	int tries = 5;
	s64 gone;

	lockdep_assert_held(&leash_lock);
	do {
		gone = atomic64_read(&leash_counters.gone);
		sum_up_once();
		smp_rmb(); /* the sum before the check that nobody has gone meanwhile */
	} while (gone != atomic64_read(&leash_counters.gone) && --tries);
}

static void tell(const struct leash_life *life, struct leash_start_info *info)
{
	memset(info, 0, sizeof(*info));
	info->id = life->id;
	info->group = life->group;
	info->cgroup = life->cgroup;
	info->flags = (life->dying ? LEASH_START_DYING : 0) |
		      (life->released ? LEASH_START_RELEASED : 0) |
		      (life->watch_empty ? LEASH_START_WATCH_EMPTY : 0);
	info->live = life->sum.live;
	info->processes = life->sum.processes;
	info->forks = atomic64_read(&life->forks);
	info->execs = atomic64_read(&life->execs);
	info->exits = life->sum.exits;
	info->aborts = life->sum.aborts;
	info->runtime_ns = life->sum.runtime_ns;
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
		sum_up();
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

#define CHUNK 16

/* The next starts behind *after, at most `room`; *more: there are others. Under leash_lock. */
static unsigned int gather(u64 group, u64 *after, struct leash_start_info *chunk, unsigned int room,
			   bool *more)
{
	struct leash_life *life;
	unsigned int count = 0;

	*more = false;
	sum_up();
	list_for_each_entry(life, &leash_lives, list) {
		if (life->seq <= *after || (group && life->group != group))
			continue;
		*more = count == room;
		if (*more)
			break;
		tell(life, &chunk[count++]);
		*after = life->seq;
	}
	return count;
}

int leash_starts(struct leash_starts *arg)
{
	struct leash_start_info *chunk;
	u64 after = arg->cursor;
	bool more = true;
	int err = 0;
	u32 room;

	if (arg->flags || arg->record_size < sizeof(u64) || arg->size < arg->record_size ||
	    arg->record_size > SZ_4K)
		return -EINVAL;
	chunk = kcalloc(CHUNK, sizeof(*chunk), GFP_KERNEL_ACCOUNT);
	if (!chunk)
		return -ENOMEM;
	room = arg->size / arg->record_size;
	arg->count = 0;
	while (more && arg->count < room && !err) {
		unsigned int count, i;

		mutex_lock(&leash_lock);
		count = gather(arg->group, &after, chunk, min_t(u32, CHUNK, room - arg->count), &more);
		mutex_unlock(&leash_lock);
		/* The caller's memory may be anywhere, and slow: not under the lock. */
		for (i = 0; i < count && !err; i++)
			err = put_record(arg->buffer, arg->count++, arg->record_size, &chunk[i],
					 sizeof(chunk[i]));
	}
	arg->cursor = more ? after : 0;
	kfree(chunk);
	return err;
}
