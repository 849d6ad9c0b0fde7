// SPDX-License-Identifier: MIT
// A process that hangs: its child sleeps in a page fault that nobody answers, and holds the lock of a
// file's position; the process itself waits for that lock, in an uninterruptible sleep. Killing the
// child ends both.
#define _GNU_SOURCE
#include <fcntl.h>
#include <linux/userfaultfd.h>
#include <signal.h>
#include <stdio.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

static int hold(int file) {
    struct uffdio_api api = {.api = UFFD_API};
    char *page = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    struct uffdio_register range = {.range = {.start = (unsigned long)page, .len = 4096},
                                    .mode = UFFDIO_REGISTER_MODE_MISSING};
    int faults = (int)syscall(SYS_userfaultfd, O_CLOEXEC);
    if (page == MAP_FAILED || faults < 0 || ioctl(faults, UFFDIO_API, &api) != 0 ||
        ioctl(faults, UFFDIO_REGISTER, &range) != 0) {
        perror("userfaultfd");
        return 1;
    }
    return read(file, page, 100) < 0;
}

int main(void) {
    int file = open("/proc/self/status", O_RDONLY);
    char byte;
    if (file < 0) return 1;
    if (fork() == 0) return hold(file);
    sleep(1);
    return read(file, &byte, 1) < 0;
}
