"""Parts: hidden files and folders that are written beside the real ones, and become them by a rename.

A part is named `.NAME.HOST-HEX.part`, and its process holds a lock on it, which ends with the process. A part without
a lock is what a killed process left behind: the next part that is made in the same folder removes it. A lock proves
nothing on a file that another computer made, as in a shared folder, or where the file system has no locks: such a part
is removed a day after its last change.
"""

from __future__ import annotations

import hashlib
import os
import platform
import re
import secrets
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from functools import cache
from pathlib import Path

try:
    import fcntl
except ImportError:  # Windows, where an open file is not renamed either
    fcntl = None  # type: ignore[assignment]

_NAME = re.compile(r"\..+\.(?:([0-9a-f]{8})-)?[0-9a-f]{12}\.part", re.DOTALL)
"""A part, with the computer that made it; names without one are of version 0.1."""
_NAME_CHARACTERS = 25
"""The beginning of a file's name that its part has: the whole name may be as long as the system allows."""
_ABANDONED_SECONDS = 86_400


def is_part(name: str) -> bool:
    """True for the name of a part."""
    return _NAME.fullmatch(name) is not None


@contextmanager
def part_of(path: Path, *, folder: bool = False) -> Iterator[Path]:
    """A new, empty and locked part beside `path`, which is removed at the end unless it was renamed."""
    while True:
        name = f".{path.name[:_NAME_CHARACTERS]}.{_host()}-{secrets.token_hex(6)}.part"
        part = path.with_name(name)
        part.mkdir() if folder else part.touch(0o600 if path.exists() else 0o666, exist_ok=False)
        with suppress(BlockingIOError):  # another process takes it for abandoned before it is locked
            descriptor = _locked(part)
            if part.exists():
                break
            _close(descriptor)
        with suppress(OSError):
            _remove(part)
    try:
        _sweep(part)
        yield part
    finally:
        try:
            with suppress(OSError):
                _remove(part)
        finally:
            _close(descriptor)


@contextmanager
def locked(folder: Path) -> Iterator[None]:
    """Waits until no other process is in such a block for the same folder, where the file system has locks."""
    descriptor = _locked(folder, wait=True)
    try:
        yield
    finally:
        _close(descriptor)


def _sweep(made: Path) -> None:
    """Removes the parts beside `made` that were left behind; what cannot be removed stays."""
    with suppress(OSError):
        now = made.stat().st_mtime  # by the clock of the computer that keeps the files
        with os.scandir(made.parent) as entries:
            names = [entry.name for entry in entries if entry.name.endswith(".part")]
        for name in names:
            found = _NAME.fullmatch(name)
            if found and name != made.name:
                with suppress(OSError):
                    _remove_abandoned(made.with_name(name), found[1] == _host(), now)


def _remove_abandoned(part: Path, here: bool, now: float) -> None:
    """Removes a part if its process is gone. here: this computer made it. OSError where it is locked."""
    if not (part.is_file() or part.is_dir()) or part.is_symlink():
        return
    descriptor = _opened(part)
    try:
        free = descriptor is not None and _lock(descriptor)
        if (free and here) or now - part.stat().st_mtime > _ABANDONED_SECONDS:
            _remove(part)
    finally:
        _close(descriptor)


def _remove(part: Path) -> None:
    if part.is_dir():
        shutil.rmtree(part, ignore_errors=True)
    else:
        part.unlink(missing_ok=True)


def _locked(path: Path, *, wait: bool = False) -> int | None:
    """A descriptor that holds the lock of a file or a folder; None where there are no locks; BlockingIOError."""
    descriptor = _opened(path)
    try:
        if descriptor is None or _lock(descriptor, wait=wait):
            return descriptor
    except BaseException:
        _close(descriptor)
        raise
    _close(descriptor)
    return None


def _opened(path: Path) -> int | None:
    """A descriptor for a lock; None where the system has none."""
    if fcntl is None:
        return None
    with suppress(OSError):
        return os.open(path, os.O_RDONLY if path.is_dir() else os.O_RDWR)  # NFS locks what can be written
    return None


def _lock(descriptor: int, *, wait: bool = False) -> bool:
    """Takes a lock; False where the file system has none, BlockingIOError where another process has it."""
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX if wait else fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        raise
    except OSError:
        return False
    return True


def _close(descriptor: int | None) -> None:
    if descriptor is not None:
        with suppress(OSError):
            os.close(descriptor)


@cache
def _host() -> str:
    """This computer since its last start, which all its containers share, in 8 hexadecimal digits."""
    try:
        name = Path("/proc/sys/kernel/random/boot_id").read_text()
    except OSError:
        name = platform.node()
    return hashlib.sha256(name.encode()).hexdigest()[:8]
