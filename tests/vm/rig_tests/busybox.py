# SPDX-License-Identifier: MIT
"""Each option, and each end, with busybox' init in the guest."""

import glob
import hashlib
import os
import pty
import random
import select
import signal
import socket
import subprocess
import time

from rig import places

from .call import RUN, facts, rig, with_busybox, write

# Runs as PID 1 before busybox: notes what stage-0 left behind.
PROBE = """\
    #!/bin/busybox sh
    exec 3>/probe
    echo "argv0: $(busybox head -c 60 /proc/1/cmdline 2>/dev/null)" >&3
    echo "proc: $(busybox ls /proc | busybox wc -l)" >&3
    echo "dev: $(echo $(busybox ls /dev))" >&3
    echo "sys: $(busybox ls /sys | busybox wc -l)" >&3
    echo "cwd: $PWD" >&3
    echo "umask: $(umask)" >&3
    echo "environment: $(echo $(busybox env | busybox sort))" >&3
    exec 3>&-
    busybox mount -t proc proc /proc
    echo "mounts: $(echo $(busybox cut -d' ' -f1,2,3 /proc/mounts))" >>/probe
    for fd in /proc/1/fd/*; do busybox readlink $fd; done | busybox sort -u > /descriptors
    echo "descriptors: $(echo $(busybox cat /descriptors))" >>/probe
    busybox grep -E '^(SigBlk|SigIgn|SigPnd)' /proc/1/status >>/probe
    echo "score: $(busybox cat /proc/1/oom_score_adj)" >>/probe
    busybox umount /proc
    : > /probed
    exec /bin/busybox init
    """

REPORT = """\
    #!/bin/sh
    # On a busy host it begins while the probe is still at work.
    until [ -e /probed ] && [ -e /proc/self ]; do usleep 100000; done
    cat /probe
    echo "me: $(id -u) $PWD $HOME $USER $TERM $BOOT $(umask)"
    echo "my score: $(cat /proc/self/oom_score_adj)"
    echo "my nice: $(cut -d' ' -f19 /proc/self/stat)"
    grep -E '^SigBlk|^SigIgn' /proc/self/status | sed 's/^/my /'
    echo "stdin: $(wc -c)"
    [ -t 1 ] || echo "terminal: no"
    echo "laid: $(stat -c '%a %u:%g' /opt/laid) $(cat /opt/laid)"
    echo "setuid: $(stat -c %a /opt/setuid)"
    echo "folder: $(stat -c %a /opt/private)"
    echo "old folder: $(stat -c %a /etc)"
    echo "root folder: $(stat -c %a /)"
    echo "link: $(readlink /opt/link)"
    echo "gone: $(ls -d /usr/sbin/dropbear /etc/dropbear 2>&1 | grep -c 'No such')"
    echo "wins: $(cat /opt/twice)"
    echo "whiteouts: $(find / -xdev -name '.wh.*' | wc -l)"
    echo "rig: $(ls -d /.rig 2>&1)"
    echo "cpus: $(grep -c ^processor /proc/cpuinfo)"
    echo "memory: $(awk '/MemTotal/ { print int($2 / 1024) }' /proc/meminfo)"
    echo "cmdline: $(cat /proc/cmdline)"
    echo "rng: $(cat /sys/bus/pci/devices/*/device | grep -c 0x1005)"
    echo "wdt: $(echo $(cat /sys/class/watchdog/*/identity))"
    echo "net: $(ls /sys/class/net | grep -c eth0)"
    echo "lib: $(grep -c ' /var/lib ext4' /proc/mounts)"
    echo "modules: $(ls /lib/modules/$(uname -r)/modules.dep)"
    echo "from the guest" > /out/file
    echo "on the console" > /dev/console
    exit 7
    """


