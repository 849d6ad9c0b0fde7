/* SPDX-License-Identifier: MIT */
/*
 * The kicker's binary as bytes within watchdog.so. KICKER_PATH is its place in the build tree.
 */
#include "kicker_blob.h"

__asm__(".section .rodata\n"
        ".balign 16\n"
        ".hidden leash_kicker_begin\n"
        ".global leash_kicker_begin\n"
        "leash_kicker_begin:\n"
        ".incbin \"" KICKER_PATH "\"\n"
        ".hidden leash_kicker_end\n"
        ".global leash_kicker_end\n"
        "leash_kicker_end:\n"
        ".byte 0\n"
        ".previous\n");
