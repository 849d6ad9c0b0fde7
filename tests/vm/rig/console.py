# SPDX-License-Identifier: MIT
"""Reads along in the log of the guest's console."""

import re

# At a line's start, with or without printk's time and caller: others may say such words as well.
_KERNEL = rb"^(?:\[\s*\d+\.\d+\](?:\[\s*[TC]\d+\])? )?"
_PANIC = re.compile(_KERNEL + rb"Kernel panic - not syncing")
_SOFTDOG = re.compile(_KERNEL + rb"softdog: Initiating system reboot")
_FATAL = re.compile(rb"^stage-0: fatal: (.*)")


class Console:
    def __init__(self, path):
        self._path = path
        self._offset = 0
        self._rest = b""
        self.begin_boot()

    def begin_boot(self):
        self.panicked = False
        self.softdog_fired = False
        self.fatal = None  # why stage-0 gave up

    def read(self):
        """Takes in what has come since. The last line may still be growing: look at it, too."""
        try:
            with open(self._path, "rb") as file:
                file.seek(self._offset)
                data = file.read()
        except FileNotFoundError:
            return
        self._offset += len(data)
        *lines, self._rest = (self._rest + data).replace(b"\r", b"").split(b"\n")
        self._rest = self._rest[-4096:]
        for line in lines:
            self._look_at(line)
            fatal = _FATAL.match(line)
            if fatal:
                self.fatal = fatal.group(1).decode("utf-8", "replace")
        self._look_at(self._rest)

    def _look_at(self, line):
        if _PANIC.match(line):
            self.panicked = True
        elif _SOFTDOG.match(line):
            self.softdog_fired = True

    def last_lines(self, count):
        try:
            with open(self._path, "rb") as file:
                file.seek(0, 2)
                file.seek(max(0, file.tell() - 65536))
                text = file.read().decode("utf-8", "replace").replace("\r", "")
        except FileNotFoundError:
            return []
        lines = [line for line in text.split("\n") if line.strip()]
        return ["".join(sign for sign in line if sign.isprintable() or sign == "\t")
                for line in lines[-count:]]
