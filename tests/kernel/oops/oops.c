// SPDX-License-Identifier: GPL-2.0-only
/* In Leash's module's place: one that kills the machine as it is loaded (tests/vm/cases/module-oops). */
#include <linux/init.h>
#include <linux/module.h>

static int *volatile nothing;

static int __init oops_init(void)
{
	return *nothing;
}
module_init(oops_init);

MODULE_LICENSE("GPL");
MODULE_DESCRIPTION("Dies when it is loaded");
