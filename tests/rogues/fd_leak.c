/* SPDX-License-Identifier: MIT
 * Opens a descriptor every MS milliseconds and closes none; with a second number it has so many from the
 * beginning. Goes on when it gets no more. Defeats "it lives and answers, so it is well". */
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

int main(int argc, char** argv) {
    useconds_t pause = (argc > 1 ? (useconds_t)atol(argv[1]) : 20) * 1000;
    for (long i = argc > 2 ? atol(argv[2]) : 0; i > 0; --i) open("/dev/null", O_RDONLY);
    while (1) {
        usleep(pause);
        if (argc <= 2) open("/dev/null", O_RDONLY);
    }
}
