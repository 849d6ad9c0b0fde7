/* SPDX-License-Identifier: MIT */
/*
 * The helper's binary as bytes within watchdog.so. HELPER_PATH is its place in the build tree.
 */
#include "watchdog/clients/blob.h"

__asm__(".section .rodata\n"
        ".balign 16\n"
        ".hidden leash_clients_helper_begin\n"
        ".global leash_clients_helper_begin\n"
        "leash_clients_helper_begin:\n"
        ".incbin \"" HELPER_PATH "\"\n"
        ".hidden leash_clients_helper_end\n"
        ".global leash_clients_helper_end\n"
        "leash_clients_helper_end:\n"
        ".byte 0\n"
        ".previous\n");
