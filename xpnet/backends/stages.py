"""Formulas that take exp or its kin, on NumPy arrays: compiled loops, and NumPy's own functions between them.

A formula is cut at these functions. A loop computes what one takes, NumPy computes the function in place, and the
next loop goes on from there; it repeats plain arithmetic rather than have it written down. All this runs in blocks
that stay in the cache, so that it takes memory for a block only, whatever the size of the arrays.
"""

from __future__ import annotations

from collections.abc import Callable
from operator import itemgetter
from typing import Any

import numpy as np

from .elements import Element, Formula
from .fused import loop

BLOCK = 2**16
"""Numbers of an array that are worked off at once."""


def staged(
    formula: Formula,
    arrays: tuple[str, ...],
    results: dict[str, Element],
    dtype: np.dtype,
    numbers: tuple[str, ...] = (),
    row: str = "",
) -> Callable[..., None]:
    """`fused.loop` for any formula, called in the same way; a formula without cuts gives just that loop."""
    cuts = formula.cuts(results.values(), [*arrays, row, *numbers])
    if not cuts:
        return loop(formula, arrays, results, dtype, numbers, row)
    homes = _homes(cuts, arrays, results)
    scratch = [cut for cut, home in homes.items() if cut == home]
    given = [*arrays, *(name for name in results if name not in arrays)]
    places = {name: i for i, name in enumerate([*given, *scratch, *([row] if row else []), *numbers])}
    places |= {cut: places[home] for cut, home in homes.items()}
    calls: list[tuple[Callable[..., Any], Callable[[Any], Any]]] = []
    known = list(arrays)

    def add(found: dict[str, Element]) -> None:
        """The loop that writes these results, from those of the arrays known that it takes."""
        read = tuple(formula.taken(found.values(), known, beside=[row, *numbers]))
        rest = tuple(formula.taken(found.values(), numbers, beside=[*known, row]))
        written = [name for name in found if name not in read]
        names = [*read, *written, *([row] if row else []), *rest]
        calls.append(
            (loop(formula, read, found, dtype, rest, row), itemgetter(*[places[name] for name in names]))
        )

    for level in cuts:
        terms = {homes[cut]: formula.at(cut)[1] for cut in level}
        if apart := {home: x for home, x in terms.items() if x.name not in known}:
            add(apart)
        for cut in level:
            function, x = formula.at(cut)
            source = homes[cut] if homes[cut] in apart else x.name
            calls.append((getattr(np, function), itemgetter(places[source], places[cut])))
        known += level
    if rest := {name: x for name, x in results.items() if homes.get(x.name) != name}:
        add(rest)
    if len(calls) == 1 and not (scratch or row or numbers):
        return calls[0][0]  # NumPy's function alone

    def run(*args: Any) -> None:
        whole, others = args[: len(given)], args[len(given) :]
        if not row and whole[0].ndim != 1:
            whole = tuple([x.reshape(-1) for x in whole])
        length, size = len(whole[0]), whole[0].size
        step = length if size <= BLOCK else max(1, BLOCK * length // size)
        work = [np.empty_like(whole[0][:step]) for _ in scratch]
        for start in range(0, length, step or 1):
            parts = [*whole, *work]
            if step < length:
                parts = [x[start : start + step] for x in whole]
                parts += [x[: len(parts[0])] for x in work]
            parts += others
            for function, taken in calls:
                function(*taken(parts))

    return run


def _homes(cuts: list[list[str]], arrays: tuple[str, ...], results: dict[str, Element]) -> dict[str, str]:
    """Where each cut is written: at once to the result that it is, else to memory of its own.

    A result that overwrites an array waits until nothing reads that array any more.
    """
    homes = {cut: cut for level in cuts for cut in level}
    for name, x in results.items():
        if x.name in homes and (name not in arrays or len(results) == 1):
            homes[x.name] = name
    return homes
