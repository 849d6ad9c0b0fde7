# SPDX-License-Identifier: MIT
"""Puts the guest's root together in a folder: busybox, dropbear, accounts, modules, Leash."""

import os
import re
import shutil
import subprocess

from . import places
from .errors import RigError

FOLDERS = {
    "": 0o755, "bin": 0o755, "sbin": 0o755, "usr/bin": 0o755, "usr/sbin": 0o755, "lib": 0o755,
    "dev": 0o755, "proc": 0o555, "sys": 0o555, "run": 0o755, "tmp": 0o1777, "etc": 0o755,
    "etc/dropbear": 0o755, "home": 0o755, "mnt": 0o755, "out": 0o755, "root": 0o700,
    "srv": 0o755, "var/cache": 0o755, "var/lib": 0o755, "var/log": 0o755, "var/spool": 0o755,
    "var/tmp": 0o1777,
}
LINKS = {"var/run": "/run", "var/lock": "/run/lock", "etc/mtab": "/proc/mounts"}

USERS = [  # name, id, home, shell; each with a group of that name and id
    ("root", 0, "/root", "/bin/sh"),
    ("daemon", 1, "/usr/sbin", "/bin/false"),
    ("bin", 2, "/bin", "/bin/false"),
    ("sys", 3, "/dev", "/bin/false"),
    ("www-data", 33, "/var/www", "/bin/false"),
    ("syslog", 104, "/", "/bin/false"),
    ("messagebus", 105, "/", "/bin/false"),
    ("sshd", 106, "/run/sshd", "/bin/false"),
    ("user", 1000, "/home/user", "/bin/sh"),
    ("nobody", 65534, "/", "/bin/false"),
]
GROUPS = [("adm", 4), ("tty", 5), ("disk", 6), ("dialout", 20), ("utmp", 43), ("nogroup", 65534)]

FILES = {
    "etc/nsswitch.conf": "passwd: files\ngroup: files\nshadow: files\nhosts: files dns\n",
    "etc/hosts": "127.0.0.1 localhost\n",
    "etc/shells": "/bin/sh\n/bin/ash\n",
    "etc/profile": "export PATH=/sbin:/usr/sbin:/bin:/usr/bin\n",
    "etc/fstab": "",
}

# Programs of Leash's own where there is a Leash, busybox' else.
LEASH_PROGRAMS = ("sbin/init", "sbin/reboot", "sbin/poweroff", "sbin/halt")

# Modules that tests can want beside those that stage-0 inserts; an overlay may bring others.
MODULES = """
    virtio_net virtio_rng virtio_balloon pvpanic_mmio pvpanic_pci 9p 9pnet_virtio ext4 virtio_blk
    virtio_console virtio_pci softdog i6300esb ib700wdt iTCO_wdt wdat_wdt pretimeout_panic
    pretimeout_noop overlay loop fuse cuse squashfs vfat nls_ascii nls_cp437 nls_iso8859_1 tun veth
    dummy bridge configfs autofs4 binfmt_misc zram ramoops dm_mod raid1""".split()


def _write(root, name, text, mode=0o644):
    path = os.path.join(root, name)
    with open(path, "w", encoding="utf-8") as file:
        file.write(text)
    os.chmod(path, mode)


def _make_skeleton(root):
    for name, mode in FOLDERS.items():
        os.makedirs(os.path.join(root, name), exist_ok=True)
        os.chmod(os.path.join(root, name), mode)
    for name, target in LINKS.items():
        os.symlink(target, os.path.join(root, name))
    for name, text in FILES.items():
        _write(root, name, text)
    _write(root, "etc/passwd", "".join(
        f"{name}:x:{number}:{number}:{name}:{home}:{shell}\n"
        for name, number, home, shell in USERS))
    _write(root, "etc/shadow", "".join(
        f"{name}:{'' if name in ('root', 'user') else '*'}:19000:0:99999:7:::\n"
        for name, *_ in USERS), 0o640)
    groups = [(name, number) for name, number, *_ in USERS if name != "nobody"] + GROUPS
    _write(root, "etc/group", "".join(f"{name}:x:{number}:\n" for name, number in groups))
    os.makedirs(os.path.join(root, "home/user"))
    os.makedirs(os.path.join(root, "var/www"))


def host_programs():
    """What the guest takes over from the host: path in the guest -> file of the host."""
    programs = {}
    for name, target, package in (("busybox", "bin/busybox", "busybox-static"),
                                  ("dropbear", "usr/sbin/dropbear", "dropbear-bin"),
                                  ("dropbearkey", "usr/bin/dropbearkey", "dropbear-bin"),
                                  ("dbclient", "usr/bin/dbclient", "dropbear-bin")):
        path = places.program(name)
        if path is None:
            raise RigError(f"no {name}: the package {package} is missing (make deps)")
        programs[target] = path
    return programs


