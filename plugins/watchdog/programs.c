/* SPDX-License-Identifier: MIT */
/* KICKER_PATH and the others are the binaries' places in the build tree. */
#include "programs.h"

#define PROGRAM(name, path)                                                                        \
    __asm__(".section .rodata\n"                                                                   \
            ".balign 16\n"                                                                         \
            ".hidden " name "_begin\n"                                                             \
            ".global " name "_begin\n" name "_begin:\n"                                            \
            ".incbin \"" path "\"\n"                                                               \
            ".hidden " name "_end\n"                                                               \
            ".global " name "_end\n" name "_end:\n"                                                \
            ".byte 0\n"                                                                            \
            ".previous\n")

PROGRAM("leash_kicker", KICKER_PATH);
PROGRAM("leash_helpers", HELPERS_PATH);
