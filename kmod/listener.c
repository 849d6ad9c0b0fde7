// SPDX-License-Identifier: GPL-2.0-only
/* Who watches: registered by an open file, told by read(), poll() or signals, gone with the file. */
#include <linux/fs.h>
#include <linux/pid.h>
#include <linux/pid_namespace.h>
#include <linux/poll.h>
#include <linux/rculist.h>
#include <linux/sched/signal.h>
#include <linux/seq_file.h>
#include <linux/signal.h>
#include <linux/slab.h>
#include <linux/timekeeping.h>
#include <linux/uaccess.h>

#include "listener.h"

#define QUEUE_DEFAULT	4096
#define SIGNAL_QUEUE	1024
#define LISTENERS_MAX	128
#define RECORDS_MAX	1048576	/* of all queues: 80 MB */
#define COALESCE_MAX	60000

LIST_HEAD(leash_listeners);

/* Of the hooks, so that they follow what is wanted in order. Taken before `lock`. */
static DEFINE_MUTEX(hooking);
/*
 * Of the list and of the watches. The worker waits for it: who holds it waits for no memory, nor for
 * RCU, as setting hooks does.
 */
static DEFINE_MUTEX(lock);
static unsigned int listeners;
static u32 records;		/* in all queues */

static struct seq_file *seq_of(const struct file *file)
{
	return file->private_data;
}

struct leash_listener *leash_listener_of(struct file *file)
{
	/* Pairs with attach(). */
	return smp_load_acquire(&seq_of(file)->private);
}

/* ---- waking ---- */

static void wake_up_readers(struct leash_listener *listener)
{
	wake_up_interruptible_poll(&listener->wait, EPOLLIN | EPOLLRDNORM);
	kill_fasync(&listener->fasync, SIGIO, POLL_IN);
}

static void wake(struct kthread_work *work)
{
	wake_up_readers(container_of(work, struct leash_listener, wake.work));
}

static void call(struct irq_work *work)
{
	struct leash_listener *listener = container_of(work, struct leash_listener, call);
	u32 level = leash_ring_level(&listener->queue), ms = READ_ONCE(listener->coalesce_ms);
	bool ready = leash_ring_ready(&listener->queue);

	if (ready && (!ms || level >= listener->quarter))
		wake_up_readers(listener);
	else if (ready)
		leash_worker_queue(&listener->wake, msecs_to_jiffies(ms));
	if (listener->signals.size && leash_ring_level(&listener->signals))
		leash_worker_queue(&listener->send, 0);
}

/* ---- signals: sent by the worker, since a probe must not ---- */

/* Not after an execve: a set-uid program has asked for nothing. */
static bool signal_thread(const struct leash_observation *watch, const struct leash_record *event)
{
	struct kernel_siginfo info;
	struct task_struct *p = get_pid_task(watch->thread, PIDTYPE_PID);
	s32 signo = watch->signo;
	bool sent;

	if (!p)
		return false;
	if (READ_ONCE(p->self_exec_id) != watch->exec_id) {
		put_task_struct(p);
		return false;
	}
	clear_siginfo(&info);
	info.si_signo = signo;
	info.si_code = SI_QUEUE;
	info.si_pid = event->tgid;
	info.si_int = event->type;
	sent = !send_sig_info(signo, &info, p);
	put_task_struct(p);
	return sent;
}

static void signal_of(struct leash_listener *listener, const struct leash_record *event)
{
	int i;

	for (i = 0; i < LEASH_MAX_WATCHES; i++) {
		const struct leash_observation *watch = &listener->watches[i];

		if (!(event->watches & 1U << i) || !watch->thread)
			continue;
		if (signal_thread(watch, event))
			listener->sent++;
		else
			listener->refused++;
	}
}

/* Those that are there: what comes meanwhile, perhaps without end, has its turn later. */
static void send_all(struct leash_listener *listener)
{
	const struct leash_record *event;
	u32 count, i, left = listener->signals.size;

	lockdep_assert_held(&lock);
	while (left && (event = leash_ring_peek(&listener->signals, &count))) {
		count = min(count, left);
		for (i = 0; i < count; i++)
			signal_of(listener, &event[i]);
		leash_ring_take(&listener->signals, count);
		left -= count;
	}
	/* There is no event to say so: the counters do. */
	leash_ring_take_lost(&listener->signals);
}

