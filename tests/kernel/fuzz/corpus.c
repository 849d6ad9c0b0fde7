// SPDX-License-Identifier: MIT
#include <stdlib.h>
#include <string.h>

#include "program.h"

struct program* corpus;
size_t programs;

void mutate(struct program* program) {
    for (int times = 1 + rand() % 6; times > 0; times--) {
        size_t at = program->length ? (size_t)rand() % program->length : 0;
        size_t count = 1 + (size_t)rand() % 12;
        switch (rand() % 6) {
        case 0:
        case 1:
            if (program->length) program->bytes[at] = (unsigned char)rand();
            break;
        case 2:
            if (program->length) program->bytes[at] ^= (unsigned char)(1 << rand() % 8);
            break;
        case 3:
            if (program->length + count > MOST) break;
            memmove(program->bytes + at + count, program->bytes + at, program->length - at);
            for (size_t i = 0; i < count; i++)
                program->bytes[at + i] = (unsigned char)rand();
            program->length += count;
            break;
        case 4:
            if (at + count > program->length || program->length < 20) break;
            memmove(program->bytes + at, program->bytes + at + count, program->length - at - count);
            program->length -= count;
            break;
        default: {
            const struct program* other = programs ? &corpus[(size_t)rand() % programs] : program;
            size_t from = other->length ? (size_t)rand() % other->length : 0;
            count = other->length - from;
            if (program->length + count > MOST) count = MOST - program->length;
            memmove(program->bytes + program->length, other->bytes + from, count);
            program->length += count;
        }
        }
    }
}

void read_corpus(const char* path) {
    char line[2 * MOST + 4];
    FILE* file = fopen(path, "r");
    if (!file) return;
    while (programs < PROGRAMS && fgets(line, sizeof line, file)) {
        struct program* program = &corpus[programs];
        unsigned byte;
        if (line[0] == '#') continue;
        program->length = 0;
        for (const char* at = line; program->length < MOST && sscanf(at, "%2x", &byte) == 1; at += 2)
            program->bytes[program->length++] = (unsigned char)byte;
        if (program->length) programs++;
    }
    fclose(file);
}

void write_program(FILE* file, const struct program* program) {
    for (size_t i = 0; i < program->length; i++)
        fprintf(file, "%02x", program->bytes[i]);
    fputc('\n', file);
    fflush(file);
}
