# SPDX-License-Identifier: MIT
"""The initramfs of one run: stage-0 and its modules, the settings, and the layers to lay over the
guest's root. Layer 00 is the rig's own (what options take away or add), then come the overlays."""

import os
import shutil
import stat

from . import guestroot, images as image_files
from .cpio import Archive
from .errors import RigError

LEASH_INIT = "/sbin/init"
BUSYBOX_INITTAB = """\
::sysinit:/bin/mount -t proc proc /proc
::sysinit:/bin/mount -t sysfs sysfs /sys
::sysinit:/bin/mount -t devtmpfs devtmpfs /dev
::sysinit:/bin/mount -t tmpfs -o mode=755 tmpfs /run
::ctrlaltdel:/sbin/reboot
::shutdown:/bin/umount -a -r
"""


class _Layer:
    """The rig's own layer, as entries of an archive."""

    def __init__(self, archive, prefix):
        self._archive = archive
        self._prefix = prefix
        archive.folder(prefix)

    def _make_folders(self, name):
        path = self._prefix
        for part in name.split("/")[:-1]:
            path += "/" + part
            self._archive.folder(path)

    def remove(self, name):
        folder, _, last = name.rpartition("/")
        self.file(f"{folder}/.wh.{last}" if folder else f".wh.{last}", b"")

    def file(self, name, data, mode=0o644):
        self._make_folders(name)
        self._archive.file(f"{self._prefix}/{name}", data, mode)

    def folder(self, name):
        self._make_folders(name + "/")

    def link(self, name, target):
        self._make_folders(name)
        # A link's target is its data.
        self._archive.entry(f"{self._prefix}/{name}", stat.S_IFLNK | 0o777, target.encode())


def _leave_out_leash_tools(layer, files):
    for name in sorted(files):
        if os.path.basename(name) == "initctl":
            layer.remove(name)
    for name in guestroot.LEASH_PROGRAMS:
        if name != "sbin/init":
            layer.link(name, "/bin/busybox")


def _add_init(layer, options, files):
    name = options.init.lstrip("/")
    in_guest = name in files or any(
        os.path.lexists(os.path.join(overlay, name)) for overlay in options.overlay)
    if in_guest:
        return
    if not (os.path.isfile(options.init) and os.access(options.init, os.X_OK)):
        raise RigError(f"--init {options.init}: neither in the guest nor a program of the host")
    needed = {name: options.init}
    for library in guestroot.libraries_of(options.init):
        if library.lstrip("/") not in files:
            needed[library.lstrip("/")] = library
    for target, source in needed.items():
        with open(source, "rb") as file:
            layer.file(target, file.read(), 0o755)


def _write_own_layer(archive, options, images):
    files = images.root_files()
    layer = _Layer(archive, ".rig/layers/00")
    if options.no_kmod:
        for name in sorted(files):
            if name.startswith("lib/modules/") and os.path.basename(name).startswith("leash.ko"):
                layer.remove(name)
    if options.bare and "etc/leash/services.d/" in files:
        layer.remove("etc/leash/services.d")
        layer.folder("etc/leash/services.d")
    if options.init is not None:
        layer.file("etc/inittab", BUSYBOX_INITTAB.encode())
        if images.has_leash:
            _leave_out_leash_tools(layer, files)
        _add_init(layer, options, files)


def _module_names(options):
    names = list(image_files.BASE_MODULES)
    if options.out:
        names += image_files.OUT_MODULES
    return names + options.wdt


def _settings(options, images):
    init = options.init or ("/init" if options.initramfs else LEASH_INIT)
    lines = [f"root {'rootfs' if options.initramfs else 'disk'}",
             f"init {init}",
             f"disk {'yes' if options.disk else 'no'}",
             f"out {'yes' if options.out else 'no'}"]
    lines += [f"module modules/{os.path.basename(file)}"
              for file in images.modules.with_needs(_module_names(options))]
    return ("\n".join(lines) + "\n").encode()


def write(path, options, images):
    parts = [images.root_archive] if options.initramfs else []
    with open(path, "wb") as file:
        for part in [*parts, images.boot_archive]:
            with open(part, "rb") as source:
                shutil.copyfileobj(source, file, 1 << 20)
        archive = Archive(file)
        archive.file(".rig/settings", _settings(options, images))
        _write_own_layer(archive, options, images)
        for number, overlay in enumerate(options.overlay, 1):
            if number > 99:
                raise RigError("more than 99 overlays")
            prefix = f".rig/layers/{number:02}"
            archive.folder(prefix)
            archive.tree(overlay, prefix)
        archive.end()
