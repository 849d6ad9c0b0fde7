// SPDX-License-Identifier: GPL-2.0-only
/* What a record says about a task. Everything under RCU: no lock that waits for somebody's I/O. */
#include <asm/syscall.h>
#include <linux/bitmap.h>
#include <linux/cred.h>
#include <linux/fdtable.h>
#include <linux/kdev_t.h>
#include <linux/mm.h>
#include <linux/pid_namespace.h>
#include <linux/sched/cputime.h>
#include <linux/sched/mm.h>
#include <linux/sched/signal.h>
#include <linux/sched/task.h>
#include <linux/sched/task_stack.h>
#include <linux/string.h>
#include <linux/tty.h>
#include <linux/uaccess.h>

#include "compat.h"
#include "leash.h"

#define MOST_FDS BIT(22)	/* counted; more takes too long under a spinlock */

u64 leash_facts_known(void)
{
	return LEASH_FACT_CPU | LEASH_FACT_MEMORY | LEASH_FACT_FDS | LEASH_FACT_SCHED |
	       LEASH_FACT_EXE | LEASH_FACT_TTY |
	       (IS_ENABLED(CONFIG_HAVE_ARCH_TRACEHOOK) ? LEASH_FACT_SYSCALL : 0) |
	       (IS_ENABLED(CONFIG_TASK_IO_ACCOUNTING) ? LEASH_FACT_IO : 0) |
	       (IS_ENABLED(CONFIG_CGROUPS) ? LEASH_FACT_CGROUP : 0);
}

/* Who stands for the process where the main thread has ended before the others. */
static struct task_struct *living_thread(struct task_struct *leader)
{
	struct task_struct *t;

	if (!(READ_ONCE(leader->flags) & PF_EXITING) || !atomic_read(&leader->signal->live))
		return leader;
	for_each_thread(leader, t)
		if (!(READ_ONCE(t->flags) & PF_EXITING))
			return t;
	return leader;
}

static void identity(struct task_struct *p, bool thread, struct leash_task *out)
{
	struct leash_belonging found = { };
	const struct cred *cred = __task_cred(p);
	struct signal_struct *sig = p->signal;

	out->tid = p->pid;
	out->tgid = p->tgid;
	out->ppid = rcu_dereference(p->real_parent)->tgid;
	out->pgid = pid_nr(READ_ONCE(sig->pids[PIDTYPE_PGID]));
	out->sid = pid_nr(READ_ONCE(sig->pids[PIDTYPE_SID]));
	out->uid = __kuid_val(cred->euid);
	out->gid = __kgid_val(cred->egid);
	out->threads = READ_ONCE(sig->nr_threads);
	out->start_ns = p->start_boottime;
	out->state = task_state_to_char(p);
	out->policy = p->policy;
	out->nice = task_nice(p);
	out->prio = p->prio - MAX_RT_PRIO;
	out->cpu = task_cpu(p);
	out->sys_nr = -1;
	BUILD_BUG_ON(sizeof(out->comm) != sizeof(p->comm));
	memcpy(out->comm, p->comm, sizeof(out->comm)); /* its last byte is always 0 */
	if (p->flags & PF_KTHREAD)
		out->flags |= LEASH_TASK_KERNEL;
	else if (!leash_process_lives(sig))
		out->flags |= LEASH_TASK_DEAD;
	else if (!thread && READ_ONCE(p->exit_state))
		out->flags |= LEASH_TASK_LEADERLESS;
	if (p->in_iowait)
		out->flags |= LEASH_TASK_IOWAIT;
	if (leash_lookup_task(p, &found)) {
		out->start = found.start;
		out->group = found.group;
		out->tag = found.tag;
		out->via = found.via;
		if (found.flags & LEASH_ENTRY_SPARED)
			out->flags |= LEASH_TASK_SPARED;
	}
}

