/* SPDX-License-Identifier: GPL-2.0-only */
/* For the tests of what the kernel runs: a script that writes down how it was called. */
#ifndef LEASH_TEST_TROUBLE_H
#define LEASH_TEST_TROUBLE_H

#include "harness.h"

#include <linux/userfaultfd.h>
#include <sys/stat.h>

#define SYSCTL "/proc/sys/kernel/leash/"
#define HANDLER "/tmp/handler"
#define TOLD "/tmp/told"	/* a line each time */

/* 0 or a negative errno. */
static inline int set_sysctl(const char *name, const char *value)
{
	char path[128];
	int fd, result;

	snprintf(path, sizeof(path), SYSCTL "%s", name);
	fd = open(path, O_WRONLY | O_TRUNC | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	result = write(fd, value, strlen(value)) < 0 ? -errno : 0;
	close(fd);
	return result;
}

static inline const char *read_text(const char *path)
{
	static char text[65536];
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	ssize_t size = fd < 0 ? -1 : read(fd, text, sizeof(text) - 1);

	if (fd >= 0)
		close(fd);
	text[size > 0 ? size : 0] = '\0';
	return text;
}

static inline bool put_text(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY | O_CLOEXEC);
	bool done = fd >= 0 && write(fd, text, strlen(text)) == (ssize_t)strlen(text);

	if (fd >= 0)
		close(fd);
	return done;
}

/* Without the end of the line. */
static inline const char *get_sysctl(const char *name)
{
	static char value[512];
	char path[128];

	snprintf(path, sizeof(path), SYSCTL "%s", name);
	snprintf(value, sizeof(value), "%.500s", read_text(path));
	value[strcspn(value, "\n")] = '\0';
	return value;
}

static inline long counter(const char *name)
{
	return atol(get_sysctl(name));
}

/* The script notes how it was called, and goes on with `then`. */
static inline void use_handler(const char *then)
{
	FILE *script;

	unlink(TOLD);
	unlink(HANDLER);
	script = fopen(HANDLER, "w");
	CHECK(script);
	fprintf(script, "#!/bin/sh\n"
		"echo \"$REASON $TROUBLED_SERVICE $TROUBLED_PID $TROUBLED_START\" >> " TOLD "\n%s\n",
		then);
	fclose(script);
	EQUAL(chmod(HANDLER, 0755), 0);
	EQUAL(set_sysctl("handler", HANDLER "\n"), 0);
	EQUAL(set_sysctl("handler_timeout_ms", "60000"), 0);
}

static inline int lines_of(const char *path)
{
	int lines = 0;

	for (const char *at = read_text(path); (at = strchr(at, '\n')); at++)
		lines++;
	return lines;
}

static inline bool was_told(const char *line)
{
	return strstr(read_text(TOLD), line);
}

static inline void sleep_ms(int ms)
{
	nanosleep(&(struct timespec){ .tv_sec = ms / 1000, .tv_nsec = ms % 1000 * 1000000L }, NULL);
}

/*
 * A directory in which an execve hangs, and cannot be woken, until the holder is killed. It reads the
 * directory into a page that nobody fills, with the lock of its readers; the second one waits to make
 * a file there, and who comes behind that one to look for a name that is not known waits, too.
 */
#define HUNG "/tmp/hung-directory"

static inline void hold_directory(void)
{
	struct uffdio_api api = { .api = UFFD_API };
	char *page = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	struct uffdio_register range = { .range = { .start = (unsigned long)page, .len = 4096 },
					 .mode = UFFDIO_REGISTER_MODE_MISSING };
	int faults = syscall(SYS_userfaultfd, O_CLOEXEC), fd = open(HUNG, O_RDONLY | O_DIRECTORY);

	CHECK(page != MAP_FAILED && faults >= 0 && fd >= 0);
	EQUAL(ioctl(faults, UFFDIO_API, &api), 0);
	EQUAL(ioctl(faults, UFFDIO_REGISTER, &range), 0);
	say(0);
	syscall(SYS_getdents64, fd, page, 4096);
	_exit(0);
}

static inline bool is_in_state(pid_t pid, char state)
{
	char path[64];
	const char *text;

	snprintf(path, sizeof(path), "/proc/%d/stat", pid);
	text = strrchr(read_text(path), ')');
	return text && text[1] && text[2] == state;
}

/* The holder, to be killed. */
static inline pid_t hang_directory(void)
{
	pid_t holder, writer;

	CHECK(!mkdir(HUNG, 0700) || errno == EEXIST);
	holder = fork();
	if (!holder)
		hold_directory();
	hear();
	sleep_ms(300 * patience());
	writer = fork();
	if (!writer) {
		open(HUNG "/file", O_CREAT | O_WRONLY, 0600);
		_exit(0);
	}
	WITHIN(5, is_in_state(writer, 'D'));
	return holder;
}

static inline struct leash_deadman_info deadman(void)
{
	struct leash_deadman_info info;

	EQUAL(call(controller(), LEASH_IOC_DEADMAN_GET, &info), 0);
	return info;
}

static inline int set_deadman(__u32 timeout_ms, __u32 grace_ms, __u32 action, __u32 flags)
{
	struct leash_deadman arg = { timeout_ms, grace_ms, action, flags };

	return call(controller(), LEASH_IOC_DEADMAN, &arg);
}

#endif
