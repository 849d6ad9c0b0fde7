// SPDX-License-Identifier: GPL-2.0-only
/* The deadman, as far as a machine survives it: panic and restart are tests/vm/cases/deadman's. */
#include "trouble.h"

#include <stddef.h>

#define LONG 3600000

static int ping(void)
{
	return call(controller(), LEASH_IOC_PING, NULL);
}

static void close_controller(void)
{
	CHECK(controller_fd >= 0);
	close(controller_fd);
	controller_fd = -1;
}

/* Of an observer's descriptor: that of the controller may be closed. */
static struct leash_deadman_info observed(void)
{
	struct leash_deadman_info info;
	int fd = open_device(O_RDONLY);

	CHECK(fd >= 0);
	EQUAL(call(fd, LEASH_IOC_DEADMAN_GET, &info), 0);
	close(fd);
	return info;
}

TEST(off, "Off at first: a ping and a write are ENODATA")
{
	struct leash_version version;

	EQUAL(deadman().state, LEASH_DEADMAN_OFF);
	EQUAL(deadman().timeout_ms, 0);
	EQUAL(ping(), -ENODATA);
	EQUAL(write(controller(), "x", 1), -1);
	EQUAL(errno, ENODATA);
	EQUAL(write(controller(), "x", 0), 0);
	EQUAL(call(controller(), LEASH_IOC_VERSION, &version), 0);
	CHECK(version.features & LEASH_FEATURE_DEADMAN);
	CHECK(version.features & LEASH_FEATURE_TROUBLE);
}

TEST(bounds, "Times, actions and flags have bounds, and a bad call changes nothing")
{
	static const struct leash_deadman bad[] = {
		{ 1, 0, 0, 0 }, { LEASH_DEADMAN_MIN_MS - 1, 0, 0, 0 },
		{ LEASH_DEADMAN_MAX_MS + 1, 0, 0, 0 }, { ~0U, 0, 0, 0 },
		{ LONG, LEASH_DEADMAN_MAX_MS + 1, 0, 0 }, { LONG, ~0U, 0, 0 },
		{ LONG, 0, LEASH_DEADMAN_SYSCTL + 1, 0 }, { LONG, 0, ~0U, 0 },
		{ LONG, 0, 0, 2 }, { LONG, 0, 0, ~0U }, { 0, 0, 9, 0 },
	};

	EQUAL(set_deadman(LONG, 1, LEASH_DEADMAN_PANIC, LEASH_DEADMAN_KEEP), 0);
	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++)
		EQUAL(set_deadman(bad[i].timeout_ms, bad[i].grace_ms, bad[i].action, bad[i].flags),
		      -EINVAL);
	EQUAL(deadman().state, LEASH_DEADMAN_ARMED);
	EQUAL(deadman().timeout_ms, LONG);
	EQUAL(deadman().grace_ms, 1);
	EQUAL(deadman().action, LEASH_DEADMAN_PANIC);
	EQUAL(deadman().flags, LEASH_DEADMAN_KEEP);
	EQUAL(set_deadman(LEASH_DEADMAN_MAX_MS, LEASH_DEADMAN_MAX_MS, LEASH_DEADMAN_SYSCTL, 0), 0);
	EQUAL(set_deadman(0, 0, 0, 0), 0);
	EQUAL(deadman().state, LEASH_DEADMAN_OFF);
}

TEST(roles, "An observer may look, and no more")
{
	struct leash_deadman arg = { LONG, 0, 0, 0 };
	struct leash_deadman_info info;
	int fd = open_device(O_RDONLY);

	CHECK(fd >= 0);
	EQUAL(call(fd, LEASH_IOC_DEADMAN, &arg), -EBADF);
	EQUAL(call(fd, LEASH_IOC_PING, NULL), -EBADF);
	EQUAL(write(fd, "x", 1), -1);
	EQUAL(errno, EBADF);
	EQUAL(call(fd, LEASH_IOC_DEADMAN_GET, &info), 0);
	EQUAL(info.state, LEASH_DEADMAN_OFF);
}