def libraries_of(program):
    """The shared libraries that a program or plugin needs, with the loader; none if static."""
    answer = subprocess.run(["ldd", program], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
                            text=True, check=False)
    lost = re.findall(r"(\S+) => not found", answer.stdout)
    if lost:
        raise RigError(f"{program} needs libraries that are not there: {', '.join(lost)}")
    return re.findall(r"(?:=> |^\s*)(/\S+) \(0x", answer.stdout, re.MULTILINE)


def add_program(root, source, target):
    path = os.path.join(root, target)
    os.makedirs(os.path.dirname(path), exist_ok=True)
    shutil.copyfile(source, path)
    os.chmod(path, 0o755)
    add_libraries(root, source)


def add_libraries(root, program):
    for library in libraries_of(program):
        path = os.path.join(root, library.lstrip("/"))
        if not os.path.exists(path):
            os.makedirs(os.path.dirname(path), exist_ok=True)
            shutil.copyfile(library, path)
            os.chmod(path, 0o755)


def applets():
    listing = subprocess.run([host_programs()["bin/busybox"], "--list-full"],
                             stdout=subprocess.PIPE, text=True, check=True)
    return listing.stdout.split()


def _link_applets(root):
    for name in applets():
        path = os.path.join(root, name)
        if "/" in name and name not in LEASH_PROGRAMS and os.path.isdir(os.path.dirname(path)) \
                and not os.path.lexists(path):
            os.symlink("/bin/busybox", path)


def _link_busybox_as_init(root):
    for name in LEASH_PROGRAMS:
        os.symlink("/bin/busybox", os.path.join(root, name))


def _add_modules(root, modules, version):
    target = os.path.join(root, "lib/modules", version)
    for file in modules.with_needs(MODULES):
        path = os.path.join(target, file)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        shutil.copyfile(os.path.join(modules.folder, file), path)
    for name in ("modules.builtin", "modules.builtin.modinfo", "modules.order"):
        if os.path.exists(os.path.join(modules.folder, name)):
            os.makedirs(target, exist_ok=True)
            shutil.copyfile(os.path.join(modules.folder, name), os.path.join(target, name))


def _index_modules(root):
    shelf = os.path.join(root, "lib/modules")
    for version in os.listdir(shelf) if os.path.isdir(shelf) else ():
        done = subprocess.run([places.program("depmod"), "-b", root, version],
                              stderr=subprocess.PIPE, text=True, check=False)
        if done.returncode != 0:
            raise RigError(f"depmod: {done.stderr.strip()}")


def _is_elf(path):
    if os.path.islink(path) or not os.path.isfile(path):
        return False
    with open(path, "rb") as file:
        return file.read(4) == b"\x7fELF"


def _install_leash(root, build):
    """Puts what `cmake --install` brings into the root, with the libraries it needs."""
    done = subprocess.run(["cmake", "--install", build, "--strip"], stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT, text=True, check=False,
                          env={**os.environ, "DESTDIR": root})
    if done.returncode != 0:
        last = "\n".join(done.stdout.strip().splitlines()[-5:])
        raise RigError(f"cannot install the built tree {build} (make it first):\n{last}")
    for name in ("sbin/init", "sbin/initctl"):
        if not os.path.exists(os.path.join(root, name)):
            raise RigError(f"the built tree {build} installs no /{name}")
    for folder, _, names in os.walk(root):
        for name in names:
            path = os.path.join(folder, name)
            if _is_elf(path) and not name.endswith(".ko"):
                add_libraries(root, path)


def _replace_leash_module(root, kernel, kmod):
    """Puts the file `kmod` where the built tree's module would be; the index is made afterwards."""
    if not kernel.version:
        raise RigError("--kmod needs a kernel that tells its version: a bzImage, or a file "
                       "vmlinux-VERSION")
    target = os.path.join(root, "lib/modules", kernel.version, "updates")
    shutil.rmtree(target, ignore_errors=True)
    os.makedirs(target)
    shutil.copyfile(kmod, os.path.join(target, "leash.ko"))


def assemble(root, kernel, modules, build, kmod):
    """Fills the folder `root`; `build` is the built tree, or None for a guest without Leash."""
    _make_skeleton(root)
    if build is not None:
        _install_leash(root, build)
    for target, source in host_programs().items():
        add_program(root, source, target)
    _link_applets(root)
    if build is None:
        _link_busybox_as_init(root)
    if kernel.modules:
        _add_modules(root, modules, kernel.version)
    if kmod:
        _replace_leash_module(root, kernel, kmod)
    _index_modules(root)
