/* SPDX-License-Identifier: GPL-2.0-only */
/* A tracepoint and our one probe of it. Between hooks.c and event_hooks.c. */
#ifndef LEASH_HOOKS_H
#define LEASH_HOOKS_H

#include <linux/sched.h>
#include <linux/types.h>

struct tracepoint;
struct leash_life;

struct leash_hook {
	const char *name;
	void *probe;
	u32 events;			/* LEASH_EVENT_* that it tells */
	bool lineage;			/* needed while a start is known */
	struct tracepoint *tracepoint;
	bool on;
};

/* Those that are hooked only while somebody watches for what they tell. */
extern struct leash_hook leash_event_hooks[];
extern const size_t leash_event_hooks_count;

#define LEASH_EVENTS_OF_FORK	(LEASH_EVENT_THREAD_CREATE | LEASH_EVENT_PROCESS_FORK)

/* In the probe of fork, behind the lineage's part; `life` is what a new process was born into. */
void leash_tell_fork(struct task_struct *parent, struct task_struct *child,
		     const struct leash_life *life);

#endif