def _overlays(folder):
    first, second = os.path.join(folder, "first"), os.path.join(folder, "second")
    write(first, "probe-init", PROBE, 0o755)
    write(first, "report", REPORT, 0o755)
    write(first, "opt/laid", "content", 0o604)
    write(first, "opt/setuid", "", 0o4711)
    write(first, "opt/private/file", "")
    os.symlink("laid", os.path.join(first, "opt/link"))
    write(first, "opt/twice", "first")
    write(second, "opt/twice", "second")
    write(second, "usr/sbin/.wh.dropbear", "")
    write(second, "etc/.wh.dropbear", "")
    for name, mode in (("opt/private", 0o750), ("opt", 0o755), ("", 0o700)):
        os.chmod(os.path.join(first, name), mode)
    os.chmod(os.path.join(second, "etc"), 0o700)
    return ["--overlay", first, "--overlay", second]


def test_guest_is_as_asked(folder):
    console, out = os.path.join(folder, "a,b.log"), os.path.join(folder, "out")
    disk = os.path.join(folder, "disk")
    ended = rig("--init", "/probe-init", *_overlays(folder), "--smp", "1", "--memory", "320",
                "--append", "leash_test=1", "--append", "--dashes", "--disk", disk, "--out", out,
                "--qemu", "-device virtio-rng-pci", "--console", console,
                "--wdt", "softdog", "--wdt", "i6300esb", "--", "/report")
    ended.must_be(7, "vm: exit 7")
    found = facts(ended.text)
    for name, value in {
            "proc": "0", "sys": "0", "dev": "console null", "cwd": "/", "umask": "0022",
            "argv0": "", "mounts": "/dev/vda / ext4 /dev/vdb /var/lib ext4 out /out 9p proc /proc "
            "proc", "descriptors": "/dev/console /probe-init", "SigBlk": "0000000000000000",
            "SigPnd": "0000000000000000", "score": "0",
            "me": "0 /root /root root dumb 1 0022", "my score": "0", "my nice": "0",
            "my SigBlk": "0000000000000000", "my SigIgn": "0000000000000000", "stdin": "0",
            "terminal": "no", "laid": "604 0:0 content", "setuid": "4711", "folder": "750",
            "old folder": "755", "root folder": "755", "link": "laid", "gone": "2",
            "wins": "second", "whiteouts": "0", "cpus": "1", "net": "1", "rng": "1", "lib": "1",
            "wdt": "Software Watchdog i6300ESB timer"}.items():
        assert found.get(name) == value, f"{name} is '{found.get(name)}', not '{value}'\n" \
                                         f"{ended.told()}"
    assert "No such file" in found["rig"]
    assert 200 < int(found["memory"]) < 320
    assert "leash_test=1" in found["cmdline"] and "--dashes" in found["cmdline"]
    assert "panic" not in found["cmdline"]
    with open(os.path.join(out, "file"), encoding="ascii") as file:
        assert file.read() == "from the guest\n"
    with open(console, encoding="utf-8", errors="replace") as file:
        assert "on the console" in file.read()
    # What COMMAND wrote is on the disk, and the disk needs no repair.
    check = subprocess.run([places.program("e2fsck"), "-fn", disk], stdout=subprocess.PIPE,
                           stderr=subprocess.STDOUT, text=True, check=False)
    assert check.returncode == 0 and "recover" not in check.stdout, check.stdout


def test_output_is_unchanged_and_apart(folder):
    overlay = os.path.join(folder, "overlay")
    big = random.Random(1).randbytes(5 << 20)
    small = random.Random(2).randbytes(1 << 20) + b"."
    write(overlay, "big", big)
    write(overlay, "small", small)
    ended = subprocess.run(
        [RUN, "--init", "/bin/busybox", "--overlay", overlay, "--", "sh", "-c",
         # A daemon that keeps the output open must not keep the rig.
         "sleep 1000 & cat /big /big /big & cat /small >&2; wait %2; exit 0"],
        stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, check=False)
    assert ended.returncode == 0, ended.stderr[-1000:]
    assert hashlib.sha256(ended.stdout).digest() == hashlib.sha256(big * 3).digest()
    # Only what the last line needs to be one of its own is added.
    assert ended.stderr == small + b"\nvm: exit 0\n"


