/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/* What the BPF iterator writes of each process: the facts that the bench asks the module for. */
#ifndef TASK_FACTS_H
#define TASK_FACTS_H

struct task_facts {
	int pid, tgid, ppid, uid;
	unsigned int flags, threads, fds, state;
	unsigned long long start_ns, runtime_ns, utime_ns, stime_ns;
	unsigned long long vm, anon, file, shmem, swap;
	char comm[16];
};

#endif
