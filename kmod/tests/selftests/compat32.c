// SPDX-License-Identifier: GPL-2.0-only
/*
 * The calls from a 32 bit program: the structures must be the same. Built without any library, which
 * 64 bit machines rarely have for 32 bits: its own entry and system calls. Exits with the number of
 * the check that failed, or 0; prints KTAP.
 */
#include <linux/leash.h>

#define O_RDWR 2
#define O_NONBLOCK 04000
#define ENTER_open 5
#define ENTER_read 3
#define ENTER_write 4
#define ENTER_exit 1
#define ENTER_getpid 20
#define ENTER_ioctl 54

static long enter(long number, long first, long second, long third)
{
	long result;

	__asm__ volatile("int $0x80" : "=a"(result)
			 : "0"(number), "b"(first), "c"(second), "d"(third) : "memory");
	return result;
}

static void print(const char *text)
{
	int size = 0;

	while (text[size])
		size++;
	enter(ENTER_write, 1, (long)text, size);
}

static int failed;
static void check(int good, const char *yes, const char *no)
{
	print(good ? yes : no);
	failed |= !good;
}

#define TESTS "17"
#define CHECK(number, condition, text)							\
	check(condition, "ok " number " " text "\n", "not ok " number " " text "\n")

static struct leash_version version;
static struct leash_start start = { .id = 0x1234567890abcdefULL, .name = "test-32" };
static struct leash_start_info info = { .id = 0x1234567890abcdefULL };
static struct leash_start_ref ref = { .id = 0x1234567890abcdefULL };
static struct leash_adopt adopt = { .start = 0x1234567890abcdefULL };
static struct leash_whois whois;
static struct leash_task tasks[64];
static struct leash_snapshot snapshot = { .size = sizeof(tasks), .record_size = sizeof(*tasks),
					  .start = 0x1234567890abcdefULL };
static struct leash_watch watch = { .start = 0x1234567890abcdefULL, .events = LEASH_EVENT_ADOPTED };
static struct leash_record record;
static struct leash_unwatch unwatch = { .told = 99, .lost = 99 };
static struct leash_limits limits = { .id = 0x1234567890abcdefULL, .processes = 0x12345, .forks = 77,
				      .period_ms = 5000, .action = LEASH_LIMIT_REFUSE };
static struct leash_limits query = { .id = 0x1234567890abcdefULL, .flags = LEASH_LIMITS_QUERY };
static struct leash_deadman deadman = { 3600000, 1234, LEASH_DEADMAN_NOTHING, LEASH_DEADMAN_KEEP };
static struct leash_deadman off;
static struct leash_deadman_info armed, disarmed;

/* Before it is adopted: that is the event. */
static void watch_start(long fd)
{
	CHECK("4", !enter(ENTER_ioctl, fd, LEASH_IOC_WATCH, (long)&watch) && watch.id == 1 &&
	      watch.events == LEASH_EVENT_ADOPTED, "WATCH");
}

static void read_event(long fd, long pid)
{
	CHECK("9", enter(ENTER_read, fd, (long)&record, sizeof(record)) == sizeof(record) &&
	      record.type == LEASH_EVENT_ADOPTED && record.start == start.id && record.tgid == pid &&
	      record.watches == 1 && record.comm[0] == 'c', "read() of an event");
	unwatch.id = watch.id;
	CHECK("10", !enter(ENTER_ioctl, fd, LEASH_IOC_UNWATCH, (long)&unwatch) && unwatch.told == 1 &&
	      !unwatch.lost && !unwatch.signals && !unwatch.signals_lost, "UNWATCH");
}

static void set_limits(long fd)
{
	CHECK("11", !enter(ENTER_ioctl, fd, LEASH_IOC_START_LIMITS, (long)&limits) && limits.now == 1,
	      "START_LIMITS");
	CHECK("12", !enter(ENTER_ioctl, fd, LEASH_IOC_START_LIMITS, (long)&query) &&
	      query.processes == 0x12345 && query.forks == 77 && query.period_ms == 5000 &&
	      query.action == LEASH_LIMIT_REFUSE && query.now == 1 && !query.exceeded,
	      "START_LIMITS tells them");
}

static void set_deadman(long fd)
{
	CHECK("13", !enter(ENTER_ioctl, fd, LEASH_IOC_DEADMAN, (long)&deadman), "DEADMAN");
	CHECK("14", !enter(ENTER_ioctl, fd, LEASH_IOC_PING, 0), "PING");
	CHECK("15", !enter(ENTER_ioctl, fd, LEASH_IOC_DEADMAN_GET, (long)&armed) &&
	      armed.timeout_ms == 3600000 && armed.grace_ms == 1234 &&
	      armed.action == LEASH_DEADMAN_NOTHING && armed.flags == LEASH_DEADMAN_KEEP &&
	      armed.state == LEASH_DEADMAN_ARMED && armed.left_ms > 1000000 && armed.pings,
	      "DEADMAN_GET");
	CHECK("16", !enter(ENTER_ioctl, fd, LEASH_IOC_DEADMAN, (long)&off) &&
	      !enter(ENTER_ioctl, fd, LEASH_IOC_DEADMAN_GET, (long)&disarmed) &&
	      disarmed.state == LEASH_DEADMAN_OFF && !disarmed.timeout_ms, "DEADMAN disarms");
}

static void run(void)
{
	long fd = enter(ENTER_open, (long)"/dev/leash", O_RDWR | O_NONBLOCK, 0);
	long pid = enter(ENTER_getpid, 0, 0, 0);

	print("KTAP version 1\n1.." TESTS "\n");
	CHECK("1", fd >= 0, "open");
	CHECK("2", !enter(ENTER_ioctl, fd, LEASH_IOC_VERSION, (long)&version) &&
	      version.abi == LEASH_ABI && version.task_size == sizeof(struct leash_task), "VERSION");
	CHECK("3", !enter(ENTER_ioctl, fd, LEASH_IOC_START_SET, (long)&start), "START_SET");
	watch_start(fd);
	CHECK("5", !enter(ENTER_ioctl, fd, LEASH_IOC_ADOPT, (long)&adopt) && adopt.count == 1, "ADOPT");
	whois.pid = pid;
	CHECK("6", !enter(ENTER_ioctl, fd, LEASH_IOC_WHOIS, (long)&whois) && whois.start == start.id &&
	      whois.pid == pid && whois.via == LEASH_VIA_ADOPT, "WHOIS");
	snapshot.buffer = (unsigned long)tasks;
	CHECK("7", !enter(ENTER_ioctl, fd, LEASH_IOC_SNAPSHOT, (long)&snapshot) &&
	      snapshot.count == 1 && tasks[0].tid == pid && tasks[0].start == start.id, "SNAPSHOT");
	CHECK("8", !enter(ENTER_ioctl, fd, LEASH_IOC_START_GET, (long)&info) && info.live == 1 &&
	      info.name[0] == 't', "START_GET");
	read_event(fd, pid);
	set_limits(fd);
	set_deadman(fd);
	CHECK("17", !enter(ENTER_ioctl, fd, LEASH_IOC_START_DEL, (long)&ref), "START_DEL");
	enter(ENTER_exit, failed, 0, 0);
}

void _start(void);
__attribute__((force_align_arg_pointer)) void _start(void)
{
	run();
}
