# SPDX-License-Identifier: MIT
"""Makes the files that a guest boots from, once for each content: root, initramfs, stage-0."""

import dataclasses
import glob
import hashlib
import json
import os
import re
import shutil
import stat
import subprocess

from . import guestroot, kernel as kernels, places
from .cpio import Archive
from .errors import RigError

ROOT_MB = 1024  # sparse
DISK_MB = 512

# What stage-0 inserts in every guest, in this order; what they need comes first.
BASE_MODULES = ["virtio_pci", "virtio_console", "virtio_blk", "crc32c_generic", "ext4",
                "pvpanic_mmio", "pvpanic_pci", "virtio_net"]
OUT_MODULES = ["9pnet_virtio", "9p"]
WDT_MODULES = ["i6300esb", "softdog"]

NODES = (("console", 0o600, 5, 1), ("null", 0o666, 1, 3))


@dataclasses.dataclass
class Images:
    folder: str
    kernel: kernels.Kernel
    modules: kernels.Modules
    has_leash: bool

    @property
    def root_disk(self):
        return os.path.join(self.folder, "root.ext4")

    @property
    def root_archive(self):
        return os.path.join(self.folder, "root.cpio")

    @property
    def boot_archive(self):
        return os.path.join(self.folder, "boot.cpio")

    def root_files(self):
        """All paths of the root, folders with a slash at the end."""
        with open(os.path.join(self.folder, "files.json"), encoding="utf-8") as file:
            return set(json.load(file))


def _facts(path):
    try:
        status = os.stat(path)
    except FileNotFoundError:
        return f"{path} absent\n"
    return f"{path} {status.st_size} {status.st_mtime_ns} {status.st_mode:o}\n"


def _facts_of_tree(path):
    if not os.path.isdir(path):
        return _facts(path)
    return "".join(_facts(os.path.join(folder, name))
                   for folder, folders, names in sorted(os.walk(path))
                   for name in sorted(folders + names))


def _facts_of_build(build):
    """Everything of the source and the built tree that the install scripts name."""
    facts = ""
    homes = (places.SOURCE + "/", build + "/")
    for script in sorted(glob.glob(os.path.join(build, "**/cmake_install.cmake"), recursive=True)):
        with open(script, encoding="utf-8") as file:
            text = file.read()
        facts += text
        for path in sorted({path.rstrip("/") for path in re.findall(r'"(/[^"$]+)"', text)}):
            # The built tree's own folders are named, too, by scripts that call others.
            if path.startswith(homes) and path != build and not glob.glob(
                    os.path.join(glob.escape(path), "cmake_install.cmake")):
                facts += _facts_of_tree(path)
    return facts


def _key(kernel, build, kmod):
    facts = f"{kernel.image} {kernel.version}\n" + _facts(kernel.image)
    if kmod:
        facts += "kmod " + _facts(os.path.abspath(kmod))
    if kernel.modules:
        facts += _facts(os.path.join(kernel.modules, "modules.dep"))
    for program in guestroot.host_programs().values():
        facts += _facts(program)
    for folder in (places.RIG, places.STAGE0):
        for path in sorted(glob.glob(os.path.join(folder, "*.*"))):
            with open(path, encoding="utf-8") as file:
                facts += file.read()
    facts += _facts_of_build(build) if build is not None else "no leash"
    return hashlib.sha256(facts.encode()).hexdigest()[:24]


def _tool(name, package):
    path = places.program(name)
    if path is None:
        raise RigError(f"no {name}: the package {package} is missing (make deps)")
    return path


def _run(command, **more):
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                          check=False, **more)
    if done.returncode != 0:
        raise RigError(f"{os.path.basename(command[0])}: {done.stdout.strip()}")


def make_ext4(path, megabytes, source=None):
    with open(path, "wb") as file:
        file.truncate(megabytes << 20)
    # All tables now: the guest's kernel would else fill them in the background of every test.
    options = ["-q", "-F", "-t", "ext4", "-m", "0", "-E",
               "lazy_itable_init=0,lazy_journal_init=0,root_owner=0:0"]
    if source is not None:
        options += ["-d", source]
    _run([_tool("mke2fs", "e2fsprogs"), *options, path])


