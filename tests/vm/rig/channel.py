# SPDX-License-Identifier: MIT
"""The rig's side of the control port. Lines, and who says them:

    guest  hello NONCE                   stage-0 is up
    rig    boot NONCE N WAIT SIZE        its answer; SIZE bytes of COMMAND's words follow, each
                                         ended by NUL; WAIT is leash, other or none (no COMMAND)
    guest  started                       COMMAND begins
    guest  exit STATUS OUT ERR           COMMAND ended; so many bytes went to the other ports
    guest  stopped STATUS OUT ERR        the same, but the guest is shutting down
    rig    finish                        make the disks consistent
    guest  finished
"""

import os


def split_lines(buffer):
    """Whole lines as lists of words, and the rest."""
    *lines, rest = buffer.split(b"\n")
    return [line.decode("ascii", "replace").split() for line in lines], rest


def boot_answer(nonce, boot, wait_for, command):
    words = b"".join(os.fsencode(word) + b"\0" for word in command)
    return f"boot {nonce} {boot} {wait_for} {len(words)}\n".encode() + words
