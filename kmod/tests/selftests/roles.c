// SPDX-License-Identifier: GPL-2.0-only
/* Who may open the device, and what an open descriptor is good for. */
#include "harness.h"

#include <linux/capability.h>
#include <sys/socket.h>
#include <sys/stat.h>

static void keep_only(__u64 capabilities)
{
	struct __user_cap_header_struct header = { .version = _LINUX_CAPABILITY_VERSION_3 };
	struct __user_cap_data_struct data[2] = {
		{ .effective = (__u32)capabilities, .permitted = (__u32)capabilities },
		{ .effective = capabilities >> 32, .permitted = capabilities >> 32 },
	};

	EQUAL(syscall(SYS_capset, &header, data), 0);
}

/* The status with which `body` ends in a process of its own, with all fork does to capabilities. */
static void in_child(void (*body)(int fd), int fd)
{
	int status;
	pid_t pid = fork();

	CHECK(pid >= 0);
	if (!pid) {
		body(fd);
		_exit(0);
	}
	CHECK(waitpid(pid, &status, 0) == pid);
	EQUAL(status, 0);
}

TEST(version, "VERSION tells the ABI and the size of a record")
{
	struct leash_version version;
	int fd = open_device(O_RDONLY);

	CHECK(fd >= 0);
	memset(&version, 0xff, sizeof(version));
	EQUAL(call(fd, LEASH_IOC_VERSION, &version), 0);
	EQUAL(version.abi, LEASH_ABI);
	EQUAL(version.task_size, sizeof(struct leash_task));
	EQUAL(version.reserved, 0);
	CHECK(version.features & LEASH_FEATURE_LINEAGE);
	CHECK(version.features & LEASH_FEATURE_SNAPSHOT);
	CHECK(version.features & LEASH_FEATURE_KILL);
	CHECK(version.facts & LEASH_FACT_CPU);
	CHECK(version.facts & LEASH_FACT_MEMORY);
	EQUAL(version.state & ~(LEASH_STATE_INCOMPLETE | LEASH_STATE_HOOKED), 0);
}

TEST(hooked, "HOOKED says that there is a start")
{
	struct leash_version version;
	__u64 id = new_start();
	struct leash_start_ref ref = { .id = id };

	EQUAL(call(controller(), LEASH_IOC_VERSION, &version), 0);
	CHECK(version.state & LEASH_STATE_HOOKED);
	CHECK(stats().state & LEASH_STATE_HOOKED);
	EQUAL(call(controller(), LEASH_IOC_START_DEL, &ref), 0);
}

TEST(node, "The device is a character device for root alone")
{
	struct stat status;

	EQUAL(stat(DEVICE, &status), 0);
	CHECK(S_ISCHR(status.st_mode));
	EQUAL(status.st_mode & 0777, 0600);
	EQUAL(status.st_uid, 0);
}

TEST(one_controller, "A second controller gets EBUSY, until the first is closed")
{
	int first = open_device(O_RDWR), copy;

	CHECK(first >= 0);
	EQUAL(open_device(O_RDWR), -EBUSY);
	EQUAL(open_device(O_RDWR | O_CLOEXEC), -EBUSY);
	copy = dup(first);
	close(first);
	EQUAL(open_device(O_RDWR), -EBUSY); /* the copy is the same open file */
	close(copy);
	first = open_device(O_RDWR);
	CHECK(first >= 0);
}

TEST(many_observers, "Observers are as many as wish, beside the controller")
{
	struct leash_stats out;

	controller();
	for (int i = 0; i < 100; i++) {
		int fd = open_device(O_RDONLY);

		CHECK(fd >= 0);
		EQUAL(call(fd, LEASH_IOC_STATS, &out), 0);
	}
}

TEST(write_only, "Opened for writing alone is no way around the roles")
{
	struct leash_version version;
	int fd = open_device(O_WRONLY);

	if (fd >= 0) { /* then it is a controller, and takes its place */
		EQUAL(open_device(O_RDWR), -EBUSY);
		call(fd, LEASH_IOC_VERSION, &version);
	}
}

static void open_with_admin(int fd)
{
	(void)fd;
	keep_only(1ULL << CAP_SYS_ADMIN);
	CHECK(open_device(O_RDWR) >= 0);
}

static void open_with_ptrace(int fd)
{
	(void)fd;
	keep_only(1ULL << CAP_SYS_PTRACE);
	CHECK(open_device(O_RDONLY) >= 0);
	EQUAL(open_device(O_RDWR), -EPERM);
}

static void open_with_nothing(int fd)
{
	(void)fd;
	keep_only(0);
	EQUAL(open_device(O_RDONLY), -EPERM);
	EQUAL(open_device(O_RDWR), -EPERM);
}

TEST(capabilities, "A controller needs CAP_SYS_ADMIN, an observer CAP_SYS_PTRACE")
{
	in_child(open_with_admin, -1);
	in_child(open_with_ptrace, -1);
	in_child(open_with_nothing, -1);
}

TEST(no_side_effect, "A refused open does not take the controller's place")
{
	in_child(open_with_nothing, -1);
	controller();
}

static void open_in_user_namespace(int fd)
{
	(void)fd;
	if (unshare(CLONE_NEWUSER))
		return; /* forbidden here: nothing to try */
	EQUAL(open_device(O_RDONLY), -EPERM);
	EQUAL(open_device(O_RDWR), -EPERM);
}

TEST(user_namespace, "Capabilities of another user namespace do not count")
{
	in_child(open_in_user_namespace, -1);
}

