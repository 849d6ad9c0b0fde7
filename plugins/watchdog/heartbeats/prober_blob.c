/* SPDX-License-Identifier: MIT */
/*
 * The prober's binary as bytes within watchdog.so. PROBER_PATH is its place in the build tree.
 */
#include "prober_blob.h"

__asm__(".section .rodata\n"
        ".balign 16\n"
        ".hidden leash_prober_begin\n"
        ".global leash_prober_begin\n"
        "leash_prober_begin:\n"
        ".incbin \"" PROBER_PATH "\"\n"
        ".hidden leash_prober_end\n"
        ".global leash_prober_end\n"
        "leash_prober_end:\n"
        ".byte 0\n"
        ".previous\n");
