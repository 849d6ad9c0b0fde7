# SPDX-License-Identifier: MIT
"""Calls the rig as a user does, and checks how it ended."""

import dataclasses
import os
import subprocess
import textwrap

RUN = os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "run")


@dataclasses.dataclass
class Ended:
    status: int
    out: bytes
    err: str

    @property
    def last(self):
        lines = self.err.splitlines()
        return lines[-1] if lines else ""

    @property
    def text(self):
        return self.out.decode("utf-8", "replace")

    def told(self):
        tail = self.text[-2000:]
        return f"status {self.status}\nstdout (end): {tail}\nstderr: {self.err[-3000:]}"

    def must_be(self, status, last):
        assert (self.status, self.last) == (status, last), \
            f"expected status {status} and '{last}', got\n{self.told()}"
        return self

    def must_say(self, *texts):
        for text in texts:
            assert text in self.text, f"no '{text}' on stdout:\n{self.told()}"
        return self


def rig(*words, **more):
    done = subprocess.run([RUN, *words], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                          stderr=subprocess.PIPE, check=False, **more)
    return Ended(done.returncode, done.stdout, done.stderr.decode("utf-8", "replace"))


def with_busybox(*words, **more):
    return rig("--init", "/bin/busybox", *words, **more)


def write(folder, name, text, mode=0o644):
    """Writes a file of an overlay; gives the overlay's folder."""
    path = os.path.join(folder, name)
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(path, "wb") as file:
        file.write(textwrap.dedent(text).encode() if isinstance(text, str) else text)
    os.chmod(path, mode)
    return folder


def facts(text):
    """Lines of the form `name: value`."""
    found = {}
    for line in text.splitlines():
        name, colon, value = line.partition(":")
        if colon:
            found[name.strip()] = value.strip()
    return found
