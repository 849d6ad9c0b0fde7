// SPDX-License-Identifier: GPL-2.0-only
#define pr_fmt(fmt) "leash: " fmt

/*
 * The scheduler's tracepoints, each with one probe for the lineage and for events: a second one would
 * cost every fork of the machine a walk through a list. A probe runs with preemption off: on
 * PREEMPT_RT it must not take a lock that sleeps there, allocate, wake up or signal anybody.
 */
#include <linux/sched/signal.h>
#include <linux/string.h>
#include <linux/tracepoint.h>
#include <trace/events/sched.h>

#include "compat.h"
#include "hooks.h"
#include "leash.h"

static void on_fork(void *data, struct task_struct *parent, struct task_struct *child)
{
	struct leash_life *life = NULL;

	leash_probe_begin();
	if (child->pid == child->tgid) /* a thread shares its process' entry */
		life = leash_born(parent, child);
	if (unlikely(READ_ONCE(leash_wanted) & LEASH_EVENTS_OF_FORK))
		leash_tell_fork(parent, child, life);
	leash_probe_end();
}

/* Few programs are given another tag. */
static noinline void set_tag(struct task_struct *p, u64 tag)
{
	unsigned long irq;
	struct leash_entry *entry = leash_table_lock(&leash_table, p->signal, &irq);

	if (!entry)
		return;
	entry->tag = tag;
	leash_table_unlock(&leash_table, p->signal, irq);
}

static struct leash_life *exec_of(struct task_struct *p)
{
	const void *key = p->signal;
	unsigned long irq;
	struct leash_entry *entry = leash_table_lock(&leash_table, key, &irq);
	struct leash_life *life;
	u64 tag, known_tag;

	if (!entry)
		return NULL;
	life = entry->life;
	known_tag = entry->tag;
	leash_table_unlock(&leash_table, key, irq);
	atomic64_inc(&life->execs);
	tag = READ_ONCE(leash_env_tag) ? leash_tag_of_current(life) : 0;
	if (unlikely(tag != known_tag))
		set_tag(p, tag);
	return life;
}

static void on_exec(void *data, struct task_struct *p, pid_t old_pid, struct linux_binprm *bprm)
{
	struct leash_life *life;

	leash_probe_begin();
	leash_disarm_task(p);
	life = exec_of(p);
	if (unlikely(leash_is_wanted(LEASH_EVENT_PROCESS_EXEC, life)))
		leash_event(LEASH_EVENT_PROCESS_EXEC, life, p, 0, old_pid);
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

/* In this order: by the time that forks are seen, all else is. */
static struct leash_hook hooks[] = {
	{ "sched_process_free", on_free, 0, true },
	{ "sched_process_exec", on_exec, LEASH_EVENT_PROCESS_EXEC, true },
	{ "sched_process_fork", on_fork, LEASH_EVENTS_OF_FORK, true },
};

/* What they are needed for. Taken below all other locks of the module. */
static DEFINE_MUTEX(lock);
static bool for_lineage;
static u32 for_events;

/* tracepoint_probe_register() takes anything: a wrong prototype shall not compile. */
static void __maybe_unused check_prototypes(void)
{
	check_trace_callback_type_sched_process_free(on_free);
	check_trace_callback_type_sched_process_exec(on_exec);
	check_trace_callback_type_sched_process_fork(on_fork);
}

static void match_in(struct leash_hook *some, size_t count, struct tracepoint *tracepoint)
{
	size_t i;

	for (i = 0; i < count; i++)
		if (!strcmp(tracepoint->name, some[i].name))
			some[i].tracepoint = tracepoint;
}

static void match(struct tracepoint *tracepoint, void *data)
{
	match_in(hooks, ARRAY_SIZE(hooks), tracepoint);
	match_in(leash_event_hooks, leash_event_hooks_count, tracepoint);
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

u32 leash_events_known(void)
{
	u32 known = LEASH_EVENT_START_EMPTY | LEASH_EVENT_ADOPTED | LEASH_EVENT_LIMIT |
		    LEASH_EVENT_HUNG | LEASH_EVENT_TROUBLE | LEASH_EVENT_OVERFLOW;
	size_t i;

	for (i = 0; i < ARRAY_SIZE(hooks); i++)
		known |= hooks[i].events;
	for (i = 0; i < leash_event_hooks_count; i++)
		if (leash_event_hooks[i].tracepoint)
			known |= leash_event_hooks[i].events;
	return known;
}

static bool is_needed(const struct leash_hook *hook)
{
	return hook->tracepoint && ((hook->lineage && for_lineage) || (hook->events & for_events));
}

/* Hooks what is needed; the first error. Under the lock. */
static int hook_all(struct leash_hook *some, size_t count)
{
	int failed = 0;
	size_t i;

	for (i = 0; i < count; i++) {
		int err;

		if (some[i].on || !is_needed(&some[i]))
			continue;
		err = tracepoint_probe_register(some[i].tracepoint, some[i].probe, NULL);
		if (err) {
			pr_err("cannot hook %s: error %d\n", some[i].name, err);
			failed = failed ? failed : err;
			continue;
		}
		some[i].on = true;
		leash_dbg("%s hooked\n", some[i].name);
	}
	return failed;
}

/* Unhooks what is needed no more, in the other order. Under the lock; probes may be under way still. */
static bool unhook_all(struct leash_hook *some, size_t count)
{
	bool any = false;

	while (count--) {
		if (!some[count].on || is_needed(&some[count]))
			continue;
		tracepoint_probe_unregister(some[count].tracepoint, some[count].probe, NULL);
		some[count].on = false;
		any = true;
		leash_dbg("%s unhooked\n", some[count].name);
	}
	return any;
}

static bool unhook_what_is_idle(void)
{
	bool any;

	lockdep_assert_held(&lock);
	any = unhook_all(leash_event_hooks, leash_event_hooks_count);
	return unhook_all(hooks, ARRAY_SIZE(hooks)) || any;
}

bool leash_hooked(void)
{
	return READ_ONCE(for_lineage);
}

void leash_unhook(void)
{
	bool any;

	mutex_lock(&lock);
	WRITE_ONCE(for_lineage, false);
	any = unhook_what_is_idle();
	mutex_unlock(&lock);
	if (any)
		tracepoint_synchronize_unregister();
}

int leash_hook(void)
{
	int err;

	if (leash_hooked())
		return 0;
	mutex_lock(&lock);
	WRITE_ONCE(for_lineage, true);
	err = hook_all(hooks, ARRAY_SIZE(hooks));
	mutex_unlock(&lock);
	if (err)
		leash_unhook();
	return err;
}

int leash_event_hooks_set(u32 events)
{
	bool any;
	int err;

	mutex_lock(&lock);
	for_events = events;
	any = unhook_what_is_idle();
	err = hook_all(hooks, ARRAY_SIZE(hooks));
	if (!err)
		err = hook_all(leash_event_hooks, leash_event_hooks_count);
	mutex_unlock(&lock);
	if (any)
		tracepoint_synchronize_unregister();
	return err;
}
