# SPDX-License-Identifier: MIT
# Sourced by the scripts that have a guest without Leash for themselves (tests/vm/run --init): mounts,
# and what they share. The module's only user is then the test.
mkdir -p /sys/fs/cgroup /dev/pts
mount -t cgroup2 none /sys/fs/cgroup
mount -t devpts -o ptmxmode=666 none /dev/pts
mount -t debugfs none /sys/kernel/debug 2> /dev/null
failures=0

fail() {
    echo "FAIL $*"
    failures=$((failures + 1))
}

ok() {
    echo "ok   $*"
}

# What the kernel has to say about its own state: nothing.
splats='BUG:|WARNING:|KASAN|possible recursive locking|possible circular locking|inconsistent lock state'
splats="$splats|Invalid wait context|suspicious RCU|scheduling while atomic|unreferenced object"
splats="$splats|sleeping function called|blocked for more than|soft lockup|UBSAN|ODEBUG|detected stall"
check_kernel_log() {
    if dmesg | grep -qE "$splats"; then
        dmesg | grep -E -A 40 "$splats" | head -n 150
        fail "the kernel complains (above)"
    else
        ok "the kernel does not complain"
    fi
}

# kmemleak takes for a leak what is not referenced twice, some seconds apart.
check_leaks() {
    [ -e /sys/kernel/debug/kmemleak ] || return 0
    for _ in 1 2 3; do
        sleep 3
        echo scan > /sys/kernel/debug/kmemleak
    done
    if [ -s /sys/kernel/debug/kmemleak ]; then
        head -n 100 /sys/kernel/debug/kmemleak
        fail "kmemleak has found something (above)"
    else
        ok "kmemleak has found nothing"
    fi
}

finish() {
    [ $failures -eq 0 ] && exit 0
    echo "$failures checks failed"
    exit 1
}
