/* SPDX-License-Identifier: MIT
 * What the rogues share. When a rogue has done its deed, the process that is left says
 * "ready PID" on stdout. */
#pragma once

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <unistd.h>

static inline void ready(void) {
    char line[32];
    int length = snprintf(line, sizeof line, "ready %d\n", (int)getpid());
    if (write(1, line, (size_t)length) < 0) _exit(1);
}

static inline void wait_forever(void) {
    while (1) pause();
}

/* The caller ends, a child goes on. */
static inline void shed_parent(void) {
    pid_t pid = fork();
    if (pid < 0) _exit(1);
    if (pid > 0) _exit(0);
}

/* Into the group with this folder. */
static inline void move_to(const char* group) {
    char path[4096];
    snprintf(path, sizeof path, "%s/cgroup.procs", group);
    FILE* file = fopen(path, "we");
    if (!file || fputs("0", file) < 0 || fclose(file) != 0) _exit(2);
}
