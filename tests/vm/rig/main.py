# SPDX-License-Identifier: MIT
"""From the command line to the last line on stderr."""

import contextlib
import os
import shutil
import signal
import sys
import tempfile
import termios
import time

from . import images, initrd, machine as machines, options as command_line
from .console import Console
from .errors import RIG_FAILED, TIMED_OUT, Interrupted, RigError
from .session import Session
from .verdict import AnyNumberOfBoots, Outcome, Verdict

CONSOLE_LINES = 20
# The session keeps the time; the alarm is for what it cannot see, such as a reader that does not
# take COMMAND's output.
ALARM_SECONDS = 2.0


class _OutOfTime(Exception):
    pass


def _say(text):
    try:
        sys.stderr.write(text + "\n")
        sys.stderr.flush()
    except BrokenPipeError:
        pass


def _stop(number, _frame):
    raise Interrupted(number)


def _ring(_number, _frame):
    raise _OutOfTime


def _handle_signals():
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, _stop)
    signal.signal(signal.SIGALRM, _ring)


def _ignore_signals():
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGALRM):
        signal.signal(number, signal.SIG_IGN)


def _show_console(console):
    lines = console.last_lines(CONSOLE_LINES)
    if lines:
        _say("the last lines of the guest's console:")
        for line in lines:
            _say(f"  {line}")


def _make_files(options):
    if options.disk and not (os.path.exists(options.disk) and os.path.getsize(options.disk)):
        images.make_ext4(options.disk, images.DISK_MB)
    if options.out:
        os.makedirs(options.out, exist_ok=True)
    if options.console:
        with open(options.console, "wb"):
            pass


def _choose_ports(options):
    chosen = []
    for host, guest in options.forward:
        if host == 0 or options.interactive:
            host = host or machines.free_port()
            _say(f"127.0.0.1:{host} leads to the guest's port {guest}")
        chosen.append((host, guest))
    options.forward = chosen


@contextlib.contextmanager
def _terminal_kept():
    """QEMU changes the terminal's settings, and may not live to put them back."""
    try:
        settings = termios.tcgetattr(0)
    except termios.error:
        yield
        return
    try:
        yield
    finally:
        termios.tcsetattr(0, termios.TCSADRAIN, settings)


def _run(options, scratch):
    made = images.prepare(options)
    if options.prepare:
        return Outcome(0, "exit 0")
    _make_files(options)
    _choose_ports(options)
    initrd_file = os.path.join(scratch, "initrd")
    initrd.write(initrd_file, options, made)
    log = options.console or os.path.join(scratch, "console.log")
    console = Console(log)
    if options.interactive:
        wait_for, verdict, deadline = "none", AnyNumberOfBoots(), float("inf")
    else:
        wait_for = "other" if options.init is not None else "leash"
        verdict = Verdict(options.expect, options.boots)
        deadline = time.monotonic() + options.timeout
        signal.setitimer(signal.ITIMER_REAL, options.timeout + ALARM_SECONDS)
    machine = machines.Machine(options, made, initrd_file, log, scratch)
    session = Session(machine, console, verdict, wait_for, options.command, deadline,
                      bool(options.disk or options.out))
    try:
        outcome = session.run()
        machine.stop()
        session.drain()
    except RigError:
        _show_console(console)
        raise
    except _OutOfTime:
        outcome = Outcome(TIMED_OUT, "timeout", "time is up")
    finally:
        machine.kill()
        if session.stderr_needs_newline:
            _say("")
    if outcome.reason and not session.command_started:
        _show_console(console)
    return outcome


def main(words):
    _handle_signals()
    scratch = tempfile.mkdtemp(prefix="leash-vm-")
    quiet = False
    try:
        options = command_line.parse(words)
        quiet = options.prepare
        with _terminal_kept() if options.interactive else contextlib.nullcontext():
            outcome = _run(options, scratch)
    except RigError as error:
        outcome = Outcome(RIG_FAILED, f"exit {RIG_FAILED}", str(error))
    except OSError as error:
        outcome = Outcome(RIG_FAILED, f"exit {RIG_FAILED}", str(error))
    except Interrupted as error:
        outcome = Outcome(error.status, f"exit {error.status}", str(error))
    finally:
        _ignore_signals()
        shutil.rmtree(scratch, ignore_errors=True)
    if outcome.reason:
        _say(f"tests/vm/run: {outcome.reason}")
    if not quiet or outcome.status:
        _say(f"vm: {outcome.line}")
    return outcome.status