static void send(struct kthread_work *work)
{
	struct leash_listener *listener = container_of(work, struct leash_listener, send.work);

	mutex_lock(&lock);
	send_all(listener);
	mutex_unlock(&lock);
	if (leash_ring_ready(&listener->signals))
		leash_worker_queue(&listener->send, 0);
}

/* ---- registering ---- */

static struct leash_listener *make(const struct leash_watch *arg)
{
	struct leash_listener *listener = kzalloc(sizeof(*listener), GFP_KERNEL_ACCOUNT);

	if (!listener)
		return NULL;
	if (leash_ring_init(&listener->queue, arg->queue ? arg->queue : QUEUE_DEFAULT)) {
		kfree(listener);
		return NULL;
	}
	listener->quarter = max(listener->queue.size / 4, 1U);
	init_irq_work(&listener->call, call);
	kthread_init_delayed_work(&listener->wake, wake);
	kthread_init_delayed_work(&listener->send, send);
	init_waitqueue_head(&listener->wait);
	mutex_init(&listener->reading);
	return listener;
}

static void destroy(struct leash_listener *listener)
{
	int i;

	for (i = 0; i < LEASH_MAX_WATCHES; i++)
		put_pid(listener->watches[i].thread);
	leash_ring_destroy(&listener->queue);
	leash_ring_destroy(&listener->signals);
	kfree(listener);
}

/* Under the lock. */
static int attach(struct file *file, struct leash_listener *listener)
{
	/* Observers cannot keep the controller out: there is one. */
	if (!(file->f_mode & FMODE_WRITE) &&
	    (listeners >= LISTENERS_MAX || records + listener->queue.size > RECORDS_MAX))
		return -ENOSPC;
	listeners++;
	records += listener->queue.size;
	list_add_tail_rcu(&listener->list, &leash_listeners);
	/* Pairs with leash_listener_of(). */
	smp_store_release(&seq_of(file)->private, listener);
	return 0;
}

/* What is watched for by all, to be hooked. Under the lock. */
static u32 update_wanted(void)
{
	struct leash_listener *listener;
	u32 wanted = 0, of_all = 0, i;
	u64 starts = 0;

	lockdep_assert_held(&lock);
	list_for_each_entry(listener, &leash_listeners, list) {
		u32 events = 0;

		for (i = 0; i < LEASH_MAX_WATCHES; i++) {
			const struct leash_observation *watch = &listener->watches[i];

			events |= watch->events;
			if (!watch->start)
				of_all |= watch->events;
			else if (watch->events)
				starts |= leash_bit_of(watch->start);
		}
		WRITE_ONCE(listener->events, events);
		wanted |= events;
	}
	WRITE_ONCE(leash_wanted_of_all, of_all);
	WRITE_ONCE(leash_wanted_starts, starts);
	WRITE_ONCE(leash_wanted, wanted);
	return wanted;
}

static bool is_valid(const struct leash_watch *arg)
{
	return arg->events && !(arg->events & ~LEASH_EVENT_ALL) &&
	       !(arg->flags & ~LEASH_WATCH_ATTRIBUTED) && arg->coalesce_ms <= COALESCE_MAX &&
	       arg->queue <= LEASH_MAX_QUEUE && arg->pid >= 0 && arg->signo >= 0 &&
	       arg->signo <= _NSIG && arg->tid >= 0 && (arg->signo || !arg->tid) && !arg->id &&
	       (arg->pid || !arg->start_ns);
}

/* The watched process. */
static int identify(struct leash_watch *arg)
{
	struct task_struct *p;
	int err = -ESRCH;

	if (!arg->pid)
		return 0;
	rcu_read_lock();
	p = pid_task(find_pid_ns(arg->pid, &init_pid_ns), PIDTYPE_TGID);
	if (p && (!arg->start_ns || arg->start_ns == p->start_boottime)) {
		arg->start_ns = p->start_boottime;
		err = 0;
	}
	rcu_read_unlock();
	return err;
}

/* The thread to signal, whose reference is the caller's; ERR_PTR(), or NULL: none. */
static struct pid *get_thread(const struct leash_watch *arg)
{
	struct task_struct *p;
	struct pid *thread = ERR_PTR(-EINVAL);

