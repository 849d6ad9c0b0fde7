# SPDX-License-Identifier: MIT
# Runs in the guest, whatever its init is: when were the services up, how soon is one back, how much
# memory of their own do process 1 and all of its helpers hold? Times in us, as /bench-probe saw them.
wanted=$1
sleepers() { pidof sleep | wc -w; }
sleep 5 # nothing of ours runs beside the start; waiting costs no guest time
tries=60
while [ "$(sleepers)" -lt "$wanted" ] && [ $tries -gt 0 ]; do
    usleep 1000000
    tries=$((tries - 1))
done
[ "$(sleepers)" -ge "$wanted" ] || { echo "only $(sleepers) of $wanted services came up" >&2; exit 1; }
pidof sleep | tr ' ' '\n' > /tmp/up

own() { sed -n 's/^RssAnon:[^0-9]*\([0-9]*\).*/\1/p' "/proc/$1/status" 2> /dev/null; }
all=0
for folder in /proc/[0-9]*; do
    pid=${folder#/proc/}
    case $(cat "$folder/comm" 2> /dev/null) in sleep | bench-probe) continue ;; esac
    [ "$pid" = $$ ] || [ "$pid" = $PPID ] && continue
    size=$(own "$pid")
    all=$((all + ${size:-0}))
done
echo "anon_kb $(own 1)"
echo "all_anon_kb $all"

cp /tmp/up /tmp/before
for round in 1 2 3 4 5; do
    victim=$(sed -n "$((round * 3))p" /tmp/up)
    /bench-probe kill "$victim" 3
    pidof sleep | tr ' ' '\n' > /tmp/now
    echo "$victim $(grep -vxFf /tmp/before /tmp/now 2> /dev/null | tail -1)" >> /tmp/pairs
    cp /tmp/now /tmp/before
done
/bench-probe dump > /tmp/events
awk '
FILENAME == "/tmp/events" && $1 == "exec" { executed[$2] = $3; if ($2 == 1) began = $3; next }
FILENAME == "/tmp/events" { ended[$2] = $3; next }
FILENAME == "/tmp/up" {
    if (executed[$1] > last) last = executed[$1]
    if (!first || executed[$1] < first) first = executed[$1]
    next
}
{ if (executed[$2] > ended[$1]) { sum += executed[$2] - ended[$1]; ++restarts } }
END {
    printf "first_us %d\n", (first - began) / 1000
    printf "up_us %d\n", (last - began) / 1000
    if (restarts == 5) printf "restart_us %d\n", sum / restarts / 1000
    else { print "only " restarts + 0 " of 5 came back" > "/dev/stderr"; exit 1 }
}' /tmp/events /tmp/up /tmp/pairs
