# SPDX-License-Identifier: MIT
"""Where things are: the source tree, the built tree, and the cache."""

import contextlib
import fcntl
import os
import shutil
import time

SOURCE = os.path.dirname(os.path.dirname(os.path.dirname(os.path.dirname(
    os.path.realpath(__file__)))))
STAGE0 = os.path.join(SOURCE, "tests", "vm", "stage0")
RIG = os.path.join(SOURCE, "tests", "vm", "rig")
CACHE = os.environ.get("LEASH_VM_CACHE") or os.path.join(SOURCE, ".cache")

KEEP = 4
KEEP_SECONDS = 900


@contextlib.contextmanager
def locked():
    """Two runs at a time may want to make the same thing."""
    os.makedirs(CACHE, exist_ok=True)
    with open(os.path.join(CACHE, "lock"), "w", encoding="ascii") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def program(name):
    """A program's path; Debian keeps some in folders that a user's PATH leaves out."""
    path = os.pathsep.join([os.environ.get("PATH", ""), "/usr/local/sbin", "/usr/sbin", "/sbin"])
    return shutil.which(name, path=path)


def made_once(kind, key, make):
    """The folder .cache/KIND/KEY, made by make(folder) if it is not there. Call it locked."""
    folder = os.path.join(CACHE, kind, key)
    if not os.path.isdir(folder):
        scratch = folder + ".new"
        shutil.rmtree(scratch, ignore_errors=True)
        os.makedirs(scratch)
        try:
            make(scratch)
            os.rename(scratch, folder)
        finally:
            shutil.rmtree(scratch, ignore_errors=True)
    os.utime(folder)
    _forget_old(os.path.dirname(folder))
    return folder


def _forget_old(shelf):
    # A run opens its files soon after it found them; a quarter of an hour is ample.
    folders = [os.path.join(shelf, name) for name in os.listdir(shelf)]
    folders.sort(key=os.path.getmtime, reverse=True)
    for folder in folders[KEEP:]:
        if time.time() - os.path.getmtime(folder) > KEEP_SECONDS:
            shutil.rmtree(folder, ignore_errors=True)
