# SPDX-License-Identifier: MIT
# Runs in the guest, whatever its init is: when were the services up, how soon is one back, how much
# memory of its own does process 1 hold? Times in ticks of 10 ms, from /proc.
wanted=$1
started() { cut -d' ' -f22 "/proc/$1/stat"; }
sleepers() { pidof sleep | wc -w; }
tries=600
while [ "$(sleepers)" -lt "$wanted" ] && [ $tries -gt 0 ]; do
    usleep 100000
    tries=$((tries - 1))
done
base=$(started $PPID) # the runner was forked just before init was executed
last=0
for pid in $(pidof sleep); do
    at=$(started "$pid")
    [ "$at" -gt $last ] && last=$at
done
echo "up_ms $(((last - base) * 10))"
echo "anon_kb $(grep RssAnon /proc/1/status | tr -dc 0-9)"

# Ten kills; the time from the kill to the start of the successor.
now() { echo $(($(cut -d' ' -f1 /proc/uptime | tr -d .))); }
total=0
for round in 1 2 3 4 5 6 7 8 9 10; do
    victim=$(pidof sleep | cut -d' ' -f1)
    before=$(now)
    kill -9 "$victim"
    until [ "$(sleepers)" -ge "$wanted" ] && [ ! -d "/proc/$victim" ]; do usleep 20000; done
    newest=0
    for pid in $(pidof sleep); do
        at=$(started "$pid")
        [ "$at" -gt $newest ] && newest=$at
    done
    total=$((total + newest - before))
done
echo "restart_ms $total"
