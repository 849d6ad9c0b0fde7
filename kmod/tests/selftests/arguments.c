// SPDX-License-Identifier: GPL-2.0-only
/* Bad arguments: every call, every field. Nothing here may do harm, and each has its error. */
#include "harness.h"

#include <stddef.h>

#define AT(type, field) ((int)offsetof(struct type, field))
#define END (-1)

static __u64 the_start;
static pid_t the_pid;
static char records[1 << 16] __attribute__((aligned(8)));

struct subject {
	const char *name;
	unsigned long request;
	size_t size;
	int flags;	/* where they are, or END */
	int reserved[2];
	void (*fill)(void *argument); /* makes it right */
};

static void fill_start_set(void *argument)
{
	struct leash_start *start = argument;

	start->id = the_start;
	strcpy(start->name, "test-arguments");
}

static void fill_start_del(void *argument)
{
	((struct leash_start_ref *)argument)->id = new_start();
}

static void fill_arm(void *argument)
{
	((struct leash_start_ref *)argument)->id = the_start;
}

static void fill_adopt(void *argument)
{
	struct leash_adopt *adopt = argument;

	adopt->start = the_start;
	adopt->pid = the_pid;
}

static void fill_spare(void *argument)
{
	struct leash_spare *spare = argument;

	spare->start = the_start;
	spare->pid = the_pid;
}

static void fill_whois(void *argument)
{
	((struct leash_whois *)argument)->pid = the_pid;
}

static void fill_kill(void *argument)
{
	((struct leash_kill *)argument)->id = the_start;
}

static void fill_snapshot(void *argument)
{
	struct leash_snapshot *snapshot = argument;

	snapshot->facts = 0;
	snapshot->buffer = (unsigned long)records;
	snapshot->size = sizeof(records);
	snapshot->record_size = sizeof(struct leash_task);
}

static void fill_starts(void *argument)
{
	struct leash_starts *starts = argument;

	starts->buffer = (unsigned long)records;
	starts->size = sizeof(records);
	starts->record_size = sizeof(struct leash_start_info);
}

static void fill_start_get(void *argument)
{
	((struct leash_start_info *)argument)->id = the_start;
}

static void fill_watch(void *argument)
{
	((struct leash_watch *)argument)->events = LEASH_EVENT_TROUBLE;
}

static void fill_limits(void *argument)
{
	((struct leash_limits *)argument)->id = the_start;
}

static void fill_deadman(void *argument)
{
	((struct leash_deadman *)argument)->timeout_ms = LEASH_DEADMAN_MAX_MS;
}

static void fill_nothing(void *argument)
{
	(void)argument;
}

#define SUBJECT(name, type, flags, ...)						\
	{ #name, LEASH_IOC_##name, sizeof(struct type), flags, { __VA_ARGS__ },	\
	  NULL }

static struct subject subjects[] = {
	SUBJECT(START_SET, leash_start, AT(leash_start, flags), AT(leash_start, reserved), END),
	SUBJECT(START_DEL, leash_start_ref, AT(leash_start_ref, flags),
		AT(leash_start_ref, reserved), END),
	SUBJECT(ARM, leash_start_ref, AT(leash_start_ref, flags), AT(leash_start_ref, reserved), END),
	SUBJECT(ADOPT, leash_adopt, AT(leash_adopt, flags), AT(leash_adopt, reserved), END),
	SUBJECT(SPARE, leash_spare, AT(leash_spare, flags), AT(leash_spare, reserved), END),
	SUBJECT(WHOIS, leash_whois, AT(leash_whois, flags), AT(leash_whois, reserved), END),
	SUBJECT(KILL, leash_kill, AT(leash_kill, flags), AT(leash_kill, reserved), END),
	SUBJECT(SNAPSHOT, leash_snapshot, AT(leash_snapshot, flags), END, END),
	SUBJECT(STARTS, leash_starts, AT(leash_starts, flags), END, END),
	SUBJECT(START_GET, leash_start_info, END, AT(leash_start_info, reserved), END),
	SUBJECT(RESCAN, leash_rescan, AT(leash_rescan, flags), AT(leash_rescan, reserved), END),
	SUBJECT(VERSION, leash_version, END, END, END),
	SUBJECT(STATS, leash_stats, END, END, END),
	SUBJECT(WATCH, leash_watch, AT(leash_watch, flags), AT(leash_watch, id), END),
	SUBJECT(UNWATCH, leash_unwatch, AT(leash_unwatch, flags), END, END),
	SUBJECT(START_LIMITS, leash_limits, AT(leash_limits, flags), END, END),
	SUBJECT(DEADMAN, leash_deadman, AT(leash_deadman, flags), END, END),
	SUBJECT(DEADMAN_GET, leash_deadman_info, END, END, END),
};

