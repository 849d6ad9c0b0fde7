// SPDX-License-Identifier: MIT
// tsc [MOMENT]: prints the processor's time stamp counter; with MOMENT returns once it has come that
// far. Under QEMU's -icount it counts nanoseconds of the machine's own time, from its first instruction
// on and across resets.
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

int main(int argc, char** argv) {
    if (argc < 2) return printf("%llu\n", __builtin_ia32_rdtsc()) < 0;
    unsigned long long moment = strtoull(argv[1], NULL, 10);
    while (__builtin_ia32_rdtsc() < moment) usleep(500);
    return 0;
}
