"""The errors of xpnet, and the checks of names, numbers, functions and paths that every room makes.

Each error is one sentence: the argument, the value that came, the value that was wanted, and how to fix it.
"""

from __future__ import annotations

import math
import os
import sys
import warnings
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from operator import index
from pathlib import Path
from types import ModuleType
from typing import Any

FOREIGN = ("torch", "keras", "tensorflow", "jax", "flax", "optax", "mlx", "sklearn", "scipy", "numpy")
"""Libraries whose functions and modules are no ops: they return a value alone."""

_NOT_USERS = {"xpnet", "contextlib"}


class LabelError(ValueError):
    """A target that does not fit the network's outputs or the loss."""


class DivergedError(ArithmeticError):
    """The loss or the parameters exploded; the model holds the last good parameters again."""


class BackendError(RuntimeError):
    """A backend, a device or a dtype is not available; the message says why."""


class MissingExtraError(BackendError, ImportError):
    """An optional package is needed and not installed, or does not work, `why`; `install` is the command for it."""

    def __init__(self, purpose: str, package: str, install: str, *, why: str | None = None):
        super().__init__(f"{purpose} cannot be used: {why or f'{package} is not installed: {install}'}")


class ModelFileError(ValueError):
    """A file that is not a whole, unchanged xpnet model."""


class PullbackSpentError(RuntimeError):
    """A container's pullback was called twice; it frees the activations as it uses them."""


class GradientError(AssertionError):
    """A derivative that differs from its numerical value; the message names the worst element."""


class UnknownNameError(ValueError):
    """A name that is not among the known ones; the message has the nearest known name."""


def choose(what: str, given: object, known: Iterable[str]) -> str:
    """The name, if it is among the known ones; else UnknownNameError with the nearest of them."""
    names = list(known)
    if isinstance(given, str) and given in names:
        return given
    raise unknown(what, given, names)


def warn(message: str, category: type[Warning] = UserWarning) -> None:
    """Warns at the user's line that led here, the innermost one outside xpnet."""
    from inspect import currentframe  # only a warning needs it

    frame, level = currentframe(), 1
    while frame is not None and frame.f_globals.get("__name__", "").partition(".")[0] in _NOT_USERS:
        frame, level = frame.f_back, level + 1
    warnings.warn(message, category, stacklevel=level)


def unknown(what: str, given: object, known: Iterable[str], *, advice: str = "") -> UnknownNameError:
    """The error for a name that is not among the known ones, with the nearest of them, or advice in its place."""
    from .synonyms import hint  # only an error needs it

    names = sorted(known)
    word = getattr(given, "__name__", str(given))
    return UnknownNameError(
        f"{what} {shown(given)} is unknown: {advice or hint(word, names)}known are {', '.join(names)}"
    )


def number(
    what: str,
    given: Any,
    wanted: str = "must be a finite number, 0 or more",
    *,
    low: float = 0.0,
    high: float = math.inf,
) -> float:
    """The finite number, Python's or an array's only one; ValueError for anything else, or outside [low, high)."""
    value = plain(given)
    if not isinstance(value, int | float) or isinstance(value, bool) or not low <= value < high:
        raise ValueError(f"{what} {shown(given)} {wanted}")
    if abs(value) > sys.float_info.max:  # an integer can be
        raise ValueError(f"{what} {shown(given)} is larger than any float: give a smaller one")
    return float(value)


def integer(what: str, given: Any, wanted: str = "must be a positive integer", *, low: int = 1) -> int:
    """The integer, Python's or NumPy's; ValueError for anything else, or less than `low`."""
    value = plain(given)
    if not isinstance(value, int) or isinstance(value, bool) or value < low:
        raise ValueError(f"{what} {shown(given)} {wanted}")
    return value


def flag(what: str, given: Any) -> None:
    """ValueError for anything but True and False."""
    if not isinstance(given, bool):
        raise ValueError(f"{what} {shown(given)} must be True or False")


def require_function(what: str, given: Any, *arguments: str, **named: str) -> None:
    """TypeError for an object that cannot be called with these arguments."""
    import inspect  # only this check needs it

    if callable(given):
        try:
            inspect.signature(given).bind(*arguments, **named)
            return
        except ValueError:  # some functions of C have no signature
            return
        except TypeError:  # it takes other arguments: the error below names them
            pass
    form = ", ".join([*arguments, *(f"{name}=..." for name in named)])
    raise TypeError(f"{what}: a function f({form}) was wanted, {shown(given)} came")


