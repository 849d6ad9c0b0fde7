// SPDX-License-Identifier: GPL-2.0-only
/* /dev/leash: who may open it, and which call is whose. */
#include <linux/atomic.h>
#include <linux/capability.h>
#include <linux/compat.h>
#include <linux/fs.h>
#include <linux/miscdevice.h>
#include <linux/module.h>
#include <linux/pid_namespace.h>
#include <linux/poll.h>
#include <linux/seq_file.h>
#include <linux/uaccess.h>

#include "leash.h"

static atomic_t controllers = ATOMIC_INIT(0);

static bool is_controller(const struct file *file)
{
	return file->f_mode & FMODE_WRITE;
}

static bool in_initial_pid_namespace(void)
{
	return task_active_pid_ns(current) == &init_pid_ns;
}

static int leash_open(struct inode *inode, struct file *file)
{
	int needed = is_controller(file) ? CAP_SYS_ADMIN : CAP_SYS_PTRACE;
	int err;

	if (!in_initial_pid_namespace() || !file_ns_capable(file, &init_user_ns, needed))
		return -EPERM;
	if (is_controller(file) && atomic_cmpxchg(&controllers, 0, 1))
		return -EBUSY;
	file->private_data = NULL; /* misc_open() has left its own there, and seq_open() minds */
	err = leash_text_open(inode, file);
	if (err && is_controller(file))
		atomic_set(&controllers, 0);
	return err;
}

static int leash_release(struct inode *inode, struct file *file)
{
	leash_listener_close(leash_listener_of(file));
	if (is_controller(file)) {
		leash_disarm_all();
		leash_deadman_closed();
		atomic_set_release(&controllers, 0);
	}
	return seq_release(inode, file);
}

static int leash_version(struct leash_version *arg)
{
	arg->abi = LEASH_ABI;
	arg->task_size = sizeof(struct leash_task);
	arg->features = LEASH_FEATURE_LINEAGE | LEASH_FEATURE_SNAPSHOT | LEASH_FEATURE_KILL |
			LEASH_FEATURE_EVENTS | LEASH_FEATURE_SIGNALS | LEASH_FEATURE_LIMITS |
			(IS_ENABLED(CONFIG_CGROUPS) ? LEASH_FEATURE_CGROUP : 0) |
			(READ_ONCE(leash_env_tag) ? LEASH_FEATURE_TAG : 0) |
			LEASH_FEATURE_DEADMAN | LEASH_FEATURE_TROUBLE;
	arg->facts = leash_facts_known();
	arg->state = leash_state();
	return 0;
}

union argument {
	struct leash_version version;
	struct leash_start start;
	struct leash_start_ref start_ref;
	struct leash_adopt adopt;
	struct leash_whois whois;
	struct leash_kill kill;
	struct leash_snapshot snapshot;
	struct leash_starts starts;
	struct leash_start_info start_info;
	struct leash_stats stats;
	struct leash_rescan rescan;
	struct leash_spare spare;
	struct leash_watch watch;
	struct leash_unwatch unwatch;
	struct leash_limits limits;
	struct leash_deadman deadman;
	struct leash_deadman_info deadman_info;
};

#define CALL(member, function)								\
	static int call_##function(struct file *file, union argument *arg)		\
	{ return function(&(arg)->member); }
#define CALL_OF_FILE(member, function)							\
	static int call_##function(struct file *file, union argument *arg)		\
	{ return function(file, &(arg)->member); }
CALL(version, leash_version)
CALL(start, leash_start_set)
CALL(start_ref, leash_start_del)
CALL(start_ref, leash_arm)
CALL(adopt, leash_adopt)
CALL(whois, leash_whois)
CALL(kill, leash_kill)
CALL(snapshot, leash_snapshot)
CALL(starts, leash_starts)
CALL(start_info, leash_start_get)
CALL(stats, leash_stats)
CALL(rescan, leash_rescan)
CALL(spare, leash_spare)
CALL_OF_FILE(watch, leash_watch)
CALL_OF_FILE(unwatch, leash_unwatch)
CALL(limits, leash_start_limits)
CALL(deadman, leash_deadman_set)
CALL(deadman_info, leash_deadman_get)

static int call_leash_deadman_ping(struct file *file, union argument *arg)
{
	return leash_deadman_ping();
}

