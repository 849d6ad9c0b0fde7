# SPDX-License-Identifier: MIT
"""QEMU: its command line, its process, and the sockets that lead into it."""

import contextlib
import ctypes
import os
import signal
import socket
import subprocess

from . import places
from .errors import RigError

PR_SET_PDEATHSIG = 1
QUIT_SECONDS = 5
PORTS = ("control", "output", "error")


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def _escape(path):
    return os.path.abspath(path).replace(",", ",,")


def _command_line(options):
    # The kernel tests its ciphers at every boot else, which takes long without KVM.
    # no_timer_check: on a host that gives QEMU no time, the kernel would take the timer for broken
    # and panic ("IO-APIC + timer doesn't work").
    words = ["console=ttyS0", "quiet", "no_timer_check", "cryptomgr.notests", "rdinit=/.rig/stage0",
             *options.append]
    return " ".join(words)


def _console(options, log):
    if options.interactive:
        return ["-chardev", f"stdio,id=console,mux=on,signal=off,logfile={_escape(log)}",
                "-mon", "chardev=console,mode=readline", "-serial", "chardev:console"]
    return ["-chardev", f"file,id=console,path={_escape(log)}", "-serial", "chardev:console"]


def _network(options):
    # restrict=on: no way out of the guest, but forwarded ports lead in.
    user = "user,id=net0,restrict=on"
    for host, guest in options.forward:
        user += f",hostfwd=tcp:127.0.0.1:{host}-:{guest}"
    return ["-netdev", user, "-device", "virtio-net-pci,netdev=net0,romfile="]


def _disks(options, images):
    # The guest's writes are safe from its own resets in the host's page cache: no flushes needed.
    words = []
    if not options.initramfs:
        words += ["-drive", f"if=none,id=root,file={_escape(images.root_disk)},format=raw,"
                            "snapshot=on,cache=unsafe",
                  "-device", "virtio-blk-pci,drive=root,serial=root"]
    if options.disk:
        words += ["-drive", f"if=none,id=disk,file={_escape(options.disk)},format=raw,"
                            "cache=unsafe",
                  "-device", "virtio-blk-pci,drive=disk,serial=disk"]
    if options.out:
        words += ["-fsdev", f"local,id=out,path={_escape(options.out)},security_model=none",
                  "-device", "virtio-9p-pci,fsdev=out,mount_tag=out"]
    return words


def _ports(sockets):
    words = ["-device", "virtio-serial-pci"]
    for name in PORTS:
        words += ["-chardev", f"socket,id={name},fd={sockets[name].fileno()}",
                  "-device", f"virtserialport,chardev={name},name=leash.vm.{name}"]
    return words


def _arguments(options, images, initrd, log, sockets):
    words = [places.program("qemu-system-x86_64"),
             "-machine", "pc,accel=tcg", "-cpu", "max", "-smp", str(options.smp),
             "-m", str(options.memory), "-nodefaults", "-no-user-config", "-display", "none",
             "-kernel", images.kernel.image, "-initrd", initrd,
             "-append", _command_line(options),
             "-chardev", f"socket,id=qmp,fd={sockets['qmp'].fileno()}",
             "-mon", "chardev=qmp,mode=control",
             # A panic is told, and what comes of it is up to the guest.
             "-device", "pvpanic", "-action", "panic=none", "-S"]
    if options.icount is not None:
        words += ["-icount", f"shift={options.icount},sleep=off"]
    words += _console(options, log) + _ports(sockets) + _disks(options, images)
    words += _network(options)
    for wdt in options.wdt:
        if wdt != "softdog":
            words += ["-device", wdt]
    return words + options.qemu


def _in_child(own_group):
    def prepare():
        if own_group:
            os.setpgid(0, 0)  # Ctrl-C is for the rig, which then ends QEMU
        # Should the rig be killed without a chance to clean up, QEMU goes with it.
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
        signal.pthread_sigmask(signal.SIG_SETMASK, [])
    return prepare


class Machine:
    """A running QEMU. `sockets` are the rig's ends: qmp, control, output, error."""

    def __init__(self, options, images, initrd, log, scratch):
        if places.program("qemu-system-x86_64") is None:
            raise RigError("no qemu-system-x86_64: the package qemu-system-x86 is missing "
                           "(make deps)")
        self.sockets = {}
        self._complaints = os.path.join(scratch, "qemu.log")
        theirs = {}
        try:
            for name in ("qmp", *PORTS):
                self.sockets[name], theirs[name] = socket.socketpair()
                self.sockets[name].setblocking(False)
            self.arguments = _arguments(options, images, initrd, log, theirs)
            with open(self._complaints, "wb") as complaints:
                self._process = subprocess.Popen(
                    self.arguments, pass_fds=[end.fileno() for end in theirs.values()],
                    stdin=None if options.interactive else subprocess.DEVNULL,
                    stdout=None if options.interactive else complaints,
                    stderr=complaints, env={**os.environ, "TMPDIR": scratch},
                    preexec_fn=_in_child(not options.interactive))
        finally:
            for end in theirs.values():
                end.close()

    def complaints(self):
        with open(self._complaints, encoding="utf-8", errors="replace") as file:
            return file.read().strip()

    def stop(self):
        """Ends QEMU, politely at first, and reaps it."""
        with contextlib.suppress(OSError):
            self.sockets["qmp"].send(b'{"execute":"quit"}\n')
        try:
            self._process.wait(QUIT_SECONDS)
        except subprocess.TimeoutExpired:
            self.kill()

    def kill(self):
        with contextlib.suppress(ProcessLookupError):
            self._process.kill()
        self._process.wait()
