// SPDX-License-Identifier: GPL-2.0-only
/*
 * For tests only: which edges of an instrumented module the process runs that has /dev/leash-coverage
 * open. The kernel's own KCOV would need a kernel that is built for it, and would tell of all of it; a
 * module that is compiled with -fsanitize-coverage=trace-pc calls the function below, from whichever
 * module it comes.
 *
 * mmap() of 64 KiB gives a counter for each edge, by a hash, as AFL has it.
 */
#include <linux/fs.h>
#include <linux/miscdevice.h>
#include <linux/mm.h>
#include <linux/module.h>
#include <linux/sched.h>
#include <linux/vmalloc.h>

#define SIZE 65536

static u8 *map;
static struct task_struct *traced;
static unsigned long last;

void __sanitizer_cov_trace_pc(void);
void __sanitizer_cov_trace_pc(void)
{
	unsigned long at;

	/* Interrupts run on anybody's account. */
	if (likely(READ_ONCE(traced) != current) || !in_task())
		return;
	at = (_RET_IP_ * 0x9E3779B97F4A7C15UL) >> 48;
	map[(at ^ last) & (SIZE - 1)]++;
	last = at >> 1;
}
EXPORT_SYMBOL_GPL(__sanitizer_cov_trace_pc);

static int coverage_open(struct inode *inode, struct file *file)
{
	return cmpxchg(&traced, NULL, current) ? -EBUSY : 0;
}

static int coverage_release(struct inode *inode, struct file *file)
{
	WRITE_ONCE(traced, NULL);
	return 0;
}

static int coverage_mmap(struct file *file, struct vm_area_struct *area)
{
	return remap_vmalloc_range(area, map, area->vm_pgoff);
}

/* The path of one call begins here. */
static ssize_t coverage_write(struct file *file, const char __user *from, size_t size, loff_t *pos)
{
	last = 0;
	return size;
}

static const struct file_operations operations = {
	.owner = THIS_MODULE,
	.open = coverage_open,
	.release = coverage_release,
	.mmap = coverage_mmap,
	.write = coverage_write,
};

static struct miscdevice device = {
	.minor = MISC_DYNAMIC_MINOR,
	.name = "leash-coverage",
	.mode = 0600,
	.fops = &operations,
};

static int __init coverage_init(void)
{
	int err;

	map = vmalloc_user(SIZE);
	if (!map)
		return -ENOMEM;
	err = misc_register(&device);
	if (err)
		vfree(map);
	return err;
}

static void __exit coverage_exit(void)
{
	misc_deregister(&device);
	vfree(map);
}

module_init(coverage_init);
module_exit(coverage_exit);

MODULE_LICENSE("GPL");
MODULE_DESCRIPTION("For tests: edges that an instrumented module takes");
