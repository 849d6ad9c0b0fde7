/* SPDX-License-Identifier: GPL-2.0-only */
/* What differs between the kernels that the module builds on (5.10 and later). */
#ifndef LEASH_COMPAT_H
#define LEASH_COMPAT_H

#include <linux/hrtimer.h>
#include <linux/mm.h>
#include <linux/sched.h>
#include <linux/version.h>

#if LINUX_VERSION_CODE < KERNEL_VERSION(6, 12, 0)
#include <asm/unaligned.h>
#else
#include <linux/unaligned.h>
#endif

#if LINUX_VERSION_CODE < KERNEL_VERSION(5, 14, 0)
#define leash_task_state(p) READ_ONCE((p)->state)
#else
#define leash_task_state(p) READ_ONCE((p)->__state)
#endif

/* Threads that the kernel itself has put into a process. */
#ifdef PF_USER_WORKER
#define LEASH_PF_WORKERS (PF_IO_WORKER | PF_USER_WORKER)
#else
#define LEASH_PF_WORKERS PF_IO_WORKER
#endif

/* Tables of sysctls end with an empty entry. */
#if LINUX_VERSION_CODE < KERNEL_VERSION(6, 11, 0)
#define LEASH_SYSCTL_END { }
#define leash_ctl_table struct ctl_table
#else
#define LEASH_SYSCTL_END
#define leash_ctl_table const struct ctl_table
#endif

/*
 * Probes run with preemption off, which is an RCU section, up to Linux 6.18 at least. Saying so once
 * more costs every fork of a service.
 */
#if LINUX_VERSION_CODE < KERNEL_VERSION(6, 19, 0)
#define leash_probe_begin() do { } while (0)
#define leash_probe_end() do { } while (0)
#else
#define leash_probe_begin() rcu_read_lock()
#define leash_probe_end() rcu_read_unlock()
#endif

/* hrtimer_init() became hrtimer_setup(), which has the function as an argument. */
#if LINUX_VERSION_CODE < KERNEL_VERSION(6, 13, 0)
static inline void leash_hrtimer_setup(struct hrtimer *timer,
				       enum hrtimer_restart (*callback)(struct hrtimer *),
				       clockid_t clock, enum hrtimer_mode mode)
{
	hrtimer_init(timer, clock, mode);
	timer->function = callback;
}
#else
#define leash_hrtimer_setup hrtimer_setup
#endif

/* What the probe of sched_process_exit is told beside the task. */
#if LINUX_VERSION_CODE < KERNEL_VERSION(6, 16, 0)
#define LEASH_EXIT_MORE
#else
#define LEASH_EXIT_MORE , bool group_dead
#endif

#ifdef CONFIG_SMP
#define leash_on_cpu(p) READ_ONCE((p)->on_cpu)
#else
#define leash_on_cpu(p) ((p) == current)
#endif

#endif
