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

static struct ctl_table sysctls[] = {
	{ .procname = "env_tag", .data = &leash_env_tag, .maxlen = sizeof(leash_env_tag), .mode = 0644,
	  .proc_handler = proc_dobool },
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
