// SPDX-License-Identifier: GPL-2.0-only
#define pr_fmt(fmt) "leash: " fmt

/*
 * The scheduler's tracepoints. A probe runs with preemption off: on PREEMPT_RT it must not take a
 * lock that sleeps there, allocate, wake up or signal anybody.
 */
#include <linux/sched/signal.h>
#include <linux/string.h>
#include <linux/tracepoint.h>
#include <trace/events/sched.h>

#include "compat.h"
#include "leash.h"

/* While the fork is under way: the child is in the table of pids, but cannot run before we return. */
static void fork_of(struct task_struct *parent, struct task_struct *child)
{
	struct leash_life *life;
	u8 via = LEASH_VIA_FORK, flags = 0;
	unsigned int spare_seq = 0;
	bool inherited = false;
	int nth;
	u64 tag = 0;
	int err;

	life = leash_arm_consume(parent);
	if (!life) {
		inherited = true;
		spare_seq = READ_ONCE(leash_spare_seq);
		unsigned long irq;
		struct leash_entry *entry = leash_table_lock(&leash_table, parent->signal, &irq);

		if (!entry)
			return;
		life = entry->life;
		atomic_inc(&life->users);
		tag = entry->tag;
		flags = entry->flags & LEASH_ENTRY_SPARED;
		/* What is only claimed or guessed of the parent is no more than that of the child. */
		if (entry->via >= LEASH_VIA_CGROUP)
			via = entry->via;
		leash_table_unlock(&leash_table, parent->signal, irq);
	}
	err = leash_insert_newborn(child, life, via, flags, tag, &nth);
	if (err && err != -ENOMEM)
		return;
	smp_mb(); /* against leash_kill(): it sees the entry, or we see that the start dies */
	if (!err && inherited && unlikely((spare_seq & 1) || spare_seq != READ_ONCE(leash_spare_seq)))
		flags = leash_sync_spared(parent, child, flags);
	if (unlikely(READ_ONCE(life->dying)))
		leash_kill_newborn(child, life, via, flags);
	else if (!err && unlikely(READ_ONCE(life->limits.any)))
		leash_check_limits(child, life, via, flags, nth);
}

static void on_fork(void *data, struct task_struct *parent, struct task_struct *child)
{
	if (child->pid != child->tgid) /* a thread: it shares its process' entry */
		return;
	leash_probe_begin();
	fork_of(parent, child);
	leash_probe_end();
}

static void exec_of(struct task_struct *p)
{
	unsigned long irq;
	struct leash_entry *entry;
	struct leash_life *life;
	u64 tag, known_tag;

	entry = leash_table_lock(&leash_table, p->signal, &irq);
	if (!entry)
		return;
	life = entry->life;
	known_tag = entry->tag;
	leash_table_unlock(&leash_table, p->signal, irq);
	atomic64_inc(&life->execs);
	tag = READ_ONCE(leash_env_tag) ? leash_tag_of_current(life) : 0;
	if (tag == known_tag)
		return;
	entry = leash_table_lock(&leash_table, p->signal, &irq);
	if (!entry)
		return;
	entry->tag = tag;
	leash_table_unlock(&leash_table, p->signal, irq);
}

static void on_exec(void *data, struct task_struct *p, pid_t old_pid, struct linux_binprm *bprm)
{
	leash_probe_begin();
	leash_disarm_task(p);
	exec_of(p);
	leash_probe_end();
}

/*
 * Of each thread, an RCU grace period after it was reaped. There is no probe at exit: whether a
 * process lives can be seen in its signal_struct, and each probe costs every process of the machine.
 */
static void on_free(void *data, struct task_struct *p)
{
	leash_probe_begin();
	leash_disarm_task(p);
	if (!READ_ONCE(p->signal->nr_threads))
		leash_remove(p);
	leash_probe_end();
}

struct hook {
	const char *name;
	void *probe;
	struct tracepoint *tracepoint;
	bool on;
};

/* In this order: by the time that forks are seen, all else is. */
static struct hook hooks[] = {
	{ "sched_process_free", on_free },
	{ "sched_process_exec", on_exec },
	{ "sched_process_fork", on_fork },
};

/* tracepoint_probe_register() takes anything: a wrong prototype shall not compile. */
static void __maybe_unused check_prototypes(void)
{
	check_trace_callback_type_sched_process_free(on_free);
	check_trace_callback_type_sched_process_exec(on_exec);
	check_trace_callback_type_sched_process_fork(on_fork);
}

static void match(struct tracepoint *tracepoint, void *data)
{
	size_t i;

	for (i = 0; i < ARRAY_SIZE(hooks); i++)
		if (!strcmp(tracepoint->name, hooks[i].name))
			hooks[i].tracepoint = tracepoint;
}

int leash_hooks_find(void)
{
	size_t i;

	for_each_kernel_tracepoint(match, NULL);
	for (i = 0; i < ARRAY_SIZE(hooks); i++) {
		if (hooks[i].tracepoint)
			continue;
		pr_err("this kernel has no tracepoint %s: CONFIG_TRACEPOINTS is needed\n",
		       hooks[i].name);
		return -ENODEV;
	}
	return 0;
}

bool leash_hooked(void)
{
	return READ_ONCE(hooks[ARRAY_SIZE(hooks) - 1].on);
}

void leash_unhook(void)
{
	int i;

	for (i = ARRAY_SIZE(hooks) - 1; i >= 0; i--) {
		if (!hooks[i].on)
			continue;
		tracepoint_probe_unregister(hooks[i].tracepoint, hooks[i].probe, NULL);
		WRITE_ONCE(hooks[i].on, false);
	}
	tracepoint_synchronize_unregister();
	leash_dbg("tracepoints unhooked\n");
}

int leash_hook(void)
{
	size_t i;

	if (leash_hooked())
		return 0;
	for (i = 0; i < ARRAY_SIZE(hooks); i++) {
		int err = tracepoint_probe_register(hooks[i].tracepoint, hooks[i].probe, NULL);

		if (err) {
			pr_err("cannot hook %s: error %d\n", hooks[i].name, err);
			leash_unhook();
			return err;
		}
		WRITE_ONCE(hooks[i].on, true);
	}
	leash_dbg("tracepoints hooked\n");
	return 0;
}
