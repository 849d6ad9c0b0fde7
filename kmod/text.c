// SPDX-License-Identifier: GPL-2.0-only
/* `cat /dev/leash`: one line a process, for people. */
#include <linux/ctype.h>
#include <linux/rcupdate.h>
#include <linux/seq_file.h>
#include <linux/string.h>

#include "leash.h"

#define KIB(bytes) ((bytes) >> 10)

static const char *const via_names[] = { "-", "fork", "adopt", "parent", "cgroup", "tag" };

/* Positions are numbers of processes; 0 is the head line. */
static void *at(loff_t *pos)
{
	struct task_struct *p;
	int nr = *pos;

	if (!nr)
		return SEQ_START_TOKEN;
	p = leash_process_from(&nr);
	*pos = nr;
	return p;
}

static void *text_start(struct seq_file *seq, loff_t *pos)
	__acquires(RCU)
{
	rcu_read_lock();
	return *pos < 0 || *pos > PID_MAX_LIMIT ? NULL : at(pos);
}

static void *text_next(struct seq_file *seq, void *element, loff_t *pos)
{
	++*pos;
	return at(pos);
}

static void text_stop(struct seq_file *seq, void *element)
	__releases(RCU)
{
	rcu_read_unlock();
}

/* A process may be called anything: no terminal shall act on it. */
static void put_printable(struct seq_file *seq, const char *text)
{
	for (; *text; text++) {
		if (isascii(*text) && isgraph(*text) && *text != '\\')
			seq_putc(seq, *text);
		else
			seq_printf(seq, "\\%03o", (unsigned char)*text);
	}
}

static int text_show(struct seq_file *seq, void *element)
{
	const u64 facts = LEASH_FACT_CPU | LEASH_FACT_MEMORY | LEASH_FACT_FDS;
	struct leash_belonging found = { };
	char name[LEASH_NAME_SIZE] = "-";
	struct leash_task task;

	if (element == SEQ_START_TOKEN) {
		seq_printf(seq, "%7s%7s%7s %-16s %-16s %-6s %s%8s%11s%9s%9s%9s%6s %-16s %s\n", "PID",
			   "TGID", "PPID", "SERVICE", "START", "VIA", "S", "THREADS", "CPU-MS",
			   "ANON-KB", "FILE-KB", "SHMEM-KB", "FDS", "TAG", "COMMAND");
		return 0;
	}
	leash_facts(element, facts, false, &task, sizeof(task));
	found.name = name;
	leash_lookup_task(element, &found);
	seq_printf(seq, "%7d%7d%7d %-16s %016llx %-6s %c%8u%11llu%9llu%9llu%9llu%6u %016llx ", task.tid,
		   task.tgid, task.ppid, name, task.start, via_names[task.via], task.state,
		   task.threads, task.runtime_ns / NSEC_PER_MSEC, KIB(task.anon), KIB(task.file),
		   KIB(task.shmem), task.fds, task.tag);
	put_printable(seq, task.comm);
	seq_putc(seq, '\n');
	return 0;
}

static const struct seq_operations text_operations = {
	.start = text_start,
	.next = text_next,
	.stop = text_stop,
	.show = text_show,
};

int leash_text_open(struct inode *inode, struct file *file)
{
	return seq_open(file, &text_operations);
}
