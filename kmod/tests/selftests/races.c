// SPDX-License-Identifier: GPL-2.0-only
/*
 * Calls of all kinds at the same time, each by several processes, on the same few starts, while these
 * fork, end and are killed. What is wrong then the kernel says (KASAN, lockdep, kmemleak); afterwards
 * everything works as before.
 */
#include <sys/mman.h>

#include "events.h"

#define RACERS 6
#define STARTS 6
#define KIDS 12
#define SECONDS 4

static __u64 ids[STARTS];
static pid_t kids[KIDS];	/* the racer's own, not reaped yet; 0: none */
static int observing = -1;
static char buffer[16384];

static __u64 some_start(void)
{
	return ids[rand() % STARTS];
}

static pid_t some_kid(void)
{
	pid_t pid = kids[rand() % KIDS];

	return pid ? pid : 1; /* which is refused */
}

/* Born into whatever this process was armed with last, by itself or not at all. */
static void bear(void)
{
	int place = rand() % KIDS, depth = rand() % 3;

	if (kids[place]) {
		kill(kids[place], SIGKILL);
		reap(kids[place]);
	}
	kids[place] = fork();
	if (kids[place])
		return;
	while (depth-- && !fork())
		;
	if (rand() % 3 == 0)
		_exit(0);
	linger();
}

static void do_start(unsigned int how)
{
	struct leash_start start = { .id = some_start(), .group = rand() % 3, .name = "test-race" };
	struct leash_start_ref ref = { .id = start.id };
	struct leash_limits limits = { .id = start.id, .processes = rand() % 8, .action = rand() % 3 };
	struct leash_start_info info = { .id = start.id };

	switch (how % 8) {
	case 0:
		start.flags = rand() % 2 ? LEASH_START_WATCH_EMPTY : 0;
		call(controller(), LEASH_IOC_START_SET, &start);
		break;
	case 1:
		if (rand() % 8 == 0)
			call(controller(), LEASH_IOC_START_DEL, &ref);
		break;
	case 2:
		if (rand() % 2) {
			limits.forks = 1 + rand() % 20;
			limits.period_ms = 1 + rand() % 100;
		}
		call(controller(), LEASH_IOC_START_LIMITS, &limits);
		break;
	case 3:
		call(controller(), LEASH_IOC_START_GET, &info);
		break;
	default:
		call(controller(), LEASH_IOC_ARM, &ref);
		bear();
	}
}

static void do_process(unsigned int how)
{
	struct leash_adopt adopt = { .start = some_start(), .pid = some_kid(), .flags = rand() % 4 };
	struct leash_spare spare = { .start = some_start(), .pid = some_kid(), .flags = rand() % 4 };
	struct leash_kill end = { .id = some_start(), .signo = rand() % 2 ? SIGKILL : 0,
				  .flags = rand() % 8 & ~LEASH_KILL_GROUP };
	struct leash_whois who = { .pid = some_kid() };

	switch (how % 6) {
	case 0:
		call(controller(), LEASH_IOC_ADOPT, &adopt);
		break;
	case 1:
		call(controller(), LEASH_IOC_SPARE, &spare);
		break;
	case 2:
		call(controller(), LEASH_IOC_KILL, &end);
		break;
	case 3:
		call(controller(), LEASH_IOC_WHOIS, &who);
		break;
	default:
		bear();
	}
}

static void do_look(unsigned int how)
{
	struct leash_snapshot all = { .facts = rand() & 0x1ff, .buffer = (__u64)(unsigned long)buffer,
				      .size = sizeof(buffer), .record_size = 176,
				      .flags = rand() % 4 };
	struct leash_starts starts = { .buffer = (__u64)(unsigned long)buffer, .size = sizeof(buffer),
				       .record_size = sizeof(struct leash_start_info) };
	struct leash_rescan rescan = { .flags = LEASH_RESCAN_PARENT };
	struct leash_stats stats;

	switch (how % 4) {
	case 0:
		call(controller(), LEASH_IOC_SNAPSHOT, &all);
		break;
	case 1:
		call(controller(), LEASH_IOC_STARTS, &starts);
		break;
	case 2:
		call(controller(), LEASH_IOC_RESCAN, &rescan);
		break;
	default:
		call(controller(), LEASH_IOC_STATS, &stats);
	}
}

