/* SPDX-License-Identifier: (GPL-2.0-only WITH Linux-syscall-note) OR MIT */
/*
 * /dev/leash: which start of which service does a task descend from?
 *
 * A start is one life of a service, named by a 64 bit id that is never used twice (the id in
 * LEASH_TAG=<service>@<id in hex>). The module attributes processes to starts: a process is told to
 * belong to one (LEASH_IOC_ARM before it is born, LEASH_IOC_ADOPT later), and from then on every
 * fork copies the membership, whatever the child does to its session, parents, namespaces, cgroup,
 * name or environment. A process keeps it until its zombie has been reaped.
 *
 * Who may call
 *   open(O_RDWR)    the controller: needs CAP_SYS_ADMIN; one at a time, else EBUSY. All calls.
 *   open(O_RDONLY)  an observer: needs CAP_SYS_PTRACE. The calls marked "observer", and read().
 * Both capabilities are asked for in the initial user namespace, of the opener: a descriptor that is
 * passed on keeps what its opener could do. Opening, calling and reading are refused with EPERM outside
 * the initial pid namespace; all pids here are those of that namespace. An observer gets EBADF from
 * the controller's calls, as a descriptor that is not open for writing does.
 *
 * read() on a descriptor gives a table for people, one line a process; its form may change. After a
 * LEASH_IOC_WATCH it gives events.
 *
 * Extension: structures grow at their end only. The size that a caller was compiled with travels in
 * the ioctl number; what the caller does not have is taken as 0, and what the module does not know
 * must be 0, else E2BIG. A size below that of a structure's first version is EINVAL. Fields called
 * reserved must be 0, else EINVAL. Unknown flags are EINVAL.
 * All structures are multiples of 8 bytes without holes and the same for 32 and 64 bit callers.
 *
 * Times are nanoseconds: those called start on CLOCK_BOOTTIME, durations as the scheduler counts.
 * Memory is bytes. Any call may fail with EFAULT, ENOTTY (no such call), EINTR (killed meanwhile).
 *
 * Since ABI 1, but for what says otherwise.
 */
#ifndef _UAPI_LINUX_LEASH_H
#define _UAPI_LINUX_LEASH_H

#include <linux/ioctl.h>
#include <linux/types.h>

#define LEASH_ABI		2
#define LEASH_NAME_SIZE		64	/* a service's name with its NUL */
#define LEASH_COMM_SIZE		16
#define LEASH_MAX_STARTS	4096	/* that are known at one time */

/*
 * LEASH_IOC_VERSION, observer. What this module is.
 */
struct leash_version {
	__u32 abi;		/* LEASH_ABI of the module */
	__u32 task_size;	/* its sizeof(struct leash_task) */
	__u64 features;		/* LEASH_FEATURE_* */
	__u64 facts;		/* LEASH_FACT_* that can be had here */
	__u32 state;		/* LEASH_STATE_* */
	__u32 reserved;
};

#define LEASH_FEATURE_LINEAGE	(1ULL << 0)	/* ARM, ADOPT, WHOIS, SPARE, RESCAN */
#define LEASH_FEATURE_SNAPSHOT	(1ULL << 1)
#define LEASH_FEATURE_KILL	(1ULL << 2)
#define LEASH_FEATURE_CGROUP	(1ULL << 3)	/* the kernel has cgroup v2 */
#define LEASH_FEATURE_TAG	(1ULL << 4)	/* tags are read at exec (parameter env_tag) */
#define LEASH_FEATURE_EVENTS	(1ULL << 5)	/* WATCH, UNWATCH and read() */
#define LEASH_FEATURE_SIGNALS	(1ULL << 6)	/* leash_watch.signo */
#define LEASH_FEATURE_LIMITS	(1ULL << 7)	/* START_LIMITS */
#define LEASH_FEATURE_DEADMAN	(1ULL << 8)	/* DEADMAN, PING, DEADMAN_GET, write() */
#define LEASH_FEATURE_TROUBLE	(1ULL << 9)	/* a handler is run, see "Trouble" */

/*
 * The module could not record some fork for want of preallocated entries. It remembers which (512 at
 * most) and attributes them as soon as it has allocated more; where max_entries are in use, or for what
 * they have forked meanwhile, LEASH_IOC_RESCAN is needed. Until then answers may lack processes.
 */
#define LEASH_STATE_INCOMPLETE	(1U << 0)
#define LEASH_STATE_HOOKED	(1U << 1)	/* the kernel's tracepoints are hooked */

