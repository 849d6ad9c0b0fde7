// SPDX-License-Identifier: GPL-2.0-only OR MIT
/*
 * The best that a kernel has by itself for reading all tasks: BPF's task iterator. One record a
 * process, written as binary.
 */
typedef unsigned int __u32;
typedef unsigned long long __u64;
typedef int __s32;
typedef long long __s64;
typedef unsigned short __u16;
typedef unsigned char __u8;
typedef __u16 __be16;
typedef __u32 __be32;
typedef __u64 __be64;
typedef __u32 __wsum;
typedef __u16 __sum16;
enum { BPF_MAP_TYPE_NONE };
#include <bpf/bpf_helpers.h>

#include "task_facts.h"

#pragma clang attribute push(__attribute__((preserve_access_index)), apply_to = record)
typedef struct { long counter; } atomic_long_t;
struct mm_rss_stat { atomic_long_t count[4]; };
struct mm_struct { unsigned long total_vm; struct mm_rss_stat rss_stat; };
struct fdtable { unsigned int max_fds; unsigned long *open_fds; };
struct files_struct { struct fdtable *fdt; };
typedef struct { unsigned int val; } kuid_t;
struct cred { kuid_t euid; };
struct signal_struct { int nr_threads; unsigned long long sum_sched_runtime; };
struct sched_entity { unsigned long long sum_exec_runtime; };
struct task_struct {
	unsigned int __state, flags;
	int pid, tgid;
	struct task_struct *real_parent;
	struct cred *cred;
	struct signal_struct *signal;
	struct sched_entity se;
	unsigned long long utime, stime, start_boottime;
	struct mm_struct *mm;
	struct files_struct *files;
	char comm[16];
};
struct seq_file;
struct bpf_iter_meta { struct seq_file *seq; };
struct bpf_iter__task { struct bpf_iter_meta *meta; struct task_struct *task; };
#pragma clang attribute pop

/* BPF has no instruction for it. */
static inline unsigned int bits_of(__u64 word)
{
	word = word - ((word >> 1) & 0x5555555555555555ULL);
	word = (word & 0x3333333333333333ULL) + ((word >> 2) & 0x3333333333333333ULL);
	word = (word + (word >> 4)) & 0x0f0f0f0f0f0f0f0fULL;
	return (word * 0x0101010101010101ULL) >> 56;
}

static inline unsigned int descriptors(struct task_struct *task)
{
	struct files_struct *files = task->files;
	unsigned int fds = 0, words, i;
	struct fdtable *fdt;

	if (!files)
		return 0;
	fdt = files->fdt;
	words = fdt->max_fds / 64;
	for (i = 0; i < 16 && i < words; i++) {
		__u64 word = 0;

		bpf_probe_read_kernel(&word, sizeof(word), fdt->open_fds + i);
		fds += bits_of(word);
	}
	return fds;
}

SEC("iter/task")
int dump_task(struct bpf_iter__task *ctx)
{
	struct task_struct *task = ctx->task;
	struct task_facts facts = { };
	struct mm_struct *mm;

	if (!task || task->pid != task->tgid || (task->flags & 0x00200000 /* PF_KTHREAD */))
		return 0;
	facts.pid = task->pid;
	facts.tgid = task->tgid;
	facts.ppid = task->real_parent->tgid;
	facts.uid = task->cred->euid.val;
	facts.flags = task->flags;
	facts.state = task->__state;
	facts.threads = task->signal->nr_threads;
	facts.start_ns = task->start_boottime;
	/* Without the other threads: a loop over them is not to be had here. */
	facts.runtime_ns = task->signal->sum_sched_runtime + task->se.sum_exec_runtime;
	facts.utime_ns = task->utime;
	facts.stime_ns = task->stime;
	mm = task->mm;
	if (mm) {
		long pages[4];

		/* Of an array of typedefs the verifier allows no direct load. */
		bpf_probe_read_kernel(pages, sizeof(pages), &mm->rss_stat);
		facts.vm = mm->total_vm << 12;
		facts.file = (unsigned long)pages[0] << 12;
		facts.anon = (unsigned long)pages[1] << 12;
		facts.swap = (unsigned long)pages[2] << 12;
		facts.shmem = (unsigned long)pages[3] << 12;
	}
	facts.fds = descriptors(task);
	bpf_probe_read_kernel(facts.comm, sizeof(facts.comm), task->comm);
	bpf_seq_write(ctx->meta->seq, &facts, sizeof(facts));
	return 0;
}

char LICENSE[] SEC("license") = "GPL";
