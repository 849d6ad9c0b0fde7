# SPDX-License-Identifier: MIT
# Sourced by the scripts that run in the guest.
#   check TEXT COMMAND...    the command must succeed
#   refute TEXT COMMAND...   it must not
#   within SECONDS COMMAND...  succeeds once the command does
#   finish                   the script's exit status
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

finish() {
    [ $failures -eq 0 ] && exit 0
    echo "$failures checks failed"
    exit 1
}
