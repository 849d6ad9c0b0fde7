// SPDX-License-Identifier: GPL-2.0-only
/* LEASH_IOC_KILL: all of a start, wherever it sits, however fast it forks. */
#include "harness.h"

static void spare(__u64 id, pid_t pid, unsigned int flags, unsigned int wanted)
{
	struct leash_spare spare = { .start = id, .pid = pid, .flags = flags };

	EQUAL(call(controller(), LEASH_IOC_SPARE, &spare), 0);
	EQUAL(spare.count, wanted);
}

static bool has_ended(pid_t pid)
{
	siginfo_t info = { .si_pid = 0 };

	return waitid(P_PID, pid, &info, WEXITED | WNOWAIT | WNOHANG) == 0 && info.si_pid == pid;
}

TEST(all, "All processes of a start get the signal, and nobody else")
{
	__u64 id = new_start(), other = new_start();
	pid_t mine[5], stranger = linger_in(other);
	struct leash_kill result;

	for (int i = 0; i < 5; i++)
		mine[i] = linger_in(id);
	result = kill_start(id, 0, 0);
	EQUAL(result.count, 0);
	EQUAL(result.live, 5);
	result = kill_start(id, SIGTERM, 0);
	EQUAL(result.count, 5);
	EQUAL(result.live, 5);
	for (int i = 0; i < 5; i++)
		WITHIN(5, has_ended(mine[i]));
	EQUAL(kill_start(id, 0, 0).live, 0);
	EQUAL(kill_start(id, SIGTERM, 0).count, 0); /* zombies get nothing */
	EQUAL(info_of(id).aborts, 5);
	EQUAL(info_of(id).flags & LEASH_START_DYING, 0);
	CHECK(!has_ended(stranger));
}

TEST(many, "More than any batch: 300 processes")
{
	__u64 id = new_start();
	int count = patience() > 1 ? 80 : 300;

	for (int i = 0; i < count; i++)
		linger_in(id);
	EQUAL(kill_start(id, SIGKILL, 0).count, count);
	WITHIN(10, kill_start(id, SIGKILL, 0).live == 0);
	EQUAL(info_of(id).exits, count);
}

TEST(group, "A group is all starts of it")
{
	__u64 group = new_id(), first = set_start(new_id(), group, 0);
	__u64 second = set_start(new_id(), group, 0), alone = new_start();
	pid_t bystander = linger_in(alone);
	struct leash_kill kill = { .id = group, .signo = SIGKILL, .flags = LEASH_KILL_GROUP };

	linger_in(first);
	linger_in(first);
	linger_in(second);
	EQUAL(call(controller(), LEASH_IOC_KILL, &kill), 0);
	EQUAL(kill.count, 3);
	WITHIN(5, !info_of(first).live && !info_of(second).live);
	CHECK(info_of(first).flags & LEASH_START_DYING);
	CHECK(info_of(second).flags & LEASH_START_DYING);
	CHECK(!has_ended(bystander));
	kill.id = first; /* is no group */
	EQUAL(call(controller(), LEASH_IOC_KILL, &kill), -ENOENT);
	kill.id = group;
	kill.flags = 0; /* is no start */
	EQUAL(call(controller(), LEASH_IOC_KILL, &kill), -ENOENT);
}

TEST(spared, "Who is spared is passed by, with what it forks from then on")
{
	__u64 id = new_start();
	pid_t kept, lost = linger_in(id), child;
	struct leash_kill result;
	int go[2], number = 0;

	EQUAL(pipe(go), 0);
	kept = fork_into(id);
	if (!kept) {
		if (read(go[0], &number, sizeof(number)) > 0 && !fork())
			report_and_linger();
		linger();
	}
	spare(id, kept, 0, 1);
	spare(id, kept, 0, 0); /* it is already */
	CHECK(who(kept).flags & LEASH_WHOIS_SPARED);
	CHECK(write(go[1], &number, sizeof(number)) > 0);
	child = hear();
	CHECK(who(child).flags & LEASH_WHOIS_SPARED);
	result = kill_start(id, SIGKILL, 0);
	EQUAL(result.count, 1);
	EQUAL(result.spared, 2);
	EQUAL(result.live, 1);
	WITHIN(5, has_ended(lost));
	CHECK(!has_ended(kept));
	EQUAL(start_of(kept), id);
	EQUAL(info_of(id).live, 2);
	result = kill_start(id, SIGKILL, LEASH_KILL_SPARED);
	EQUAL(result.count, 2);
	WITHIN(5, has_ended(kept));
	WITHIN(5, info_of(id).live == 0);
}