/* How a process came to its start, the strongest first. */
#define LEASH_VIA_NONE		0	/* it has no start */
#define LEASH_VIA_FORK		1	/* born into it */
#define LEASH_VIA_ADOPT		2	/* the controller said so */
#define LEASH_VIA_PARENT	3	/* rescan: its parent belongs to it */
#define LEASH_VIA_CGROUP	4	/* rescan: it sits in the start's cgroup */
#define LEASH_VIA_TAG		5	/* its environment says so: a claim, not a proof */

/*
 * LEASH_IOC_START_SET, controller. Makes a start known, or changes group, cgroup and name of one.
 * EINVAL: id 0, a name that is empty or not terminated; ENOSPC: LEASH_MAX_STARTS; ENOMEM; ESHUTDOWN:
 * LEASH_IOC_START_DEL was called for it: ids are not used twice.
 */
struct leash_start {
	__u64 id;		/* not 0 */
	__u64 group;		/* joins the starts of one service; 0: none */
	__u64 cgroup;		/* inode number of the service's cgroup v2 folder; 0: none */
	__u32 flags;		/* LEASH_START_WATCH_EMPTY or 0 */
	__u32 reserved;
	char name[LEASH_NAME_SIZE]; /* the service's */
};
/*
 * To lose its last process is trouble ("no-task"), unless LEASH_IOC_START_DEL was called for the start,
 * or it is being killed. A process counts until it has been reaped. Who stops a service in order takes
 * the flag back first. While LEASH_STATE_INCOMPLETE is set nobody knows which one is the last: no such
 * trouble is told then, nor later for a start that became empty meanwhile.
 */
#define LEASH_START_WATCH_EMPTY	(1U << 2)

/*
 * LEASH_IOC_START_DEL, controller. The start is forgotten as soon as its last process is gone, at
 * once if there is none. Until then it can be asked for and killed, but nobody joins it any more but
 * by fork. ENOENT.
 * LEASH_IOC_ARM, controller. The next process that the calling thread forks is born into the start.
 * Threads do not count. Disarmed by that fork, by id 0 (whichever thread was armed), by an execve or
 * the end of the caller, and when the device is closed: user space calls it right before the fork and,
 * if the fork fails, with 0. Another thread's arming is replaced. ENOENT: no such start; ESHUTDOWN: it
 * is being killed, or LEASH_IOC_START_DEL was called for it.
 */
struct leash_start_ref {
	__u64 id;
	__u32 flags;		/* 0 */
	__u32 reserved;
};

/*
 * LEASH_IOC_ADOPT, controller. Puts a living process into a start. A process that has one already
 * keeps it, unless only its cgroup or tag told, or with LEASH_ADOPT_REPLACE.
 * ENOENT: no such start; ESRCH: no such process, or not the one of start_ns; EINVAL: PID 1 or a
 * kernel thread; EEXIST: it belongs to another start; ENOMEM: out of entries; ESHUTDOWN: the start is
 * being killed.
 */
struct leash_adopt {
	__u64 start;
	__s32 pid;		/* 0: the caller's process */
	__u32 flags;		/* LEASH_ADOPT_* */
	__u64 start_ns;		/* of the process, as a snapshot has it; 0: whichever has the pid */
	__u32 count;		/* out: processes put into the start now */
	__u32 reserved;
};
/* And its living descendants, but not those that keep a start of their own, nor what they forked. */
#define LEASH_ADOPT_TREE	(1U << 0)
#define LEASH_ADOPT_REPLACE	(1U << 1)

/*
 * LEASH_IOC_SPARE, controller. Marks a process, which must be in the start, so that LEASH_IOC_KILL
 * passes it by; what it forks from now on is spared, too. ENOENT: no such start; ESRCH: no such living
 * process in it; EINVAL: PID 1 or a kernel thread.
 */
struct leash_spare {
	__u64 start;
	__s32 pid;
	__u32 flags;		/* LEASH_SPARE_* */
	__u64 start_ns;		/* as in leash_adopt */
	__u32 count;		/* out: processes whose mark changed */
	__u32 reserved;
};
#define LEASH_SPARE_TREE	(1U << 0)	/* and its living descendants in that start */
#define LEASH_SPARE_CLEAR	(1U << 1)	/* takes the mark away */

/*
 * LEASH_IOC_WHOIS, observer. Whose process is this? In constant time if it lives. Zombies are known,
 * and for a while (1024 numbers at most) also processes that are gone and had a start. ESRCH: there is
 * and was none; EINVAL: a pid below 1.
 * A process without a start gives 0 with via LEASH_VIA_NONE.
 */