static void (*const fillers[])(void *) = {
	fill_start_set, fill_start_del, fill_arm, fill_adopt, fill_spare, fill_whois, fill_kill,
	fill_snapshot, fill_starts, fill_start_get, fill_nothing, fill_nothing, fill_nothing,
	fill_watch, fill_nothing, fill_limits,
	fill_deadman, fill_nothing,
};

#define SUBJECTS (sizeof(subjects) / sizeof(*subjects))

static void set_up(void)
{
	for (size_t i = 0; i < SUBJECTS; i++)
		subjects[i].fill = fillers[i];
	the_start = new_start();
	the_pid = linger_in(the_start);
}

static bool only_answers(const struct subject *subject)
{
	return !(_IOC_DIR(subject->request) & _IOC_WRITE);
}

/* The call with another size than its own. */
static unsigned long sized(const struct subject *subject, size_t size)
{
	return _IOC(_IOC_DIR(subject->request), LEASH_IOC_MAGIC, _IOC_NR(subject->request), size);
}

static void expect(const struct subject *subject, const char *what, int is, int wanted)
{
	if (is != wanted)
		FAIL("%s, %s: %s, wanted %s", subject->name, what, strerror(-is), strerror(-wanted));
}

TEST(right, "Each call takes a right argument")
{
	char argument[512] __attribute__((aligned(8)));

	set_up();
	for (size_t i = 0; i < SUBJECTS; i++) {
		memset(argument, 0, sizeof(argument));
		subjects[i].fill(argument);
		expect(&subjects[i], "right", call(controller(), subjects[i].request, argument), 0);
	}
	EQUAL(arm(0), 0);
}

