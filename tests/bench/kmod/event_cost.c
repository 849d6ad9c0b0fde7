// SPDX-License-Identifier: MIT
/*
 * How fast events come, and what it costs to follow them. `latency WAY NS`: from a child's _exit to its
 * reader, the median, by the module, by a pidfd and by the proc connector. `follow WAY NS MISSED`: what
 * a fork and its end cost together with their reader, and how many events that has not seen.
 */
#define _GNU_SOURCE
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
#define FORKS 4000
#define QUEUE 1024		/* records: far fewer than there are events */
#define ROOM (4 << 20)		/* bytes of the connector's receive buffer */
#define BATCH 64
#define LATE_MS 20

static uint64_t *left_at; /* shared: when the child called _exit */

static int leash(uint32_t events, pid_t pid)
{
	struct leash_watch watch = { .pid = pid, .events = events };
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
		fd = leash(LEASH_EVENT_PROCESS_EXIT, pid);
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

/* ---- a reader that follows along ---- */

/* Forks of the churner, and ends of what it forked. */
struct seen {
	long forks, exits;
};

static void see_records(int fd, pid_t churner, struct seen *seen)
{
	static struct leash_record records[QUEUE];
	ssize_t size = read(fd, records, sizeof(records));

	for (ssize_t i = 0; i < size / (ssize_t)sizeof(*records); i++) {
		seen->forks += records[i].type == LEASH_EVENT_PROCESS_FORK;
		seen->exits += records[i].type == LEASH_EVENT_PROCESS_EXIT &&
			       records[i].tgid != churner;
	}
}

static void see_message(const char *message, pid_t churner, struct seen *seen)
{
	struct proc_event event;

	memcpy(&event, message + NLMSG_HDRLEN + offsetof(struct cn_msg, data), sizeof(event));
	seen->forks += event.what == PROC_EVENT_FORK && event.event_data.fork.parent_tgid == churner;
	seen->exits += event.what == PROC_EVENT_EXIT && event.event_data.exit.parent_tgid == churner;
}

/* As many as there are, up to a batch. */
static void see_messages(int fd, pid_t churner, struct seen *seen)
{
	static char buffers[BATCH][256] __attribute__((aligned(8)));
	static struct iovec parts[BATCH];
	static struct mmsghdr messages[BATCH];
	int count;

	for (int i = 0; i < BATCH; i++) {
		parts[i] = (struct iovec){ buffers[i], sizeof(buffers[i]) };
		messages[i].msg_hdr = (struct msghdr){ .msg_iov = &parts[i], .msg_iovlen = 1 };
	}
	do {
		count = recvmmsg(fd, messages, BATCH, MSG_DONTWAIT, NULL);
		for (int i = 0; i < count; i++)
			see_message(buffers[i], churner, seen);
	} while (count == BATCH);
}

static void churn(int go)
{
	char byte;

	if (read(go, &byte, 1) != 1)
		_exit(1);
	for (int i = 0; i < FORKS; i++) {
		pid_t pid = fork();

		if (!pid)
			_exit(0);
		waitpid(pid, NULL, 0);
	}
	_exit(0);
}

/* The start that the churner is put into. */
static int watch_start(int controller, pid_t churner, uint32_t late_ms)
{
	struct leash_start start = { .id = 7, .group = 1, .name = "bench" };
	struct leash_adopt adopt = { .start = 7, .pid = churner };
	struct leash_watch watch = { .start = 7, .queue = QUEUE, .coalesce_ms = late_ms,
				     .events = LEASH_EVENT_PROCESS_FORK | LEASH_EVENT_PROCESS_EXIT };
	int fd = open("/dev/leash", O_RDONLY | O_NONBLOCK | O_CLOEXEC);

	if (fd < 0 || ioctl(controller, LEASH_IOC_START_SET, &start) ||
	    ioctl(controller, LEASH_IOC_ADOPT, &adopt) || ioctl(fd, LEASH_IOC_WATCH, &watch))
		bench_fail("watch_start");
	return fd;
}

/*
 * FORKS forks and their ends, with a reader that is woken for each event, or LATE_MS after the first.
 * `nobody` reads nothing. What the reader has not seen is told, and of the module an error.
 */
static void follow(const char *name, bool module, bool proc, uint32_t late_ms)
{
	int go[2], controller = module ? open("/dev/leash", O_RDWR | O_CLOEXEC) : -1, fd = -1;
	int room = ROOM;
	struct seen seen = { 0 };
	uint64_t begin;
	pid_t churner;

	if (pipe(go))
		bench_fail("pipe");
	churner = fork();
	if (!churner)
		churn(go[0]);
	if (module)
		fd = watch_start(controller, churner, late_ms);
	if (proc)
		fd = connector();
	if (proc && setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &room, sizeof(room)))
		bench_fail("SO_RCVBUFFORCE");
	begin = bench_now();
	if (write(go[1], "", 1) != 1)
		bench_fail("write");
	while (fd >= 0 && seen.forks + seen.exits < 2 * FORKS) {
		struct pollfd ready = { .fd = fd, .events = POLLIN };

		if (poll(&ready, 1, 2000) != 1)
			break;
		if (proc && late_ms)
			usleep(late_ms * 1000);
		if (module)
			see_records(fd, churner, &seen);
		else
			see_messages(fd, churner, &seen);
	}
	waitpid(churner, NULL, 0);
	printf("follow %s %llu %ld\n", name, (unsigned long long)((bench_now() - begin) / FORKS),
	       fd < 0 ? 0 : 2 * FORKS - seen.forks - seen.exits);
	if (module && (seen.forks != FORKS || seen.exits != FORKS))
		bench_fail("events are missing");
	if (fd >= 0)
		close(fd);
	if (controller >= 0)
		close(controller);
	close(go[0]);
	close(go[1]);
}

/* The connector last: who has listened once is paid for until the machine ends (Linux 6.1). */
int main(void)
{
	int proc;

	left_at = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	latencies("pidfd", -1);
	latencies("module", -1);
	follow("nobody", false, false, 0);
	follow("module", true, false, 0);
	follow("module-late", true, false, LATE_MS);
	proc = connector();
	if (proc < 0)
		return 0;
	latencies("connector", proc);
	close(proc);
	follow("connector", false, true, 0);
	follow("connector-late", false, true, LATE_MS);
	return 0;
}