def test_initramfs_command_not_found(folder):
    write(folder, "etc/overlay-file", "laid")
    ended = with_busybox("--initramfs", "--overlay", folder, "--", "no-such-command", "x")
    ended.must_be(127, "vm: exit 127")
    assert "no-such-command: not found" in ended.err


def test_initramfs_boots_twice(folder):
    write(folder, "etc/overlay-file", "laid")
    with_busybox("--initramfs", "--overlay", folder, "--boots", "2", "--", "sh", "-c",
                 "grep ' / ' /proc/mounts; cat /etc/overlay-file; echo x > /etc/overlay-file;"
                 "[ $BOOT = 2 ] || reboot -f").must_be(0, "vm: exit 0") \
        .must_say("rootfs / rootfs").must_say("laidrootfs")


def test_disk_and_root_survive(folder):
    disk = os.path.join(folder, "disk")
    write(folder, "overlay/step", """\
        #!/bin/sh
        echo "boot $BOOT"
        if [ $BOOT = 1 ]; then
            echo one > /var/lib/kept; echo one > /kept
            sync; reboot -f
        fi
        echo "kept: $(cat /var/lib/kept) $(cat /kept)"
        echo two > /var/lib/kept
        poweroff
        """, 0o755)
    with_busybox("--disk", disk, "--boots", "2", "--expect", "poweroff", "--overlay",
                 os.path.join(folder, "overlay"), "--", "/step") \
        .must_be(0, "vm: poweroff").must_say("boot 1\nboot 2\nkept: one one\n")
    with_busybox("--disk", disk, "--", "sh", "-c", "cat /var/lib/kept; ls /kept").must_be(
        1, "vm: exit 1").must_say("two")


def test_read_only_root(folder):
    write(folder, "laid", "laid")
    ended = with_busybox("--append", "ro", "--overlay", folder, "--", "sh", "-c",
                         "cat /laid; grep '/ ext4' /proc/mounts; touch /x")
    ended.must_be(1, "vm: exit 1").must_say("laid", "/dev/vda / ext4 ro")


def test_reboot_kills_command(_folder):
    with_busybox("--expect", "reboot", "--", "sh", "-c", "echo going; reboot; sleep 1000") \
        .must_be(0, "vm: reboot").must_say("going")


def test_command_fails_before_the_end(_folder):
    with_busybox("--expect", "reboot", "--", "false").must_be(1, "vm: exit 1")


def test_unexpected_poweroff(_folder):
    ended = with_busybox("--", "sh", "-c", "poweroff; sleep 1000").must_be(125, "vm: poweroff")
    assert "expected exit" in ended.err


def test_reset_by_i6300esb(_folder):
    with_busybox("--expect", "reset", "--", "watchdog", "-T", "3", "-t", "60", "-F",
                 "/dev/watchdog0").must_be(0, "vm: reset")


def test_reset_by_softdog(_folder):
    with_busybox("--wdt", "softdog", "--expect", "reset", "--", "watchdog", "-T", "3", "-t", "60",
                 "-F", "/dev/watchdog0").must_be(0, "vm: reset")


def test_panic_keeps_the_output(_folder):
    with_busybox("--expect", "panic", "--", "sh", "-c",
                 "echo before; echo c > /proc/sysrq-trigger; sleep 1000") \
        .must_be(0, "vm: panic").must_say("before")


def test_panic_then_reboot_is_a_boot(_folder):
    with_busybox("--boots", "2", "--wdt", "none", "--", "sh", "-c",
                 "echo $BOOT; ls /dev/watchdog*; [ $BOOT = 2 ] && exit 0;"
                 "echo 1 > /proc/sys/kernel/panic; echo c > /proc/sysrq-trigger; sleep 1000") \
        .must_be(0, "vm: exit 0").must_say("1\n2\n")


