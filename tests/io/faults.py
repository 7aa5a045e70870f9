"""A file system that fails at its n-th operation, or from it on, as if the process were killed there."""

import builtins
import io
import os
from contextlib import contextmanager

OPERATIONS = ("open", "fsync", "rename", "replace", "mkdir", "unlink", "rmdir", "chmod", "chown")


class Killed(BaseException):
    """Nothing that the dying process would do afterwards is done."""


class Disk:
    """Counts operations; at number `at` it raises `fault`, once, or from then on if that is Killed."""

    def __init__(self, at, fault):
        self.at, self.fault, self.count = at, fault, 0

    @property
    def failed(self):
        return self.count >= self.at

    def check(self):
        self.count += 1
        if self.count == self.at or (self.failed and isinstance(self.fault, Killed)):
            raise self.fault


class File:
    """An open file whose writes and close may fail; a write that fails has written half."""

    def __init__(self, file, disk):
        self.file, self.disk = file, disk

    def __getattr__(self, name):
        return getattr(self.file, name)

    def __enter__(self):
        return self

    def __exit__(self, *args):
        self.close()

    def write(self, part):
        try:
            self.disk.check()
        except BaseException:
            self.file.write(part[: len(part) // 2])
            raise
        return self.file.write(part)

    def writelines(self, parts):
        for part in parts:
            self.write(part)

    def close(self):
        self.file.close()
        self.disk.check()


@contextmanager
def faulty(monkeypatch, at, fault):
    """A block in which the `at`-th operation on files raises `fault`; gives the Disk."""
    disk = Disk(at, fault)

    def checked(real):
        def call(*args, **options):
            disk.check()
            return real(*args, **options)

        return call

    def opened(*args, **options):
        disk.check()
        return File(real_open(*args, **options), disk)

    real_open = io.open
    with monkeypatch.context() as patched:
        for name in OPERATIONS:
            patched.setattr(os, name, checked(getattr(os, name)), raising=False)
        patched.setattr(io, "open", opened)
        patched.setattr(builtins, "open", opened)
        yield disk
