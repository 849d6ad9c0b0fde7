/* SPDX-License-Identifier: MIT
 * Takes KIB of shared memory: "memfd" maps it, "posix" maps an object of shm_open, "sysv" makes a
 * segment, fills it, lets go of it and leaves it behind. Defeats sums of anonymous memory, and looking
 * at what processes have mapped. */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/shm.h>
#include <unistd.h>

int main(int argc, char** argv) {
    size_t size = (argc > 2 ? (size_t)atol(argv[2]) : 1024) << 10;
    if (argc > 1 && strcmp(argv[1], "sysv") == 0) {
        int id = shmget(IPC_PRIVATE, size, IPC_CREAT | 0600);
        char* memory = shmat(id, NULL, 0);
        if (id < 0 || memory == (char*)-1) return 1;
        memset(memory, 1, size);
        shmdt(memory);
    } else {
        int posix = argc > 1 && strcmp(argv[1], "posix") == 0;
        int fd = posix ? shm_open("/shm_hog", O_CREAT | O_RDWR, 0600) : memfd_create("hog", 0);
        if (posix) shm_unlink("/shm_hog");
        if (fd < 0 || ftruncate(fd, (off_t)size) != 0) return 1;
        char* memory = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
        if (memory == MAP_FAILED) return 1;
        memset(memory, 1, size);
    }
    while (1) pause();
}