TEST(cleared, "The mark can be taken away, and is known of a tree")
{
	__u64 id = new_start();
	pid_t top = fork_into(id);

	if (!top) {
		if (!fork() && !fork())
			report_and_linger();
		linger();
	}
	hear();
	spare(id, top, LEASH_SPARE_TREE, 3);
	EQUAL(kill_start(id, 0, 0).spared, 3);
	spare(id, top, LEASH_SPARE_CLEAR, 1);
	EQUAL(kill_start(id, 0, 0).spared, 2);
	spare(id, top, LEASH_SPARE_TREE | LEASH_SPARE_CLEAR, 2);
	EQUAL(kill_start(id, 0, 0).spared, 0);
	EQUAL(kill_start(id, 0, 0).live, 3);
}

TEST(foreign, "Only a process of the start can be spared in it")
{
	__u64 id = new_start(), other = new_start();
	struct leash_spare spare = { .start = id, .pid = linger_in(other) };
	pid_t bare = fork();

	if (!bare)
		linger();
	EQUAL(call(controller(), LEASH_IOC_SPARE, &spare), -ESRCH);
	spare = (struct leash_spare){ .start = id, .pid = bare };
	EQUAL(call(controller(), LEASH_IOC_SPARE, &spare), -ESRCH);
}

/* A new number every moment, out of reach of sessions and parents, deaf to what can be ignored. */
static void hydra(void)
{
	signal(SIGTERM, SIG_IGN);
	signal(SIGHUP, SIG_IGN);
	signal(SIGINT, SIG_IGN);
	say(getpid());
	for (;;) {
		pid_t pid = fork();

		if (pid > 0)
			_exit(0);
		if (!pid)
			setsid();
		usleep(500);
	}
}

TEST(hydra, "Three chains of forks, deaf to SIGTERM, are dead after one call")
{
	__u64 id = new_start();
	unsigned long long forks;

	for (int i = 0; i < 3; i++) {
		if (!fork_into(id))
			hydra();
		hear();
	}
	while (waitpid(-1, NULL, WNOHANG) > 0)
		;
	WITHIN(20, info_of(id).forks > 60); /* they run */
	kill_start(id, SIGTERM, 0);
	forks = info_of(id).forks;
	WITHIN(20, info_of(id).forks > forks + 20);
	WITHIN(20, info_of(id).live >= 3); /* a walk can miss who is born behind it */
	kill_start(id, SIGKILL, 0);
	WITHIN(10, info_of(id).live == 0);
	forks = info_of(id).forks;
	usleep(200000);
	EQUAL(info_of(id).forks, forks);
	EQUAL(info_of(id).live, 0);
}

static void bomb(void)
{
	say(getpid());
	for (;;)
		if (fork() < 0)
			usleep(1000);
}

TEST(bomb, "So is a fork bomb, and its new-borns never run")
{
	__u64 id = new_start();
	pid_t pid = fork_into(id);

	if (!pid)
		bomb();
	hear();
	WITHIN(20, info_of(id).forks > 20);
	kill_start(id, SIGKILL, 0);
	WITHIN(20, info_of(id).live == 0);
	EQUAL(kill_start(id, SIGKILL, 0).count, 0);
}

TEST(late, "A spared process' child that is not spared can not happen; a dying start's is killed")
{
	__u64 id = new_start();
	int go[2], number = 0;
	pid_t kept, born;

	EQUAL(pipe(go), 0);
	kept = fork_into(id);
	if (!kept) {
		if (read(go[0], &number, sizeof(number)) > 0 && !fork())
			report_and_linger();
		linger();
	}
	spare(id, kept, 0, 1);
	kill_start(id, SIGKILL, 0);
	CHECK(write(go[1], &number, sizeof(number)) > 0);
	born = hear(); /* the start dies, but this one is spared from its birth */
	CHECK(!is_gone(born));
	EQUAL(start_of(born), id);
}

TEST(stopped, "SIGKILL ends what is stopped; other signals are sent once and wait")
{
	__u64 id = new_start();
	pid_t pid = linger_in(id);

	EQUAL(kill_start(id, SIGSTOP, 0).count, 1);
	usleep(50000);
	EQUAL(kill_start(id, SIGTERM, 0).count, 1);
	usleep(50000);
	CHECK(!has_ended(pid));
	EQUAL(kill_start(id, SIGKILL, 0).count, 1);
	WITHIN(5, has_ended(pid));
}

TEST(counted, "STATS counts what was sent")
{
	__u64 id = new_start();
	unsigned long long before = stats().killed;

	linger_in(id);
	linger_in(id);
	kill_start(id, SIGCONT, 0);
	EQUAL(stats().killed, before + 2);
}

TEST(own, "The caller is killed like others if it belongs to the start")
{
	__u64 id = new_start();
	struct leash_adopt adopt = { .start = id };
	pid_t pid = fork();

	if (!pid) {
		EQUAL(call(controller(), LEASH_IOC_ADOPT, &adopt), 0);
		kill_start(id, SIGKILL, 0);
		linger();
	}
	WITHIN(5, has_ended(pid));
}
