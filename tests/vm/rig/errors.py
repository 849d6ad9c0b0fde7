# SPDX-License-Identifier: MIT
"""The two ways in which a run ends without a verdict on the guest."""

RIG_FAILED = 125
TIMED_OUT = 124


class RigError(Exception):
    """The rig itself failed; the text is for the user and says what to do where it can."""


class Interrupted(Exception):
    """A signal told the rig to stop."""

    def __init__(self, signal_number):
        super().__init__(f"stopped by signal {signal_number}")
        self.status = 128 + signal_number
