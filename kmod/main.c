// SPDX-License-Identifier: GPL-2.0-only
#define pr_fmt(fmt) "leash: " fmt

/* Loading and unloading. */
#include <linux/log2.h>
#include <linux/module.h>
#include <linux/rcupdate.h>

#include "leash.h"

bool leash_debug;
module_param_named(debug, leash_debug, bool, 0644);
MODULE_PARM_DESC(debug, "log starts, adoptions, kills and hooks (default: no)");

bool leash_env_tag = true;
module_param_named(env_tag, leash_env_tag, bool, 0644);
MODULE_PARM_DESC(env_tag, "read LEASH_TAG at exec of attributed processes (default: yes)");

unsigned int leash_pool = 1024;
module_param_named(pool, leash_pool, uint, 0444);
MODULE_PARM_DESC(pool, "entries kept ready for forks, 16 to 65536 (default: 1024)");

unsigned int leash_max_entries = 1U << 20;
module_param_named(max_entries, leash_max_entries, uint, 0644);
MODULE_PARM_DESC(max_entries, "processes that can be attributed at one time (default: 1048576)");

static unsigned int buckets = 4096;
module_param(buckets, uint, 0444);
MODULE_PARM_DESC(buckets, "size of the table's hash, 64 to 1048576 (default: 4096)");

bool leash_auto_hook = true;
module_param_named(auto_hook, leash_auto_hook, bool, 0444);
MODULE_PARM_DESC(auto_hook, "hook the tracepoints only while a start is known (default: yes)");

static int __init hook_for_good(void)
{
	int err = 0;

	if (!leash_auto_hook) {
		mutex_lock(&leash_lock);
		err = leash_hook();
		mutex_unlock(&leash_lock);
	}
	return err;
}

static int __init leash_init(void)
{
	int err;

	leash_pool = clamp(leash_pool, 16U, 65536U);
	buckets = roundup_pow_of_two(clamp(buckets, 64U, 1U << 20));
	err = leash_hooks_find();
	if (err)
		return err;
	err = leash_table_init(&leash_table, ilog2(buckets));
	if (err)
		return err;
	err = leash_fill_pool(GFP_KERNEL);
	if (err)
		goto table;
	err = leash_worker_start();
	if (err)
		goto table;
	err = leash_trouble_start();
	if (err)
		goto worker;
	err = hook_for_good();
	if (err)
		goto trouble;
	err = leash_sysctl_register();
	if (err)
		goto hooks;
	err = leash_device_register();
	if (err)
		goto sysctl;
	pr_info("/dev/leash (10, %d), ABI %d, %u entries ready; fork, exec and free %s%s%s\n",
		leash_device_minor(), LEASH_ABI, leash_table.entries_free,
		leash_auto_hook ? "are hooked while a start is known" : "are hooked",
		IS_ENABLED(CONFIG_CGROUPS) ? "" : "; no cgroups in this kernel",
		IS_ENABLED(CONFIG_PREEMPT_RT) ? "; PREEMPT_RT: new-borns are killed by a thread" : "");
	return 0;

sysctl:
	leash_sysctl_unregister();
hooks:
	leash_unhook();
trouble:
	leash_trouble_stop();
worker:
	leash_worker_stop();
table:
	leash_table_destroy(&leash_table);
	return err;
}

/* The device is not open, else we were not called. */
static void __exit leash_exit(void)
{
	leash_device_unregister();
	leash_sysctl_unregister();
	mutex_lock(&leash_lock);
	leash_unhook();
	mutex_unlock(&leash_lock);
	leash_worker_stop();
	leash_trouble_stop();
	leash_disarm_all();
	leash_lives_destroy();
	leash_table_destroy(&leash_table);
	rcu_barrier(); /* kfree_rcu() of starts */
	pr_info("unloaded\n");
}

module_init(leash_init);
module_exit(leash_exit);

MODULE_LICENSE("GPL");
MODULE_AUTHOR("The Leash authors");
MODULE_DESCRIPTION("Which start of which service does a task descend from?");
MODULE_VERSION("0.1.0");
