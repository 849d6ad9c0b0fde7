# SPDX-License-Identifier: MIT
"""The command line: everything up to `--` is the rig's, everything behind it is COMMAND."""

import argparse
import os
import shlex

from .errors import RigError

DESCRIPTION = """\
Boots the built tree as /sbin/init in QEMU, waits until the default target is up or has settled
with failures (60 s at most), runs COMMAND in the guest as root, passes its stdout and stderr
through apart and unchanged (no terminal, stdin is empty), and exits with its status."""

EPILOG = """\
status:  COMMAND's own (127: not found, 128 + N: killed by signal N); with another --expect than
         exit, 0 when the last boot ended so; 124 time-out; 125 the rig failed, or the guest ended
         in another way than expected (the reason is on stderr)
ends:    reset     the WDT fired            reboot  any other reset of the guest
         poweroff  the guest shut down      panic   the guest's kernel panicked
stderr:  its last line is `vm: exit N`, `vm: reset`, `vm: reboot`, `vm: poweroff`, `vm: panic` or
         `vm: timeout`

in COMMAND's environment $BOOT is the number of the boot, 1 to N. An overlay is laid over the root
at the first boot; what the guest writes to its root lasts for the run, what it writes to the
--disk lasts, and what it puts into /out is in the --out folder at once. Whiteouts: a file
.wh.NAME in an overlay removes NAME. A folder that the guest has already keeps its mode.
A --kernel needs virtio (pci, console, blk), ext4 and devtmpfs, built in or as modules in
lib/modules/VERSION beside FILE or above it. FILE is a bzImage, or an unpacked kernel (PVH) whose
name is vmlinux-VERSION. Leash's module has to be built for it: --kmod.

examples:
  tests/vm/run -- initctl status
  tests/vm/run --overlay my-service/ -- sh -c 'initctl stop my && ps'
  tests/vm/run --wdt softdog --expect reset -- kill -PWR 1
  tests/vm/run --disk d.img --boots 2 -- sh -c 'echo $BOOT; [ $BOOT = 2 ] || reboot'"""

ENDS = ("exit", "reset", "reboot", "poweroff", "panic")
WDTS = ("i6300esb", "softdog", "none")


class _Parser(argparse.ArgumentParser):
    def error(self, message):
        raise RigError(f"{message} (see --help)")


def _positive(text):
    number = int(text)
    if number < 1:
        raise argparse.ArgumentTypeError(f"{text} is less than 1")
    return number


def _shift(text):
    number = int(text)
    if not 0 <= number <= 10:
        raise argparse.ArgumentTypeError(f"{text} is not in 0 to 10")
    return number


def _seconds(text):
    number = float(text)
    if not 0 < number < 10_000_000:
        raise argparse.ArgumentTypeError(f"{text} is no time in seconds")
    return number


def _forward(text):
    host, colon, guest = text.partition(":")
    if not (colon and host.isdigit() and guest.isdigit()):
        raise argparse.ArgumentTypeError(f"{text} is not HOSTPORT:GUESTPORT")
    if int(host) > 65535 or not 1 <= int(guest) <= 65535:
        raise argparse.ArgumentTypeError(f"{text}: no such port")
    return int(host), int(guest)


def _folder(text):
    if not os.path.isdir(text):
        raise argparse.ArgumentTypeError(f"{text} is not a folder")
    return text


def _file(text):
    if not os.path.isfile(text):
        raise argparse.ArgumentTypeError(f"{text} is not a file")
    return text


