// SPDX-License-Identifier: GPL-2.0-only
#include <linux/pid.h>
#include <linux/pid_namespace.h>
#include <linux/sched/signal.h>
#include <linux/string.h>

#include "leash.h"

#define REMEMBERED 1024 /* a power of 2 */

struct gone {
	u64 start;
	u64 group;
	u64 tag;
	u64 start_ns;
	pid_t tgid;
	int exit_code;
	u8 via;
	u8 flags;
};

/* A process displaces the one of the same number, or a multiple of 1024 away. */
static struct slot {
	unsigned int seq;	/* odd while it is written */
	struct gone gone;
} remembered[REMEMBERED];

/* Each end of a service's process comes by here: no lock. Two for one slot at a time: one is lost. */
void leash_remember_gone(const struct leash_entry *entry, int exit_code)
{
	struct slot *slot = &remembered[(u32)entry->tgid % REMEMBERED];
	struct gone *gone = &slot->gone;
	unsigned int seq = READ_ONCE(slot->seq);

	if ((seq & 1) || cmpxchg(&slot->seq, seq, seq + 1) != seq)
		return;
	gone->start = entry->life->id;
	gone->group = entry->life->group;
	gone->tag = entry->tag;
	gone->start_ns = entry->start_ns;
	gone->tgid = entry->tgid;
	gone->exit_code = exit_code;
	gone->via = entry->via;
	gone->flags = entry->flags;
	smp_store_release(&slot->seq, seq + 2); /* even: the copy is whole */
}

static bool recall(pid_t tgid, struct gone *gone)
{
	struct slot *slot = &remembered[(u32)tgid % REMEMBERED];
	int tries = 100;

	while (tries--) {
		unsigned int seq = smp_load_acquire(&slot->seq); /* before the copy */

		*gone = slot->gone;
		smp_rmb(); /* the copy before the check that nobody wrote */
		if (!(seq & 1) && READ_ONCE(slot->seq) == seq)
			return gone->tgid == tgid;
		cpu_relax();
	}
	return false;
}

static void answer(struct leash_whois *arg, const struct leash_belonging *found)
{
	arg->start = found->start;
	arg->group = found->group;
	arg->tag = found->tag;
	arg->via = found->via;
	arg->start_ns = found->start_ns;
	if (found->flags & LEASH_ENTRY_SPARED)
		arg->flags |= LEASH_WHOIS_SPARED;
}

static bool ask_living(struct leash_whois *arg, u64 start_ns)
{
	struct leash_belonging found = { .name = arg->name };
	struct task_struct *p, *leader;
	bool known = false;

	rcu_read_lock();
	p = pid_task(find_pid_ns(arg->pid, &init_pid_ns), PIDTYPE_PID);
	if (!p)
		goto out;
	leader = READ_ONCE(p->group_leader);
	if (start_ns && leader->start_boottime != start_ns)
		goto out;
	known = true;
	arg->pid = p->tgid;
	arg->start_ns = leader->start_boottime;
	if (leash_lookup_task(p, &found)) {
		found.start_ns = arg->start_ns;
		answer(arg, &found);
	}
	if (!leash_process_lives(p->signal)) {
		arg->flags |= LEASH_WHOIS_DEAD;
		arg->exit_code = leash_exit_code(leader);
	}
out:
	rcu_read_unlock();
	return known;
}

struct search {
	struct leash_whois *arg;
	u64 start_ns;
	bool found;
};

static bool is_it(struct leash_entry *entry, void *data)
{
	const struct signal_struct *sig = entry->key;
	struct search *search = data;
	struct leash_whois *arg = search->arg;
	struct leash_belonging found = {
		.start = entry->life->id,
		.group = entry->life->group,
		.tag = entry->tag,
		.start_ns = entry->start_ns,
		.via = entry->via,
		.flags = entry->flags,
	};

	if (entry->tgid != arg->pid || leash_process_lives(sig) ||
	    (search->start_ns && entry->start_ns != search->start_ns))
		return true;
	answer(arg, &found);
	memcpy(arg->name, entry->life->name, sizeof(arg->name));
	arg->exit_code = READ_ONCE(sig->group_exit_code);
	search->found = true;
	return false;
}

/* Reaped, but not freed: its number leads nowhere, while its entry is there for a grace period. */
static bool ask_table(struct leash_whois *arg, u64 start_ns)
{
	struct search search = { .arg = arg, .start_ns = start_ns };
	unsigned int bucket = 0;

	leash_table_walk(&leash_table, &bucket, is_it, &search);
	if (search.found)
		arg->flags |= LEASH_WHOIS_DEAD | LEASH_WHOIS_GONE;
	return search.found;
}

static bool ask_memory(struct leash_whois *arg, u64 start_ns)
{
	struct leash_life *life;
	struct leash_belonging found = { };
	struct gone gone;

	if (!recall(arg->pid, &gone) || (start_ns && gone.start_ns != start_ns))
		return false;
	found.start = gone.start;
	found.group = gone.group;
	found.tag = gone.tag;
	found.start_ns = gone.start_ns;
	found.via = gone.via;
	found.flags = gone.flags;
	answer(arg, &found);
	arg->exit_code = gone.exit_code;
	arg->flags |= LEASH_WHOIS_DEAD | LEASH_WHOIS_GONE;
	rcu_read_lock();
	life = leash_life_find(gone.start);
	if (life)
		memcpy(arg->name, life->name, sizeof(arg->name));
	rcu_read_unlock();
	return true;
}

int leash_whois(struct leash_whois *arg)
{
	struct leash_whois asked = *arg;

	if (arg->flags || arg->reserved || arg->pid <= 0 || arg->pid > PID_MAX_LIMIT)
		return -EINVAL;
	memset(arg, 0, sizeof(*arg));
	arg->pid = asked.pid;
	arg->state = leash_state();
	if (ask_living(arg, asked.start_ns) || ask_table(arg, asked.start_ns) ||
	    ask_memory(arg, asked.start_ns))
		return 0;
	*arg = asked; /* who asks again with it asks the same */
	return -ESRCH;
}
