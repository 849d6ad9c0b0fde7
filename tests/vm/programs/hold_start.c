// SPDX-License-Identifier: MIT
// A controller of the kernel module where no init of Leash is: makes a start known, has COMMAND born
// into it, and holds the device until COMMAND ends.
//   hold_start SERVICE ID COMMAND [ARG...]      ID in hex
#include <errno.h>
#include <fcntl.h>
#include <linux/leash.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/wait.h>
#include <unistd.h>

static void die(const char* what) {
    fprintf(stderr, "hold_start: %s: %s\n", what, strerror(errno));
    exit(1);
}

int main(int argc, char** argv) {
    if (argc < 4) {
        fprintf(stderr, "usage: hold_start SERVICE ID COMMAND [ARG...]\n");
        return 2;
    }
    struct leash_start start = {.id = strtoull(argv[2], NULL, 16)};
    snprintf(start.name, sizeof start.name, "%s", argv[1]);
    // As user space makes the group of a service: FNV-1a of its name.
    start.group = 0xcbf29ce484222325ULL;
    for (const char* c = argv[1]; *c; ++c) {
        start.group = (start.group ^ (unsigned char)*c) * 0x100000001b3ULL;
    }
    struct leash_start_ref which = {.id = start.id};
    int device = open("/dev/leash", O_RDWR | O_CLOEXEC);
    if (device < 0) {
        die("/dev/leash");
    }
    if (ioctl(device, LEASH_IOC_START_SET, &start) < 0) {
        die("start");
    }
    if (ioctl(device, LEASH_IOC_ARM, &which) < 0) {
        die("arm");
    }
    pid_t child = fork();
    if (child == 0) {
        execvp(argv[3], argv + 3);
        die(argv[3]);
    }
    if (child < 0) {
        die("fork");
    }
    int status = 0;
    waitpid(child, &status, 0);
    return WIFEXITED(status) ? WEXITSTATUS(status) : 1;
}
