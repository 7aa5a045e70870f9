"""The errors of xpnet, and the sentence for a name nobody knows.

Each error says in one sentence which argument it is about, what came, what was wanted, and how to mend it.
"""

from __future__ import annotations

from collections.abc import Iterable


class LabelError(ValueError):
    """A target that does not fit the network's outputs or the loss."""


class DivergedError(ArithmeticError):
    """The loss or the parameters exploded; the model holds the last good ones again."""


class BackendError(RuntimeError):
    """A backend, a device or a dtype that cannot be had here; the message says why."""


class MissingExtraError(BackendError, ImportError):
    """An optional package is needed and not installed; `install` is what to type."""

    def __init__(self, purpose: str, package: str, install: str):
        super().__init__(f"{purpose} cannot be used: {package} is not installed: {install}")


class ModelFileError(ValueError):
    """A file that is not a whole, unchanged xpnet model."""


class PullbackSpentError(RuntimeError):
    """A container's pullback was called twice; it frees the activations as it uses them."""


class GradientError(AssertionError):
    """A derivative that differs from its numerical value; names the worst element."""


def choose(what: str, given: object, known: Iterable[str]) -> str:
    """The name, if it is among the known ones; ValueError with the nearest of them if not."""
    names = list(known)
    if isinstance(given, str) and given in names:
        return given
    raise unknown(what, given, names)


def unknown(what: str, given: object, known: Iterable[str]) -> ValueError:
    """The error for a name that is not among the known ones, with the nearest of them."""
    import difflib  # only an error needs it

    names = sorted(known)
    near = difflib.get_close_matches(str(given).lower(), names, n=1, cutoff=0.5)
    hint = f"did you mean {near[0]!r}? " if near else ""
    return ValueError(f"{what} {given!r} is unknown: {hint}known are {', '.join(names)}")
