// SPDX-License-Identifier: GPL-2.0-only
#define pr_fmt(fmt) "leash: " fmt

/*
 * The tracepoints of events. Each is hooked only while somebody watches for what it tells: who does not
 * watch pays nothing. What holds for the probes of hooks.c holds here. Ours run after those, so that
 * a child has its entry by then.
 */
#include <linux/hash.h>
#include <linux/pid.h>
#include <linux/pid_namespace.h>
#include <linux/sched/signal.h>
#include <linux/string.h>
#include <linux/tracepoint.h>
#include <trace/events/oom.h>
#include <trace/events/sched.h>

#include "compat.h"
#include "leash.h"

#define EXITS	(LEASH_EVENT_THREAD_ABORT | LEASH_EVENT_THREAD_EXIT | \
		 LEASH_EVENT_PROCESS_ABORT | LEASH_EVENT_PROCESS_EXIT)
#define FORKS	(LEASH_EVENT_THREAD_CREATE | LEASH_EVENT_PROCESS_FORK)

static inline bool wanted(u32 events)
{
	return READ_ONCE(leash_wanted) & events;
}

static void on_fork(void *data, struct task_struct *parent, struct task_struct *child)
{
	bool thread = child->pid != child->tgid;
	u32 type = thread ? LEASH_EVENT_THREAD_CREATE : LEASH_EVENT_PROCESS_FORK;
	struct leash_happening what;

	if (!wanted(type))
		return;
	leash_probe_begin();
	leash_happening_of(&what, type, child);
	what.event.actor = thread ? parent->pid : parent->tgid;
	what.actor_start_ns = parent->group_leader->start_boottime;
	if (!what.event.start && !thread) {
		/* For want of entries it may be without its own. Not so if it was armed for. */
		struct leash_belonging found = { };

		if (leash_lookup(parent->signal, &found) && READ_ONCE(leash_incomplete)) {
			what.event.start = found.start;
			what.event.group = found.group;
		}
	}
	leash_tell(&what);
	leash_probe_end();
}

static void on_exec(void *data, struct task_struct *p, pid_t old_pid, struct linux_binprm *bprm)
{
	leash_probe_begin();
	leash_event(LEASH_EVENT_PROCESS_EXEC, NULL, p, 0, old_pid);
	leash_probe_end();
}

/*
 * Several threads that end together may all find themselves the last. One tells: of processes with a
 * start the entry says whether one has; of others we remember the latest, which is enough for the
 * moment between their going and their telling.
 */
#define REMEMBERED_BITS	6
#define REMEMBERED_WAYS	8
static struct {
	struct {
		const void *key;
		u64 start_ns;
	} way[REMEMBERED_WAYS];
	u8 next;
} remembered[1 << REMEMBERED_BITS];
static DEFINE_RAW_SPINLOCK(remembered_lock);

static bool first_to_tell_of_other(const void *key, u64 start_ns)
{
	unsigned int index = hash_ptr((void *)key, REMEMBERED_BITS), i;
	unsigned long irq;
	bool first = true;

	raw_spin_lock_irqsave(&remembered_lock, irq);
	for (i = 0; i < REMEMBERED_WAYS && first; i++)
		first = remembered[index].way[i].key != key ||
			remembered[index].way[i].start_ns != start_ns;
	if (first) {
		i = remembered[index].next++ % REMEMBERED_WAYS;
		remembered[index].way[i].key = key;
		remembered[index].way[i].start_ns = start_ns;
	}
	raw_spin_unlock_irqrestore(&remembered_lock, irq);
	return first;
}

static bool first_to_tell(struct task_struct *p)
{
	unsigned long irq;
	struct leash_entry *entry = leash_table_lock(&leash_table, p->signal, &irq);
	bool first;

	if (!entry)
		return first_to_tell_of_other(p->signal, p->group_leader->start_boottime);
	first = !(entry->flags & LEASH_ENTRY_ENDED);
	entry->flags |= LEASH_ENTRY_ENDED;
	leash_table_unlock(&leash_table, p->signal, irq);
	return first;
}

static void exit_of(struct task_struct *p)
{
	int code;

	if (p->pid != p->tgid) {
		code = p->exit_code;
		leash_event(code & 0x7f ? LEASH_EVENT_THREAD_ABORT : LEASH_EVENT_THREAD_EXIT, NULL, p,
			    code, 0);
	}
	if (!atomic_read(&p->signal->live) &&
	    wanted(LEASH_EVENT_PROCESS_ABORT | LEASH_EVENT_PROCESS_EXIT) && first_to_tell(p)) {
		struct leash_happening what;

		code = leash_exit_code(p);
		leash_happening_of(&what, code & 0x7f ? LEASH_EVENT_PROCESS_ABORT :
						       LEASH_EVENT_PROCESS_EXIT, p);
		what.event.tid = p->tgid;
		what.event.code = code;
		leash_tell(&what);
	}
}