TEST(gap, "Numbers without a call are ENOTTY")
{
	struct leash_deadman arg = { LONG, 0, 0, 0 };

	EQUAL(call(controller(), _IOW(LEASH_IOC_MAGIC, 17, arg), &arg), -ENOTTY);
	EQUAL(call(controller(), _IO(LEASH_IOC_MAGIC, 16), &arg), -ENOTTY);
	EQUAL(call(controller(), _IOW(LEASH_IOC_MAGIC, 19, arg), &arg), -ENOTTY);
	EQUAL(call(controller(), _IO(LEASH_IOC_MAGIC, 0), &arg), -ENOTTY);
	EQUAL(call(controller(), _IO(LEASH_IOC_MAGIC, 250), &arg), -ENOTTY);
}

TEST(pings, "Pings, by call and by write, keep it quiet")
{
	__u64 pings, silences;

	EQUAL(set_deadman(2000 * patience(), 0, LEASH_DEADMAN_NOTHING, 0), 0);
	pings = deadman().pings;
	silences = deadman().silences;
	for (int i = 0; i < 30; i++) {
		EQUAL(i % 2 ? ping() : write(controller(), "xyz", 3) == 3 ? 0 : -errno, 0);
		sleep_ms(100);
	}
	EQUAL(deadman().pings, pings + 30);
	EQUAL(deadman().silences, silences);
	EQUAL(deadman().state, LEASH_DEADMAN_ARMED);
	CHECK(deadman().left_ms <= 2000U * patience());
	CHECK(deadman().left_ms > 0);
}

TEST(silence, "Silence runs the handler, then the grace ends; a ping begins anew")
{
	__u64 silences = deadman().silences;
	long troubles = counter("troubles");

	use_handler("");
	EQUAL(set_deadman(300, 300 * patience(), LEASH_DEADMAN_NOTHING, 0), 0);
	WITHIN(5, deadman().state == LEASH_DEADMAN_SILENT);
	WITHIN(5, deadman().state == LEASH_DEADMAN_FIRED);
	EQUAL(deadman().silences, silences + 1);
	EQUAL(deadman().left_ms, 0);
	WITHIN(5, was_told("init-silent init 1 0000000000000000\n"));
	EQUAL(counter("troubles"), troubles + 1);
	sleep_ms(1000);
	EQUAL(lines_of(TOLD), 1); /* once for one silence */
	EQUAL(ping(), 0);
	EQUAL(deadman().state, LEASH_DEADMAN_ARMED);
	WITHIN(5, lines_of(TOLD) == 2);
	EQUAL(set_deadman(0, 0, 0, 0), 0);
}

TEST(grace, "A ping during the grace is in time")
{
	EQUAL(set_deadman(100, LONG, LEASH_DEADMAN_PANIC, 0), 0);
	WITHIN(5, deadman().state == LEASH_DEADMAN_SILENT);
	CHECK(deadman().left_ms > LONG / 2);
	EQUAL(ping(), 0);
	WITHIN(5, deadman().state == LEASH_DEADMAN_SILENT);
	EQUAL(set_deadman(LONG, 0, LEASH_DEADMAN_NOTHING, 0), 0);
	EQUAL(deadman().state, LEASH_DEADMAN_ARMED);
}

TEST(no_grace, "Without grace nothing is between silence and action")
{
	EQUAL(set_deadman(100, 0, LEASH_DEADMAN_NOTHING, 0), 0);
	WITHIN(5, deadman().state == LEASH_DEADMAN_FIRED);
}

/* As long as the kernel tests the freezing of processes, with us as the one who asked for it. */
TEST(frozen, "While the machine goes to sleep, or comes back, init cannot ping, and is not silent")
{
	__u64 silences = deadman().silences;
	double began;

	if (!put_text("/sys/module/suspend/parameters/pm_test_delay", "2") ||
	    !put_text("/sys/power/pm_test", "freezer"))
		SKIP("a kernel without CONFIG_PM_SLEEP_DEBUG");
	EQUAL(set_deadman(500, 0, LEASH_DEADMAN_NOTHING, 0), 0);
	began = now();
	CHECK(put_text("/sys/power/state", "freeze"));
	CHECK(now() - began > 1.5);
	EQUAL(deadman().silences, silences);
	EQUAL(deadman().state, LEASH_DEADMAN_ARMED);
	CHECK(put_text("/sys/power/pm_test", "none"));
	WITHIN(5, deadman().state == LEASH_DEADMAN_FIRED); /* from then on it is */
	EQUAL(deadman().silences, silences + 1);
}

