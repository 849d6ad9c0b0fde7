// SPDX-License-Identifier: GPL-2.0-only
/* /proc/sys/kernel/leash/: one value a file. */
#include <linux/sysctl.h>

#include "compat.h"
#include "leash.h"

static int read_only(leash_ctl_table *table, int write, void *buffer, size_t *length, loff_t *pos)
{
	unsigned long value;
	struct ctl_table shown = { .data = &value, .maxlen = sizeof(value), .mode = 0444 };
	struct leash_stats stats;

	if (write)
		return -EPERM;
	leash_stats(&stats);
	if (!strcmp(table->procname, "lineage_lost"))
		value = stats.lost;
	else if (!strcmp(table->procname, "incomplete"))
		value = !!(stats.state & LEASH_STATE_INCOMPLETE);
	else if (!strcmp(table->procname, "starts"))
		value = stats.starts;
	else
		value = stats.processes;
	return proc_doulongvec_minmax(&shown, 0, buffer, length, pos);
}

/* Not proc_dobool: before 6.4 it takes a bool of the size of an int, later one of its own size. */
static int env_tag(leash_ctl_table *table, int write, void *buffer, size_t *length, loff_t *pos)
{
	int value = READ_ONCE(leash_env_tag);
	struct ctl_table shown = { .data = &value, .maxlen = sizeof(value), .mode = 0644,
				   .extra1 = SYSCTL_ZERO, .extra2 = SYSCTL_ONE };
	int err = proc_dointvec_minmax(&shown, write, buffer, length, pos);

	if (write && !err)
		WRITE_ONCE(leash_env_tag, value);
	return err;
}

static struct ctl_table sysctls[] = {
	{ .procname = "env_tag", .mode = 0644, .proc_handler = env_tag },
	{ .procname = "lineage_lost", .mode = 0444, .proc_handler = read_only },
	{ .procname = "incomplete", .mode = 0444, .proc_handler = read_only },
	{ .procname = "starts", .mode = 0444, .proc_handler = read_only },
	{ .procname = "processes", .mode = 0444, .proc_handler = read_only },
	LEASH_SYSCTL_END
};

static struct ctl_table_header *header;

int leash_sysctl_register(void)
{
	header = register_sysctl("kernel/leash", sysctls);
	return header ? 0 : -ENOMEM;
}

void leash_sysctl_unregister(void)
{
	unregister_sysctl_table(header);
}