static const struct call {
	unsigned int cmd;	/* with the size of the structure as this module knows it */
	bool controller;
	int (*function)(struct file *file, union argument *arg);
} calls[] = { /* by their numbers; there may be gaps */
	{ LEASH_IOC_VERSION, false, call_leash_version },
	{ LEASH_IOC_START_SET, true, call_leash_start_set },
	{ LEASH_IOC_START_DEL, true, call_leash_start_del },
	{ LEASH_IOC_ARM, true, call_leash_arm },
	{ LEASH_IOC_ADOPT, true, call_leash_adopt },
	{ LEASH_IOC_WHOIS, false, call_leash_whois },
	{ LEASH_IOC_KILL, true, call_leash_kill },
	{ LEASH_IOC_SNAPSHOT, false, call_leash_snapshot },
	{ LEASH_IOC_STARTS, false, call_leash_starts },
	{ LEASH_IOC_START_GET, false, call_leash_start_get },
	{ LEASH_IOC_STATS, false, call_leash_stats },
	{ LEASH_IOC_RESCAN, true, call_leash_rescan },
	{ LEASH_IOC_SPARE, true, call_leash_spare },
	{ LEASH_IOC_WATCH, false, call_leash_watch },
	{ LEASH_IOC_UNWATCH, false, call_leash_unwatch },
	{ LEASH_IOC_START_LIMITS, true, call_leash_start_limits },
	[_IOC_NR(LEASH_IOC_DEADMAN)] = { LEASH_IOC_DEADMAN, true, call_leash_deadman_set },
	[_IOC_NR(LEASH_IOC_PING)] = { LEASH_IOC_PING, true, call_leash_deadman_ping },
	[_IOC_NR(LEASH_IOC_DEADMAN_GET)] = { LEASH_IOC_DEADMAN_GET, false, call_leash_deadman_get },
};

/* The table shows numbers of the initial namespace: no more than calls does it leave it. */
static ssize_t leash_read(struct file *file, char __user *to, size_t size, loff_t *position)
{
	struct leash_listener *listener = leash_listener_of(file);

	if (!in_initial_pid_namespace())
		return -EPERM;
	if (listener)
		return leash_listener_read(listener, file, to, size);
	return seq_read(file, to, size, position);
}

static __poll_t leash_poll(struct file *file, struct poll_table_struct *table)
{
	struct leash_listener *listener = leash_listener_of(file);

	return listener ? leash_listener_poll(listener, file, table) : DEFAULT_POLLMASK;
}

#define WRITE_MOST 64

/* As to /dev/watchdog: a sign of life, and a 'V' in it tells that the close to come is meant. */
static ssize_t leash_write(struct file *file, const char __user *from, size_t size, loff_t *position)
{
	char text[WRITE_MOST];
	int err;

	if (!in_initial_pid_namespace())
		return -EPERM;
	size = min_t(size_t, size, sizeof(text));
	if (!size)
		return 0;
	if (copy_from_user(text, from, size))
		return -EFAULT;
	err = leash_deadman_ping();
	if (err)
		return err;
	leash_deadman_expect_close(memchr(text, 'V', size));
	return size;
}

static long leash_ioctl(struct file *file, unsigned int cmd, unsigned long address)
{
	void __user *user = (void __user *)address;
	unsigned int nr = _IOC_NR(cmd), given = _IOC_SIZE(cmd), known;
	const struct call *call;
	union argument arg;
	int err, copied;

	if (_IOC_TYPE(cmd) != LEASH_IOC_MAGIC || nr >= ARRAY_SIZE(calls))
		return -ENOTTY;
	call = &calls[nr];
	if (!call->function || _IOC_DIR(cmd) != _IOC_DIR(call->cmd))
		return -ENOTTY;
	if (!in_initial_pid_namespace())
		return -EPERM;
	if (call->controller && !is_controller(file))
		return -EBADF;
	known = _IOC_SIZE(call->cmd);
	if (given < known) /* of the first version: all that there is today */
		return -EINVAL;
	memset(&arg, 0, sizeof(arg));
	if (_IOC_DIR(cmd) & _IOC_WRITE) {
		err = copy_struct_from_user(&arg, known, user, given);
		if (err)
			return err;
	}
	err = call->function(file, &arg);
	if (!(_IOC_DIR(cmd) & _IOC_READ))
		return err;
	/* Also of a call that failed: how far it came. */
	copied = copy_to_user(user, &arg, known) ? -EFAULT : 0;
	if (!copied && given > known && clear_user(user + known, given - known))
		copied = -EFAULT;
	return err ? err : copied;
}

static const struct file_operations leash_operations = {
	.owner = THIS_MODULE,
	.open = leash_open,
	.release = leash_release,
	.read = leash_read,
	.poll = leash_poll,
	.fasync = leash_fasync,
	.write = leash_write,
	.llseek = seq_lseek,
	.unlocked_ioctl = leash_ioctl,
	.compat_ioctl = compat_ptr_ioctl,
};

static struct miscdevice device = {
	.minor = MISC_DYNAMIC_MINOR,
	.name = "leash",
	.mode = 0600,
	.fops = &leash_operations,
};

int leash_device_register(void)
{
	BUILD_BUG_ON(offsetof(struct leash_task, wait_ns) != LEASH_TASK_SIZE_BRIEF);
	BUILD_BUG_ON(sizeof(struct leash_record) != 80);
	BUILD_BUG_ON(sizeof(struct leash_task) % 8 || sizeof(struct leash_start_info) % 8 ||
		     sizeof(struct leash_deadman) % 8 || sizeof(struct leash_deadman_info) % 8);
	return misc_register(&device);
}

void leash_device_unregister(void)
{
	misc_deregister(&device);
}

int leash_device_minor(void)
{
	return device.minor;
}