struct leash_whois {
	__s32 pid;		/* in: a process or a thread of it; out: the process */
	__u32 flags;		/* in: 0; out: LEASH_WHOIS_* */
	__u64 start_ns;		/* in: if not 0, ESRCH unless the process began then; out: when */
	__u64 start;		/* out: 0: none */
	__u64 group;		/* out */
	__u64 tag;		/* out: the id in LEASH_TAG at its last execve; 0: none, or not read */
	__u32 via;		/* out: LEASH_VIA_* */
	__s32 exit_code;	/* out: if it is dead, as wait() has it */
	__u32 state;		/* out: LEASH_STATE_* */
	__u32 reserved;
	char name[LEASH_NAME_SIZE]; /* out: the service's */
};
#define LEASH_WHOIS_DEAD	(1U << 0)	/* a zombie, or gone */
#define LEASH_WHOIS_GONE	(1U << 1)	/* reaped; start_ns proves that it is the one you mean */
#define LEASH_WHOIS_SPARED	(1U << 2)

/*
 * LEASH_IOC_KILL, controller. Sends a signal to every process of a start, wherever it sits, but for
 * those that are spared, that are known by their tag alone, kernel threads and PID 1.
 *
 * SIGKILL marks the start as dying: what its processes fork from now on is killed before it can run
 * (on PREEMPT_RT kernels: within microseconds), so that one call is enough. Call again to see `live`
 * fall to 0: a task in an uninterruptible sleep takes its time. Other signals are sent once, to the
 * processes that are there.
 *
 * ENOENT: no such start (or group); EINVAL: id 0, signo is not 0..64. signo 0 only counts.
 */
struct leash_kill {
	__u64 id;		/* a start, or with LEASH_KILL_GROUP a group */
	__s32 signo;
	__u32 flags;		/* LEASH_KILL_* */
	__u32 count;		/* out: processes that were sent the signal */
	__u32 live;		/* out: processes to which it applies that are not dead yet */
	__u32 spared;		/* out: living processes passed by because of their mark */
	__u32 claimed;		/* out: living processes passed by because only a tag says so */
	__u32 state;		/* out: LEASH_STATE_* */
	__u32 reserved;
};
#define LEASH_KILL_GROUP	(1U << 0)	/* all starts of the group */
#define LEASH_KILL_SPARED	(1U << 1)	/* those that are spared, too */
#define LEASH_KILL_TAGGED	(1U << 2)	/* those known by their tag, too */

/*
 * LEASH_IOC_STARTS, observer. Fills `buffer` with struct leash_start_info of the starts that are
 * known, oldest first. Call again while `cursor` is not 0. EINVAL: size below one record, a
 * record_size below 8 or above 4096.
 * LEASH_IOC_START_GET, observer. The same of one start, by `id`. ENOENT.
 */
struct leash_starts {
	__u64 buffer;		/* address */
	__u32 size;		/* of the buffer, bytes */
	__u32 record_size;	/* the caller's sizeof(struct leash_start_info): the stride */
	__u64 group;		/* only starts of this group; 0: all */
	__u64 cursor;		/* in: 0 to begin, else as the last call left it; out: 0: complete */
	__u32 count;		/* out: records written */
	__u32 flags;		/* 0 */
};
struct leash_start_info {
	__u64 id;
	__u64 group;
	__u64 cgroup;
	__u32 flags;		/* LEASH_START_* */
	__u32 live;		/* processes that are not dead */
	__u32 processes;	/* with zombies */
	__u32 reserved;
	__u64 forks;		/* processes born into it */
	__u64 execs;
	__u64 exits;		/* processes that ended */
	__u64 aborts;		/* of those: by a signal */
	__u64 runtime_ns;	/* CPU time of the threads and processes that were reaped */
	char name[LEASH_NAME_SIZE];
};
#define LEASH_START_DYING	(1U << 0)	/* LEASH_IOC_KILL with SIGKILL was called */
#define LEASH_START_RELEASED	(1U << 1)	/* LEASH_IOC_START_DEL was called */
/* and LEASH_START_WATCH_EMPTY, as it was set */

/*
 * LEASH_IOC_SNAPSHOT, observer. Fills `buffer` with struct leash_task of living processes (zombies
 * included), or of all threads, in the order of their number. A record is consistent in itself, the
 * set is as that of a walk through /proc: what is there all the time is in it exactly once.
 * Call again while `cursor` is not 0. Which facts are gathered, `facts` says; what is not asked for
 * is 0 in the records. A record_size below that of struct leash_task cuts the records, which saves
 * time. EINVAL: a cursor that no call gave, unknown facts, a size below one record, a record_size
 * that is no multiple of 8, below 8 or above 4096.
 */
