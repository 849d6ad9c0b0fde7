#!/bin/sh
# SPDX-License-Identifier: MIT
# {number, "name"}, for each system call that the C compiler's headers know: $1 is the compiler.
echo '#include <asm/unistd.h>' | "$1" -E -dM - |
    sed -n 's/^#define __NR_\([a-z0-9_]*\) .*/\1/p' |
    grep -vx -e syscalls -e arch_specific_syscall | sort |
    sed 's/.*/{__NR_&, "&"},/'
