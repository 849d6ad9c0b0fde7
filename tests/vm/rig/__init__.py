# SPDX-License-Identifier: MIT
"""The rig: boots the built tree in QEMU, runs a command in it, and tells how that ended."""