struct leash_snapshot {
	__u64 facts;		/* LEASH_FACT_* */
	__u64 start;		/* only of this start; 0: all */
	__u64 group;		/* only of this group; 0: all */
	__u64 buffer;		/* address */
	__u32 size;		/* of the buffer, bytes */
	__u32 record_size;	/* the caller's sizeof(struct leash_task): the stride */
	__u32 flags;		/* LEASH_SNAPSHOT_* */
	__s32 cursor;		/* in: 0 to begin, else as the last call left it; out: 0: complete */
	__u32 count;		/* out: records written */
	__u32 state;		/* out: LEASH_STATE_* */
	__u64 time_ns;		/* out: CLOCK_BOOTTIME at the beginning of the call */
	__u64 sched_ns;		/* out: the clock of last_ran_ns, at the same time */
};
#define LEASH_SNAPSHOT_THREADS		(1U << 0)	/* a record for each thread */
#define LEASH_SNAPSHOT_ATTRIBUTED	(1U << 1)	/* only what belongs to some start */
#define LEASH_SNAPSHOT_KERNEL		(1U << 2)	/* kernel threads, too */

/* What is always there: the fields that no LEASH_FACT_ is named for. */
#define LEASH_FACT_CPU		(1ULL << 0)	/* runtime, utime, stime */
#define LEASH_FACT_MEMORY	(1ULL << 1)	/* vm, anon, file, shmem, swap */
#define LEASH_FACT_FDS		(1ULL << 2)
#define LEASH_FACT_SCHED	(1ULL << 3)	/* wait_ns, last_ran_ns, switches, faults */
#define LEASH_FACT_SYSCALL	(1ULL << 4)	/* sys_nr, sys_arg */
#define LEASH_FACT_IO		(1ULL << 5)	/* read_bytes, write_bytes */
#define LEASH_FACT_CGROUP	(1ULL << 6)
#define LEASH_FACT_EXE		(1ULL << 7)	/* exe_dev, exe_ino */
#define LEASH_FACT_TTY		(1ULL << 8)

/*
 * Of a process: sums over its threads where that makes sense (runtime, switches, faults, io), else
 * what its main thread says (state, system call). Of a thread: its own; memory and descriptors are
 * the process'.
 */
struct leash_task {
	__u64 facts;		/* LEASH_FACT_* that this record holds: a zombie has no memory */
	__s32 tid;
	__s32 tgid;
	__s32 ppid;
	__s32 pgid;
	__s32 sid;
	__u32 uid;		/* effective, in the initial user namespace, as gid */
	__u32 gid;
	__u32 threads;		/* of the process, that are not reaped */
	__u64 start;		/* 0: none */
	__u64 group;
	__u64 tag;		/* as in leash_whois */
	__u64 start_ns;		/* when the process (thread) began */
	__u32 flags;		/* LEASH_TASK_* */
	__u8 via;		/* LEASH_VIA_* */
	__u8 state;		/* a letter, as in /proc/PID/stat: R S D T t X Z P I */
	__u8 policy;		/* SCHED_* */
	__s8 nice;
	char comm[LEASH_COMM_SIZE]; /* terminated */
	__s32 prio;		/* as in /proc/PID/stat */
	__u32 cpu;		/* that it ran on last */
	__u32 fds;		/* open descriptors */
	__u32 tty;		/* controlling terminal, as in /proc/PID/stat; 0: none */
	__u64 runtime_ns;	/* CPU time, exact */
	__u64 utime_ns;		/* of that in user mode, sampled as the kernel is configured */
	__u64 stime_ns;		/* and in the kernel */
	__u64 vm;		/* address space */
	__u64 anon;		/* in memory: anonymous, */
	__u64 file;		/* mapped from files, */
	__u64 shmem;		/* shared: POSIX, SysV, memfd, tmpfs */
	__u64 swap;		/* swapped out */
	/* LEASH_TASK_SIZE_BRIEF ends here */
	__u64 wait_ns;		/* ready, but waiting for a CPU; 0 without CONFIG_SCHED_INFO */
	__u64 last_ran_ns;	/* when a thread of it came to a CPU last, on the clock of sched_ns */
	__u64 nvcsw;		/* voluntary context switches */
	__u64 nivcsw;		/* involuntary ones */
	__u64 min_flt;
	__u64 maj_flt;
	__u64 read_bytes;	/* from storage */
	__u64 write_bytes;
	__u64 cgroup;		/* inode number of its cgroup v2 folder */
	__u64 exe_dev;		/* device number, as st_dev */
	__u64 exe_ino;
	__u64 sys_arg[6];
	__s32 sys_nr;		/* system call it sleeps in; -1: none, it runs */
	__u32 reserved;
};
#define LEASH_TASK_SIZE_BRIEF	176	/* a record_size for identity, CPU, memory and descriptors */
#define LEASH_TASK_KERNEL	(1U << 0)	/* a kernel thread */
#define LEASH_TASK_DEAD		(1U << 1)	/* no thread of the process lives */
#define LEASH_TASK_LEADERLESS	(1U << 2)	/* its main thread is dead, others live */
#define LEASH_TASK_SPARED	(1U << 3)
#define LEASH_TASK_IOWAIT	(1U << 4)	/* sleeps for input or output */
#define LEASH_TASK_FDS_AT_LEAST	(1U << 5)	/* it has more than were counted */