def as_pair(what: str, found: Any) -> tuple[Any, Callable[..., Any]]:
    """The result of an op, checked to be (value, pullback); TypeError if not."""
    if isinstance(found, tuple) and len(found) == 2 and callable(found[1]):
        return found
    came = type(found).__name__
    if isinstance(found, tuple):
        came = f"tuple ({', '.join(type(part).__name__ for part in found)})"
    raise TypeError(
        f"{what} must give (value, pullback), it gave a {came}: return its derivative too, as an op does"
    )


def as_single(what: str, found: Any) -> Any:
    """The cotangent in the result of a pullback of one array, (dx,); TypeError for anything else."""
    if isinstance(found, tuple) and len(found) == 1 and found[0] is not None:
        return found[0]
    came = f"a {type(found).__name__}"
    if isinstance(found, tuple):
        came = f"{len(found)} ({', '.join(type(part).__name__ for part in found)})"
    raise TypeError(f"the {what}'s pullback must give a tuple (dy,) of 1, it gave {came}: one for each array")


def refuse_foreign(what: str, given: Any, known: Iterable[str]) -> None:
    """TypeError for a function of another library: it returns a value, and no derivative that xpnet could use."""
    if not callable(given):
        return
    given = getattr(given, "func", given)  # of a functools.partial
    owner = getattr(given, "__self__", None)
    places = (getattr(part, "__module__", None) for part in (given, type(given), owner))
    library = next((root for place in places if (root := str(place).partition(".")[0]) in FOREIGN), None)
    if library is not None:
        from .synonyms import hint

        word = getattr(given, "__name__", type(given).__name__)
        names = sorted(known)
        raise TypeError(
            f"{what}: {shown(given)} of {library} gives xpnet no derivative: {hint(word, names)}known are "
            f"{', '.join(names)}, or give a function of your own, f(...) -> (value, pullback)"
        )


def shown(value: Any) -> str:
    """A value in a sentence: its name or its `repr`, on one line and cut where it is long."""
    name = getattr(value, "__name__", None)
    if isinstance(name, str) and (callable(value) or isinstance(value, ModuleType)):
        word = "class" if isinstance(value, type) else "function" if callable(value) else "module"
        return f"the {word} {name}"
    text = " ".join(repr(plain(value)).split())
    if " at 0x" in text:  # an address tells nothing
        return f"a {type(value).__name__}"
    return text if len(text) <= 100 else f"{text[:97]}..."


def batch_of(shape: Iterable[int]) -> str:
    """The shape of a batch of samples of this shape: "(n, 3)"."""
    sizes = ", ".join(["n", *map(str, shape)])
    return f"({sizes})" if "," in sizes else "(n,)"


def file_path(what: str, given: Any) -> Path:
    """The path of a file or folder; TypeError or ValueError for an invalid name."""
    if not isinstance(given, str | os.PathLike):
        raise TypeError(
            f"{what}: the name of a file or folder was wanted, {shown(given)} came: give it as text"
        )
    name = os.fspath(given)
    if not isinstance(name, str) or not name or "\0" in name:
        raise ValueError(
            f"{what} {shown(name)} is not the name of a file or folder: give it as text, such as 'a.xpnet'"
        )
    return Path(name)


@contextmanager
def told(path: Path, done: str, fix: str) -> Iterator[None]:
    """Replaces an OSError of the block by a sentence that names the path, with the same class and errno."""
    try:
        yield
    except OSError as error:
        if error.strerror is None:  # a sentence already
            raise
        why = error.strerror.lower()
        sentence = type(error)(f"path {str(path)!r} cannot be {done}, {why}: {fix}")
        sentence.errno = error.errno
        raise sentence from error


@contextmanager
def about(what: str) -> Iterator[None]:
    """Prefixes the sentence of an error about a part of an argument with the argument's name."""
    try:
        yield
    except (TypeError, ValueError) as error:
        raise type(error)(f"{what}: {error}") from error


def plain(value: Any) -> Any:
    """A scalar of NumPy's or a 0-d array as a Python number; anything else unchanged."""
    if getattr(value, "ndim", None) != 0:
        return value
    if not hasattr(value, "item"):  # the standard asks for conversions alone
        for convert in (index, float):
            with suppress(TypeError):
                return convert(value)
        return value
    found = value.item()
    return float(found) if type(found).__name__ == "longdouble" else found  # NumPy leaves it as it is
