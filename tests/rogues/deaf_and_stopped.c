/* SPDX-License-Identifier: MIT
 * Ignores every signal that can be ignored and stops itself. Defeats the polite stop. */
#include "rogue.h"

int main(void) {
    for (int number = 1; number < 65; ++number) signal(number, SIG_IGN);
    ready();
    while (1) raise(SIGSTOP);
}