/*
 * LEASH_IOC_STATS, observer. Counters since the module was loaded.
 */
struct leash_stats {
	__u32 state;		/* LEASH_STATE_* */
	__u32 starts;		/* known now */
	__u32 processes;	/* attributed now, with zombies */
	__u32 entries;		/* preallocated, in use and free */
	__u32 entries_free;
	__u32 armed;		/* 1: a fork of the controller is waited for */
	__u64 forks;		/* recorded */
	__u64 lost;		/* forks that could not be recorded for want of entries */
	__u64 found;		/* processes that rescans have found */
	__u64 adopted;
	__u64 killed;		/* signals sent by LEASH_IOC_KILL */
	__u64 killed_at_birth;	/* children of dying starts */
	__u64 snapshots;	/* calls */
};

/*
 * LEASH_IOC_RESCAN, controller. Looks at every process without a start: does its parent belong to
 * one, does it sit in the cgroup of one, does its environment have the tag of one (flags say which;
 * 0: all)? Reads the memory of other processes and may sleep for as long as those hold it up: not
 * for a thread that must not wait. Clears LEASH_STATE_INCOMPLETE if all three were asked.
 */
struct leash_rescan {
	__u32 flags;		/* LEASH_RESCAN_* */
	__u32 found;		/* out: processes attributed now */
	__u32 state;		/* out: LEASH_STATE_* */
	__u32 reserved;
};
#define LEASH_RESCAN_PARENT	(1U << 0)
#define LEASH_RESCAN_CGROUP	(1U << 1)
#define LEASH_RESCAN_TAG	(1U << 2)

/*
 * LEASH_IOC_WATCH, observer, since ABI 2. From now on the open file is told what happens: to a process,
 * to a start, to the starts of a group, or anywhere. What is watched belongs to the open file and ends
 * with it, however many descriptors there are of it. Several watches add up: an event to which more
 * than one applies is told once. The first WATCH decides the size of the queue.
 *
 * read() then gives whole struct leash_record, the oldest first. It waits for the first one, unless
 * O_NONBLOCK is set (EAGAIN); EINTR; EINVAL: the buffer is smaller than one record. poll(), SIGIO with
 * F_SETOWN and F_SETSIG work, from the first WATCH on: epoll_ctl() comes after it. If the queue is
 * full, the newest events are dropped and counted; the next record says in `lost` how many. Where no
 * event follows, LEASH_EVENT_OVERFLOW says so. A process that no entry was left for counts as one
 * event lost, with each who watches its start or group, or what is attributed: what it does is not
 * told until it is found (LEASH_EVENT_ADOPTED).
 *
 * A watch of a start costs the processes of other starts next to nothing; one of a group, of a process
 * or of all has each fork, exec and end of the machine looked at.
 *
 * A reader that sleeps is woken by the first event; with `coalesce_ms` that many milliseconds after
 * it, or as soon as the queue is a quarter full, which costs those that are watched much less. read()
 * and poll() of who does not sleep find each event at once.
 *
 * With `signo` the events of this watch are not queued for read(), but sent to a thread of the caller's
 * process as signals: si_code SI_QUEUE, si_int the event's type, si_pid the process (at
 * LEASH_EVENT_PROCESS_FORK: the new one), si_uid 0. Signals from 32 (SIGRTMIN) on are queued, each of
 * the others is pending once. Those that RLIMIT_SIGPENDING or a full queue refuses are counted.
 *
 * EINVAL: events 0 or unknown, coalesce_ms above 60000, queue above LEASH_MAX_QUEUE, signo above 64,
 * tid without signo or not of the caller's process; ESRCH: no such process, or not the one of start_ns;
 * ENOSPC: LEASH_MAX_WATCHES, or too many watch at all; ENOMEM.
 */
