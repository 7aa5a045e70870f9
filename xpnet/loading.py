"""Optional packages: loaded without interruption, and where one cannot be used, the reason in words.

Two things go wrong with a package that is installed. It may fail at its import, for a NumPy that is too new or a
library that is missing. And an interrupt within the import (Ctrl-C, or any handler of a signal that raises) leaves it
half imported: Python then keeps its submodules, and every later import of it fails in the same process.
"""

from __future__ import annotations

import signal
import sys
import threading
import warnings
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from importlib import import_module
from importlib.util import find_spec
from typing import Any

from .errors import MissingExtraError, warn

SIGNALS = [
    getattr(signal, name)
    for name in ("SIGINT", "SIGTERM", "SIGHUP", "SIGALRM", "SIGUSR1", "SIGUSR2", "SIGBREAK")
    if hasattr(signal, name)
]
"""The signals that programs handle; to ask for the handlers of all takes a millisecond."""
_broken: dict[str, str] = {}
"""The reason of each package whose import has failed: a second try would fail at another place, or not at all."""
_loaded: set[str] = set()
"""The packages that have been imported here, whole."""
_told: set[str] = set()


@contextmanager
def undisturbed() -> Iterator[None]:
    """Holds signals back while the block runs; at its end each handler is called that would have been.

    In another thread than the main one nothing is held back, since Python's handlers run in the main thread alone.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    came: dict[int, Any] = {}
    handlers = {number: signal.getsignal(number) for number in SIGNALS}
    ours = {number: handler for number, handler in handlers.items() if callable(handler)}
    with ExitStack() as ends:
        for number, handler in sorted(ours.items(), reverse=True):  # of Ctrl-C last, and first at the end
            ends.callback(_restored, number, handler, came)
            signal.signal(number, came.__setitem__)
        yield


def _restored(number: int, handler: Any, came: dict[int, Any]) -> None:
    """Puts a handler back, and calls it if its signal came."""
    signal.signal(number, handler)
    if number in came:
        handler(number, came[number])


def obstacle(package: str, install: str) -> str | None:
    """The reason for which a package cannot be used, in words; None once it is imported.

    install: the command that installs the package.
    """
    if package in _broken:
        return _broken[package]
    if package in _loaded and sys.modules.get(package) is not None:
        return None
    if not _installed(package.partition(".")[0]):
        return f"{package} is not installed: {install}"
    try:
        with undisturbed(), _whole_or_not_at_all(package.partition(".")[0]), warnings.catch_warnings():
            warnings.simplefilter(
                "ignore"
            )  # a user's filter may turn a warning of the package's own into an error
            import_module(package)
    except Exception as error:
        said = f"{type(error).__name__}: {error}".strip().partition("\n")[0]
        _broken[package] = f"{package} is installed and cannot be used: {said}"
        return _broken[package]
    _loaded.add(package)
    return None


@contextmanager
def _whole_or_not_at_all(package: str) -> Iterator[None]:
    """Forgets the modules of a package that an error in the block leaves half imported."""
    before = set(sys.modules)
    try:
        yield
    except BaseException:
        for name in set(sys.modules) - before:
            if name.partition(".")[0] == package:
                del sys.modules[name]
        raise


def require(purpose: str, package: str, install: str) -> Any:
    """The imported package; MissingExtraError if it is not installed or does not import."""
    reason = obstacle(package, install)
    if reason is not None:
        raise MissingExtraError(purpose, package, install, why=reason)
    return sys.modules[package]


def is_broken(package: str) -> bool:
    """True for a package that is installed and did not import."""
    return package in _broken


def warn_once(subject: str, message: str) -> None:
    """Warns, once in a process for each subject."""
    if subject not in _told:
        _told.add(subject)
        warn(message)


def _installed(package: str) -> bool:
    try:
        return find_spec(package) is not None
    except ValueError:  # a module without a spec is there, however it was made
        return True
