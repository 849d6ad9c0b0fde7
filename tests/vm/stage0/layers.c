// SPDX-License-Identifier: MIT
// Lays folders over the guest's root, as OCI images do it: a file .wh.NAME removes NAME.
#include "stage0.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define WHITEOUT ".wh."

static bool is_dot(const char* name) {
    return !strcmp(name, ".") || !strcmp(name, "..");
}

void remove_tree(int folder, const char* name) {
    if (!unlinkat(folder, name, 0) || errno == ENOENT) {
        return;
    }
    int fd = openat(folder, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    DIR* listing = fd < 0 ? NULL : fdopendir(fd);
    for (struct dirent* entry; listing && (entry = readdir(listing));) {
        if (!is_dot(entry->d_name)) {
            remove_tree(fd, entry->d_name);
        }
    }
    if (listing) {
        closedir(listing);
    }
    unlinkat(folder, name, AT_REMOVEDIR);
}

static void copy_content(int from, int to, const char* name) {
    static char buffer[65536];
    ssize_t got;
    while ((got = read(from, buffer, sizeof buffer)) > 0) {
        for (ssize_t done = 0; done < got;) {
            ssize_t put = write(to, buffer + done, (size_t)(got - done));
            if (put < 0) {
                fatal("overlay: cannot write %s: %m", name);
            }
            done += put;
        }
    }
    if (got < 0) {
        fatal("overlay: cannot read %s: %m", name);
    }
}

static void lay_file(int from, int to, const char* name, const struct stat* status) {
    int source = openat(from, name, O_RDONLY | O_CLOEXEC);
    int target = openat(to, name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
    if (source < 0 || target < 0) {
        fatal("overlay: cannot lay %s: %m", name);
    }
    copy_content(source, target, name);
    struct timespec times[2] = {status->st_mtim, status->st_mtim};
    if (fchown(target, 0, 0) || fchmod(target, status->st_mode & 07777) ||
        futimens(target, times)) {
        fatal("overlay: cannot set the mode of %s: %m", name);
    }
    close(source);
    close(target);
}

static void lay_folder_over(int from, int to);

static void lay_folder(int from, int to, const char* name, const struct stat* status) {
    struct stat old;
    // A folder that is there stays as it is, even behind a symbolic link: an overlay made under a
    // strict umask must not lock the guest's users out of /etc.
    if (fstatat(to, name, &old, 0) || !S_ISDIR(old.st_mode)) {
        remove_tree(to, name);
        if (mkdirat(to, name, 0700) || fchmodat(to, name, status->st_mode & 07777, 0)) {
            fatal("overlay: cannot make the folder %s: %m", name);
        }
    }
    int source = openat(from, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    int target = openat(to, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (source < 0 || target < 0) {
        fatal("overlay: cannot open the folder %s: %m", name);
    }
    lay_folder_over(source, target);
    close(source);
    close(target);
}

static void lay_link(int from, int to, const char* name) {
    char target[4096] = {0};
    if (readlinkat(from, name, target, sizeof target - 1) < 0 || symlinkat(target, to, name)) {
        fatal("overlay: cannot lay the link %s: %m", name);
    }
}

static void lay_entry(int from, int to, const char* name) {
    struct stat status;
    if (fstatat(from, name, &status, AT_SYMLINK_NOFOLLOW)) {
        fatal("overlay: %s: %m", name);
    }
    if (S_ISDIR(status.st_mode)) {
        lay_folder(from, to, name, &status);
        return;
    }
    remove_tree(to, name);
    if (S_ISREG(status.st_mode)) {
        lay_file(from, to, name, &status);
    } else if (S_ISLNK(status.st_mode)) {
        lay_link(from, to, name);
    } else if (mknodat(to, name, status.st_mode, status.st_rdev) ||
               fchmodat(to, name, status.st_mode & 07777, 0)) {
        fatal("overlay: cannot make the node %s: %m", name);
    }
}

static void lay_folder_over(int from, int to) {
    // Whiteouts first, so that one layer can replace what it removes.
    for (int whiteouts = 1; whiteouts >= 0; whiteouts--) {
        int fd = openat(from, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        DIR* listing = fd < 0 ? NULL : fdopendir(fd);
        if (!listing) {
            fatal("overlay: cannot read a folder: %m");
        }
        for (struct dirent* entry; (entry = readdir(listing));) {
            const char* name = entry->d_name;
            bool removes = !strncmp(name, WHITEOUT, strlen(WHITEOUT));
            if (is_dot(name) || removes != (whiteouts == 1)) {
                continue;
            }
            if (removes) {
                const char* victim = name + strlen(WHITEOUT);
                if (*victim && !is_dot(victim)) {
                    remove_tree(to, victim);
                }
            } else {
                lay_entry(from, to, name);
            }
        }
        closedir(listing);
    }
}

void apply_layers(int rig_folder) {
    int root = open("/", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    for (unsigned i = 0;; i++) {
        char name[32];
        snprintf(name, sizeof name, "layers/%02u", i);
        int layer = openat(rig_folder, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        if (layer < 0) {
            break;
        }
        lay_folder_over(layer, root);
        close(layer);
    }
    close(root);
}
