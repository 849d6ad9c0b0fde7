/* SPDX-License-Identifier: MIT */
/* The binaries of the processes that the plugin starts, static ELF programs, as bytes within
 * watchdog.so: each from its begin up to its end. */
#ifndef LEASH_WATCHDOG_PROGRAMS_H
#define LEASH_WATCHDOG_PROGRAMS_H

#define LEASH_PROGRAM(name)                                                                        \
    extern __attribute__((visibility("hidden"))) const char name##_begin[];                        \
    extern __attribute__((visibility("hidden"))) const char name##_end[]

#ifdef __cplusplus
extern "C" {
#endif
LEASH_PROGRAM(leash_kicker);
LEASH_PROGRAM(leash_helpers); /* all others: helpers.h */
#ifdef __cplusplus
}
#endif

#endif
