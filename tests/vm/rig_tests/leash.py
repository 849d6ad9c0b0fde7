# SPDX-License-Identifier: MIT
"""What needs the built tree: the guest has Leash as its init."""

import os
import time

from .call import rig, with_busybox, write

SERVICES = "etc/leash/services.d"


def test_comes_up(_folder):
    ended = rig("--", "sh", "-c", "readlink /proc/1/exe; initctl is-system-running; echo $BOOT")
    ended.must_say("/sbin/init", "running\n1\n").must_be(0, "vm: exit 0")


def test_initramfs(_folder):
    rig("--initramfs", "--", "sh", "-c", "initctl is-system-running && ls -d /init").must_be(
        0, "vm: exit 0").must_say("/init")


def test_bare(_folder):
    rig("--bare", "--no-kmod", "--", "sh", "-c",
        f"ls /{SERVICES} | wc -l; ls /dev/leash; find /lib/modules -name 'leash.ko*'").must_be(
        0, "vm: exit 0").must_say("0\n")


def test_settles_with_failures(folder):
    write(folder, f"{SERVICES}/broken.conf", """\
        [service]
        type = oneshot
        command = /bin/false
        restart = no
        """)
    begin = time.monotonic()
    rig("--bare", "--overlay", folder, "--", "initctl", "list").must_be(0, "vm: exit 0") \
        .must_say("broken")
    assert time.monotonic() - begin < 55


def test_target_that_never_comes_up(folder):
    write(folder, f"{SERVICES}/endless.conf", """\
        [service]
        type = oneshot
        command = /bin/sleep 100000
        start-timeout = 30m
        """)
    rig("--bare", "--overlay", folder, "--", "sh", "-c",
        "awk '{ exit $1 < 55 || $1 > 100 }' /proc/uptime").must_be(0, "vm: exit 0")


def test_other_init_has_no_initctl(_folder):
    with_busybox("--", "sh", "-c", "readlink /proc/1/exe; ls -l /sbin/poweroff;"
                 "which initctl").must_be(1, "vm: exit 1").must_say("/bin/busybox")


def test_reboot_by_leash(_folder):
    rig("--expect", "reboot", "--", "reboot").must_be(0, "vm: reboot")


def test_poweroff_by_leash(folder):
    rig("--disk", os.path.join(folder, "disk"), "--expect", "poweroff", "--", "poweroff") \
        .must_be(0, "vm: poweroff")


def test_reset_delegated_to_the_wdt(_folder):
    rig("--expect", "reset", "--", "kill", "-PWR", "1").must_be(0, "vm: reset")