static void add_thread(struct task_struct *t, u64 facts, struct leash_task *out)
{
	if (facts & LEASH_FACT_CPU) {
		out->runtime_ns += READ_ONCE(t->se.sum_exec_runtime);
		out->utime_ns += READ_ONCE(t->utime);
		out->stime_ns += READ_ONCE(t->stime);
	}
	if (facts & LEASH_FACT_SCHED) {
		out->nvcsw += READ_ONCE(t->nvcsw);
		out->nivcsw += READ_ONCE(t->nivcsw);
		out->min_flt += READ_ONCE(t->min_flt);
		out->maj_flt += READ_ONCE(t->maj_flt);
#ifdef CONFIG_SCHED_INFO
		out->wait_ns += READ_ONCE(t->sched_info.run_delay);
		out->last_ran_ns = max_t(u64, out->last_ran_ns, READ_ONCE(t->sched_info.last_arrival));
#endif
	}
#ifdef CONFIG_TASK_IO_ACCOUNTING
	if (facts & LEASH_FACT_IO) {
		out->read_bytes += READ_ONCE(t->ioac.read_bytes);
		out->write_bytes += READ_ONCE(t->ioac.write_bytes);
	}
#endif
}

/* What the threads that ended have left behind. */
static void add_ended(const struct signal_struct *sig, u64 facts, struct leash_task *out)
{
	if (facts & LEASH_FACT_CPU) {
		out->runtime_ns += sig->sum_sched_runtime;
		out->utime_ns += sig->utime;
		out->stime_ns += sig->stime;
	}
	if (facts & LEASH_FACT_SCHED) {
		out->nvcsw += sig->nvcsw;
		out->nivcsw += sig->nivcsw;
		out->min_flt += sig->min_flt;
		out->maj_flt += sig->maj_flt;
	}
#ifdef CONFIG_TASK_IO_ACCOUNTING
	if (facts & LEASH_FACT_IO) {
		out->read_bytes += sig->ioac.read_bytes;
		out->write_bytes += sig->ioac.write_bytes;
	}
#endif
}

static void clear_sums(struct leash_task *out)
{
	out->runtime_ns = 0;
	out->utime_ns = 0;
	out->stime_ns = 0;
	out->nvcsw = 0;
	out->nivcsw = 0;
	out->min_flt = 0;
	out->maj_flt = 0;
	out->wait_ns = 0;
	out->last_ran_ns = 0;
	out->read_bytes = 0;
	out->write_bytes = 0;
}

/* A thread that ends meanwhile shall neither count twice nor not at all. */
static void process_sums(struct task_struct *leader, u64 facts, struct leash_task *out)
{
	struct signal_struct *sig = leader->signal;
	int tries = 3;

	while (true) {
		unsigned int seq = read_seqbegin(&sig->stats_lock);
		struct task_struct *t;

		add_ended(sig, facts, out);
		for_each_thread(leader, t)
			add_thread(t, facts, out);
		if (!read_seqretry(&sig->stats_lock, seq) || !--tries)
			return;
		clear_sums(out);
	}
}

static void memory(struct mm_struct *mm, struct leash_task *out)
{
	out->vm = (u64)READ_ONCE(mm->total_vm) << PAGE_SHIFT;
	out->anon = (u64)get_mm_counter(mm, MM_ANONPAGES) << PAGE_SHIFT;
	out->file = (u64)get_mm_counter(mm, MM_FILEPAGES) << PAGE_SHIFT;
	out->shmem = (u64)get_mm_counter(mm, MM_SHMEMPAGES) << PAGE_SHIFT;
	out->swap = (u64)get_mm_counter(mm, MM_SWAPENTS) << PAGE_SHIFT;
}

static void executable(struct mm_struct *mm, struct leash_task *out)
{
	struct file *file = rcu_dereference(mm->exe_file);
	/* Since 6.7 a file may become another's under our eyes, and have none for a moment. */
	struct inode *inode = file ? READ_ONCE(file->f_inode) : NULL;

	if (!inode)
		return;
	out->exe_dev = new_encode_dev(inode->i_sb->s_dev);
	out->exe_ino = inode->i_ino;
}

