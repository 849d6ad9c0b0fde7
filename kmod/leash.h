/* SPDX-License-Identifier: GPL-2.0-only */
/* What the files of the module know of each other. Each section is a file. */
#ifndef LEASH_H
#define LEASH_H

#include <linux/atomic.h>
#include <linux/bits.h>
#include <linux/hash.h>
#include <linux/mutex.h>
#include <linux/sched.h>
#include <linux/sched/signal.h>
#include <linux/types.h>
#include <uapi/linux/leash.h>

#include "table.h"

struct file;
struct inode;
struct kthread_delayed_work;
struct poll_table_struct;

/* main.c: the parameters */
extern bool leash_debug;
extern bool leash_env_tag;
extern unsigned int leash_pool;
extern unsigned int leash_max_entries;
extern bool leash_auto_hook;

#define leash_dbg(fmt, ...)						\
	do {								\
		if (READ_ONCE(leash_debug))				\
			pr_info(fmt, ##__VA_ARGS__);			\
	} while (0)

extern struct leash_table leash_table;

/* life.c: the starts that are known */
#define LEASH_TAG_TEXT	(sizeof("LEASH_TAG=@") + LEASH_NAME_SIZE - 1 + 16)

struct leash_life {
	struct list_head list;		/* oldest first; writers hold leash_lock, readers RCU */
	struct hlist_node hash;
	struct rcu_head rcu;
	u64 id;
	u64 bit;			/* leash_bit_of() it */
	u64 group;
	u64 cgroup;
	u64 seq;
	atomic_t users;			/* entries, and the armed slot: while there are any, it stays */
	/* Made anew whenever somebody asks, under leash_lock; with the dead that are not freed yet. */
	struct {
		u32 live, processes;
		u64 exits, aborts, runtime_ns;
	} sum;
	atomic64_t forks;
	atomic64_t execs;
	atomic64_t exits;
	atomic64_t aborts;
	atomic64_t runtime_ns;
	atomic_t processes;		/* entries: `users` has the armed slot and forks, too */
	/* limits.c: 0: none */
	struct {
		raw_spinlock_t lock;	/* of all but the last two */
		u32 processes, forks, period_ms, action;
		u32 forked;		/* in the period that began at: */
		u64 since_ns;
		u64 exceeded;
		u64 trouble_ns;		/* when it was trouble last; 0: not yet */
		bool above;		/* more processes than allowed: was told */
		bool any;
		bool doomed;		/* LEASH_LIMIT_KILL: the worker makes it dying */
	} limits;
	u8 dying;			/* new-borns are killed: LEASH_DIES* of kill.c */
	bool released;			/* forgotten when users is 0 */
	bool watch_empty;		/* its last process' end is trouble */
	u16 tag_size;			/* of tag_text with its NUL; 0 while it is being changed */
	char tag_text[LEASH_TAG_TEXT];	/* what the environment of its processes begins with */
	char name[LEASH_NAME_SIZE];
};

/*
 * Serialises what changes the set of starts, and whatever must not see one go. Init waits for it: who
 * holds it touches no memory of user space, waits for no memory and looks at a bounded number of tasks.
 */
extern struct mutex leash_lock;
extern struct list_head leash_lives;

struct leash_life *leash_life_find(u64 id);		/* under leash_lock or RCU */
struct leash_life *leash_life_of_cgroup(u64 cgroup);	/* the newest; as above */
void leash_life_unused(struct leash_life *life);	/* there is no user any more */
void leash_life_empty(struct leash_life *life, s32 tgid);	/* its last process was this one */

/* These three under leash_lock or RCU, or in a probe. */
/* The sweeper frees by kfree_rcu() as soon as it sees the last user gone: this may be it. */
static inline void leash_life_put(struct leash_life *life)
{
	if (unlikely(atomic_dec_and_test(&life->users)))
		leash_life_unused(life);
}

/* A process is about to get an entry: how many there are with it. The caller is a user. */
static inline int leash_life_join(struct leash_life *life)
{
	return atomic_inc_return(&life->processes);
}

/* Its entry is gone, or could not be made. Before leash_life_put(). */
static inline void leash_life_leave(struct leash_life *life, s32 tgid)
{
	if (unlikely(atomic_dec_and_test(&life->processes)))
		leash_life_empty(life, tgid);
}

int leash_life_count(void);
void leash_lives_sweep(void);				/* under leash_lock: those nobody needs */
void leash_lives_destroy(void);
u64 leash_forks_of_all(void);		/* those of the forgotten, too */
int leash_start_set(struct leash_start *arg);
int leash_start_del(struct leash_start_ref *arg);
int leash_start_get(struct leash_start_info *arg);
int leash_starts(struct leash_starts *arg);

/* lineage.c: entries of processes, made and changed so that counters and races come right */
struct leash_belonging {
	u64 start;
	u64 group;
	u64 tag;
	u64 start_ns;
	u8 via;
	u8 flags;
	char *name;			/* if not NULL: LEASH_NAME_SIZE to fill */
};
bool leash_lookup(const void *key, struct leash_belonging *out);
bool leash_lookup_task(struct task_struct *p, struct leash_belonging *out);	/* RCU */
/* In a probe or under RCU: it stays that long. NULL: none. */
const struct leash_life *leash_life_of(const void *key);
/*
 * In the fork probe: the child is in the table of pids, but cannot run before we return. What it was
 * born into; NULL: nothing, or somebody has adopted it meanwhile.
 */
struct leash_life *leash_born(struct task_struct *parent, struct task_struct *child);
/* A process that runs: the caller holds it, or RCU, and leash_lock. Stamped with `round`. */
int leash_insert_running(struct task_struct *p, struct leash_life *life, u8 via, u32 round);
void leash_remove(struct task_struct *p);	/* nothing of it is left but `p` */
/* Does any thread of it live, or is still on its way out, with files and memory? Under RCU. */
bool leash_process_lives(const struct signal_struct *sig);
int leash_exit_code(const struct task_struct *p);	/* as wait() has it */
u32 leash_next_round(void);
static inline int leash_fill_pool(gfp_t gfp)
{
	return leash_table_fill(&leash_table, leash_pool, leash_max_entries, gfp);
}

/* lost.c: forks that found no free entry */
void leash_lose(const struct leash_entry *entry);	/* any context */
unsigned int leash_find_lost(void);	/* under leash_lock: how many are attributed now */

/* hooks.c: tracepoints of the scheduler */
int leash_hooks_find(void);
int leash_hook(void);			/* under leash_lock */
void leash_unhook(void);		/* under leash_lock; waits for probes under way */
bool leash_hooked(void);		/* by leash_hook() */
u32 leash_events_known(void);		/* LEASH_EVENT_* that this kernel can tell */
/* What is watched for now, beside what leash_hook() needs. Sleeps; not under leash_lock. */
int leash_event_hooks_set(u32 wanted);

/* arm.c: the next fork of the controller */
int leash_arm(struct leash_start_ref *arg);
void leash_disarm_all(void);
extern struct task_struct *leash_armed_task;		/* only to compare with */
/* What the thread is armed with, if anything; its user is the caller's then. Any context. */
struct leash_life *leash_arm_take(struct task_struct *thread);

static inline struct leash_life *leash_arm_consume(struct task_struct *thread)
{
	return unlikely(READ_ONCE(leash_armed_task) == thread) ? leash_arm_take(thread) : NULL;
}

static inline void leash_disarm_task(struct task_struct *thread)
{
	struct leash_life *life = leash_arm_consume(thread);

	if (unlikely(life))
		leash_life_put(life);
}

/* adopt.c */
int leash_adopt(struct leash_adopt *arg);
int leash_spare(struct leash_spare *arg);
extern unsigned int leash_spare_seq;	/* odd while marks are being changed */

/* rescan.c */
int leash_rescan(struct leash_rescan *arg);
unsigned int leash_rescan_quick(void);			/* parents and cgroups: waits for nobody */

/* walk.c: all processes of the machine */
bool leash_is_ours_to_touch(struct task_struct *p);	/* no kernel thread, not PID 1 */
/* The process with the lowest number from *nr on, or NULL; *nr is its number. Under RCU. */
struct task_struct *leash_process_from(int *nr);
struct task_struct *leash_task_from(int *nr);		/* the same of threads */
u64 leash_cgroup_of(struct task_struct *p);		/* RCU; 0: no cgroups */

/* whois.c, with the memory of processes that are gone */
int leash_whois(struct leash_whois *arg);
void leash_remember_gone(const struct leash_entry *entry, int exit_code);

/* kill.c */
int leash_kill(struct leash_kill *arg);
/* In the fork probe. */
void leash_kill_newborn(struct task_struct *child, const struct leash_life *life, u8 via, u8 flags);
void leash_kill_at_birth(struct task_struct *child);	/* in the fork probe, if it has an entry */
void leash_kill_the_dying(void);			/* worker: what could not be killed at birth */

/* tag.c: LEASH_TAG in an environment */
#define LEASH_ENV_LIMIT	16384
/* After execve, without faults or sleep; 0: none. That of `expected` is found the fastest. */
u64 leash_tag_of_current(const struct leash_life *expected);
u64 leash_tag_of_other(struct task_struct *p, char *name);	/* may sleep for long */

/* facts.c, snapshot.c, text.c */
u64 leash_facts_known(void);
/*
 * Under RCU. Clears the first `clear` bytes of *out only: the caller may lay shorter records behind
 * each other and let what is written beyond be overwritten by the next one.
 */
void leash_facts(struct task_struct *p, u64 facts, bool thread, struct leash_task *out,
		 unsigned int clear);
int leash_snapshot(struct leash_snapshot *arg);
int leash_text_open(struct inode *inode, struct file *file);

/* events.c: what happens to tasks and starts, for those who have asked for it */
extern u32 leash_wanted;		/* LEASH_EVENT_* that anybody watches for */
extern u32 leash_wanted_of_all;		/* ... by a watch that is not of one start */
extern u64 leash_wanted_starts;		/* bits of the starts that others watch; some share one */

static inline u64 leash_bit_of(u64 start)
{
	return BIT_ULL(hash_64(start, 6));
}

/* False: nobody wants any of these events of `life`, which may be NULL. True: somebody may. */
static inline bool leash_is_wanted(u32 types, const struct leash_life *life)
{
	return (READ_ONCE(leash_wanted) & types) &&
	       ((READ_ONCE(leash_wanted_of_all) & types) ||
		(life && (READ_ONCE(leash_wanted_starts) & life->bit)));
}

/*
 * Any context, hard interrupts, too; in a probe or under RCU, unless `life` is the caller's. While an
 * entry is locked only with `life` or without `p`. `life` and `p`
 * may be NULL; type, code and arg as the UAPI has them. Without `life` the start is the process'.
 */
void leash_event(u32 type, const struct leash_life *life, const struct task_struct *p, s32 code,
		 u64 arg);
/* The same of what is known in detail. `watches`, time and `lost` are filled in. */
struct leash_happening {
	struct leash_record event;
	u64 start_ns;			/* of the process */
	u64 actor_start_ns;
};
void leash_tell(struct leash_happening *what);
void leash_happening_of(struct leash_happening *what, u32 type, const struct task_struct *p,
			const struct leash_life *life);
/*
 * In the fork probe: a process of `life` has no entry, so what it does cannot be told. Counts as one
 * event lost.
 */
void leash_events_miss(const struct leash_life *life);
int leash_watch(struct file *file, struct leash_watch *arg);
int leash_unwatch(struct file *file, struct leash_unwatch *arg);
/* Of an open file; all may be NULL. */
struct leash_listener;
struct leash_listener *leash_listener_of(struct file *file);
void leash_listener_close(struct leash_listener *listener);
ssize_t leash_listener_read(struct leash_listener *listener, struct file *file, char __user *to,
			    size_t size);
__poll_t leash_listener_poll(struct leash_listener *listener, struct file *file,
			     struct poll_table_struct *table);
int leash_fasync(int fd, struct file *file, int on);

/* limits.c */
int leash_start_limits(struct leash_limits *arg);
/* In the fork probe, if the start has limits: `child` was born into it. */
void leash_check_limits(struct task_struct *child, struct leash_life *life, u8 via, u8 flags,
			int nth);

/* trouble.c: what is wrong goes to the handler thread; reasons: LEASH_REASON_* */
/* Any context, hard interrupts, too. `life` may be NULL, pid 0. Told again while it waits: once. */
void leash_trouble(u32 reason, const struct leash_life *life, s32 pid);
int leash_trouble_start(void);
void leash_trouble_stop(void);		/* probes and the worker are gone */
extern atomic64_t leash_troubles, leash_troubles_lost;

/* handler.c: the program of user space that is run */
#define LEASH_HANDLER_SIZE	256	/* of its path, with the NUL */
struct leash_handler_call {
	const char *reason;
	const char *service;
	u64 start;
	s32 pid;
	bool silence;			/* of init: what hangs of others does not count */
};
/*
 * Returns when it has ended, was killed at its time limit, which its execve is part of, or `enough`
 * says so: killed, too. Two seconds after a kill that is in vain at the latest. False: there is one,
 * but it could not be begun.
 */
bool leash_handler_run(const struct leash_handler_call *call, bool (*enough)(void));
void leash_handler_stop(void);			/* nobody runs it any more */
void leash_handler_get(char path[LEASH_HANDLER_SIZE]);
int leash_handler_set(const char *path);	/* EINVAL: neither empty nor absolute */
extern unsigned int leash_handler_timeout_ms;

/* deadman.c: init's sign of life */
int leash_deadman_set(struct leash_deadman *arg);
int leash_deadman_get(struct leash_deadman_info *arg);
int leash_deadman_ping(void);
void leash_deadman_expect_close(bool close);	/* a 'V' was written last */
void leash_deadman_closed(void);		/* by the controller */
int leash_deadman_start(void);
void leash_deadman_stop(void);
extern unsigned int leash_on_deadman;

/* hung.c: tasks that sleep and cannot be woken */
void leash_hung_set(unsigned int ms);	/* 0: nobody looks; may sleep */
unsigned int leash_hung_get(void);
void leash_hung_stop(void);

/* worker.c: what probes must not do themselves */
int leash_worker_start(void);
void leash_worker_stop(void);
void leash_worker_kick(void);		/* any context */
void leash_worker_kick_if_low(void);
/* Any context but probes. Nothing if it waits already; `delay` in jiffies. */
void leash_worker_queue(struct kthread_delayed_work *work, unsigned long delay);

/* device.c, sysctl.c */
int leash_device_register(void);
void leash_device_unregister(void);
int leash_device_minor(void);
int leash_sysctl_register(void);
void leash_sysctl_unregister(void);

/* stats.c */
struct leash_counters {
	atomic64_t gone; /* processes that left the table */
	atomic64_t lost, found, adopted, killed, killed_at_birth, snapshots;
};
extern struct leash_counters leash_counters;
extern bool leash_incomplete;
u32 leash_state(void);
int leash_stats(struct leash_stats *arg);

#endif
