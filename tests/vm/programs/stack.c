// SPDX-License-Identifier: MIT
// Block devices upon others, as dmsetup and mdadm make them, which the guest does not have.
//   stack linear NAME DEVICE SECTORS     a mapping of all of DEVICE: /dev/dm-N, whose N it prints
//   stack suspend NAME                   it answers nothing from now on
//   stack resume NAME                    it answers again
//   stack mirror NUMBER KIB DEVICE...    /dev/mdNUMBER, a RAID 1 without metadata
//   stack kexec KERNEL INITRD WORDS      loads them for kexec
#include <fcntl.h>
#include <linux/dm-ioctl.h>
#include <linux/major.h>
#include <linux/raid/md_p.h>
#include <linux/raid/md_u.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <unistd.h>

static int fail(const char *what) {
    perror(what);
    return 1;
}

struct mapping {
    struct dm_ioctl head;
    struct dm_target_spec target;
    char words[64];
};

static int ask(int control, unsigned long command, struct mapping *request, const char *name) {
    request->head.version[0] = DM_VERSION_MAJOR;
    request->head.data_size = sizeof *request;
    request->head.data_start = sizeof request->head;
    snprintf(request->head.name, sizeof request->head.name, "%s", name);
    return ioctl(control, command, request);
}

static int linear(int control, const char *name, const char *device, const char *sectors) {
    struct mapping create = {0}, load = {0}, resume = {0};
    struct stat below;
    if (stat(device, &below) != 0) return fail(device);
    if (ask(control, DM_DEV_CREATE, &create, name) != 0) return fail("DM_DEV_CREATE");
    load.head.target_count = 1;
    load.target.length = strtoull(sectors, NULL, 10);
    strcpy(load.target.target_type, "linear");
    snprintf(load.words, sizeof load.words, "%u:%u 0", major(below.st_rdev), minor(below.st_rdev));
    if (ask(control, DM_TABLE_LOAD, &load, name) != 0) return fail("DM_TABLE_LOAD");
    if (ask(control, DM_DEV_SUSPEND, &resume, name) != 0) return fail("resume");
    printf("%u\n", minor((dev_t)create.head.dev));
    return 0;
}

static int suspend(int control, const char *how, const char *name) {
    struct mapping request = {0};
    if (strcmp(how, "suspend") == 0)
        request.head.flags = DM_SUSPEND_FLAG | DM_NOFLUSH_FLAG | DM_SKIP_LOCKFS_FLAG;
    return ask(control, DM_DEV_SUSPEND, &request, name) == 0 ? 0 : fail(how);
}

static int mirror(int number, int kib, int count, char **devices) {
    char path[32];
    snprintf(path, sizeof path, "/dev/md%d", number);
    if (access(path, F_OK) != 0) mknod(path, S_IFBLK | 0600, makedev(MD_MAJOR, number));
    int array = open(path, O_RDWR);
    if (array < 0) return fail(path);
    mdu_array_info_t info = {.major_version = 0, .minor_version = 90, .level = 1, .size = kib,
                             .nr_disks = count, .raid_disks = count, .md_minor = number,
                             .not_persistent = 1, .state = 1 << MD_SB_CLEAN,
                             .active_disks = count, .working_disks = count};
    if (ioctl(array, SET_ARRAY_INFO, &info) != 0) return fail("SET_ARRAY_INFO");
    for (int i = 0; i < count; ++i) {
        struct stat below;
        if (stat(devices[i], &below) != 0) return fail(devices[i]);
        mdu_disk_info_t disk = {.number = i, .major = (int)major(below.st_rdev),
                                .minor = (int)minor(below.st_rdev), .raid_disk = i,
                                .state = 1 << MD_DISK_ACTIVE | 1 << MD_DISK_SYNC};
        if (ioctl(array, ADD_NEW_DISK, &disk) != 0) return fail("ADD_NEW_DISK");
    }
    mdu_param_t param = {0};
    return ioctl(array, RUN_ARRAY, &param) == 0 ? 0 : fail("RUN_ARRAY");
}

int main(int argc, char **argv) {
    if (argc >= 5 && strcmp(argv[1], "mirror") == 0)
        return mirror(atoi(argv[2]), atoi(argv[3]), argc - 4, argv + 4);
    if (argc == 5 && strcmp(argv[1], "kexec") == 0) {
        int kernel = open(argv[2], O_RDONLY), initrd = open(argv[3], O_RDONLY);
        if (kernel < 0 || initrd < 0) return fail("open");
        return syscall(SYS_kexec_file_load, kernel, initrd, strlen(argv[4]) + 1, argv[4], 0UL) == 0
                   ? 0 : fail("kexec_file_load");
    }
    int control = open("/dev/mapper/control", O_RDWR);
    if (control < 0) return fail("/dev/mapper/control");
    if (argc == 5 && strcmp(argv[1], "linear") == 0)
        return linear(control, argv[2], argv[3], argv[4]);
    if (argc == 3 && (strcmp(argv[1], "suspend") == 0 || strcmp(argv[1], "resume") == 0))
        return suspend(control, argv[1], argv[2]);
    fprintf(stderr, "see the top of stack.c\n");
    return 2;
}
