# SPDX-License-Identifier: MIT
# Sourced by the scripts that run in the guest.
#   check TEXT COMMAND...    the command must succeed
#   refute TEXT COMMAND...   it must not
#   within SECONDS COMMAND...  succeeds once the command does. What is to be looked at anew each time has no
#                            $() in its words, which are looked at once: see prints and at_most
#   prints VALUE COMMAND...  what the command prints is VALUE
#   at_most VALUE COMMAND... what it prints is a number up to VALUE
#   finish                   the script's exit status
# A service without a sign of readiness is up once it has been executed: what its shell does first (a trap,
# a line in a file) comes some time later. Await that, or let the service say it (notify = s6:3).
failures=0

check() {
    text=$1
    shift
    if "$@" > /tmp/check.out 2>&1; then
        echo "ok   $text"
    else
        echo "FAIL $text: $* ended with $?"
        sed 's/^/     | /' /tmp/check.out | head -20
        failures=$((failures + 1))
    fi
}

refute() {
    text=$1
    shift
    if "$@" > /tmp/check.out 2>&1; then
        echo "FAIL $text: $* succeeded"
        failures=$((failures + 1))
    else
        echo "ok   $text"
    fi
}

within() {
    left=$(($1 * 10))
    shift
    until "$@" > /dev/null 2>&1; do
        left=$((left - 1))
        [ $left -gt 0 ] || return 1
        usleep 100000
    done
}

# value SERVICE KEY: the value of a key of `initctl status --json`, unquoted. The first one: tasks
# have states, too.
value() {
    initctl status "$1" --json | grep -o "\"$2\":[^,}]*" | head -n 1 | sed 's/^[^:]*://; s/^"//; s/"$//'
}
state_is() { [ "$(value "$1" state)" = "$2" ]; }
main_pid() { value "$1" main_pid; }
exits() { # exits STATUS COMMAND...
    wanted=$1
    shift
    "$@"
    [ $? -eq "$wanted" ]
}

prints() {
    value_wanted=$1
    shift
    [ "$("$@")" = "$value_wanted" ]
}
at_most() {
    value_wanted=$1
    shift
    [ "$("$@")" -le "$value_wanted" ]
}
fds_of() { ls "/proc/$1/fd" | wc -l; }
# no_zombie: to be waited for; one that its parent is about to reap is none that is left.
no_zombie() { ! grep -l '^State:.Z' /proc/[0-9]*/status 2> /dev/null | grep -q .; }

finish() {
    [ $failures -eq 0 ] && exit 0
    echo "$failures checks failed"
    exit 1
}
