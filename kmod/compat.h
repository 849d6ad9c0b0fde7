/* SPDX-License-Identifier: GPL-2.0-only */
/* What differs between the kernels that the module builds on (5.10 and later). */
#ifndef LEASH_COMPAT_H
#define LEASH_COMPAT_H

#include <linux/mm.h>
#include <linux/sched.h>
#include <linux/version.h>

#if LINUX_VERSION_CODE < KERNEL_VERSION(5, 14, 0)
#define leash_task_state(p) READ_ONCE((p)->state)
#else
#define leash_task_state(p) READ_ONCE((p)->__state)
#endif

/* sched_process_exit tells by itself whether it was the last thread, and fires earlier. */
#if LINUX_VERSION_CODE >= KERNEL_VERSION(6, 16, 0)
#define LEASH_EXIT_TELLS_GROUP_DEAD
#endif

/* Tables of sysctls end with an empty entry. */
#if LINUX_VERSION_CODE < KERNEL_VERSION(6, 11, 0)
#define LEASH_SYSCTL_END { }
#define leash_ctl_table struct ctl_table
#else
#define LEASH_SYSCTL_END
#define leash_ctl_table const struct ctl_table
#endif

#ifdef CONFIG_SMP
#define leash_on_cpu(p) READ_ONCE((p)->on_cpu)
#else
#define leash_on_cpu(p) ((p) == current)
#endif

#endif
