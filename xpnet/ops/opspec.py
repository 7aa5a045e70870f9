"""An op with options, as a description that holds the op by name and can be saved."""

from __future__ import annotations

import inspect
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any, ClassVar

from ..describe import Description
from ..errors import choose, plain, refuse_foreign, unknown
from ..typing import Op


@dataclass(frozen=True, init=False, repr=False)
class OpSpec(Description):
    """An op and options of it, `Loss("huber", delta=2.0)`; `bound` is the op with these options.

    function: an op's name, an op, or a function of one's own. options: the other keywords, as (name, value) pairs
    in the order of their names. ValueError for a name or an option that is unknown, or of the wrong type.
    """

    function: Any
    options: tuple[tuple[str, Any], ...] = ()

    table: ClassVar[Mapping[str, Op]]

    def __init__(self, function: Any, options: Any = (), **more: Any) -> None:
        what = type(self).__name__
        function = named(self.table, function)
        if not callable(function) or isinstance(function, type):
            choose(what, function, self.table)
        refuse_foreign(what, function, self.table)
        object.__setattr__(self, "function", function)
        if not isinstance(options, tuple | list | Mapping):
            name = next(iter(option_defaults(self.bare)), "name")
            call = f"{what}({function!r}, {name}={options!r})"
            raise TypeError(f"{what}: the option {options!r} came without its name: write {call}")
        # a number of NumPy's becomes Python's: float32 arrays times the former would be float64
        given = {name: plain(value) for name, value in {**dict(options), **more}.items()}
        object.__setattr__(self, "options", tuple(sorted(given.items())))
        label = function if isinstance(function, str) else getattr(function, "__name__", what)
        check_options(label, self.bare, given)

    @property
    def bare(self) -> Op:
        """The op without its options."""
        return self.table[self.function] if isinstance(self.function, str) else self.function

    @property
    def bound(self) -> Op:
        """The op with its options."""
        return bind(self.bare, dict(self.options))

    def __repr__(self) -> str:
        options = "".join(f", {name}={value!r}" for name, value in self.options)
        return f"{type(self).__name__}({self.function!r}{options})"


def bind(op: Op, options: Mapping[str, Any]) -> Op:
    """The op with some options decided."""
    return partial(op, **options) if options else op


def named(table: Mapping[str, Op], function: Any) -> Any:
    """An op of the table by its name, anything else as it is."""
    return next((name for name, op in table.items() if op is function), function)


def option_defaults(op: Callable[..., Any]) -> dict[str, Any]:
    """The op's options and their defaults: its keywords but for the target, which comes with every call."""
    keywords = [p for p in inspect.signature(op).parameters.values() if p.kind is p.KEYWORD_ONLY]
    return {p.name: p.default for p in keywords if p.name != "target"}


def check_options(what: str, op: Callable[..., Any], options: Mapping[str, Any]) -> None:
    """ValueError for an option that the op does not have, or that is no number where its default is one.

    An option whose annotation is Any may be an integer or one for each axis: the op itself checks it.
    """
    known = option_defaults(op) if options else {}
    for name, value in options.items():
        if name not in known:
            missing = ValueError(f"{what} has no options: {name}={value!r} cannot be given")
            raise unknown(f"{what}: option", name, known) if known else missing
        if inspect.signature(op).parameters[name].annotation in (Any, "Any"):
            continue
        default, whole = known[name], isinstance(value, int) and not isinstance(value, bool)
        if isinstance(default, bool):
            fits, wanted = isinstance(value, bool), "True or False"
        elif isinstance(default, int):
            fits, wanted = whole, "an integer"
        else:
            finite = whole or (isinstance(value, float) and math.isfinite(value))
            fits, wanted = finite or not isinstance(default, float), "a finite number"
        if not fits:
            raise ValueError(f"{what}: {name} {value!r} must be {wanted}")