static void descriptors(struct files_struct *files, struct leash_task *out)
{
	struct fdtable *fdt = files_fdtable(files);
	unsigned int most = READ_ONCE(fdt->max_fds);

	if (most > MOST_FDS) {
		most = MOST_FDS;
		out->flags |= LEASH_TASK_FDS_AT_LEAST;
	}
	out->fds = bitmap_weight(fdt->open_fds, most);
}

static void resources(struct task_struct *p, u64 facts, struct leash_task *out)
{
	task_lock(p); /* while it is held, exit and execve cannot take these away */
	if (p->mm && !(p->flags & PF_KTHREAD)) {
		if (facts & LEASH_FACT_MEMORY)
			memory(p->mm, out);
		if (facts & LEASH_FACT_EXE)
			executable(p->mm, out);
		out->facts |= facts & (LEASH_FACT_MEMORY | LEASH_FACT_EXE);
	}
	if (p->files && (facts & LEASH_FACT_FDS)) {
		descriptors(p->files, out);
		out->facts |= LEASH_FACT_FDS;
	}
	task_unlock(p);
}

/* The registers at the bottom of a sleeper's stack; whether it slept all the time is seen after. */
static void system_call(struct task_struct *p, struct leash_task *out)
{
#ifdef CONFIG_HAVE_ARCH_TRACEHOOK
	unsigned long switches = READ_ONCE(p->nvcsw) + READ_ONCE(p->nivcsw);
	unsigned long args[6];
	struct pt_regs regs;
	int nr, i;

	if ((p->flags & PF_KTHREAD) || p->exit_state || leash_task_state(p) == TASK_RUNNING ||
	    leash_on_cpu(p))
		return;
	if (copy_from_kernel_nofault(&regs, task_pt_regs(p), sizeof(regs)))
		return;
	nr = syscall_get_nr(p, &regs);
	syscall_get_arguments(p, &regs, args);
	smp_rmb(); /* the stack before the check that it was nobody's but ours */
	if (leash_on_cpu(p) || switches != READ_ONCE(p->nvcsw) + READ_ONCE(p->nivcsw))
		return;
	out->facts |= LEASH_FACT_SYSCALL;
	out->sys_nr = nr;
	for (i = 0; nr >= 0 && i < 6; i++)
		out->sys_arg[i] = args[i];
#endif
}

static void terminal(struct task_struct *p, struct leash_task *out)
{
	struct sighand_struct *sighand = rcu_dereference(p->sighand);
	unsigned long irq;

	if (!sighand)
		return;
	spin_lock_irqsave(&sighand->siglock, irq);
	/* It is freed by type only: it may have become another's before we had the lock. */
	if (sighand == rcu_access_pointer(p->sighand)) {
		if (p->signal->tty)
			out->tty = new_encode_dev(tty_devnum(p->signal->tty));
		out->facts |= LEASH_FACT_TTY;
	}
	spin_unlock_irqrestore(&sighand->siglock, irq);
}

void leash_facts(struct task_struct *p, u64 facts, bool thread, struct leash_task *out,
		 unsigned int clear)
{
	const u64 sums = LEASH_FACT_CPU | LEASH_FACT_SCHED | LEASH_FACT_IO;

	memset64((u64 *)out, 0, clear / sizeof(u64));
	identity(p, thread, out);
	if (facts & sums) {
		if (thread)
			add_thread(p, facts, out);
		else
			process_sums(p, facts, out);
		out->facts |= facts & sums;
	}
	if (facts & (LEASH_FACT_MEMORY | LEASH_FACT_EXE | LEASH_FACT_FDS))
		resources(thread ? p : living_thread(p), facts, out);
	if (facts & LEASH_FACT_SYSCALL)
		system_call(p, out);
	if (facts & LEASH_FACT_TTY)
		terminal(p, out);
	if (facts & LEASH_FACT_CGROUP) {
		out->cgroup = leash_cgroup_of(p);
		out->facts |= LEASH_FACT_CGROUP;
	}
}
