// SPDX-License-Identifier: GPL-2.0-only
/*
 * The calls from a 32 bit program: the structures must be the same. Built without any library, which
 * 64 bit machines rarely have for 32 bits: its own entry and system calls. Exits with the number of
 * the check that failed, or 0; prints KTAP.
 */
#include <linux/leash.h>

#define O_RDWR 2
#define ENTER_open 5
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

#define TESTS "8"
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

static void run(void)
{
	long fd = enter(ENTER_open, (long)"/dev/leash", O_RDWR, 0);
	long pid = enter(ENTER_getpid, 0, 0, 0);

	print("KTAP version 1\n1.." TESTS "\n");
	CHECK("1", fd >= 0, "open");
	CHECK("2", !enter(ENTER_ioctl, fd, LEASH_IOC_VERSION, (long)&version) &&
	      version.abi == LEASH_ABI && version.task_size == sizeof(struct leash_task), "VERSION");
	CHECK("3", !enter(ENTER_ioctl, fd, LEASH_IOC_START_SET, (long)&start), "START_SET");
	CHECK("4", !enter(ENTER_ioctl, fd, LEASH_IOC_ADOPT, (long)&adopt) && adopt.count == 1, "ADOPT");
	whois.pid = pid;
	CHECK("5", !enter(ENTER_ioctl, fd, LEASH_IOC_WHOIS, (long)&whois) && whois.start == start.id &&
	      whois.pid == pid && whois.via == LEASH_VIA_ADOPT, "WHOIS");
	snapshot.buffer = (unsigned long)tasks;
	CHECK("6", !enter(ENTER_ioctl, fd, LEASH_IOC_SNAPSHOT, (long)&snapshot) &&
	      snapshot.count == 1 && tasks[0].tid == pid && tasks[0].start == start.id, "SNAPSHOT");
	CHECK("7", !enter(ENTER_ioctl, fd, LEASH_IOC_START_GET, (long)&info) && info.live == 1 &&
	      info.name[0] == 't', "START_GET");
	CHECK("8", !enter(ENTER_ioctl, fd, LEASH_IOC_START_DEL, (long)&ref), "START_DEL");
	enter(ENTER_exit, failed, 0, 0);
}

void _start(void);
__attribute__((force_align_arg_pointer)) void _start(void)
{
	run();
}