	if (!arg->signo)
		return NULL;
	rcu_read_lock();
	p = arg->tid ? pid_task(find_pid_ns(arg->tid, &init_pid_ns), PIDTYPE_PID) : current;
	if (p && same_thread_group(p, current))
		thread = get_pid(task_pid(p));
	rcu_read_unlock();
	return thread;
}

/* Under the lock. 0 or -ENOSPC; the thread is the watch's then. */
static int add(struct leash_listener *listener, struct leash_watch *arg, struct pid *thread)
{
	struct leash_observation *watch;
	u32 i;

	for (i = 0; i < LEASH_MAX_WATCHES && listener->watches[i].taken; i++)
		;
	if (i == LEASH_MAX_WATCHES)
		return -ENOSPC;
	watch = &listener->watches[i];
	watch->taken = true;
	watch->flags = arg->flags;
	watch->pid = arg->pid;
	watch->signo = arg->signo;
	watch->start = arg->start;
	watch->group = arg->group;
	watch->start_ns = arg->start_ns;
	watch->thread = thread;
	watch->exec_id = current->self_exec_id; /* that of all its threads */
	WRITE_ONCE(listener->coalesce_ms, arg->coalesce_ms);
	listener->used = max(listener->used, i + 1);
	arg->events &= leash_events_known();
	/* Pairs with applies() in events.c. */
	smp_store_release(&watch->events, arg->events);
	arg->id = i + 1;
	return 0;
}

/* The signals' queue is made before the lock is taken, and kept by whoever comes first. */
static void keep(struct leash_listener *listener, struct leash_ring *signals)
{
	if (!signals->size || listener->signals.size)
		return;
	raw_spin_lock_init(&listener->signals.lock);
	listener->signals.records = signals->records;
	/* Nobody puts before there is such a watch. */
	listener->signals.size = signals->size;
	signals->records = NULL;
	signals->size = 0;
}

int leash_watch(struct file *file, struct leash_watch *arg)
{
	struct leash_listener *fresh = NULL, *listener;
	struct leash_ring signals = { };
	struct pid *thread;
	u32 wanted = 0;
	int err;

	if (!is_valid(arg))
		return -EINVAL;
	err = identify(arg);
	if (err)
		return err;
	thread = get_thread(arg);
	if (IS_ERR(thread))
		return PTR_ERR(thread);
	err = -ENOMEM;
	if (!leash_listener_of(file)) {
		fresh = make(arg);
		if (!fresh)
			goto out;
	}
	if (thread && leash_ring_init(&signals, SIGNAL_QUEUE))
		goto out;
	err = 0;
	mutex_lock(&hooking);
	mutex_lock(&lock);
	listener = leash_listener_of(file);
	if (!listener) {
		err = attach(file, fresh);
		if (!err)
			swap(listener, fresh);
	}
	if (!err) {
		keep(listener, &signals);
		err = add(listener, arg, thread);
	}
	if (!err) {
		thread = NULL;
		wanted = update_wanted();
	}
	mutex_unlock(&lock);
	if (!err) {
		err = leash_event_hooks_set(wanted);
		if (err) { /* it stays, idle */
			mutex_lock(&lock);
			WRITE_ONCE(listener->watches[arg->id - 1].events, 0);
			update_wanted();
			mutex_unlock(&lock);
		}
	}
	mutex_unlock(&hooking);
	/* What waits for a time that counts no more, now and for what comes next. */
	if (!err)
		kthread_cancel_delayed_work_sync(&listener->wake);
	if (!err && leash_ring_ready(&listener->queue))
		wake_up_readers(listener);
out:
	leash_ring_destroy(&signals);
	if (fresh)
		destroy(fresh);
	put_pid(thread);
	return err;
}

static int end_watch(struct leash_listener *listener, u32 id)
{
	struct leash_observation *watch = &listener->watches[id - 1];
	u32 wanted;

	mutex_lock(&hooking);
	mutex_lock(&lock);
	if (!watch->taken || watch->ending) {
		mutex_unlock(&lock);
		mutex_unlock(&hooking);
		return -ENOENT;
	}
	watch->ending = true;
	WRITE_ONCE(watch->events, 0);
	wanted = update_wanted();
	mutex_unlock(&lock);
	leash_event_hooks_set(wanted);
	mutex_unlock(&hooking);
	synchronize_rcu(); /* no probe puts an event of it any more */
	mutex_lock(&lock);
	if (watch->thread)
		send_all(listener);
	put_pid(watch->thread);
	watch->thread = NULL;
	watch->ending = false;
	watch->taken = false;
	mutex_unlock(&lock);
	return 0;
}

