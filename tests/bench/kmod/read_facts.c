// SPDX-License-Identifier: MIT
/*
 * read_facts PROCESSES: makes that many, then reads identity, CPU time, memory and the number of open
 * descriptors of all processes in three ways: /proc, the module, BPF's task iterator. Prints
 * `WAY INSTRUCTIONS PROCESSES`, the best of three turns each.
 */
#include <bpf/bpf.h>
#include <dirent.h>
#include <fcntl.h>
#include <linux/leash.h>
#include <signal.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "bench.h"
#include "task_facts.h"
#include "task_iter.skel.h"

#define TURNS 3

static char text[16384];

static int read_file(const char *pid, const char *name)
{
	char path[64];
	int fd, got;

	snprintf(path, sizeof(path), "/proc/%s/%s", pid, name);
	fd = open(path, O_RDONLY);
	if (fd < 0)
		return -1;
	got = read(fd, text, sizeof(text) - 1);
	close(fd);
	if (got >= 0)
		text[got] = '\0';
	return got;
}

static unsigned int count_descriptors(const char *pid)
{
	unsigned int count = 0;
	char path[64];
	DIR *folder;

	snprintf(path, sizeof(path), "/proc/%s/fd", pid);
	folder = opendir(path);
	if (!folder)
		return 0;
	while (readdir(folder))
		count++;
	closedir(folder);
	return count - 2; /* . and .. */
}

static unsigned long field(const char *name)
{
	const char *found = strstr(text, name);

	return found ? strtoul(found + strlen(name), NULL, 10) : 0;
}

static volatile unsigned long sink; /* what is read is looked at, as any tool would */

static unsigned int by_proc(void)
{
	struct dirent *entry;
	unsigned int count = 0;
	DIR *proc = opendir("/proc");

	while ((entry = readdir(proc))) {
		const char *pid = entry->d_name;

		if (*pid < '0' || *pid > '9' || read_file(pid, "stat") < 0)
			continue;
		if (strstr(text, ") ")) {
			unsigned int ppid = 0, flags = 0, pgrp, sid, tty, tpgid;
			unsigned long minor, major, child_minor, child_major, user, system;
			char state;

			sscanf(strrchr(text, ')') + 2, "%c %u %u %u %u %u %u %lu %lu %lu %lu %lu %lu",
			       &state, &ppid, &pgrp, &sid, &tty, &tpgid, &flags, &minor, &child_minor,
			       &major, &child_major, &user, &system);
			if (flags & 0x00200000)
				continue; /* a kernel thread */
			sink += ppid + user + system;
		}
		read_file(pid, "status");
		sink += field("Uid:") + field("RssAnon:") + field("RssFile:") + field("RssShmem:") +
			field("VmSwap:") + field("Threads:");
		sink += count_descriptors(pid);
		count++;
	}
	closedir(proc);
	return count;
}

static char tasks[1024 * LEASH_TASK_SIZE_BRIEF];

static const struct leash_task *task(unsigned int index)
{
	return (const void *)(tasks + index * LEASH_TASK_SIZE_BRIEF);
}

static unsigned int by_module(int fd)
{
	struct leash_snapshot ask = {
		.facts = LEASH_FACT_CPU | LEASH_FACT_MEMORY | LEASH_FACT_FDS,
		.buffer = (uintptr_t)tasks,
		.size = sizeof(tasks),
		.record_size = LEASH_TASK_SIZE_BRIEF,
	};
	unsigned int count = 0;

	do {
		if (ioctl(fd, LEASH_IOC_SNAPSHOT, &ask) < 0)
			bench_fail("snapshot");
		for (unsigned int i = 0; i < ask.count; i++)
			sink += task(i)->anon + task(i)->fds;
		count += ask.count;
	} while (ask.cursor);
	return count;
}

static struct task_facts records[4096];

static unsigned int by_bpf(struct bpf_link *link)
{
	int fd = bpf_iter_create(bpf_link__fd(link));
	unsigned int count = 0;
	ssize_t got;

	while ((got = read(fd, records, sizeof(records))) > 0) {
		for (size_t i = 0; i < (size_t)got / sizeof(records[0]); i++)
			sink += records[i].anon + records[i].fds;
		count += (size_t)got / sizeof(records[0]);
	}
	close(fd);
	return count;
}

#define MEASURE(name, call)							\
	do {									\
		uint64_t best = UINT64_MAX;					\
		unsigned int count = 0;						\
		for (int turn = 0; turn < TURNS; turn++) {			\
			uint64_t begin = bench_now();				\
			count = (call);						\
			uint64_t took = bench_now() - begin;			\
			best = took < best ? took : best;			\
		}								\
		printf("%s %llu %u\n", name, (unsigned long long)best, count);	\
		fflush(stdout);							\
	} while (0)

static void crowd(int count)
{
	for (int i = 0; i < count; i++) {
		pid_t pid = fork();

		if (pid < 0)
			bench_fail("fork");
		if (pid == 0) {
			prctl(PR_SET_PDEATHSIG, SIGKILL);
			pause();
			_exit(0);
		}
	}
	sleep(1);
}

int main(int argc, char **argv)
{
	int fd = open("/dev/leash", O_RDWR | O_CLOEXEC);
	struct leash_start start = { .id = 1, .group = 1, .name = "bench" };
	struct leash_adopt adopt = { .start = 1 };
	struct task_iter_bpf *iterator;
	struct bpf_link *link = NULL;

	if (argc != 2 || fd < 0)
		bench_fail("read_facts PROCESSES, with the module loaded");
	/* Everybody belongs to a start, so that the module has to look it up, too. */
	if (ioctl(fd, LEASH_IOC_START_SET, &start) || ioctl(fd, LEASH_IOC_ADOPT, &adopt))
		bench_fail("start");
	crowd(atoi(argv[1]));

	MEASURE("proc", by_proc());
	MEASURE("module", by_module(fd));
	libbpf_set_print(NULL);
	iterator = task_iter_bpf__open_and_load();
	if (iterator)
		link = bpf_program__attach_iter(iterator->progs.dump_task, NULL);
	if (link)
		MEASURE("bpf", by_bpf(link));
	else
		fprintf(stderr, "no BPF iterator in this kernel\n");
	printf("check %u %u\n", task(0)->fds, records[0].fds);
	return 0;
}
