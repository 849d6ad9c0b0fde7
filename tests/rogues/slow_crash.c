/* SPDX-License-Identifier: MIT
 * Does well for SECONDS, then crashes, each time it is started. Defeats a restart counter that looks
 * back for less time than that: it is started again for ever. */
#include <stdlib.h>
#include <unistd.h>

int main(int argc, char** argv) {
    sleep(argc > 1 ? (unsigned)atoi(argv[1]) : 11);
    abort();
}