static void do_events(unsigned int how)
{
	struct leash_watch wanted = { .start = rand() % 2 ? some_start() : 0, .group = rand() % 3,
				      .events = 1 + rand() % LEASH_EVENT_ALL, .queue = 1 + rand() % 64,
				      .coalesce_ms = rand() % 3 ? 0 : rand() % 50,
				      .signo = rand() % 4 ? 0 : SIGRTMIN };
	struct leash_unwatch gone = { .id = rand() % 8 };

	if (observing < 0)
		observing = open_device(O_RDONLY | O_NONBLOCK);
	switch (how % 6) {
	case 0:
	case 1:
		call(observing, LEASH_IOC_WATCH, &wanted);
		break;
	case 2:
		call(observing, LEASH_IOC_UNWATCH, &gone);
		break;
	case 3:
		if (rand() % 8 == 0) {
			close(observing);
			observing = -1;
		}
		break;
	default:
		if (read(observing, buffer, sizeof(buffer)) < 0)
			errno = 0;
	}
}

static void do_deadman(unsigned int how)
{
	struct leash_deadman deadman = { .timeout_ms = how % 3 ? 100 : 0, .grace_ms = rand() % 50,
					 .action = LEASH_DEADMAN_NOTHING };

	if (how % 4)
		call(controller(), LEASH_IOC_PING, NULL);
	else
		call(controller(), LEASH_IOC_DEADMAN, &deadman);
}

static void __attribute__((noreturn)) race(unsigned int seed, double end)
{
	srand(seed);
	while (now() < end) {
		unsigned int how = rand();

		switch (rand() % 10) {
		case 0 ... 3:
			do_start(how);
			break;
		case 4 ... 5:
			do_process(how);
			break;
		case 6:
			do_look(how);
			break;
		case 7:
			do_deadman(how);
			break;
		default:
			do_events(how);
		}
		if (rand() % 4 == 0)
			kill_children();
		for (int i = 0; i < KIDS; i++)
			if (kids[i] && waitpid(kids[i], NULL, WNOHANG) == kids[i])
				kids[i] = 0;
	}
	for (int i = 0; i < KIDS; i++)
		if (kids[i])
			kill(kids[i], SIGKILL);
	_exit(0);
}

TEST(everything, "Calls of all kinds at the same time, while processes come and go")
{
	double end = now() + SECONDS * patience();
	struct leash_deadman off = { 0 };
	pid_t racers[RACERS];
	__u64 id;
	int fd;

	prctl(PR_SET_CHILD_SUBREAPER, 1);
	for (int i = 0; i < STARTS; i++)
		ids[i] = new_start();
	for (int i = 0; i < RACERS; i++) {
		racers[i] = fork();
		if (!racers[i]) {
			/* One that asks for them, and does nothing else, would be ended by them. */
			signal(SIGRTMIN, SIG_IGN);
			race(i + 1, end);
		}
	}
	for (int i = 0; i < RACERS; i++) {
		int status;

		EQUAL(waitpid(racers[i], &status, 0), racers[i]);
		EQUAL(status, 0);
	}
	EQUAL(call(controller(), LEASH_IOC_DEADMAN, &off), 0);
	clear_away();
	/* As if nothing had been. */
	id = new_start();
	fd = watching(id, LEASH_EVENT_PROCESS_FORK | LEASH_EVENT_PROCESS_EXIT, 0);
	churn(id, 3);
	EQUAL(take(fd), 8);
	EQUAL(info_of(id).forks, 4);
	EQUAL(info_of(id).exits, 4);
	WITHIN(5, info_of(id).processes == 0);
}