int leash_unwatch(struct file *file, struct leash_unwatch *arg)
{
	struct leash_listener *listener = leash_listener_of(file);
	int err = 0;

	if (arg->flags)
		return -EINVAL;
	if (arg->id && (!listener || arg->id > LEASH_MAX_WATCHES))
		return -ENOENT;
	if (arg->id)
		err = end_watch(listener, arg->id);
	if (!listener)
		return err;
	mutex_lock(&lock);
	arg->told = READ_ONCE(listener->queue.told);
	arg->lost = READ_ONCE(listener->queue.lost);
	arg->signals = listener->sent;
	arg->signals_lost = listener->refused + READ_ONCE(listener->signals.lost);
	mutex_unlock(&lock);
	return err;
}

void leash_listener_close(struct leash_listener *listener)
{
	u32 i, wanted;

	if (!listener)
		return;
	mutex_lock(&hooking);
	mutex_lock(&lock);
	for (i = 0; i < LEASH_MAX_WATCHES; i++)
		WRITE_ONCE(listener->watches[i].events, 0);
	wanted = update_wanted();
	list_del_rcu(&listener->list);
	listeners--;
	records -= listener->queue.size;
	mutex_unlock(&lock);
	leash_event_hooks_set(wanted);
	mutex_unlock(&hooking);
	synchronize_rcu();
	irq_work_sync(&listener->call);
	kthread_cancel_delayed_work_sync(&listener->wake);
	kthread_cancel_delayed_work_sync(&listener->send);
	destroy(listener);
}

/* ---- reading ---- */

static int tell_loss(struct leash_listener *listener, char __user *to)
{
	struct leash_record event = { .type = LEASH_EVENT_OVERFLOW };

	event.lost = leash_ring_take_lost(&listener->queue);
	if (!event.lost)
		return 0;
	event.time_ns = ktime_get_boottime_ns();
	if (!copy_to_user(to, &event, sizeof(event)))
		return sizeof(event);
	leash_ring_put_lost(&listener->queue, event.lost);
	return -EFAULT;
}

/* Bytes; 0: there is nothing. */
static ssize_t copy_out(struct leash_listener *listener, char __user *to, size_t size)
{
	const struct leash_record *event;
	ssize_t done = 0;
	int told;
	u32 count;

	while (size - done >= sizeof(*event) && (event = leash_ring_peek(&listener->queue, &count))) {
		count = min_t(size_t, count, (size - done) / sizeof(*event));
		if (copy_to_user(to + done, event, count * sizeof(*event)))
			return done ? done : -EFAULT;
		leash_ring_take(&listener->queue, count);
		done += count * sizeof(*event);
	}
	if (size - done < sizeof(*event))
		return done;
	told = tell_loss(listener, to + done);
	return told < 0 && done ? done : done + told;
}

ssize_t leash_listener_read(struct leash_listener *listener, struct file *file, char __user *to,
			    size_t size)
{
	ssize_t done;

	if (size < sizeof(struct leash_record))
		return -EINVAL;
	for (;;) {
		if (mutex_lock_interruptible(&listener->reading))
			return -ERESTARTSYS;
		done = copy_out(listener, to, min_t(size_t, size, MAX_RW_COUNT));
		mutex_unlock(&listener->reading);
		if (done)
			return done;
		if (file->f_flags & O_NONBLOCK)
			return -EAGAIN;
		if (wait_event_interruptible(listener->wait, leash_ring_ready(&listener->queue)))
			return -ERESTARTSYS;
	}
}

__poll_t leash_listener_poll(struct leash_listener *listener, struct file *file,
			     struct poll_table_struct *table)
{
	poll_wait(file, &listener->wait, table);
	return leash_ring_ready(&listener->queue) ? EPOLLIN | EPOLLRDNORM : 0;
}

int leash_fasync(int fd, struct file *file, int on)
{
	struct leash_listener *listener = leash_listener_of(file);

	if (!listener)
		return on ? -EINVAL : 0;
	return fasync_helper(fd, file, on, &listener->fasync);
}
