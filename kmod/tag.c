// SPDX-License-Identifier: GPL-2.0-only
/*
 * LEASH_TAG=<service>@<start id in hex> in the environment of a process. Anybody can write it there:
 * it is a claim.
 */
#include <linux/kernel.h>
#include <linux/sched/mm.h>
#include <linux/string.h>
#include <linux/uaccess.h>

#include "compat.h"
#include "leash.h"

#define PREFIX		"LEASH_TAG="
#define PREFIX_SIZE	(sizeof(PREFIX) - 1)
#define CHUNK		128	/* a tag is at most 10 + 63 + 1 + 16 characters */

typedef int (*read_fn)(struct task_struct *p, void *to, unsigned long from, unsigned int size);

static int read_current(struct task_struct *p, void *to, unsigned long from, unsigned int size)
{
	return copy_from_user_nofault(to, (const void __user *)from, size);
}

static int read_other(struct task_struct *p, void *to, unsigned long from, unsigned int size)
{
	return access_process_vm(p, from, to, size, FOLL_ANON) == size ? 0 : -EFAULT;
}

/* `value` is terminated. The id, and the name if wanted; 0: malformed. */
static u64 parse(char *value, char *name)
{
	char *at = strrchr(value, '@');
	u64 id;

	if (!at || at == value || at - value >= LEASH_NAME_SIZE || kstrtou64(at + 1, 16, &id))
		return 0;
	if (name) {
		*at = '\0';
		strscpy_pad(name, value, LEASH_NAME_SIZE);
	}
	return id;
}

static u64 find(read_fn read, struct task_struct *p, unsigned long start, unsigned long end,
		char *name)
{
	unsigned long limit = start + LEASH_ENV_LIMIT;
	bool inside = false; /* of a string that began in an earlier chunk */
	char chunk[CHUNK + 1];

	if (end > limit)
		end = limit;
	while (start < end) {
		unsigned int size = min_t(unsigned long, CHUNK, end - start);
		unsigned int at = 0;

		if (read(p, chunk, start, size))
			return 0;
		chunk[size] = '\0';
		while (at < size) {
			char *nul = memchr(chunk + at, 0, size - at);

			if (!nul) /* cut off: read again from its beginning, if that helps */
				break;
			if (!inside && !strncmp(chunk + at, PREFIX, PREFIX_SIZE))
				return parse(chunk + at + PREFIX_SIZE, name);
			inside = false;
			at = nul - chunk + 1;
		}
		if (at == 0) {
			inside = true; /* longer than any tag */
			at = size;
		}
		start += at;
	}
	return 0;
}

/* Init puts the tag in front, and few programs change their environment. */
static bool begins_as_expected(unsigned long start, unsigned long end,
			       const struct leash_life *expected)
{
	const char __user *user = (const char __user *)start;
	/* Pairs with the one who writes the text. */
	unsigned int size = smp_load_acquire(&expected->tag_size), at = 0, last;
	bool same = false;

	if (size < sizeof(u64) || size > end - start)
		return false;
	last = size - sizeof(u64);
	pagefault_disable();
	if (!user_read_access_begin(user, size))
		goto out;
	/* A word at a time; the last one ends with the text: no tag is shorter than a word. */
	for (;;) {
		u64 word;

		unsafe_get_user(word, (const u64 __user *)(user + at), stop);
		if (word != get_unaligned((const u64 *)(expected->tag_text + at)))
			goto stop;
		if (at == last)
			break;
		at = min_t(unsigned int, at + sizeof(u64), last);
	}
	same = true;
stop:
	user_read_access_end();
out:
	pagefault_enable();
	return same;
}

u64 leash_tag_of_current(const struct leash_life *expected)
{
	struct mm_struct *mm = current->mm;
	unsigned long start, end;

	if (!mm)
		return 0;
	start = READ_ONCE(mm->env_start);
	end = READ_ONCE(mm->env_end);
	if (begins_as_expected(start, end, expected))
		return expected->id;
	return find(read_current, current, start, end, NULL);
}

u64 leash_tag_of_other(struct task_struct *p, char *name)
{
	struct mm_struct *mm = get_task_mm(p);
	unsigned long start, end;

	if (!mm)
		return 0;
	spin_lock(&mm->arg_lock);
	start = mm->env_start;
	end = mm->env_end;
	spin_unlock(&mm->arg_lock);
	mmput(mm);
	return find(read_other, p, start, end, name);
}
