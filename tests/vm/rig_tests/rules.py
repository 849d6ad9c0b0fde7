# SPDX-License-Identifier: MIT
"""What needs no boot: usage, and the rules of the verdict."""

import os

from rig.console import Console
from rig.verdict import Verdict

from .call import rig


def test_bad_usage_is_told(folder):
    for words, reason in (
            ([], "no COMMAND"),
            (["--"], "no COMMAND"),
            (["--nonsense", "--", "true"], "--nonsense"),
            (["true"], "true"),
            (["--expect", "crash", "--", "true"], "crash"),
            (["--boots", "0", "--", "true"], "less than 1"),
            (["--boots"], "needs a value"),
            (["--timeout", "soon", "--", "true"], "soon"),
            (["--wdt", "none", "--wdt", "softdog", "--", "true"], "none"),
            (["--overlay", folder + "/absent", "--", "true"], "not a folder"),
            (["--kernel", folder + "/absent", "--", "true"], "not a file"),
            (["--init", "busybox", "--", "true"], "absolute"),
            (["--init", "/absent/init", "--", "true"], "neither in the guest"),
            (["--build", folder, "--", "true"], "no built tree"),
            (["--forward", "80", "--", "true"], "HOSTPORT:GUESTPORT")):
        ended = rig(*words).must_be(125, "vm: exit 125")
        assert reason in ended.err, f"{words}: no '{reason}' in\n{ended.err}"
        assert not ended.out


def test_help_names_every_option(_folder):
    ended = rig("--help")
    assert ended.status == 0
    ended.must_say("--overlay", "--expect", "--boots", "--disk", "--wdt", "--no-kmod", "--bare",
                   "--smp", "--memory", "--timeout", "--append", "--kernel", "--initramfs",
                   "--qemu", "--icount", "--init", "--console", "--out", "vm: timeout")


def _is(outcome, status, line):
    assert outcome is not None and (outcome.status, outcome.line) == (status, line), outcome


def test_verdict_on_the_last_boot(_folder):
    _is(Verdict("exit", 1).command_ended(7, False), 7, "exit 7")
    _is(Verdict("reset", 1).command_ended(7, False), 7, "exit 7")
    assert Verdict("reset", 1).command_ended(0, False) is None
    assert Verdict("exit", 1).command_ended(143, True) is None
    assert Verdict("reboot", 1).command_ended(143, False).grace > 0
    assert Verdict("exit", 1).command_ended(143, False).grace == 0
    for end in ("reset", "reboot", "poweroff", "panic"):
        _is(Verdict(end, 1).guest_ended(end), 0, end)
        outcome = Verdict("exit", 1).guest_ended(end)
        _is(outcome, 125, end)
        assert end in outcome.reason


def test_verdict_before_the_last_boot(_folder):
    for end in ("reset", "reboot", "panic"):
        assert Verdict("poweroff", 2).guest_ended(end) is None
    _is(Verdict("poweroff", 2).guest_ended("poweroff"), 125, "poweroff")
    assert Verdict("exit", 2).command_ended(0, False) is None
    _is(Verdict("exit", 2).command_ended(3, False), 3, "exit 3")
    verdict = Verdict("exit", 2)
    verdict.boot = 2
    _is(verdict.command_ended(0, False), 0, "exit 0")


def test_console_tells_the_kernel_from_others(folder):
    path = os.path.join(folder, "console")
    for text, panicked, softdog in (
            (b"[    1.5] Kernel panic - not syncing: x\r\n", True, False),
            (b"[    1.5][    T1] Kernel panic - not syncing: x\n", True, False),
            (b"Kernel panic - not syncing: without a line's end", True, False),
            (b"someone says: Kernel panic - not syncing\n", False, False),
            (b"[   12.25] softdog: Initiating system reboot\n", False, True),
            (b"[   12.25] softdog: initialized\n", False, False)):
        with open(path, "wb") as file:
            file.write(text)
        console = Console(path)
        console.read()
        assert (console.panicked, console.softdog_fired) == (panicked, softdog), text
