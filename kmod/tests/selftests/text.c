// SPDX-License-Identifier: GPL-2.0-only
/* read(): a table for people. */
#include "harness.h"

#include <ctype.h>

static char text[1 << 20];

static ssize_t read_all(size_t at_a_time)
{
	int fd = open_device(O_RDONLY);
	ssize_t got, size = 0;

	CHECK(fd >= 0);
	while ((got = read(fd, text + size, at_a_time)) > 0) {
		size += got;
		CHECK(size < (ssize_t)sizeof(text) - 4096);
	}
	EQUAL(got, 0);
	close(fd);
	text[size] = '\0';
	return size;
}

/* The line of a process: its first field is the number. */
static char *line_of(pid_t pid)
{
	for (char *line = text; line && *line; line = strchr(line, '\n'), line = line ? line + 1 : NULL)
		if (atoi(line) == pid)
			return line;
	return NULL;
}

TEST(lines, "One line a process, with its service and start")
{
	__u64 id = new_start();
	char number[32], *line;
	pid_t pid = fork_into(id);

	if (!pid) {
		prctl(PR_SET_NAME, "in a start", 0, 0, 0);
		report_and_linger();
	}
	hear();
	read_all(4096);
	CHECK(line_of(1) != NULL);
	CHECK(line_of(getpid()) != NULL);
	line = line_of(pid);
	CHECK(line != NULL);
	*strchr(line, '\n') = '\0';
	snprintf(number, sizeof(number), "%016llx", (unsigned long long)id);
	CHECK(strstr(line, number));
	CHECK(strstr(line, "test-"));
	CHECK(strstr(line, "fork"));
	CHECK(strstr(line, "start"));
}

TEST(pieces, "In small pieces it is the same table: nobody is lost")
{
	pid_t pids[30];

	for (int i = 0; i < 30; i++) {
		pids[i] = fork();
		if (!pids[i])
			linger();
	}
	for (size_t at_a_time = 1; at_a_time < 5000; at_a_time = at_a_time * 9 + 4) {
		read_all(at_a_time);
		for (int i = 0; i < 30; i++)
			CHECK(line_of(pids[i]) != NULL);
	}
}

TEST(odd_name, "What a process calls itself can not make lines or control a terminal")
{
	pid_t pid = fork();

	if (!pid) {
		prctl(PR_SET_NAME, "\n1 \033[31mx\t\\", 0, 0, 0);
		report_and_linger();
	}
	hear();
	read_all(4096);
	CHECK(line_of(pid) != NULL);
	for (char *at = text; *at; at++)
		CHECK(*at == '\n' || isprint((unsigned char)*at));
}

TEST(positions, "Seeking anywhere does no harm")
{
	static const long long places[] = { 0, 1, 100, 4194304, 1LL << 31, 1LL << 40, 1LL << 62 };
	int fd = open_device(O_RDONLY);
	char piece[512];

	for (size_t i = 0; i < sizeof(places) / sizeof(*places); i++) {
		lseek(fd, places[i], SEEK_SET);
		while (read(fd, piece, sizeof(piece)) == sizeof(piece) && i)
			;
		pread(fd, piece, sizeof(piece), places[i]);
	}
	CHECK(lseek(fd, -1, SEEK_SET) < 0);
	EQUAL(write(fd, "x", 1), -1);
}

TEST(unreadable, "A buffer that is not there is EFAULT")
{
	int fd = open_device(O_RDONLY);

	CHECK(syscall(SYS_read, fd, 8, 4096) < 0);
	EQUAL(errno, EFAULT);
}

static long long value_of(const char *name)
{
	char path[96], number[32] = "";
	ssize_t got;
	int fd;

	snprintf(path, sizeof(path), "/proc/sys/kernel/leash/%s", name);
	fd = open(path, O_RDONLY);
	if (fd < 0)
		FAIL("%s: %s", path, strerror(errno));
	got = read(fd, number, sizeof(number) - 1);
	close(fd);
	if (got <= 0 || !isdigit((unsigned char)number[0]))
		FAIL("%s holds no number: '%s'", path, number);
	return atoll(number);
}

TEST(sysctls, "/proc/sys/kernel/leash says what STATS says; env_tag can be switched")
{
	__u64 id = new_start();
	struct leash_stats out;
	int fd;

	linger_in(id);
	out = stats();
	EQUAL(value_of("starts"), out.starts);
	EQUAL(value_of("processes"), out.processes);
	EQUAL(value_of("lineage_lost"), out.lost);
	EQUAL(value_of("incomplete"), 0);
	EQUAL(value_of("env_tag"), 1);
	fd = open("/proc/sys/kernel/leash/env_tag", O_WRONLY);
	EQUAL(write(fd, "0\n", 2), 2);
	EQUAL(value_of("env_tag"), 0);
	EQUAL(pwrite(fd, "1\n", 2, 0), 2);
	EQUAL(value_of("env_tag"), 1);
	EQUAL(open("/proc/sys/kernel/leash/starts", O_WRONLY) >= 0 && getuid(), 0);
}
