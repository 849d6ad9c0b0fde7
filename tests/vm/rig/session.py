# SPDX-License-Identifier: MIT
"""One run: listens to QEMU and to the guest until the verdict is clear."""

import contextlib
import json
import os
import selectors
import time

from . import channel
from .errors import TIMED_OUT, RigError
from .verdict import Outcome

TICK_SECONDS = 0.1
FINISH_SECONDS = 10.0
# After a panic QEMU may still hold output that the guest had handed over.
PANIC_SECONDS = 0.3


class Session:
    def __init__(self, machine, console, verdict, wait_for, command, deadline, must_finish):
        self._machine = machine
        self._console = console
        self._verdict = verdict
        self._wait_for = wait_for
        self._command = command
        self._deadline = deadline
        self._must_finish = must_finish  # COMMAND's files have to be on the disk or in --out
        self._selector = selectors.DefaultSelector()
        self._buffers = {"qmp": b"", "control": b""}
        self._to_guest = b""
        self._received = {"output": 0, "error": 0}
        self._ended_command = None  # (status, told_to_stop, {port: bytes})
        self._wdt_fired = False
        self._powered_off = False
        self._panicked = False
        self._qemu_is_ready = False
        self._greeted = False  # stage-0 of this boot has said hello
        self._finished = False
        self._outcome = None
        self._outcome_at = None  # when it stands, if it may still be overruled
        self.command_started = False
        self.stderr_needs_newline = False  # COMMAND's last line has no end

    def run(self):
        for name, end in self._machine.sockets.items():
            self._selector.register(end, selectors.EVENT_READ, name)
        while self._outcome is None or time.monotonic() < self._outcome_at:
            if time.monotonic() >= self._deadline:
                return Outcome(TIMED_OUT, "timeout", "time is up")
            self._turn()
        if self._outcome.line.startswith("exit") and self._must_finish:
            self._finish()
        return self._outcome

    def drain(self):
        """Passes on what is left once QEMU has ended."""
        for name in ("output", "error"):
            while self._receive(name):
                pass

    def _turn(self):
        ready = [key.data for key, _ in self._selector.select(TICK_SECONDS)]
        # Events first: a guest's hello belongs to the boot after the reset.
        for name in sorted(ready, key=("qmp", "output", "error", "control").index):
            if name == "qmp":
                self._read_events()
            elif name == "control":
                self._read_control()
            else:
                self._receive(name)
        self._watch_console()
        self._judge_command()

    def _read(self, name):
        """New bytes; None if there are none yet; empty at the end."""
        try:
            return self._machine.sockets[name].recv(1 << 18)
        except BlockingIOError:
            return None
        except ConnectionError:
            return b""

    def _receive(self, name):
        data = self._read(name)
        if data:
            self._received[name] += len(data)
            if name == "error":
                self.stderr_needs_newline = not data.endswith(b"\n")
            self._pass_on(1 if name == "output" else 2, data)
        elif data == b"":
            with contextlib.suppress(KeyError):
                self._selector.unregister(self._machine.sockets[name])
        return data

    @staticmethod
    def _pass_on(fd, data):
        with contextlib.suppress(BrokenPipeError):  # the reader's choice, not COMMAND's fault
            while data:
                data = data[os.write(fd, data):]

    def _decide(self, outcome):
        if outcome is not None:
            self._outcome = outcome
            self._outcome_at = time.monotonic() + outcome.grace

    # QEMU

    def _read_events(self):
        data = self._read("qmp")
        if data == b"":
            self._qemu_has_ended()
            return
        *lines, self._buffers["qmp"] = (self._buffers["qmp"] + (data or b"")).split(b"\n")
        for line in lines:
            if line.strip():
                self._handle_event(json.loads(line))

    def _handle_event(self, message):
        event = message.get("event")
        if "QMP" in message:
            self._qemu_is_ready = True
            self._machine.sockets["qmp"].send(
                b'{"execute":"qmp_capabilities"}\n{"execute":"cont"}\n')
        elif "error" in message:
            raise RigError(f"QEMU: {message['error'].get('desc')}")
        elif event == "WATCHDOG":
            self._wdt_fired = True
        elif event == "GUEST_PANICKED":
            self._guest_panicked()
        elif event == "RESET" and message["data"]["guest"]:
            self._guest_was_reset()
        elif event == "SHUTDOWN":
            if message["data"]["reason"] == "guest-reset":  # the user asked for -no-reboot
                self._guest_was_reset()
            elif message["data"]["guest"]:
                self._powered_off = True
                self._guest_ended("poweroff")

    def _qemu_has_ended(self):
        self._selector.unregister(self._machine.sockets["qmp"])
        if self._powered_off or self._outcome is not None:
            return
        if self._wait_for == "none" and self._qemu_is_ready:
            self._decide(Outcome(0, "exit 0"))
            return
        raise RigError("QEMU ended by itself\n" + self._machine.complaints())

    # The guest

    def _guest_ended(self, end):
        if self._outcome is None or self._outcome.grace:
            self._outcome = None
            self._decide(self._verdict.guest_ended(end))

    def _guest_panicked(self):
        if self._panicked:
            return
        self._panicked = True
        end = time.monotonic() + PANIC_SECONDS
        while time.monotonic() < end:
            for name in ("output", "error"):
                self._receive(name)
            time.sleep(TICK_SECONDS / 5)
        self._guest_ended("panic")

    def _guest_was_reset(self):
        if not self._greeted:
            return  # the firmware, which answers a reset with a more thorough one
        self._console.read()
        if self._console.panicked and not self._panicked:
            self._guest_panicked()
        elif not self._panicked:
            fired = self._wdt_fired or self._console.softdog_fired
            self._guest_ended("reset" if fired else "reboot")
        self._console.begin_boot()
        self._verdict.boot += 1
        self._wdt_fired = self._panicked = self._greeted = False
        self._ended_command = None

    def _watch_console(self):
        self._console.read()
        if self._console.panicked:
            self._guest_panicked()
        if self._console.fatal is not None:
            raise RigError(f"the guest could not come up: {self._console.fatal}")

    def _read_control(self):
        data = self._read("control")
        if data == b"":
            self._selector.unregister(self._machine.sockets["control"])
            return
        lines, self._buffers["control"] = channel.split_lines(
            self._buffers["control"] + (data or b""))
        for words in lines:
            if words:
                self._handle_line(*words)

    def _handle_line(self, word, *rest):
        if word == "hello":
            # All output of the boot before has been read by now: it was sent before the reset.
            self.drain()
            self._received = {"output": 0, "error": 0}
            self._ended_command = None
            self.command_started = False
            self._greeted = True
            self._send(channel.boot_answer(rest[0], self._verdict.boot, self._wait_for,
                                           self._command))
        elif word == "started":
            self.command_started = True
        elif word in ("exit", "stopped"):
            status, output, error = (int(number) for number in rest)
            self._ended_command = (status, word == "stopped", {"output": output, "error": error})
        elif word == "finished":
            self._finished = True

    def _send(self, data):
        control = self._machine.sockets["control"]
        control.setblocking(True)
        control.sendall(data)
        control.setblocking(False)

    def _judge_command(self):
        if self._ended_command is None:
            return
        status, told_to_stop, sent = self._ended_command
        if any(self._received[name] < sent[name] for name in sent):
            return
        self._ended_command = None
        if self._outcome is None:
            self._decide(self._verdict.command_ended(status, told_to_stop))

    def _finish(self):
        end = min(self._deadline, time.monotonic() + FINISH_SECONDS)
        with contextlib.suppress(OSError):
            self._send(b"finish\n")
        while not self._finished and time.monotonic() < end:
            ready = [key.data for key, _ in self._selector.select(TICK_SECONDS)]
            if "control" in ready:
                self._read_control()
            for name in set(ready) & {"output", "error"}:
                self._receive(name)
            if "qmp" in ready and self._read("qmp") == b"":
                break
