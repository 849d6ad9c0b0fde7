/* SPDX-License-Identifier: MIT
 * What the rogues that lock share. */
#pragma once

#include "rogue.h"

#include <errno.h>
#include <pthread.h>
#include <semaphore.h>
#include <sys/mman.h>
#include <sys/syscall.h>

static inline void name_thread(const char* name) { prctl(PR_SET_NAME, name, 0, 0, 0); }

static inline pthread_t thread(void* (*run)(void*), void* argument) {
    pthread_t made;
    if (pthread_create(&made, NULL, run, argument) != 0) _exit(1);
    return made;
}

static inline void must(int error) {
    if (error != 0) _exit(3);
}

/* PTHREAD_MUTEX_*, PTHREAD_PRIO_*, and whether processes share it. */
static inline void make_mutex(pthread_mutex_t* mutex, int type, int protocol, int shared) {
    pthread_mutexattr_t attributes;
    must(pthread_mutexattr_init(&attributes));
    must(pthread_mutexattr_settype(&attributes, type));
    must(pthread_mutexattr_setprotocol(&attributes, protocol));
    must(pthread_mutexattr_setpshared(&attributes,
                                      shared ? PTHREAD_PROCESS_SHARED : PTHREAD_PROCESS_PRIVATE));
    must(pthread_mutex_init(mutex, &attributes));
}
