// SPDX-License-Identifier: GPL-2.0-only
/* /proc/sys/kernel/leash/: one value a file. */
#include <linux/capability.h>
#include <linux/string.h>
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
	else if (!strcmp(table->procname, "troubles"))
		value = atomic64_read(&leash_troubles);
	else if (!strcmp(table->procname, "troubles_lost"))
		value = atomic64_read(&leash_troubles_lost);
	else
		value = stats.processes;
	return proc_doulongvec_minmax(&shown, 0, buffer, length, pos);
}

/*
 * What is run, and when the machine goes down: not for a root that lacks CAP_SYS_ADMIN, as in a
 * container that sees /proc/sys, whatever the file's mode.
 */
static bool may(int write)
{
	return !write || capable(CAP_SYS_ADMIN);
}

/* Not proc_dobool: before 6.4 it takes a bool of the size of an int, later one of its own size. */
static int env_tag(leash_ctl_table *table, int write, void *buffer, size_t *length, loff_t *pos)
{
	int value = READ_ONCE(leash_env_tag);
	struct ctl_table shown = { .data = &value, .maxlen = sizeof(value), .mode = 0644,
				   .extra1 = SYSCTL_ZERO, .extra2 = SYSCTL_ONE };
	int err;

	if (!may(write))
		return -EPERM;
	err = proc_dointvec_minmax(&shown, write, buffer, length, pos);
	if (write && !err)
		WRITE_ONCE(leash_env_tag, value);
	return err;
}

static int handler(leash_ctl_table *table, int write, void *buffer, size_t *length, loff_t *pos)
{
	char path[LEASH_HANDLER_SIZE + 1];
	struct ctl_table shown = { .data = path, .maxlen = sizeof(path), .mode = 0600 };
	int err;

	if (!may(write))
		return -EPERM;
	if (write && *pos) /* a path is written at once */
		return -EINVAL;
	if (write)
		path[0] = '\0';
	else
		leash_handler_get(path);
	err = proc_dostring(&shown, write, buffer, length, pos);
	if (err || !write)
		return err;
	if (strlen(path) >= LEASH_HANDLER_SIZE) /* it may have been cut */
		return -ENAMETOOLONG;
	return leash_handler_set(path);
}

static unsigned int handler_timeout_least = 100, handler_timeout_most = 3600000;
static unsigned int hung_least = 100, hung_most = 86400000;
static unsigned int none, on_deadman_most = LEASH_DEADMAN_RESTART;

static int limited(leash_ctl_table *table, int write, void *buffer, size_t *length, loff_t *pos)
{
	unsigned int *at = table->data, value = READ_ONCE(*at);
	struct ctl_table shown = { .data = &value, .maxlen = sizeof(value), .mode = 0644,
				   .extra1 = table->extra1, .extra2 = table->extra2 };
	int err;

	if (!may(write))
		return -EPERM;
	err = proc_douintvec_minmax(&shown, write, buffer, length, pos);
	if (write && !err)
		WRITE_ONCE(*at, value);
	return err;
}

static int hung_task(leash_ctl_table *table, int write, void *buffer, size_t *length, loff_t *pos)
{
	unsigned int value = leash_hung_get();
	struct ctl_table shown = { .data = &value, .maxlen = sizeof(value), .mode = 0644,
				   .extra1 = &none, .extra2 = &hung_most };
	int err;

	if (!may(write))
		return -EPERM;
	err = proc_douintvec_minmax(&shown, write, buffer, length, pos);
	if (!write || err)
		return err;
	if (value && value < hung_least)
		return -EINVAL;
	leash_hung_set(value);
	return 0;
}

static struct ctl_table sysctls[] = {
	{ .procname = "env_tag", .mode = 0644, .proc_handler = env_tag },
	{ .procname = "lineage_lost", .mode = 0444, .proc_handler = read_only },
	{ .procname = "incomplete", .mode = 0444, .proc_handler = read_only },
	{ .procname = "starts", .mode = 0444, .proc_handler = read_only },
	{ .procname = "processes", .mode = 0444, .proc_handler = read_only },
	{ .procname = "handler", .mode = 0600, .proc_handler = handler },
	{ .procname = "handler_timeout_ms", .mode = 0644, .proc_handler = limited,
	  .data = &leash_handler_timeout_ms, .maxlen = sizeof(leash_handler_timeout_ms),
	  .extra1 = &handler_timeout_least, .extra2 = &handler_timeout_most },
	{ .procname = "on_deadman", .mode = 0644, .proc_handler = limited,
	  .data = &leash_on_deadman, .maxlen = sizeof(leash_on_deadman),
	  .extra1 = &none, .extra2 = &on_deadman_most },
	{ .procname = "hung_task_ms", .mode = 0644, .proc_handler = hung_task },
	{ .procname = "troubles", .mode = 0444, .proc_handler = read_only },
	{ .procname = "troubles_lost", .mode = 0444, .proc_handler = read_only },
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