TEST(by_sysctl, "LEASH_DEADMAN_SYSCTL does what on_deadman says")
{
	EQUAL(set_sysctl("on_deadman", "0"), 0);
	EQUAL(set_deadman(100, 100, LEASH_DEADMAN_SYSCTL, 0), 0);
	WITHIN(5, deadman().state == LEASH_DEADMAN_FIRED);
}

TEST(closed, "A close disarms")
{
	EQUAL(set_deadman(LONG, 0, LEASH_DEADMAN_NOTHING, 0), 0);
	close_controller();
	EQUAL(observed().state, LEASH_DEADMAN_OFF);
	EQUAL(ping(), -ENODATA);
}

TEST(kept, "With KEEP it runs on; the next controller pings and disarms it")
{
	EQUAL(set_deadman(LONG, 0, LEASH_DEADMAN_NOTHING, LEASH_DEADMAN_KEEP), 0);
	close_controller();
	EQUAL(observed().state, LEASH_DEADMAN_ARMED);
	EQUAL(ping(), 0);
	EQUAL(write(controller(), "V", 1), 1);
	EQUAL(write(controller(), "x", 1), 1); /* not meant any more */
	close_controller();
	EQUAL(observed().state, LEASH_DEADMAN_ARMED);
	EQUAL(set_deadman(0, 0, 0, 0), 0);
	EQUAL(observed().state, LEASH_DEADMAN_OFF);
}

TEST(meant, "With KEEP a close that is meant disarms: a V in the last write")
{
	EQUAL(set_deadman(LONG, 0, LEASH_DEADMAN_NOTHING, LEASH_DEADMAN_KEEP), 0);
	EQUAL(write(controller(), "so long V", 9), 9);
	EQUAL(ping(), 0);
	close_controller();
	EQUAL(observed().state, LEASH_DEADMAN_OFF);
	EQUAL(set_deadman(LONG, 0, LEASH_DEADMAN_NOTHING, LEASH_DEADMAN_KEEP), 0);
	close_controller(); /* the V was for the close before */
	EQUAL(observed().state, LEASH_DEADMAN_ARMED);
	EQUAL(set_deadman(0, 0, 0, 0), 0);
}

TEST(long_write, "A write takes 64 bytes")
{
	char text[4096];

	memset(text, 'V', sizeof(text));
	EQUAL(set_deadman(LONG, 0, LEASH_DEADMAN_NOTHING, 0), 0);
	EQUAL(write(controller(), text, sizeof(text)), 64);
	EQUAL(syscall(SYS_write, controller(), 16, 5), -1);
	EQUAL(errno, EFAULT);
}

TEST(copies, "A copy of the descriptor keeps it, in whichever process")
{
	pid_t pid;

	EQUAL(set_deadman(LONG, 0, LEASH_DEADMAN_NOTHING, 0), 0);
	pid = lingering();
	close_controller();
	EQUAL(observed().state, LEASH_DEADMAN_ARMED);
	EQUAL(kill(pid, SIGKILL), 0);
	EQUAL(waitpid(pid, NULL, 0), pid);
	EQUAL(observed().state, LEASH_DEADMAN_OFF);
}

/* For tests of unloading: leaves a state behind. */
static bool leave(int argc, char **argv)
{
	struct leash_deadman arg = { LONG, 0, LEASH_DEADMAN_NOTHING, LEASH_DEADMAN_KEEP };

	if (argc != 3 || strcmp(argv[1], "leave"))
		return false;
	if (strcmp(argv[2], "armed"))
		arg.timeout_ms = LEASH_DEADMAN_MIN_MS;
	if (!strcmp(argv[2], "grace") || !strcmp(argv[2], "handling"))
		arg.grace_ms = LONG;
	if (!strcmp(argv[2], "handling"))
		use_handler("exec sleep 1000");
	EQUAL(call(controller(), LEASH_IOC_DEADMAN, &arg), 0);
	if (!strcmp(argv[2], "grace"))
		WITHIN(5, deadman().state == LEASH_DEADMAN_SILENT);
	if (!strcmp(argv[2], "fired"))
		WITHIN(5, deadman().state == LEASH_DEADMAN_FIRED);
	if (!strcmp(argv[2], "handling"))
		WITHIN(5, was_told("init-silent"));
	return true;
}

__attribute__((constructor)) static void set_second_part(void)
{
	second_part = leave;
}
