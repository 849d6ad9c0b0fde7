# SPDX-License-Identifier: MIT
"""What ends a run, and with which status: pure rules, no machine."""

import dataclasses
import signal

from .errors import RIG_FAILED

# COMMAND's deaths that a shutdown of the guest brings; see Verdict.command_ended.
SHUTDOWN_DEATHS = {128 + number for number in (signal.SIGTERM, signal.SIGKILL, signal.SIGHUP)}
GRACE_SECONDS = 5.0


@dataclasses.dataclass
class Outcome:
    status: int
    line: str  # behind "vm: "
    reason: str = ""  # for the user, if the rig's status is not the guest's
    grace: float = 0.0  # seconds in which an end of the guest overrules this outcome


class Verdict:
    def __init__(self, expect, boots):
        self._expect = expect
        self._boots = boots
        self.boot = 1

    @property
    def _is_last_boot(self):
        return self.boot >= self._boots

    def command_ended(self, status, told_to_stop):
        """The outcome, or None to wait for the guest's end."""
        if told_to_stop:
            return None  # the guest is going down, whatever COMMAND made of it
        outcome = Outcome(status, f"exit {status}")
        if self._is_last_boot and self._expect == "exit":
            return outcome
        if status == 0:
            return None
        if status in SHUTDOWN_DEATHS:
            # Most likely a shutdown that killed COMMAND before its runner; then the end is near.
            outcome.grace = GRACE_SECONDS
        return outcome

    def guest_ended(self, end):
        """The outcome, or None if the guest may come up once more. After a panic it may, too."""
        if not self._is_last_boot and end in ("reset", "reboot", "panic"):
            return None
        if self._is_last_boot and end == self._expect:
            return Outcome(0, end)
        wanted = self._expect if self._is_last_boot else "reset or reboot"
        which = f"boot {self.boot} of {self._boots}" if self._boots > 1 else "the guest"
        return Outcome(RIG_FAILED, end, f"{which} ended with {end}, expected {wanted}")


class AnyNumberOfBoots(Verdict):
    """A guest at the user's hands: goes on until it is switched off."""

    def __init__(self):
        super().__init__("poweroff", float("inf"))

    def guest_ended(self, end):
        return Outcome(0, "poweroff") if end == "poweroff" else None