static void on_exit(void *data, struct task_struct *p LEASH_EXIT_MORE)
{
	leash_probe_begin();
	exit_of(p);
	leash_probe_end();
}

#ifdef CONFIG_DETECT_HUNG_TASK
static void on_hang(void *data, struct task_struct *p)
{
	leash_probe_begin();
	leash_event(LEASH_EVENT_HUNG, NULL, p, 0, 0);
	leash_probe_end();
}
#endif

/* Kernels from 6.9 on, and those that have it from there, give the task instead of its number. */
#define GIVES_A_NUMBER	__builtin_types_compatible_p(				\
	typeof(check_trace_callback_type_mark_victim), void(void (*)(void *, int)))

static void __maybe_unused on_victim_number(void *data, int pid)
{
	struct task_struct *p;

	rcu_read_lock();
	p = pid_task(find_pid_ns(pid, &init_pid_ns), PIDTYPE_PID);
	if (p)
		leash_event(LEASH_EVENT_OOM, NULL, p, 0, 0);
	rcu_read_unlock();
}

static void __maybe_unused on_victim(void *data, struct task_struct *p, uid_t uid)
{
	rcu_read_lock();
	leash_event(LEASH_EVENT_OOM, NULL, p, 0, 0);
	rcu_read_unlock();
}

#define ON_VICTIM	__builtin_choose_expr(GIVES_A_NUMBER, on_victim_number, on_victim)

struct hook {
	const char *name;
	void *probe;
	u32 events;
	struct tracepoint *tracepoint;
	bool on;
};

static struct hook hooks[] = {
	{ "sched_process_exit", on_exit, EXITS },
	{ "sched_process_exec", on_exec, LEASH_EVENT_PROCESS_EXEC },
	{ "sched_process_fork", on_fork, FORKS },
#ifdef CONFIG_DETECT_HUNG_TASK
	{ "sched_process_hang", on_hang, LEASH_EVENT_HUNG },
#endif
	{ "mark_victim", ON_VICTIM, LEASH_EVENT_OOM },
};

static void __maybe_unused check_prototypes(void)
{
	check_trace_callback_type_sched_process_exit(on_exit);
	check_trace_callback_type_sched_process_exec(on_exec);
	check_trace_callback_type_sched_process_fork(on_fork);
#ifdef CONFIG_DETECT_HUNG_TASK
	check_trace_callback_type_sched_process_hang(on_hang);
#endif
	check_trace_callback_type_mark_victim(ON_VICTIM);
}

static void match(struct tracepoint *tracepoint, void *data)
{
	size_t i;

	for (i = 0; i < ARRAY_SIZE(hooks); i++)
		if (!strcmp(tracepoint->name, hooks[i].name))
			hooks[i].tracepoint = tracepoint;
}

void leash_event_hooks_find(void)
{
	for_each_kernel_tracepoint(match, NULL);
}

u32 leash_events_known(void)
{
	u32 known = LEASH_EVENT_START_EMPTY | LEASH_EVENT_ADOPTED | LEASH_EVENT_LIMIT |
		    LEASH_EVENT_HUNG | LEASH_EVENT_TROUBLE | LEASH_EVENT_OVERFLOW;
	size_t i;

	for (i = 0; i < ARRAY_SIZE(hooks); i++)
		if (hooks[i].tracepoint)
			known |= hooks[i].events;
	return known;
}

int leash_event_hooks_set(u32 events)
{
	bool unhooked = false;
	int failed = 0;
	size_t i;

	for (i = 0; i < ARRAY_SIZE(hooks); i++) {
		struct hook *hook = &hooks[i];
		bool on = hook->tracepoint && (hook->events & events);
		int err = 0;

		if (on == hook->on)
			continue;
		if (on) {
			err = tracepoint_probe_register_prio(hook->tracepoint, hook->probe, NULL,
							     TRACEPOINT_DEFAULT_PRIO - 1);
		} else {
			tracepoint_probe_unregister(hook->tracepoint, hook->probe, NULL);
			unhooked = true;
		}
		if (err) {
			pr_err("cannot hook %s: error %d\n", hook->name, err);
			failed = err;
			continue;
		}
		hook->on = on;
		leash_dbg("%s %s for events\n", hook->name, on ? "hooked" : "unhooked");
	}
	if (unhooked)
		tracepoint_synchronize_unregister();
	return failed;
}
