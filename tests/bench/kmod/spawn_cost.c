// SPDX-License-Identifier: MIT
/*
 * spawn_cost ROUNDS [MODE]: instructions of one fork + exec + exit + wait, the least of rounds of 50
 * (what is above it are the clock's interrupts). MODE `other`: a start is known, but is not ours;
 * `tracked`: as a process of a start; `watched`: and somebody watches us, but does not read;
 * `watched-other`: somebody watches another start; `heard`: watched by a reader, woken for each event;
 * `heard-late`: woken 100 ms after the first.
 */
#include <fcntl.h>
#include <linux/leash.h>
#include <signal.h>
#include <spawn.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "bench.h"

#define A_ROUND 50

static char *const tagged_environment[] = { "LEASH_TAG=bench@0000000000000001", NULL };

static uint64_t one_round(char *self)
{
	char *const argv[] = { self, "nothing", NULL };
	uint64_t begin = bench_now();

	for (int i = 0; i < A_ROUND; i++) {
		pid_t pid;

		/* The same environment always: its size costs, too. */
		if (posix_spawn(&pid, self, NULL, NULL, argv, tagged_environment))
			bench_fail("posix_spawn");
		waitpid(pid, NULL, 0);
	}
	return (bench_now() - begin) / A_ROUND;
}

/* A process that reads and throws away until we end. */
static void hear(int fd)
{
	static struct leash_record records[256];

	if (fork())
		return;
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	for (;;)
		if (read(fd, records, sizeof(records)) < 0)
			_exit(1);
}

/*
 * A descriptor that each child inherits, and closes at its execve, costs, too, whatever it is of: in all
 * modes there are two, of the null device where the mode needs none of /dev/leash.
 */
static void stand_in(void)
{
	if (open("/dev/null", O_RDWR | O_CLOEXEC) < 0)
		bench_fail("/dev/null");
}

static void be_watched(const char *how)
{
	struct leash_watch watch = { .start = strcmp(how, "watched-other") ? 1 : 2,
				     .events = LEASH_EVENT_TASKS, .queue = 256 };
	int fd = open("/dev/leash", O_RDONLY | O_CLOEXEC);

	if (!strcmp(how, "heard-late"))
		watch.coalesce_ms = 100;
	if (fd < 0 || ioctl(fd, LEASH_IOC_WATCH, &watch))
		bench_fail("watch");
	if (!strncmp(how, "heard", 5))
		hear(fd);
}

int main(int argc, char **argv)
{
	uint64_t least = UINT64_MAX;
	int rounds;

	if (argc > 1 && !strcmp(argv[1], "nothing"))
		return 0;
	rounds = argc > 1 ? atoi(argv[1]) : 0;
	if (rounds < 1)
		return 2;
	if (argc < 3) {
		stand_in();
		stand_in();
	} else {
		struct leash_start start = { .id = 1, .group = 1, .name = "bench" };
		struct leash_adopt adopt = { .start = 1 };
		int fd = open("/dev/leash", O_RDWR | O_CLOEXEC);

		if (fd < 0 || ioctl(fd, LEASH_IOC_START_SET, &start))
			bench_fail("start");
		if (strcmp(argv[2], "other") && strcmp(argv[2], "tracked"))
			be_watched(argv[2]); /* first: the reader is not of the start */
		else
			stand_in();
		if (strcmp(argv[2], "other") && ioctl(fd, LEASH_IOC_ADOPT, &adopt))
			bench_fail("adopt");
	}
	one_round("/proc/self/exe"); /* warms up */
	for (int i = 0; i < rounds; i++) {
		uint64_t cost = one_round("/proc/self/exe");

		least = cost < least ? cost : least;
	}
	printf("%llu\n", (unsigned long long)least);
	return 0;
}
