# SPDX-License-Identifier: MIT
"""How the rig installs a built tree and waits for it, tried with a stand-in for Leash: scripts
around busybox' init, so that each case of `initctl is-system-running --wait` can be had."""

import os
import subprocess
import time

from rig import kernel, places

from .call import facts, rig, write

CMAKE = """\
    cmake_minimum_required(VERSION 3.25)
    project(stand-in NONE)
    install(PROGRAMS init initctl reboot DESTINATION /sbin)
    install(FILES a.conf b.conf DESTINATION /etc/leash/services.d)
    install(FILES leash.ko DESTINATION /lib/modules/@KERNEL@/updates)
    """
INIT = """\
    #!/bin/sh
    mount -t proc proc /proc
    mount -t devtmpfs dev /dev
    mount -t tmpfs run /run
    exec /bin/busybox init
    """
# Not reachable twice, then settled with failures.
INITCTL = """\
    #!/bin/sh
    echo "$@" >> /run/calls
    [ $(wc -l < /run/calls) -gt 2 ] || exit 5
    sleep 1
    cut -d' ' -f1 /proc/uptime > /run/settled
    echo degraded
    exit 1
    """
ENDLESS = "#!/bin/sh\ntrap '' TERM\nwhile :; do sleep 1000; done\n"
INITTAB = "::sysinit:/bin/true\n"


def _kernel():
    with places.locked():
        return kernel.debian().version


def _built(folder, initctl):
    source, build = os.path.join(folder, "source"), os.path.join(folder, "source", "build")
    write(source, "CMakeLists.txt", CMAKE.replace("@KERNEL@", _kernel()))
    write(source, "init", INIT, 0o755)
    write(source, "initctl", initctl, 0o755)
    write(source, "reboot", "#!/bin/sh\necho stand-in\n", 0o755)
    for name in ("a.conf", "b.conf", "leash.ko"):
        write(source, name, "")
    subprocess.run(["cmake", "-S", source, "-B", build], check=True, stdout=subprocess.DEVNULL)
    return build


LOOK = """\
    calls=$(sort /run/calls | uniq -c); echo calls: $calls
    echo late: $(awk -v s=$(cat /run/settled) '{ print ($1 >= s) }' /proc/uptime)
    echo services: $(ls /etc/leash/services.d)
    echo module: $(find /lib/modules -name leash.ko)
    echo initctl: $(ls /sbin/initctl)
    echo reboot: $(readlink /sbin/reboot || /sbin/reboot)
    """


def test_goes_on_after_a_minute(folder):
    build = _built(folder, ENDLESS)
    overlay = write(os.path.join(folder, "overlay"), "etc/inittab", INITTAB)
    begin = time.monotonic()
    rig("--build", build, "--overlay", overlay, "--", "sh", "-c", "cat /proc/uptime; ps") \
        .must_be(0, "vm: exit 0")
    assert 58 < time.monotonic() - begin < 115


def test_waits_until_settled(folder):
    build = _built(folder, INITCTL)
    overlay = write(os.path.join(folder, "overlay"), "etc/inittab", INITTAB)
    ended = rig("--build", build, "--overlay", overlay, "--", "sh", "-c", LOOK)
    found = facts(ended.must_be(0, "vm: exit 0").text)
    assert found == {"calls": "3 is-system-running --wait", "late": "1",
                     "services": "a.conf b.conf", "module": f"/lib/modules/{_kernel()}/updates/leash.ko",
                     "initctl": "/sbin/initctl", "reboot": "stand-in"}, ended.told()


def test_bare_without_module_as_initramfs(folder):
    build = _built(folder, INITCTL)
    overlay = write(os.path.join(folder, "overlay"), "etc/inittab", INITTAB)
    write(overlay, "etc/leash/services.d/mine.conf", "")
    ended = rig("--build", build, "--overlay", overlay, "--bare", "--no-kmod", "--initramfs",
                "--", "sh", "-c", LOOK)
    found = facts(ended.must_be(0, "vm: exit 0").text)
    assert found["services"] == "mine.conf" and found["module"] == "", ended.told()


def test_other_init_finds_no_initctl(folder):
    build = _built(folder, INITCTL)
    ended = rig("--build", build, "--init", "/bin/busybox", "--", "sh", "-c", LOOK)
    found = facts(ended.must_be(0, "vm: exit 0").text)
    assert (found["initctl"], found["reboot"]) == ("", "/bin/busybox"), ended.told()


def test_built_tree_that_cannot_be_installed(folder):
    build = _built(folder, INITCTL)
    os.unlink(os.path.join(folder, "source", "initctl"))
    ended = rig("--build", build, "--", "true").must_be(125, "vm: exit 125")
    assert "cannot install the built tree" in ended.err, ended.err
