"""Calls that fit no signature: public functions and classes refuse them in one sentence, as the command line does.

Python's own text names internals, and no remedy: "Dense.__init__() got an unexpected keyword argument 'out_features'".
A right call pays for one frame more; the sentence is written only for a wrong one.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import wraps
from typing import TYPE_CHECKING, Any, TypeVar

from .errors import shown, unknown

if TYPE_CHECKING:
    from inspect import Parameter

F = TypeVar("F", bound=Callable[..., Any])
C = TypeVar("C", bound=type)


def checked(function: F) -> F:
    """The function, which refuses a call that does not fit its signature with a TypeError in one sentence."""

    @wraps(function)
    def call(*args: Any, **kwargs: Any) -> Any:
        try:
            return function(*args, **kwargs)
        except TypeError as error:
            if error.__traceback__.tb_next is not None:  # type: ignore[union-attr]
                raise  # of the function's own code, since the call of it succeeded
            raise TypeError(_refusal(function, args, kwargs) or str(error)) from None

    return call  # type: ignore[return-value]


def checked_constructor(cls: C) -> C:
    """The class, whose constructor, inherited or not, refuses a call that does not fit."""
    changed: Any = cls
    if not hasattr(changed.__init__, "__wrapped__"):
        changed.__init__ = checked(changed.__init__)
    return cls


def checked_class(cls: C) -> C:
    """The class, whose constructor and public methods refuse a call that does not fit."""
    for name, member in list(vars(cls).items()):
        if isinstance(member, classmethod):
            setattr(cls, name, classmethod(checked(member.__func__)))
        elif callable(member) and not isinstance(member, type) and not name.startswith("_"):
            setattr(cls, name, checked(member))
    return checked_constructor(cls)


def _refusal(function: Callable[..., Any], args: Sequence[Any], given: dict[str, Any]) -> str:
    """The sentence for a call that does not fit; "" where the reason is not found."""
    import inspect  # only an error needs it

    parameters = list(inspect.signature(function).parameters.values())
    what = function.__qualname__
    if args and "." in what and parameters[0].name in ("self", "cls"):
        owner, *args = args
        parameters = parameters[1:]
        if function.__name__ == "__init__":
            own = inspect.unwrap(type(owner).__init__) is inspect.unwrap(function)
            what = type(owner).__name__ if own else what.rpartition(".")[0]
    return (
        _unknown_name(what, parameters, given)
        or _too_many(what, parameters, args)
        or _twice(what, parameters, args, given)
        or _missing(what, parameters, args, given)
    )


def _named(parameters: list[Parameter]) -> list[str]:
    """The parameters that go by name."""
    return [p.name for p in parameters if p.kind in (p.POSITIONAL_OR_KEYWORD, p.KEYWORD_ONLY)]


def _placed(parameters: list[Parameter]) -> list[str]:
    """The parameters that go by position, one each."""
    return [p.name for p in parameters if p.kind in (p.POSITIONAL_OR_KEYWORD, p.POSITIONAL_ONLY)]


def _unknown_name(what: str, parameters: list[Parameter], given: dict[str, Any]) -> str:
    from . import synonyms  # only an error needs it

    known = _named(parameters)
    if any(p.kind is p.VAR_KEYWORD for p in parameters):
        return ""
    for name, value in given.items():
        if name in known:
            continue
        if name in _placed(parameters):
            return f"{what} takes {name} by position: write {shown(value)} in place of {name}={shown(value)}"
        if known:
            advice = f"{text}; " if (text := synonyms.advice(name)) and not synonyms.same(name, known) else ""
            return str(unknown(f"{what}: argument", name, known, advice=advice))
        many = [f"*{p.name}" for p in parameters if p.kind is p.VAR_POSITIONAL]
        takes = f"{_listed([*_placed(parameters), *many])} by position" if parameters else "no arguments"
        return f"{what} takes {takes}, and {name}={shown(value)} came: leave {name}= out"
    return ""


def _too_many(what: str, parameters: list[Parameter], args: Sequence[Any]) -> str:
    placed = _placed(parameters)
    if len(args) <= len(placed) or any(p.kind is p.VAR_POSITIONAL for p in parameters):
        return ""
    others = [f"{p.name}=" for p in parameters if p.kind is p.KEYWORD_ONLY]
    if not placed and not others:
        return f"{what} takes no arguments, and {shown(args[0])} came: leave it out"
    some = f"only {_listed(placed)} can" if placed else "no argument can"
    rest = (
        f"give the others by name: {', '.join(others)}" if placed else f"give its name: {', '.join(others)}"
    )
    return f"{what}: {some} be given by position, and {len(args)} came: {rest if others else 'leave the others out'}"


def _twice(what: str, parameters: list[Parameter], args: Sequence[Any], given: dict[str, Any]) -> str:
    for name, value in zip(_placed(parameters), args, strict=False):
        if name in given:
            came = f"as {shown(value)} and as {name}={shown(given[name])}"
            return f"{what}: {name} came twice, {came}: give it once"
    return ""


def _missing(what: str, parameters: list[Parameter], args: Sequence[Any], given: dict[str, Any]) -> str:
    filled = {*_placed(parameters)[: len(args)], *given}
    single = [p for p in parameters if p.kind not in (p.VAR_POSITIONAL, p.VAR_KEYWORD)]
    absent = [p.name for p in single if p.default is p.empty and p.name not in filled]
    if not absent:
        return ""
    form = [
        f"{p.name}=..." if p.kind is p.KEYWORD_ONLY else p.name
        for p in single
        if p.default is p.empty or p.name in filled
    ]
    verb = "is" if len(absent) == 1 else "are"
    return f"{what}: {_listed(absent)} {verb} missing: write {what.rpartition('.')[2]}({', '.join(form)})"


def _listed(names: list[str]) -> str:
    """Names in a sentence: "x, y and epochs"."""
    return " and ".join([*filter(None, [", ".join(names[:-1])]), *names[-1:]])
