// SPDX-License-Identifier: MIT
/*
 * How fast events come. `latency WAY NS`: from a child's _exit to its reader, the median, by the module,
 * by a pidfd and by the proc connector. `stream events N`: events of a churn of forks that were read,
 * `stream lost N`: that were not, `stream each NS`: what a fork and its end cost with their reader.
 */
#include <fcntl.h>
#include <linux/cn_proc.h>
#include <linux/connector.h>
#include <linux/leash.h>
#include <linux/netlink.h>
#include <poll.h>
#include <signal.h>
#include <stddef.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "bench.h"

#define TIMES 101
#define FORKS 5000

static uint64_t *left_at; /* shared: when the child called _exit */

static int leash(uint32_t events, pid_t pid, uint32_t coalesce_ms)
{
	struct leash_watch watch = { .pid = pid, .events = events, .queue = 65536,
				     .coalesce_ms = coalesce_ms };
	int fd = open("/dev/leash", O_RDONLY | O_NONBLOCK | O_CLOEXEC);

	if (fd < 0 || ioctl(fd, LEASH_IOC_WATCH, &watch))
		bench_fail("watch");
	return fd;
}

static int connector(void)
{
	struct sockaddr_nl to = { .nl_family = AF_NETLINK, .nl_groups = CN_IDX_PROC };
	struct {
		struct nlmsghdr header;
		char message[sizeof(struct cn_msg) + sizeof(enum proc_cn_mcast_op)];
	} ask = { .header = { .nlmsg_len = sizeof(ask), .nlmsg_type = NLMSG_DONE } };
	struct cn_msg *message = (struct cn_msg *)ask.message;
	enum proc_cn_mcast_op listen = PROC_CN_MCAST_LISTEN;
	int fd = socket(PF_NETLINK, SOCK_DGRAM | SOCK_CLOEXEC, NETLINK_CONNECTOR);

	message->id.idx = CN_IDX_PROC;
	message->id.val = CN_VAL_PROC;
	message->len = sizeof(listen);
	memcpy(message->data, &listen, sizeof(listen));
	if (fd < 0 || bind(fd, (struct sockaddr *)&to, sizeof(to)) || send(fd, &ask, sizeof(ask), 0) < 0)
		return -1;
	return fd;
}

static bool told_by_connector(int fd, pid_t pid)
{
	char buffer[4096] __attribute__((aligned(8)));
	struct proc_event event;

	if (recv(fd, buffer, sizeof(buffer), 0) < 0)
		bench_fail("recv");
	memcpy(&event, buffer + NLMSG_HDRLEN + offsetof(struct cn_msg, data), sizeof(event));
	return event.what == PROC_EVENT_EXIT && event.event_data.exit.process_pid == pid;
}

static bool told_by_leash(int fd, pid_t pid)
{
	struct leash_record record;

	return read(fd, &record, sizeof(record)) == sizeof(record) && record.tgid == pid;
}

static uint64_t latency(const char *way, int stream)
{
	int go[2], fd = stream;
	bool told = false;
	char byte = 0;
	pid_t pid;

	if (pipe(go))
		bench_fail("pipe");
	pid = fork();
	if (!pid) {
		if (read(go[0], &byte, 1) != 1)
			_exit(1);
		*left_at = bench_now();
		_exit(0);
	}
	if (!strcmp(way, "module"))
		fd = leash(LEASH_EVENT_PROCESS_EXIT, pid, 0);
	else if (!strcmp(way, "pidfd"))
		fd = syscall(SYS_pidfd_open, pid, 0);
	if (write(go[1], &byte, 1) != 1)
		bench_fail("write");
	while (!told) {
		struct pollfd ready = { .fd = fd, .events = POLLIN };

		if (poll(&ready, 1, 10000) != 1)
			bench_fail("poll");
		told = !strcmp(way, "pidfd") || (!strcmp(way, "module") ? told_by_leash(fd, pid) :
								 told_by_connector(fd, pid));
	}
	uint64_t took = bench_now() - *left_at;

	waitpid(pid, NULL, 0);
	close(go[0]);
	close(go[1]);
	if (fd != stream)
		close(fd);
	return took;
}

static int compare(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

	return x < y ? -1 : x > y;
}

static void latencies(const char *way, int stream)
{
	uint64_t took[TIMES];

	for (int i = 0; i < TIMES; i++)
		took[i] = latency(way, stream);
	qsort(took, TIMES, sizeof(*took), compare);
	printf("latency %s %llu\n", way, (unsigned long long)took[TIMES / 2]);
}

static void stream(void)
{
	static struct leash_record records[512];
	int fd = leash(LEASH_EVENT_PROCESS_FORK | LEASH_EVENT_PROCESS_EXIT, 0, 20);
	uint64_t begin = bench_now();
	struct leash_unwatch told = { .id = 0 };
	long read_events = 0;
	pid_t churner = fork();

	if (!churner) {
		for (int i = 0; i < FORKS; i++) {
			pid_t pid = fork();

			if (!pid)
				_exit(0);
			waitpid(pid, NULL, 0);
		}
		_exit(0);
	}
	while (read_events < 2 * FORKS) {
		struct pollfd ready = { .fd = fd, .events = POLLIN };
		ssize_t size;

		if (poll(&ready, 1, 2000) != 1)
			break;
		size = read(fd, records, sizeof(records));
		for (ssize_t i = 0; i < size / (ssize_t)sizeof(*records); i++)
			read_events += records[i].type != LEASH_EVENT_OVERFLOW;
	}
	printf("stream each %llu\n", (unsigned long long)((bench_now() - begin) / FORKS));
	ioctl(fd, LEASH_IOC_UNWATCH, &told);
	printf("stream events %ld\nstream lost %llu\n", read_events, (unsigned long long)told.lost);
	waitpid(churner, NULL, 0);
}

int main(void)
{
	int proc = connector();

	left_at = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (proc >= 0)
		latencies("connector", proc);
	close(proc);
	latencies("pidfd", -1);
	latencies("module", -1);
	stream();
	return 0;
}
