# SPDX-License-Identifier: MIT
"""The guest's kernel: Debian's, straight from its package and never installed, or the user's."""

import dataclasses
import glob
import lzma
import os
import re
import shutil
import subprocess
import tempfile

from . import places
from .errors import RigError

META_PACKAGE = "linux-image-amd64"
RT_META_PACKAGE = "linux-image-rt-amd64"


@dataclasses.dataclass
class Kernel:
    image: str
    version: str  # "" if FILE does not tell
    modules: str  # …/lib/modules/VERSION with its modules.dep, or "" if all is built in


def _run(command, **more):
    return subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                          text=True, check=False, **more)


def _resolve(meta_package):
    answer = _run(["apt-cache", "depends", "--important", meta_package])
    found = re.search(r"Depends: (linux-image-\S+)", answer.stdout)
    return found.group(1) if found else None


def _download(meta_package, folder):
    """The package's file, in `folder`; refreshes apt's lists if they lack it or are too old."""
    reason = ""
    for attempt in range(2):
        if attempt == 1:
            refresh = _run(["apt-get", "update", "-qq"])
            if refresh.returncode != 0:
                raise RigError(f"cannot get Debian's kernel: {reason}\n"
                               f"apt-get update: {refresh.stderr.strip()}")
        package = _resolve(meta_package)
        if package is None:
            reason = f"apt knows no {meta_package}"
            continue
        got = _run(["apt-get", "download", "-qq", package], cwd=folder)
        files = glob.glob(os.path.join(folder, "*.deb"))
        if got.returncode == 0 and files:
            return files[0]
        reason = got.stderr.strip()
    raise RigError(f"cannot get Debian's kernel: {reason}")


def _depmod(root, version):
    depmod = places.program("depmod")
    if depmod is None:
        raise RigError("no depmod: the package kmod is missing (make deps)")
    done = _run([depmod, "-b", root, version])
    if done.returncode != 0:
        raise RigError(f"depmod: {done.stderr.strip()}")


def _uncompress(image):
    """The ELF kernel inside a bzImage (Linux' boot protocol), or None.

    QEMU boots it as it is; unpacking it in the guest takes longer than all the rest of a boot."""
    with open(image, "rb") as file:
        data = file.read()
    setup = (data[0x1f1] + 1) * 512
    begin = setup + int.from_bytes(data[0x248:0x24c], "little")
    payload = data[begin:begin + int.from_bytes(data[0x24c:0x250], "little")]
    try:
        elf = lzma.LZMADecompressor().decompress(payload)
    except lzma.LZMAError:
        return None
    return elf if elf.startswith(b"\x7fELF") else None


def _unpack(package, target):
    done = _run(["dpkg", "-x", package, target])
    if done.returncode != 0:
        raise RigError(f"dpkg -x {package}: {done.stderr.strip()}")
    for version in os.listdir(os.path.join(target, "lib", "modules")):
        _depmod(target, version)
        boot = os.path.join(target, "boot")
        elf = _uncompress(os.path.join(boot, f"vmlinuz-{version}"))
        if elf is not None:
            with open(os.path.join(boot, f"vmlinux-{version}"), "wb") as file:
                file.write(elf)


def debian(meta_package=META_PACKAGE, name="kernel"):
    """Debian's kernel, fetched once, into a folder `name` of the cache. Call it locked."""
    shelf = os.path.join(places.CACHE, name)
    if not glob.glob(os.path.join(shelf, "boot", "vmlinuz-*")):
        os.makedirs(places.CACHE, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=places.CACHE) as scratch:
            new = os.path.join(scratch, "new")
            _unpack(_download(meta_package, scratch), new)
            shutil.rmtree(shelf, ignore_errors=True)
            os.rename(new, shelf)
    image = glob.glob(os.path.join(shelf, "boot", "vmlinuz-*"))[0]
    version = os.path.basename(image).removeprefix("vmlinuz-")
    elf = os.path.join(shelf, "boot", f"vmlinux-{version}")
    image = elf if os.path.exists(elf) else image
    return Kernel(image, version, os.path.join(shelf, "lib", "modules", version))


def _version_of(image):
    """The version that a bzImage holds (Linux' boot protocol, kernel_version), or that the name of
    an unpacked kernel, which has no such place, ends with."""
    with open(image, "rb") as file:
        head = file.read(65536)
    if head.startswith(b"\x7fELF"):
        return os.path.basename(image).partition("vmlinux-")[2]
    if head[0x202:0x206] != b"HdrS":
        return ""
    offset = int.from_bytes(head[0x20e:0x210], "little") + 0x200
    text = head[offset:offset + 128].split(b"\0")[0].split(b" ")[0]
    return text.decode("ascii", "replace")


def from_file(image, ours):
    """The user's kernel. Its modules are Debian's if it is that one, else those beside it."""
    version = _version_of(image)
    if version == ours.version:
        return Kernel(image, version, ours.modules)
    here = os.path.dirname(os.path.abspath(image))
    for base in (here, os.path.dirname(here), "/"):
        modules = os.path.join(base, "lib", "modules", version)
        if version and os.path.isdir(modules):
            if not os.path.exists(os.path.join(modules, "modules.dep")):
                _depmod(base, version)
            return Kernel(image, version, modules)
    return Kernel(image, version, "")


class Modules:
    """Names of modules to files, dependencies first."""

    def __init__(self, folder):
        self.folder = folder
        self._needs = {}
        self._file = {}
        if folder:
            with open(os.path.join(folder, "modules.dep"), encoding="ascii") as listing:
                for line in listing:
                    file, _, needs = line.strip().partition(":")
                    name = self._name(file)
                    self._file[name] = file
                    self._needs[name] = [self._name(need) for need in needs.split()]

    @staticmethod
    def _name(file):
        return os.path.basename(file).split(".ko")[0].replace("-", "_")

    def with_needs(self, names):
        """Relative files of these modules and all that they need, in the order of insertion.
        Names that the kernel has no module for (built in, or not at all) are left out."""
        ordered = []
        for name in names:
            # modules.dep names what is needed directly last.
            for step in [*reversed(self._needs.get(name, [])), name]:
                file = self._file.get(step)
                if file and file not in ordered:
                    ordered.append(file)
        return ordered