def _words(text):
    try:
        return shlex.split(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(f"{text}: {error}") from error


def _make_parser():
    parser = _Parser(
        prog="tests/vm/run", usage="%(prog)s [options] -- COMMAND [ARG...]",
        description=DESCRIPTION, epilog=EPILOG, allow_abbrev=False,
        formatter_class=argparse.RawDescriptionHelpFormatter)
    add = parser.add_argument
    add("--overlay", metavar="DIR", type=_folder, action="append", default=[],
        help="lay DIR's files over the guest's root before boot, owned by root, modes kept "
             "(repeatable)")
    add("--expect", choices=ENDS, default="exit",
        help="how the last boot has to end (default: exit, COMMAND ended)")
    add("--boots", metavar="N", type=_positive, default=1,
        help="let the guest come up N times; COMMAND runs in each")
    add("--disk", metavar="FILE",
        help="a disk that survives, mounted at /var/lib; made if it does not exist")
    add("--wdt", choices=WDTS, action="append", default=[],
        help="the guest's WDT (repeatable; default: i6300esb)")
    add("--no-kmod", action="store_true", help="leave out Leash's kernel module")
    add("--kmod", metavar="FILE", type=_file,
        help="Leash's kernel module for this kernel, in place of the built tree's")
    add("--bare", action="store_true", help="leave out the sample services")
    add("--smp", metavar="N", type=_positive, default=2, help="CPUs (default: 2)")
    add("--memory", metavar="MB", type=_positive, default=256, help="memory (default: 256)")
    add("--timeout", metavar="S", type=_seconds, default=120.0,
        help="host seconds for the whole run (default: 120)")
    add("--append", metavar="ARGS", action="append", default=[],
        help="more words for the kernel's command line")
    add("--kernel", metavar="FILE", type=_file, help="another kernel than Debian's")
    add("--initramfs", action="store_true",
        help="the guest's root is the initramfs, and init is its /init")
    add("--qemu", metavar="ARGS", type=_words, action="append", default=[],
        help="more arguments for QEMU, split as a shell does")
    add("--icount", metavar="SHIFT", type=_shift,
        help="guest time by instructions: -icount shift=SHIFT,sleep=off, one CPU")
    add("--init", metavar="PATH",
        help="another init: a path in the guest, else a program of the host to be put there")
    add("--console", metavar="FILE", help="write the whole console log to FILE")
    add("--out", metavar="DIR", help="a folder that receives what the guest puts into /out")
    add("--forward", metavar="HOSTPORT:GUESTPORT", type=_forward, action="append", default=[],
        help="forward a TCP port of 127.0.0.1 to the guest; HOSTPORT 0 takes a free one and "
             "says which (repeatable)")
    add("--build", metavar="DIR",
        help="the built tree (default: build/release); none: a guest without Leash, for --init")
    add("--interactive", action="store_true",
        help="no COMMAND: the guest's console is this terminal; Ctrl-A X quits")
    add("--prepare", action="store_true",
        help="only make what can be made before a run (kernel, root), and say nothing")
    return parser


def _takes_value(parser, word):
    # pylint: disable=protected-access
    action = parser._option_string_actions.get(word)
    return action is not None and action.nargs is None


def _split(parser, words):
    """The rig's words, and COMMAND. A value may begin with a dash: --append -x, --qemu '-s'."""
    own = []
    rest = iter(words)
    for word in rest:
        if word == "--":
            return own, list(rest)
        if _takes_value(parser, word):
            value = next(rest, None)
            if value is None:
                raise RigError(f"{word} needs a value (see --help)")
            word = f"{word}={value}"
        own.append(word)
    return own, []


def parse(words):
    parser = _make_parser()
    own, command = _split(parser, words)
    options = parser.parse_args(own)
    options.command = command
    options.wdt = options.wdt or ["i6300esb"]
    options.qemu = [word for words in options.qemu for word in words]
    if options.icount is not None:
        options.smp = 1
    if options.kmod and options.no_kmod:
        raise RigError("--kmod goes with no --no-kmod")
    if "none" in options.wdt:
        if len(options.wdt) > 1:
            raise RigError("--wdt none goes with no other --wdt")
        options.wdt = []
    if any("\0" in word for word in command):
        raise RigError("COMMAND holds a NUL character")
    if options.interactive or options.prepare:
        if command:
            raise RigError("--interactive and --prepare take no COMMAND")
    elif not command:
        raise RigError("no COMMAND: tests/vm/run [options] -- COMMAND [ARG...] (see --help)")
    if options.init is not None and not options.init.startswith("/"):
        raise RigError(f"--init {options.init}: needs an absolute path")
    return options
