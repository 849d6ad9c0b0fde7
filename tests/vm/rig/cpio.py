# SPDX-License-Identifier: MIT
"""Writes cpio archives (newc) as the kernel unpacks them, everything owned by root."""

import os
import stat


class Archive:
    def __init__(self, file):
        self._file = file
        self._inode = 0
        self._folders = set()

    def entry(self, name, mode, data=b"", mtime=0, rdev=0):
        self._inode += 1
        encoded = os.fsencode(name) + b"\0"
        numbers = (self._inode, mode, 0, 0, 1, int(mtime) & 0xffffffff, len(data), 0, 0,
                   os.major(rdev), os.minor(rdev), len(encoded), 0)
        head = b"070701" + b"".join(b"%08x" % number for number in numbers)
        self._file.write(head + encoded + b"\0" * (-(len(head) + len(encoded)) % 4))
        self._file.write(data + b"\0" * (-len(data) % 4))

    def folder(self, name, mode=0o755):
        if name not in self._folders:
            self._folders.add(name)
            self.entry(name, stat.S_IFDIR | mode)

    def file(self, name, data, mode=0o644, mtime=0):
        self.entry(name, stat.S_IFREG | mode, data, mtime)

    def node(self, name, mode, major, minor):
        self.entry(name, mode, rdev=os.makedev(major, minor))

    def tree(self, source, prefix):
        """What is in the folder `source`, below `prefix` (which has to be there)."""
        for entry in sorted(os.scandir(source), key=lambda entry: entry.name):
            name = os.path.join(prefix, entry.name)
            status = entry.stat(follow_symlinks=False)
            if stat.S_ISDIR(status.st_mode):
                self.folder(name, stat.S_IMODE(status.st_mode))
                self.tree(entry.path, name)
            elif stat.S_ISLNK(status.st_mode):
                self.entry(name, status.st_mode, os.fsencode(os.readlink(entry.path)))
            elif stat.S_ISREG(status.st_mode):
                with open(entry.path, "rb") as file:
                    self.entry(name, status.st_mode, file.read(), status.st_mtime)
            elif not stat.S_ISSOCK(status.st_mode):
                self.entry(name, status.st_mode, rdev=status.st_rdev)

    def end(self):
        self._inode = -1  # the trailer's is 0
        self.entry("TRAILER!!!", 0)
        self._file.write(b"\0" * (-self._file.tell() % 512))
