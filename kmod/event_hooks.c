// SPDX-License-Identifier: GPL-2.0-only
#define pr_fmt(fmt) "leash: " fmt

/*
 * Events of tracepoints. Those that the lineage does not need are hooked only while somebody watches
 * for what they tell: who does not watch pays nothing. What holds for the probes of hooks.c holds here.
 */
#include <linux/hash.h>
#include <linux/pid.h>
#include <linux/pid_namespace.h>
#include <linux/sched/signal.h>
#include <linux/tracepoint.h>
#include <trace/events/oom.h>
#include <trace/events/sched.h>

#include "compat.h"
#include "hooks.h"
#include "leash.h"

#define ENDS_OF_THREADS		(LEASH_EVENT_THREAD_ABORT | LEASH_EVENT_THREAD_EXIT)
#define ENDS_OF_PROCESSES	(LEASH_EVENT_PROCESS_ABORT | LEASH_EVENT_PROCESS_EXIT)

void leash_tell_fork(struct task_struct *parent, struct task_struct *child,
		     const struct leash_life *life)
{
	bool thread = child->pid != child->tgid;
	u32 type = thread ? LEASH_EVENT_THREAD_CREATE : LEASH_EVENT_PROCESS_FORK;
	struct leash_happening what;

	if (!(READ_ONCE(leash_wanted) & type))
		return;
	/* A process that has none was perhaps adopted while it was made. */
	if (!life)
		life = leash_life_of(child->signal);
	if (!leash_is_wanted(type, life))
		return;
	leash_happening_of(&what, type, child, life);
	what.event.actor = thread ? parent->pid : parent->tgid;
	what.actor_start_ns = parent->group_leader->start_boottime;
	leash_tell(&what);
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

/*
 * The start that it belongs to, if any. *first is set if this is the end of the process, and told by
 * nobody yet. One look at the entry says all: with many starts and few watched it is what an end costs.
 */
static const struct leash_life *look_up(struct task_struct *p, u32 types, bool *first)
{
	unsigned long irq;
	struct leash_entry *entry = leash_table_lock(&leash_table, p->signal, &irq);
	const struct leash_life *life;

	*first = false;
	if (!entry) {
		if ((types & ENDS_OF_PROCESSES) && leash_is_wanted(types & ENDS_OF_PROCESSES, NULL))
			*first = first_to_tell_of_other(p->signal,
							p->group_leader->start_boottime);
		return NULL;
	}
	life = entry->life;
	if ((types & ENDS_OF_PROCESSES) && leash_is_wanted(types & ENDS_OF_PROCESSES, life)) {
		*first = !(entry->flags & LEASH_ENTRY_ENDED);
		entry->flags |= LEASH_ENTRY_ENDED;
	}
	leash_table_unlock(&leash_table, p->signal, irq);
	return life;
}

static void exit_of(struct task_struct *p)
{
	/* The kernel's own in a process, as of io_uring: nobody was told that they were created. */
	u32 types = (p->pid != p->tgid && !(p->flags & LEASH_PF_WORKERS) ? ENDS_OF_THREADS : 0) |
		    (atomic_read(&p->signal->live) ? 0 : ENDS_OF_PROCESSES);
	const struct leash_life *life;
	struct leash_happening what;
	bool first;
	int code;

	if (!(READ_ONCE(leash_wanted) & types))
		return;
	life = look_up(p, types, &first);
	if (!leash_is_wanted(types, life))
		return;
	if (types & ENDS_OF_THREADS) {
		code = p->exit_code;
		leash_happening_of(&what, code & 0x7f ? LEASH_EVENT_THREAD_ABORT :
							LEASH_EVENT_THREAD_EXIT, p, life);
		what.event.code = code;
		leash_tell(&what);
	}
	if (first) {
		code = leash_exit_code(p);
		leash_happening_of(&what, code & 0x7f ? LEASH_EVENT_PROCESS_ABORT :
							LEASH_EVENT_PROCESS_EXIT, p, life);
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

struct leash_hook leash_event_hooks[] = {
	{ "sched_process_exit", on_exit, ENDS_OF_THREADS | ENDS_OF_PROCESSES },
#ifdef CONFIG_DETECT_HUNG_TASK
	{ "sched_process_hang", on_hang, LEASH_EVENT_HUNG },
#endif
	{ "mark_victim", ON_VICTIM, LEASH_EVENT_OOM },
};

const size_t leash_event_hooks_count = ARRAY_SIZE(leash_event_hooks);

static void __maybe_unused check_prototypes(void)
{
	check_trace_callback_type_sched_process_exit(on_exit);
#ifdef CONFIG_DETECT_HUNG_TASK
	check_trace_callback_type_sched_process_hang(on_hang);
#endif
	check_trace_callback_type_mark_victim(ON_VICTIM);
}
