/* SPDX-License-Identifier: MIT */
/*
 * The processes that the fuzzer's programs play with. To begin and to end one is by far the dearest
 * of what a program does in a kernel with KASAN, so they share the fuzzer's memory (a fork has no page
 * tables to copy), and those that a program leaves as they were serve the next ones.
 */
#ifndef LEASH_FUZZ_CHILDREN_H
#define LEASH_FUZZ_CHILDREN_H

#include <stddef.h>
#include <sys/types.h>

enum { CHILDREN = 6 };

void* have(size_t size); // not for those that are forked; dies, if there is no memory
void die(const char* what);

void children_begin(void);
// The process at a place, or one that nobody has.
pid_t child_at(unsigned place);
// At an empty place one is begun: `kind` says what it does. At another one it is ended. `slots`: what
// a child that is forked with the descriptors closes.
void child_toggle(unsigned place, unsigned kind, const int* slots, int count);
void child_spoilt(pid_t pid);      // it is in a start, or may be
void children_armed(void);         // the next one is born into a start
void children_watched(void);       // who begins and ends is told: no more reuse in this program
void children_clear(void);         // after a program
void children_end(void);           // all

#endif
