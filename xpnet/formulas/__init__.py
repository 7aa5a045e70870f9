"""The formulas that docstrings state, as expressions: pages and `inspect` read them from there.

The second paragraph of a docstring begins with its formulas. A line that ends in `,` or `;` goes on in the next one;
prose follows behind the last. A line that begins with an option's name or value and a colon states what differs with
it: `nesterov: p = p - lr (g + momentum v)`.

    formula   = equation { ( "," | ";" ) equation }
    equation  = target "=" { target "=" } cases { "=" cases }
    target    = name [ index ] | name "(" name { "," name } ")" | joined
    cases     = sum [ "where" condition { "," sum "where" condition } "," "else" sum ]
    condition = compared { ( "and" | "or" ) compared }
    compared  = sum { ( "<" | "<=" | ">" | ">=" | "=" | "!=" ) sum }
    sum       = [ "-" ] product { ( "+" | "-" ) product }
    product   = factor { [ "*" | "/" ] factor }
    factor    = reducer [ index ] product | "log" factor | power
    reducer   = "sum" | "mean" | "prod" | "max" | "min" | "argmax"
    power     = operand [ "^T" | "^" [ "-" ] operand ]
    operand   = ( number | name { "'" } [ call ] | "|" cases "|" | joined | "(" cases { "," cases } ")" ) { index }
    call      = "(" cases { "," cases } ")"
    joined    = "(" cases "|" ( cases | "..." ) { "|" ( cases | "..." ) } ")"
    index     = "_" letter { letter } [ ( "+" | "-" ) digit ] | "_" digit | "[" cases { "," cases } "]"

Two factors side by side are a product, from left to right like `/`: a / b c is (a / b) c. A name with `(` right behind
it is a call, with a space between them a product. `sum_k` and the other reducers take all of the product behind them;
right before a `(` they take what is in it. Without an index they run over the samples: over all axes but the last, or
over the one axis that there is. An index letter is one of i, j, k, m, n, o and t: `x_ij` is x
at (i, j), `h_t-1` is h at t - 1, `min_val` is a name. `|` stands close to the parts of an absolute value, and between
spaces where it joins arrays along the last axis. `f'` is the derivative of f, `^T` a matrix transposed. Greek letters
are spelled out. An optimizer assigns p and its slots in the order of the lines; all other equations are definitions.
The functions are those of `FUNCTIONS`, the ops of this package, and those that the formula defines, P(x) = ...
"""

from __future__ import annotations

import inspect
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from .expressions import Call, Index, Name, Prime, Reduce, bases, nodes
from .grammar import FUNCTIONS, LETTERS, Equation, FormulaError, equations
from .text import to_text

__all__ = ["FUNCTIONS", "Equation", "Formula", "FormulaError", "nodes", "parse", "to_text"]


def __dir__() -> list[str]:
    return sorted(__all__)


_START = re.compile(r"(?:(?P<label>[a-z]\w*): )?(?:\w+(?:[-+]\d)?(?:\[[^\]]*\]|\([^()]*\))?|\([^()]*\)) = ")
_SEE = re.compile(r"\bsee\s+`ops\.(\w+)`", re.IGNORECASE)


@dataclass(frozen=True)
class Formula:
    """The equations of a docstring; those with a label differ from the first where an option has that name or value."""

    equations: tuple[Equation, ...]
    label: str = ""

    @property
    def defined(self) -> frozenset[str]:
        """The names on the left-hand sides: of values, of functions, and of the parts of joined arrays."""
        return frozenset(
            name for equation in self.equations for target in equation.targets for name in bases(target)
        )

    @property
    def used(self) -> frozenset[str]:
        """The names on the right-hand sides but for the functions that are called, and for indices."""
        found, bound = set(), set()
        for equation in self.equations:
            for target in equation.targets:
                inner = nodes(target.at if isinstance(target, Index) else getattr(target, "arguments", ()))
                bound |= {node.name for node in inner if isinstance(node, Name)}
            values = list(nodes(equation.values))
            called = (nodes(node.function) for node in values if isinstance(node, Call | Prime))
            functions = {id(inner) for function in called for inner in function}
            for node in values:
                if isinstance(node, Name) and id(node) not in functions:
                    found.add(node.name)
                elif isinstance(node, Reduce):
                    bound |= {at.name for at in node.over if isinstance(at, Name)}
                elif isinstance(node, Index):
                    bound |= {at.name for at in node.at if isinstance(at, Name) and at.name in LETTERS}
        return frozenset(found - bound)

    @property
    def called(self) -> frozenset[str]:
        """The names of the functions that the right-hand sides call."""
        return frozenset(
            name
            for equation in self.equations
            for node in nodes(equation.values)
            if isinstance(node, Call)
            for name in bases(node.function)
        )

    def within(self, first: Formula) -> Formula:
        """This formula completed by the equations of `first`, the one without a label, that it does not state anew."""
        own = {equation.targets[0] for equation in self.equations}
        kept = (equation for equation in first.equations if equation.targets[0] not in own)
        return Formula((*kept, *self.equations), self.label)

    def __str__(self) -> str:
        text = "; ".join(
            " = ".join(map(to_text, (*equation.targets, *equation.values))) for equation in self.equations
        )
        return f"{self.label}: {text}" if self.label else text


def parse(docstring: str | None, ops: Mapping[str, Any] | None = None) -> tuple[Formula, ...]:
    """The formulas of a docstring, the one without a label first; () where it states none.

    ops: functions by name; a docstring that states no formula and says "see `ops.name`" has the formulas of that op.
    FormulaError for a line that begins like a formula and does not follow the grammar.
    """
    paragraphs = inspect.cleandoc(docstring or "").split("\n\n")
    lines = paragraphs[1].splitlines() if len(paragraphs) > 1 else []
    lines = [] if lines and lines[0].startswith(">>>") else lines  # an example
    found: list[Formula] = []
    while lines and (start := _START.match(lines[0])) and (start["label"] or not found):
        text, label = lines.pop(0), start["label"] or ""
        while lines and text.endswith((",", ";")):
            text += f" {lines.pop(0)}"
        found.append(Formula(equations(text.removeprefix(f"{label}: ")), label))
    see = _SEE.search(docstring or "")
    if not found and see and ops is not None:
        return parse(ops[see[1]].__doc__)
    return tuple(found)