struct leash_watch {
	__u64 start;		/* only of this start, which need not be known yet; 0: any */
	__u64 group;		/* only of starts of this group; 0: any */
	__u64 start_ns;		/* of the process, as a snapshot has it; 0: whichever has the pid now */
	__s32 pid;		/* only of this process, with or without a start; 0: any */
	__u32 events;		/* in: LEASH_EVENT_*; out: those that this kernel can tell */
	__u32 flags;		/* LEASH_WATCH_* */
	__u32 queue;		/* records for read(); 0: 4096. Rounded up to a power of 2. */
	__u32 coalesce_ms;	/* 0: wake at once. The last WATCH of the open file decides. */
	__s32 signo;		/* 0: events are read */
	__s32 tid;		/* the thread to signal; 0: the calling one */
	__u32 id;		/* out: for LEASH_IOC_UNWATCH; from 1 on */
};
#define LEASH_WATCH_ATTRIBUTED	(1U << 0)	/* only what belongs to some start */
#define LEASH_MAX_WATCHES	32		/* of one open file */
#define LEASH_MAX_QUEUE		65536

/*
 * LEASH_IOC_UNWATCH, observer, since ABI 2. Ends a watch, or with id 0 none, and tells what the open
 * file has been told so far. What is queued can still be read. ENOENT: no such watch.
 */
struct leash_unwatch {
	__u32 id;
	__u32 flags;		/* 0 */
	__u64 told;		/* out: events put into the queue */
	__u64 lost;		/* out: events dropped, because it was full */
	__u64 signals;		/* out: sent */
	__u64 signals_lost;	/* out: refused, dropped, or the thread was gone */
};

/*
 * kmonitor's seven, with its values; tid is the thread, tgid its process. The end of the process is told
 * by the thread that finds itself the last one. Where two threads end at the same time, the
 * THREAD_EXIT or THREAD_ABORT of the other one may come after PROCESS_EXIT or PROCESS_ABORT.
 */
#define LEASH_EVENT_THREAD_CREATE	0x0001	/* tid: the new one; actor: the creating thread */
#define LEASH_EVENT_THREAD_ABORT	0x0002	/* ended by a signal; code as wait() has it */
#define LEASH_EVENT_THREAD_EXIT		0x0004	/* never of a main thread: that is its process' end */
#define LEASH_EVENT_PROCESS_FORK	0x0008	/* tgid: the new one; actor: the process that forked */
#define LEASH_EVENT_PROCESS_ABORT	0x0010	/* ended by a signal; code as wait() has it */
#define LEASH_EVENT_PROCESS_EXEC	0x0020	/* arg: the tid of the thread that called execve */
#define LEASH_EVENT_PROCESS_EXIT	0x0040	/* its last thread has ended; code as wait() has it */
/* Of starts. */
#define LEASH_EVENT_START_EMPTY		0x0080	/* its last process was reaped */
#define LEASH_EVENT_ADOPTED		0x0100	/* a living process joined; code: LEASH_VIA_* */
#define LEASH_EVENT_LIMIT		0x0200	/* code: LEASH_LIMIT_*; arg: it; tgid: the new */
/* Of the machine, and what this module makes of it. */
#define LEASH_EVENT_OOM			0x0400	/* the kernel kills the process for want of memory */
#define LEASH_EVENT_HUNG		0x0800	/* a thread sleeps uninterruptibly; arg: ms, or 0 */
#define LEASH_EVENT_TROUBLE		0x1000	/* code: LEASH_REASON_*; arg: the process, or 0 */
#define LEASH_EVENT_OVERFLOW		0x2000	/* cannot be asked for, and is not refused */
#define LEASH_EVENT_ALL			0x3fff
#define LEASH_EVENT_TASKS		0x007f	/* kmonitor's */

/* What LEASH_EVENT_TROUBLE says in `code`; see "Trouble". */
#define LEASH_REASON_SILENT		1	/* init-silent */
#define LEASH_REASON_NO_TASK		2	/* no-task */
#define LEASH_REASON_TASK_LIMIT		3	/* task-limit */
#define LEASH_REASON_FORK_RATE		4	/* fork-rate */
#define LEASH_REASON_HUNG		5	/* hung-task; of 64 at a time */

