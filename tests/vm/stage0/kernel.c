// SPDX-License-Identifier: MIT
// What stage-0 needs from the kernel: its file systems and its modules.
#include "stage0.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

static int mount_and_open(const char* type, const char* at) {
    mkdir(at, 0755);
    if (mount(type, at, type, 0, NULL)) {
        fatal("cannot mount %s: %m", type);
    }
    int fd = open(at, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0) {
        fatal("cannot open %s: %m", at);
    }
    return fd;
}

struct kernel_folders mount_kernel_folders(void) {
    return (struct kernel_folders){
        .dev = mount_and_open("devtmpfs", "/dev"),
        .proc = mount_and_open("proc", "/.rig/proc"),
        .sys = mount_and_open("sysfs", "/.rig/sys"),
    };
}

void detach_kernel_folders(void) {
    if (umount2("/dev", MNT_DETACH) || umount2("/.rig/proc", MNT_DETACH) ||
        umount2("/.rig/sys", MNT_DETACH)) {
        fatal("cannot detach the kernel's file systems: %m");
    }
}

void insert_modules(int rig_folder, const struct settings* settings) {
    for (size_t i = 0; i < settings->module_count; i++) {
        char* file = settings->modules[i];
        char* parameters = strchr(file, ' ');
        if (parameters) {
            *parameters++ = '\0';
        }
        int fd = openat(rig_folder, file, O_RDONLY | O_CLOEXEC);
        if (fd < 0) {
            fatal("cannot open the module %s: %m", file);
        }
        // A kernel of the user's own may have it built in; what is then really missing shows later.
        if (syscall(SYS_finit_module, fd, parameters ? parameters : "", 0) && errno != EEXIST) {
            dprintf(2, "stage-0: cannot insert %s: %m\n", file);
        }
        close(fd);
    }
}