def _finish_root_disk(path, source):
    """Nodes, and root as the owner of all, whoever runs the rig."""
    script = ["cd /dev"]
    for name, mode, major, minor in NODES:
        script += [f"mknod {name} c {major} {minor}",
                   f"set_inode_field {name} mode 0{stat.S_IFCHR | mode:o}"]
    if os.geteuid() != 0:
        for name in _list_files(source):
            for field in ("uid", "gid"):
                script.append(f'set_inode_field "/{name.rstrip("/")}" {field} 0')
    _run([_tool("debugfs", "e2fsprogs"), "-w", "-f", "-", path], input="\n".join(script) + "\n")


def _write_root_archive(path, source, has_leash):
    with open(path, "wb") as file:
        archive = Archive(file)
        archive.tree(source, "")
        for name, mode, major, minor in NODES:
            archive.node(f"dev/{name}", stat.S_IFCHR | mode, major, minor)
        if has_leash:
            archive.entry("init", stat.S_IFLNK | 0o777, b"sbin/init")
        archive.end()


def _compile_stage0(target):
    sources = sorted(glob.glob(os.path.join(places.STAGE0, "*.c")))
    _run([_tool("gcc", "gcc"), "-std=gnu17", "-D_GNU_SOURCE", "-O2", "-Wall", "-static", "-s",
          "-o", target, *sources])


def _write_boot_archive(path, folder, modules):
    stage0 = os.path.join(folder, "stage0")
    _compile_stage0(stage0)
    with open(path, "wb") as file:
        archive = Archive(file)
        archive.folder(".rig", 0o700)
        archive.folder(".rig/modules")
        archive.folder(".rig/layers")
        with open(stage0, "rb") as program:
            archive.file(".rig/stage0", program.read(), 0o755)
        for module in modules.with_needs(BASE_MODULES + OUT_MODULES + WDT_MODULES):
            with open(os.path.join(modules.folder, module), "rb") as program:
                archive.file(".rig/modules/" + os.path.basename(module), program.read())
        archive.end()


def _list_files(root):
    files = []
    for folder, folders, names in os.walk(root):
        base = os.path.relpath(folder, root)
        prefix = "" if base == "." else base + "/"
        for name in folders:
            link = os.path.islink(os.path.join(folder, name))
            files.append(prefix + name + ("" if link else "/"))
        files += [prefix + name for name in names]
    return files


def _make(folder, kernel, modules, build, kmod):
    root = os.path.join(folder, "root")
    os.mkdir(root)
    guestroot.assemble(root, kernel, modules, build, kmod)
    make_ext4(os.path.join(folder, "root.ext4"), ROOT_MB, root)
    _finish_root_disk(os.path.join(folder, "root.ext4"), root)
    _write_root_archive(os.path.join(folder, "root.cpio"), root, build is not None)
    _write_boot_archive(os.path.join(folder, "boot.cpio"), folder, modules)
    with open(os.path.join(folder, "files.json"), "w", encoding="utf-8") as file:
        json.dump(_list_files(root), file)
    shutil.rmtree(root)


def _built_tree(options):
    """The built tree to install; None if the guest is to have another init and there is none."""
    if options.build == "none":
        if options.init is None:
            raise RigError("--build none is a guest without Leash: it needs --init")
        return None
    build = os.path.abspath(options.build or os.path.join(places.SOURCE, "build", "release"))
    if os.path.exists(os.path.join(build, "cmake_install.cmake")):
        return build
    if options.init is not None and options.build is None:
        return None
    raise RigError(f"{build} is no built tree: make it first, or give --build or --init")


def _check_leash_module(images):
    """A module that was built against other headers would be left out, and nobody would know why."""
    found = {file.split("/")[2] for file in images.root_files()
             if re.fullmatch(r"lib/modules/.*/leash\.ko[^/]*", file)}
    if found and images.kernel.version not in found:
        raise RigError(
            f"the built tree has Leash's module for {', '.join(sorted(found))}, the guest's kernel "
            f"is {images.kernel.version}: build with headers of that version (linux-headers-amd64, "
            f"-DLEASH_KDIR=), remove {os.path.join(places.CACHE, 'kernel')} so that Debian's "
            "present kernel is fetched, or give --no-kmod")


def prepare(options):
    build = _built_tree(options)
    with places.locked():
        kernel = kernels.debian()
        if options.kernel:
            kernel = kernels.from_file(options.kernel, kernel)
        modules = kernels.Modules(kernel.modules)
        folder = places.made_once(
            "vm", _key(kernel, build, options.kmod),
            lambda scratch: _make(scratch, kernel, modules, build, options.kmod))
    images = Images(folder, kernel, modules, build is not None)
    if not (options.kernel or options.no_kmod):
        _check_leash_module(images)
    return images