/*
 * A main thread that ends before its process tells nothing then. A thread other than the main one that
 * calls execve becomes the main thread and has no THREAD_EXIT of its own. All others of that process
 * are ended by the kernel, which gives them the code 0: THREAD_EXIT, though nobody has called exit().
 */
struct leash_record {
	__u64 time_ns;		/* CLOCK_BOOTTIME */
	__u64 start;		/* 0: none */
	__u64 group;
	__u64 arg;
	__u32 type;		/* one of LEASH_EVENT_* */
	__u32 lost;		/* events dropped right before this one; 0xffffffff: at least so many */
	__s32 tid;		/* 0: no task */
	__s32 tgid;
	__s32 actor;		/* who caused it; 0: nobody else */
	__s32 code;
	__u32 watches;		/* a bit for each watch that applies: 1 << (id - 1) */
	__u32 reserved;
	char comm[LEASH_COMM_SIZE]; /* of the thread, terminated */
};

/*
 * LEASH_IOC_START_LIMITS, controller, since ABI 2. Sets what a start may do, and tells how it does; all
 * 0 lifts the limits. They are looked at in each fork. Each time one begins to be exceeded,
 * LEASH_EVENT_LIMIT tells so: for the rate once in `period_ms`, for processes once until they are
 * fewer again. What is spared, or known by its tag alone, counts, but is not killed. A fork that finds
 * no free entry is looked at as well, as one more than are recorded; under PREEMPT_RT it is not killed.
 * ENOENT: no such start; EINVAL: fork rate without a period or the other way round, a period above
 * 86400000, an unknown action.
 */
struct leash_limits {
	__u64 id;
	__u32 processes;	/* at most so many, with zombies; 0: no limit */
	__u32 forks;		/* at most so many processes are born within a period; 0: no limit */
	__u32 period_ms;	/* counted from the first fork after the last period */
	__u32 action;		/* LEASH_LIMIT_TELL.. */
	__u32 flags;		/* LEASH_LIMITS_* */
	__u32 now;		/* out: processes */
	__u64 exceeded;		/* out: forks beyond a limit so far */
};
#define LEASH_LIMIT_TELL	0	/* only the event */
#define LEASH_LIMIT_REFUSE	1	/* the new process is killed before it runs (see KILL) */
#define LEASH_LIMIT_KILL	2	/* the whole start, as LEASH_IOC_KILL does with SIGKILL */
#define LEASH_LIMITS_QUERY	(1U << 0)	/* changes nothing, tells all fields */
/* What LEASH_EVENT_LIMIT says in `code`. */
#define LEASH_LIMIT_PROCESSES	1
#define LEASH_LIMIT_FORKS	2

/*
 * Trouble: what must be answered even if nobody in user space can. The program in
 * /proc/sys/kernel/leash/handler (an absolute path; empty, as at first: none) is run by the kernel,
 * as root, with PATH, HOME and
 *   REASON            init-silent, no-task, task-limit, fork-rate or hung-task
 *   TROUBLED_SERVICE  the service's name; "init" for init-silent
 *   TROUBLED_PID      the process (of hung-task: the thread); 0: none
 *   TROUBLED_START    the start, 16 digits in hex
 * and killed handler_timeout_ms after its fork: the time that its execve waits for the program's file
 * system counts. What comes while it runs, waits: 32 troubles at most, equal ones once; further ones,
 * and those that no process could be made for, are counted in troubles_lost. init-silent waits for no
 * other trouble. A start's limits are trouble once a minute at most, until they are set anew.
 * Where there are events, LEASH_EVENT_TROUBLE has the reason's place in that list, from 1, as code, and
 * the pid as arg; LEASH_EVENT_HUNG has the milliseconds as arg.
 *
 * LEASH_IOC_DEADMAN, controller. From now on LEASH_IOC_PING, or a write() of anything, must come
 * at least every timeout_ms. Silence is trouble ("init-silent"); after a further grace_ms comes the
 * action, from a timer's interrupt: no process, no workqueue and no disk is needed for it. A ping during
 * the grace, or afterwards with LEASH_DEADMAN_NOTHING, begins anew. The clock is CLOCK_MONOTONIC: a
 * machine that is suspended is not silent, nor one that goes to sleep or comes back, which init sees
 * as little of; afterwards the time begins anew.
 * Called again, it changes all that and counts as a ping; timeout_ms 0 disarms. EINVAL: a timeout_ms
 * that is neither 0 nor LEASH_DEADMAN_MIN_MS to LEASH_DEADMAN_MAX_MS, a grace_ms above the latter, an
 * unknown action.
 *
 * The close of the controller (the last one, after dup, fork and execve) disarms, too, but not with
 * LEASH_DEADMAN_KEEP: then the deadman runs on, and whoever becomes controller next may ping or
 * disarm it; unless a 'V' was in the last write() before, as /dev/watchdog has it. A write() takes 64
 * bytes at most. It, and LEASH_IOC_PING: ENODATA if it is not armed.
 * Unloading the module disarms in any case.
 *
 * LEASH_IOC_DEADMAN_GET, observer.
 */
