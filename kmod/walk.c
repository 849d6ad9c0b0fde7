// SPDX-License-Identifier: GPL-2.0-only
#include <linux/cgroup.h>
#include <linux/pid.h>
#include <linux/pid_namespace.h>
#include <linux/sched/signal.h>

#include "leash.h"

bool leash_is_ours_to_touch(struct task_struct *p)
{
	return !(p->flags & PF_KTHREAD) && !is_global_init(p);
}

static struct task_struct *from(int *nr, enum pid_type type)
{
	while (true) {
		/* Numbers are mostly dense, and looking one up is a third of a search for the next. */
		struct pid *pid = find_pid_ns(*nr, &init_pid_ns);
		struct task_struct *p;

		if (!pid)
			pid = find_ge_pid(*nr, &init_pid_ns);
		if (!pid)
			return NULL;
		*nr = pid_nr(pid);
		p = pid_task(pid, type);
		if (p)
			return p;
		++*nr;
	}
}

struct task_struct *leash_process_from(int *nr)
{
	return from(nr, PIDTYPE_TGID);
}

struct task_struct *leash_task_from(int *nr)
{
	return from(nr, PIDTYPE_PID);
}

u64 leash_cgroup_of(struct task_struct *p)
{
#ifdef CONFIG_CGROUPS
	return cgroup_id(task_dfl_cgroup(p));
#else
	return 0;
#endif
}