def test_init_that_panics(folder):
    write(folder, "bad-init", "#!/bin/sh\nexit 1\n", 0o755)
    ended = rig("--init", "/bad-init", "--overlay", folder, "--", "true")
    ended.must_be(125, "vm: panic")
    assert "last lines of the guest's console" in ended.err and "Kernel panic" in ended.err


def test_timeout(_folder):
    begin = time.monotonic()
    with_busybox("--timeout", "9", "--", "sh", "-c", "echo up; sleep 1000").must_be(
        124, "vm: timeout")
    assert time.monotonic() - begin < 30


def test_icount_and_death_by_signal(_folder):
    begin = time.monotonic()
    ended = with_busybox("--icount", "4", "--", "sh", "-c", "sleep 300; nproc; kill -KILL $$")
    ended.must_be(137, "vm: exit 137").must_say("1\n")
    assert time.monotonic() - begin < 250, "guest time was not by instructions"


def test_kernel_file_and_init_of_the_host(_folder):
    kernel = glob.glob(os.path.join(places.CACHE, "kernel/boot/vmlinuz-*"))[0]
    rig("--kernel", kernel, "--init", places.program("busybox"), "--", "uname", "-r") \
        .must_be(0, "vm: exit 0").must_say(os.path.basename(kernel).removeprefix("vmlinuz-"))


def test_forwarded_port(_folder):
    with subprocess.Popen(
            [RUN, "--init", "/bin/busybox", "--forward", "0:7", "--", "sh", "-c",
             "ifconfig eth0 10.0.2.15 up;"
             "while :; do nc -l -p 7 -e echo from the guest; done & sleep 10"],
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        port = int(process.stderr.readline().split()[0].rpartition(":")[2])
        got = b""
        while not got and process.poll() is None:
            try:
                with socket.create_connection(("127.0.0.1", port), 1) as connection:
                    connection.settimeout(2)
                    got = connection.recv(100)
            except OSError:
                time.sleep(0.2)
        _, err = process.communicate(timeout=60)
    assert got == b"from the guest\n", (got, err)
    assert process.returncode == 0, err


def test_interactive(folder):
    write(folder, "etc/inittab", "::respawn:-/bin/sh\n")
    process, terminal = pty.fork()
    if process == 0:
        os.execv(RUN, [RUN, "--init", "/bin/busybox", "--interactive", "--overlay", folder])
    steps = [(b"/ #", b"echo type$((1 + 1))\n"), (b"type2", b"\x01x"), (b"vm: exit 0", b"")]
    seen = b""
    end = time.monotonic() + 90
    while steps and time.monotonic() < end:
        if select.select([terminal], [], [], 1)[0]:
            try:
                seen += os.read(terminal, 65536)
            except OSError:
                break
        if steps[0][0] in seen:
            os.write(terminal, steps.pop(0)[1])
    if steps:
        os.kill(process, signal.SIGTERM)
    _, status = os.waitpid(process, 0)
    os.close(terminal)
    assert not steps and status == 0, seen.decode("utf-8", "replace")


def _processes_naming(text):
    found = []
    for path in glob.glob("/proc/[0-9]*/cmdline"):
        try:
            with open(path, "rb") as file:
                if text.encode() in file.read():
                    found.append(path)
        except OSError:
            pass
    return found


def test_sigterm_cleans_up(folder):
    scratch = os.path.join(folder, "tmp")
    os.mkdir(scratch)
    with subprocess.Popen([RUN, "--init", "/bin/busybox", "--", "sleep", "1000"],
                          env={**os.environ, "TMPDIR": scratch}, stdout=subprocess.PIPE,
                          stderr=subprocess.PIPE) as process:
        end = time.monotonic() + 60
        while not glob.glob(scratch + "/*/console.log") and time.monotonic() < end:
            time.sleep(0.1)
        assert _processes_naming(scratch)
        process.send_signal(signal.SIGTERM)
        _, err = process.communicate(timeout=30)
    assert process.returncode == 143, err
    assert err.decode().splitlines()[-1] == "vm: exit 143"
    assert not os.listdir(scratch)
    assert not _processes_naming(scratch)