struct leash_deadman {
	__u32 timeout_ms;
	__u32 grace_ms;		/* 0: the action comes at once, before any handler */
	__u32 action;		/* LEASH_DEADMAN_*: */
	__u32 flags;		/* LEASH_DEADMAN_KEEP or 0 */
};
#define LEASH_DEADMAN_NOTHING	0
#define LEASH_DEADMAN_PANIC	1
#define LEASH_DEADMAN_RESTART	2	/* at once: nothing is synced */
#define LEASH_DEADMAN_SYSCTL	3	/* what /proc/sys/kernel/leash/on_deadman says then: 0, 1, 2 */
#define LEASH_DEADMAN_KEEP	(1U << 0)
#define LEASH_DEADMAN_MIN_MS	50
#define LEASH_DEADMAN_MAX_MS	86400000

struct leash_deadman_info {
	__u32 timeout_ms;	/* 0: not armed */
	__u32 grace_ms;
	__u32 action;
	__u32 flags;
	__u32 state;		/* LEASH_DEADMAN_ARMED... */
	__u32 left_ms;		/* to the next state */
	__u64 pings;		/* since the module was loaded, as is */
	__u64 silences;
};
#define LEASH_DEADMAN_OFF	0
#define LEASH_DEADMAN_ARMED	1
#define LEASH_DEADMAN_SILENT	2	/* the time is over, the grace is not */
#define LEASH_DEADMAN_FIRED	3	/* and the action was to do nothing */

#define LEASH_IOC_MAGIC		0xDE	/* that of kmonitor, and free in ioctl-number.rst */
#define LEASH_IOC_VERSION	_IOR(LEASH_IOC_MAGIC, 0, struct leash_version)
#define LEASH_IOC_START_SET	_IOW(LEASH_IOC_MAGIC, 1, struct leash_start)
#define LEASH_IOC_START_DEL	_IOW(LEASH_IOC_MAGIC, 2, struct leash_start_ref)
#define LEASH_IOC_ARM		_IOW(LEASH_IOC_MAGIC, 3, struct leash_start_ref)
#define LEASH_IOC_ADOPT		_IOWR(LEASH_IOC_MAGIC, 4, struct leash_adopt)
#define LEASH_IOC_WHOIS		_IOWR(LEASH_IOC_MAGIC, 5, struct leash_whois)
#define LEASH_IOC_KILL		_IOWR(LEASH_IOC_MAGIC, 6, struct leash_kill)
#define LEASH_IOC_SNAPSHOT	_IOWR(LEASH_IOC_MAGIC, 7, struct leash_snapshot)
#define LEASH_IOC_STARTS	_IOWR(LEASH_IOC_MAGIC, 8, struct leash_starts)
#define LEASH_IOC_START_GET	_IOWR(LEASH_IOC_MAGIC, 9, struct leash_start_info)
#define LEASH_IOC_STATS		_IOR(LEASH_IOC_MAGIC, 10, struct leash_stats)
#define LEASH_IOC_RESCAN	_IOWR(LEASH_IOC_MAGIC, 11, struct leash_rescan)
#define LEASH_IOC_SPARE		_IOWR(LEASH_IOC_MAGIC, 12, struct leash_spare)
#define LEASH_IOC_WATCH		_IOWR(LEASH_IOC_MAGIC, 13, struct leash_watch)
#define LEASH_IOC_UNWATCH	_IOWR(LEASH_IOC_MAGIC, 14, struct leash_unwatch)
#define LEASH_IOC_START_LIMITS	_IOWR(LEASH_IOC_MAGIC, 15, struct leash_limits)
#define LEASH_IOC_DEADMAN	_IOW(LEASH_IOC_MAGIC, 16, struct leash_deadman)
#define LEASH_IOC_PING		_IO(LEASH_IOC_MAGIC, 17)
#define LEASH_IOC_DEADMAN_GET	_IOR(LEASH_IOC_MAGIC, 18, struct leash_deadman_info)

#endif /* _UAPI_LINUX_LEASH_H */
