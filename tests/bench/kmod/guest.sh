# SPDX-License-Identifier: MIT
# Runs in the guest: what the module costs a fork + exec + exit, and how fast it reads. Prints
# `spawn MODE INSTRUCTIONS` in TURNS turns, and what read_facts prints.
here=/root/bench
echo 0 > /proc/sys/kernel/randomize_va_space
turn=$1
shift
while [ "$turn" -gt 0 ]; do
    turn=$((turn - 1))
    echo "spawn absent $($here/spawn_cost 8)"
    if [ -e $here/another.ko ]; then
        insmod $here/another.ko
        echo "spawn another $($here/spawn_cost 8)"
        rmmod fuse
    fi
    insmod $here/leash.ko
    echo "spawn idle $($here/spawn_cost 8)"
    echo "spawn other $($here/spawn_cost 8 other)"
    echo "spawn tracked $($here/spawn_cost 8 tracked)"
    for how in watched-other watched heard heard-late; do
        echo "spawn $how $($here/spawn_cost 8 $how)"
    done
    rmmod leash
done
insmod $here/leash.ko
$here/event_cost
for count in "$@"; do
    echo "processes $count"
    $here/read_facts "$count"
done