static void use_without_capabilities(int fd)
{
	struct leash_stats out;
	struct leash_start start = { .id = new_id(), .name = "test-kept" };

	keep_only(0);
	EQUAL(call(fd, LEASH_IOC_STATS, &out), 0);
	EQUAL(call(fd, LEASH_IOC_START_SET, &start), 0);
}

TEST(kept, "A descriptor keeps what its opener could do")
{
	in_child(use_without_capabilities, controller());
}

static int send_fd(int through, int fd)
{
	char byte = 0;
	struct iovec data = { &byte, 1 };
	union {
		char room[CMSG_SPACE(sizeof(int))];
		struct cmsghdr align;
	} control = { .room = { 0 } };
	struct msghdr message = { .msg_iov = &data, .msg_iovlen = 1, .msg_control = &control,
				  .msg_controllen = sizeof(control.room) };
	struct cmsghdr *header = CMSG_FIRSTHDR(&message);

	header->cmsg_level = SOL_SOCKET;
	header->cmsg_type = SCM_RIGHTS;
	header->cmsg_len = CMSG_LEN(sizeof(int));
	memcpy(CMSG_DATA(header), &fd, sizeof(int));
	return sendmsg(through, &message, 0) == 1 ? 0 : -errno;
}

static int receive_fd(int through)
{
	char byte;
	int fd;
	struct iovec data = { &byte, 1 };
	union {
		char room[CMSG_SPACE(sizeof(int))];
		struct cmsghdr align;
	} control;
	struct msghdr message = { .msg_iov = &data, .msg_iovlen = 1, .msg_control = &control,
				  .msg_controllen = sizeof(control.room) };

	CHECK(recvmsg(through, &message, 0) == 1);
	CHECK(CMSG_FIRSTHDR(&message) != NULL);
	memcpy(&fd, CMSG_DATA(CMSG_FIRSTHDR(&message)), sizeof(int));
	return fd;
}

static void use_what_is_sent(int through)
{
	struct leash_stats out;
	struct leash_kill kill = { .id = 1, .signo = 0 };
	int fd;

	keep_only(0);
	fd = receive_fd(through);
	EQUAL(call(fd, LEASH_IOC_STATS, &out), 0);
	EQUAL(call(fd, LEASH_IOC_KILL, &kill), -EBADF); /* an observer it is, an observer it stays */
}

TEST(passed, "An observer's descriptor can be passed to somebody without capabilities")
{
	int ends[2], fd = open_device(O_RDONLY);

	CHECK(fd >= 0);
	EQUAL(socketpair(AF_UNIX, SOCK_DGRAM, 0, ends), 0);
	EQUAL(send_fd(ends[0], fd), 0);
	in_child(use_what_is_sent, ends[1]);
}

static void use_in_pid_namespace(int fd)
{
	struct leash_stats out;
	struct leash_whois whois = { .pid = 1 };
	int status;
	pid_t pid;

	EQUAL(unshare(CLONE_NEWPID), 0);
	pid = fork();
	if (!pid) {
		EQUAL(getpid(), 1);
		EQUAL(open_device(O_RDONLY), -EPERM);
		EQUAL(open_device(O_RDWR), -EPERM);
		EQUAL(call(fd, LEASH_IOC_STATS, &out), -EPERM);
		EQUAL(call(fd, LEASH_IOC_WHOIS, &whois), -EPERM);
		_exit(0);
	}
	CHECK(waitpid(pid, &status, 0) == pid);
	EQUAL(status, 0);
}

TEST(pid_namespace, "From another pid namespace opening and calling are refused")
{
	in_child(use_in_pid_namespace, controller());
}

TEST(observer, "An observer gets EBADF from each of the controller's calls")
{
	static const unsigned long calls[] = {
		LEASH_IOC_START_SET, LEASH_IOC_START_DEL, LEASH_IOC_ARM, LEASH_IOC_ADOPT,
		LEASH_IOC_KILL, LEASH_IOC_RESCAN, LEASH_IOC_SPARE, LEASH_IOC_DEADMAN,
		LEASH_IOC_PING, LEASH_IOC_START_LIMITS,
	};
	char argument[512] = { 0 };
	int fd = open_device(O_RDONLY);

	CHECK(fd >= 0);
	for (size_t i = 0; i < sizeof(calls) / sizeof(*calls); i++) {
		EQUAL(call(fd, calls[i], argument), -EBADF);
		EQUAL(call(fd, calls[i], NULL), -EBADF); /* whatever the argument */
	}
}

TEST(no_such_call, "A call that does not exist is ENOTTY")
{
	char argument[512] = { 0 };

	for (int number = 19; number < 256; number += 27)
		EQUAL(call(controller(), _IOWR(LEASH_IOC_MAGIC, number, struct leash_kill), argument),
		      -ENOTTY);
	EQUAL(call(controller(), _IOR(LEASH_IOC_MAGIC + 1, 0, struct leash_version), argument),
	      -ENOTTY);
	EQUAL(call(controller(), 0, argument), -ENOTTY);
}

TEST(close_ends_nothing, "Starts and memberships outlive their controller")
{
	__u64 id = new_start();
	pid_t pid = fork_into(id);

	if (!pid) {
		close(controller_fd);
		say(0);
		linger();
	}
	hear();
	close(controller_fd);
	controller_fd = -1;
	EQUAL(start_of(pid), id);
	EQUAL(info_of(id).live, 1);
}
