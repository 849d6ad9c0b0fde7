// SPDX-License-Identifier: MIT
// Finds the rig's devices by the names that QEMU gave them, and mounts the disks.
#include "stage0.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

enum { kTries = 4000, kPauseUs = 5000 }; // 20 s: the host may be busy

static bool file_says(int folder, const char* path, const char* text) {
    char content[128] = {0};
    int fd = openat(folder, path, O_RDONLY | O_CLOEXEC);
    if (fd < 0) {
        return false;
    }
    ssize_t got = read(fd, content, sizeof content - 1);
    close(fd);
    content[strcspn(content, "\n")] = '\0';
    return got > 0 && !strcmp(content, text);
}

// The entry of the sysfs folder `listing` whose file `attribute` says `text`.
static bool find_once(int sys, const char* listing, const char* attribute, const char* text,
                      char* found, size_t size) {
    int fd = openat(sys, listing, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR* folder = fd < 0 ? NULL : fdopendir(fd);
    bool hit = false;
    for (struct dirent* entry; folder && !hit && (entry = readdir(folder));) {
        char path[512];
        snprintf(path, sizeof path, "%s/%s", entry->d_name, attribute);
        if (entry->d_name[0] != '.' && file_says(fd, path, text)) {
            snprintf(found, size, "%s", entry->d_name);
            hit = true;
        }
    }
    if (folder) {
        closedir(folder);
    }
    return hit;
}

static void find(int sys, const char* listing, const char* attribute, const char* text, char* found,
                 size_t size) {
    for (int i = 0; i < kTries; i++) {
        if (find_once(sys, listing, attribute, text, found, size)) {
            return;
        }
        usleep(kPauseUs);
    }
    fatal("the guest's kernel shows no %s named '%s': does it have the virtio drivers?", listing,
          text);
}

static int open_port(const struct kernel_folders* kernel, const char* name) {
    char node[256];
    find(kernel->sys, "class/virtio-ports", "name", name, node, sizeof node);
    for (int i = 0; i < kTries; i++) {
        int fd = openat(kernel->dev, node, O_RDWR | O_CLOEXEC);
        if (fd >= 0) {
            return fd;
        }
        usleep(kPauseUs);
    }
    fatal("cannot open the port %s: %m", name);
}

struct ports open_ports(const struct kernel_folders* kernel) {
    return (struct ports){
        .control = open_port(kernel, "leash.vm.control"),
        .output = open_port(kernel, "leash.vm.output"),
        .error = open_port(kernel, "leash.vm.error"),
    };
}

static void mount_disk(const struct kernel_folders* kernel, const char* serial, const char* at,
                       bool writable) {
    char node[256];
    char path[512];
    find(kernel->sys, "block", "serial", serial, node, sizeof node);
    snprintf(path, sizeof path, "/dev/%s", node);
    if (mount(path, at, "ext4", writable ? 0 : MS_RDONLY, "")) {
        fatal("cannot mount the %s disk: %m", serial);
    }
}

void mount_guest(const struct kernel_folders* kernel, const struct settings* settings,
                 const char* at, bool writable) {
    char path[128];
    if (settings->root_is_disk) {
        mkdir(at, 0755);
        mount_disk(kernel, "root", at, writable);
    }
    if (settings->has_disk) {
        snprintf(path, sizeof path, "%s/var/lib", at);
        mount_disk(kernel, "disk", path, true);
    }
    snprintf(path, sizeof path, "%s/out", at);
    if (settings->has_out &&
        mount("out", path, "9p", 0, "trans=virtio,version=9p2000.L,msize=262144,access=any")) {
        fatal("cannot mount the shared folder for /out: %m");
    }
}

bool asked_for_read_only_root(const struct kernel_folders* kernel) {
    char words[4096] = {0};
    int fd = openat(kernel->proc, "cmdline", O_RDONLY | O_CLOEXEC);
    if (fd < 0 || read(fd, words, sizeof words - 1) < 0) {
        fatal("cannot read the kernel's command line: %m");
    }
    close(fd);
    bool read_only = false;
    char* rest = NULL;
    for (char* word = strtok_r(words, " \n", &rest); word; word = strtok_r(NULL, " \n", &rest)) {
        if (!strcmp(word, "ro")) {
            read_only = true;
        } else if (!strcmp(word, "rw")) {
            read_only = false;
        }
    }
    return read_only;
}
