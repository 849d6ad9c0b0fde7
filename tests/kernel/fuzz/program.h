/* SPDX-License-Identifier: MIT */
// A program of the fuzzer: bytes, what they are read as, and where programs come from.
#ifndef LEASH_FUZZ_PROGRAM_H
#define LEASH_FUZZ_PROGRAM_H

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

enum { MOST = 512, PROGRAMS = 4096, STARTS = 6, BUFFER = 1 << 16 };

struct program {
    unsigned char bytes[MOST];
    size_t length;
};

struct reader {
    const struct program* program;
    size_t at;
};

extern struct program* corpus; // PROGRAMS of them have room
extern size_t programs;
extern unsigned char* buffer; // what is behind it, is not there
extern uint64_t first_start;  // of STARTS ids

// 0 behind the end.
unsigned next(struct reader* reader);
uint64_t interesting(struct reader* reader);
uint64_t address(struct reader* reader);
// The argument of an ioctl: what the bytes say, where they may; the rest as it has to be.
void tame(unsigned nr, unsigned char* argument, struct reader* reader);

void mutate(struct program* program);
void read_corpus(const char* path);
void write_program(FILE* file, const struct program* program);

#endif
