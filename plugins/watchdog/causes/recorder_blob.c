/* SPDX-License-Identifier: MIT */
/* The recorder's binary as bytes within watchdog.so. RECORDER_PATH is its place in the build tree. */
#include "recorder_blob.h"

__asm__(".section .rodata\n"
        ".balign 16\n"
        ".hidden leash_recorder_begin\n"
        ".global leash_recorder_begin\n"
        "leash_recorder_begin:\n"
        ".incbin \"" RECORDER_PATH "\"\n"
        ".hidden leash_recorder_end\n"
        ".global leash_recorder_end\n"
        "leash_recorder_end:\n"
        ".byte 0\n"
        ".previous\n");