TEST(addresses, "An address that is not there is EFAULT")
{
	char *page = mmap(NULL, 8192, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	char *read_only = mmap(NULL, 4096, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	set_up();
	CHECK(page != MAP_FAILED && read_only != MAP_FAILED);
	munmap(page + 4096, 4096);
	for (size_t i = 0; i < SUBJECTS; i++) {
		const struct subject *subject = &subjects[i];

		expect(subject, "NULL", call(controller(), subject->request, NULL), -EFAULT);
		expect(subject, "8", call(controller(), subject->request, (void *)8), -EFAULT);
		expect(subject, "a kernel address",
		       call(controller(), subject->request, (void *)0xffff888000001000UL), -EFAULT);
		expect(subject, "half of it",
		       call(controller(), subject->request, page + 4096 - 8), -EFAULT);
		if (only_answers(subject))
			expect(subject, "read-only memory",
			       call(controller(), subject->request, read_only), -EFAULT);
	}
}

TEST(unknown_flags, "Unknown flags are EINVAL")
{
	char argument[512] __attribute__((aligned(8)));

	set_up();
	for (size_t i = 0; i < SUBJECTS; i++) {
		if (subjects[i].flags == END)
			continue;
		for (int bit = 8; bit < 32; bit++) {
			memset(argument, 0, sizeof(argument));
			subjects[i].fill(argument);
			*(__u32 *)(argument + subjects[i].flags) = 1U << bit;
			expect(&subjects[i], "an unknown flag",
			       call(controller(), subjects[i].request, argument), -EINVAL);
		}
	}
	EQUAL(start_of(the_pid), the_start);
}

TEST(reserved, "Reserved fields that are not 0 are EINVAL")
{
	char argument[512] __attribute__((aligned(8)));

	set_up();
	for (size_t i = 0; i < SUBJECTS; i++) {
		for (const int *at = subjects[i].reserved; *at != END; at++) {
			memset(argument, 0, sizeof(argument));
			subjects[i].fill(argument);
			*(__u32 *)(argument + *at) = 1;
			expect(&subjects[i], "a reserved field",
			       call(controller(), subjects[i].request, argument), -EINVAL);
		}
	}
}

TEST(longer, "A longer argument is taken if the rest is 0, else E2BIG")
{
	char argument[4096] __attribute__((aligned(8)));

	set_up();
	for (size_t i = 0; i < SUBJECTS; i++) {
		const struct subject *subject = &subjects[i];
		size_t size = subject->size + 64;

		memset(argument, 0, sizeof(argument));
		subject->fill(argument);
		expect(subject, "longer by zeros",
		       call(controller(), sized(subject, size), argument), 0);
		if (only_answers(subject))
			continue;
		for (int at = (int)subject->size; at < (int)size; at += 21) {
			memset(argument, 0, sizeof(argument));
			subject->fill(argument);
			argument[at] = 1;
			expect(subject, "longer by more",
			       call(controller(), sized(subject, size), argument), -E2BIG);
		}
		/* The largest that fits into the number of a call. */
		memset(argument, 0, sizeof(argument));
		subject->fill(argument);
		expect(subject, "as long as can be",
		       call(controller(), sized(subject, sizeof(argument)), argument), 0);
	}
	EQUAL(arm(0), 0);
}

TEST(shorter, "An argument shorter than that of ABI 1 is EINVAL, and nothing is written")
{
	char argument[512] __attribute__((aligned(8)));

	set_up();
	for (size_t i = 0; i < SUBJECTS; i++) {
		const struct subject *subject = &subjects[i];

		for (size_t size = 0; size < subject->size; size += size ? 8 : 1) {
			memset(argument, 0, sizeof(argument));
			subject->fill(argument);
			memset(argument + size, 0x55, sizeof(argument) - size);
			expect(subject, "too short",
			       call(controller(), sized(subject, size), argument), -EINVAL);
			for (size_t at = size; at < sizeof(argument); at++)
				if (argument[at] != 0x55)
					FAIL("%s with %zu bytes wrote at %zu", subject->name, size, at);
		}
	}
}

TEST(start_set, "START_SET refuses id 0 and names that are empty or do not end")
{
	struct leash_start start = { .id = 0, .name = "test" };

	EQUAL(call(controller(), LEASH_IOC_START_SET, &start), -EINVAL);
	start.id = new_id();
	start.name[0] = '\0';
	EQUAL(call(controller(), LEASH_IOC_START_SET, &start), -EINVAL);
	memset(start.name, 'x', sizeof(start.name));
	EQUAL(call(controller(), LEASH_IOC_START_SET, &start), -EINVAL);
	start.name[LEASH_NAME_SIZE - 1] = '\0';
	EQUAL(call(controller(), LEASH_IOC_START_SET, &start), 0);
	EQUAL(strcmp(info_of(start.id).name, start.name), 0);
}

TEST(unknown_start, "A start that nobody set is ENOENT")
{
	struct leash_start_ref ref = { .id = new_id() };
	struct leash_start_info info = { .id = ref.id };
	struct leash_adopt adopt = { .start = ref.id, .pid = getpid() };
	struct leash_spare spare = { .start = ref.id, .pid = getpid() };
	struct leash_kill kill = { .id = ref.id, .signo = SIGTERM };

	EQUAL(call(controller(), LEASH_IOC_START_DEL, &ref), -ENOENT);
	EQUAL(call(controller(), LEASH_IOC_ARM, &ref), -ENOENT);
	EQUAL(call(controller(), LEASH_IOC_START_GET, &info), -ENOENT);
	EQUAL(call(controller(), LEASH_IOC_ADOPT, &adopt), -ENOENT);
	EQUAL(call(controller(), LEASH_IOC_SPARE, &spare), -ENOENT);
	EQUAL(call(controller(), LEASH_IOC_KILL, &kill), -ENOENT);
	kill.flags = LEASH_KILL_GROUP;
	EQUAL(call(controller(), LEASH_IOC_KILL, &kill), -ENOENT);
}

TEST(no_process, "A number that nobody has is ESRCH; PID 1 and kernel threads are EINVAL")
{
	static const int impossible[] = { -1, -2, -2147483647 - 1, 2147483647, 99999999 };
	struct leash_adopt nobody = { .pid = 4194303 };
	struct leash_whois out;

	set_up();
	nobody.start = the_start;
	EQUAL(whois(4194303, &out), -ESRCH);
	EQUAL(call(controller(), LEASH_IOC_ADOPT, &nobody), -ESRCH);
	for (size_t i = 0; i < sizeof(impossible) / sizeof(*impossible); i++) {
		struct leash_adopt adopt = { .start = the_start, .pid = impossible[i] };
		struct leash_spare spare = { .start = the_start, .pid = impossible[i] };
		int result = call(controller(), LEASH_IOC_ADOPT, &adopt);

		CHECK(result == -ESRCH || result == -EINVAL);
		result = call(controller(), LEASH_IOC_SPARE, &spare);
		CHECK(result == -ESRCH || result == -EINVAL);
		result = whois(impossible[i], &out);
		CHECK(result == -ESRCH || result == -EINVAL);
	}
	for (int pid = 1; pid <= 2; pid++) {
		struct leash_adopt adopt = { .start = the_start, .pid = pid };

		EQUAL(call(controller(), LEASH_IOC_ADOPT, &adopt), -EINVAL);
		adopt.flags = LEASH_ADOPT_TREE | LEASH_ADOPT_REPLACE;
		EQUAL(call(controller(), LEASH_IOC_ADOPT, &adopt), -EINVAL);
	}
}

TEST(signals, "KILL takes the signals 0 to 64")
{
	static const int wrong[] = { -1, 65, 128, 2147483647, -2147483647 - 1 };

	set_up();
	for (size_t i = 0; i < sizeof(wrong) / sizeof(*wrong); i++) {
		struct leash_kill kill = { .id = the_start, .signo = wrong[i] };

		EQUAL(call(controller(), LEASH_IOC_KILL, &kill), -EINVAL);
	}
	EQUAL(kill_start(the_start, 0, 0).live, 1);
	EQUAL(kill_start(the_start, SIGCONT, 0).count, 1);
	EQUAL(kill_start(the_start, 64, 0).count, 1); /* SIGRTMAX ends it */
	WITHIN(5, waitpid(the_pid, NULL, WNOHANG) == the_pid);
}

TEST(cursors, "A cursor that no call can have given is EINVAL")
{
	static const int wrong[] = { -1, -2147483647 - 1, 2147483647, 4194305, 1 << 30 };

	for (size_t i = 0; i < sizeof(wrong) / sizeof(*wrong); i++) {
		for (unsigned int flags = 0; flags < 8; flags++) {
			struct leash_snapshot snapshot = { .cursor = wrong[i], .flags = flags };

			fill_snapshot(&snapshot);
			EQUAL(call(controller(), LEASH_IOC_SNAPSHOT, &snapshot), -EINVAL);
		}
	}
	for (int cursor = 0; cursor < 4194304; cursor += 99991) { /* in range: harmless */
		struct leash_snapshot snapshot = { .cursor = cursor };

		fill_snapshot(&snapshot);
		EQUAL(call(controller(), LEASH_IOC_SNAPSHOT, &snapshot), 0);
	}
}

TEST(sizes, "Buffers below one record are EINVAL, those that are not there EFAULT")
{
	struct leash_snapshot snapshot = { 0 };
	struct leash_starts starts = { 0 };
	static const __u32 small[] = { 0, 1, 8, sizeof(struct leash_task) - 1 };

	set_up();
	for (size_t i = 0; i < 4; i++) {
		fill_snapshot(&snapshot);
		snapshot.size = small[i];
		EQUAL(call(controller(), LEASH_IOC_SNAPSHOT, &snapshot), -EINVAL);
	}
	fill_snapshot(&snapshot);
	snapshot.record_size = 0;
	EQUAL(call(controller(), LEASH_IOC_SNAPSHOT, &snapshot), -EINVAL);
	fill_snapshot(&snapshot);
	snapshot.record_size = 0xfffffff8;
	EQUAL(call(controller(), LEASH_IOC_SNAPSHOT, &snapshot), -EINVAL);
	fill_snapshot(&snapshot);
	snapshot.facts = 1ULL << 63;
	EQUAL(call(controller(), LEASH_IOC_SNAPSHOT, &snapshot), -EINVAL);
	fill_snapshot(&snapshot);
	snapshot.buffer = 0;
	EQUAL(call(controller(), LEASH_IOC_SNAPSHOT, &snapshot), -EFAULT);
	fill_snapshot(&snapshot);
	snapshot.buffer = 0xffff888000000000ULL;
	EQUAL(call(controller(), LEASH_IOC_SNAPSHOT, &snapshot), -EFAULT);
	fill_snapshot(&snapshot);
	snapshot.buffer = ~7ULL;
	EQUAL(call(controller(), LEASH_IOC_SNAPSHOT, &snapshot), -EFAULT);

	fill_starts(&starts);
	starts.size = sizeof(struct leash_start_info) - 1;
	EQUAL(call(controller(), LEASH_IOC_STARTS, &starts), -EINVAL);
	fill_starts(&starts);
	starts.record_size = 0;
	EQUAL(call(controller(), LEASH_IOC_STARTS, &starts), -EINVAL);
	fill_starts(&starts);
	starts.buffer = 8;
	EQUAL(call(controller(), LEASH_IOC_STARTS, &starts), -EFAULT);
}

TEST(huge, "A size of 4 GB is taken, and only what is there is written")
{
	struct leash_snapshot snapshot = { 0 };

	set_up();
	memset(records, 0x55, sizeof(records));
	fill_snapshot(&snapshot);
	snapshot.size = 0xffffffff;
	snapshot.start = the_start;
	EQUAL(call(controller(), LEASH_IOC_SNAPSHOT, &snapshot), 0);
	EQUAL(snapshot.count, 1);
	for (size_t at = sizeof(struct leash_task); at < sizeof(records); at++)
		EQUAL(records[at], 0x55);
}

TEST(strides, "record_size is the caller's: shorter and longer records")
{
	static const __u32 sizes[] = { 64, LEASH_TASK_SIZE_BRIEF, sizeof(struct leash_task) + 8, 4096 };

	set_up();
	for (int i = 0; i < 3; i++)
		linger_in(the_start);
	for (size_t i = 0; i < sizeof(sizes) / sizeof(*sizes); i++) {
		struct leash_snapshot snapshot = { 0 };

		fill_snapshot(&snapshot);
		snapshot.record_size = sizes[i];
		snapshot.start = the_start;
		memset(records, 0x55, sizeof(records));
		EQUAL(call(controller(), LEASH_IOC_SNAPSHOT, &snapshot), 0);
		EQUAL(snapshot.count, 4);
		for (int number = 0; number < 4; number++)
			EQUAL(((struct leash_task *)(records + number * sizes[i]))->start, the_start);
		for (size_t at = 4 * sizes[i]; at < sizeof(records); at++)
			EQUAL(records[at], 0x55);
	}
}
