/* SPDX-License-Identifier: MIT
 * Takes KIB of memory every MS milliseconds and gives none back; with a third number it has so many KIB
 * from the beginning. Defeats "it lives and answers, so it is well". */
#include <stdlib.h>
#include <unistd.h>

static void take(size_t kib) {
    volatile char* memory = malloc(kib << 10);
    for (size_t i = 0; memory && i < kib << 10; i += 1024) memory[i] = 1;
}

int main(int argc, char** argv) {
    size_t kib = argc > 1 ? (size_t)atol(argv[1]) : 64;
    useconds_t pause = (argc > 2 ? (useconds_t)atol(argv[2]) : 20) * 1000;
    if (argc > 3) take((size_t)atol(argv[3]));
    while (1) {
        if (kib > 0) take(kib);
        usleep(pause);
    }
}
