"""An expression as text that parses to the same expression."""

from __future__ import annotations

from .expressions import (
    Binary,
    Call,
    Cases,
    Compared,
    Index,
    Joined,
    Magnitude,
    Name,
    Negative,
    Node,
    Number,
    Prime,
    Reduce,
    Row,
    Transposed,
)
from .grammar import LETTERS

CASES = 0
SUM = 1
PRODUCT = 2
POWER = 3
OPERAND = 4
"""Levels of precedence, from the loosest to expressions that need no bracket anywhere."""

LEVELS = {"+": SUM, "-": SUM, "*": PRODUCT, "/": PRODUCT, "^": POWER}


def to_text(node: Node, level: int = CASES) -> str:
    """The text of an expression, in brackets where its own level is below the one that its place needs."""
    own, text = _text(node)
    return text if own >= level else f"({text})"


def _text(node: Node) -> tuple[int, str]:
    match node:
        case Number(text) | Name(text):
            return OPERAND, text
        case Index(base, at):
            return OPERAND, f"{to_text(base, OPERAND)}{_index(base, at)}"
        case Prime(function):
            return OPERAND, f"{to_text(function, OPERAND)}'"
        case Call(function, arguments):
            return OPERAND, f"{to_text(function, OPERAND)}({_listed(arguments)})"
        case Reduce(name, over, body):
            return OPERAND, f"{name}{_index(Name(name), over) if over else ''}({to_text(body)})"
        case Magnitude(body):
            return OPERAND, f"|{to_text(body)}|"
        case Joined(parts, more):
            return OPERAND, f"({' | '.join([*map(to_text, parts), *(['...'] if more else [])])})"
        case Row(parts):
            return OPERAND, f"({_listed(parts)})"
        case Transposed(body):
            return POWER, f"{to_text(body, OPERAND)}^T"
        case Negative(body):
            return SUM, f"-{to_text(body, PRODUCT)}"
        case Binary(sign, left, right):
            level = LEVELS[sign]
            if sign == "^":
                negative = isinstance(right, Negative)
                exponent = to_text(right.body if isinstance(right, Negative) else right, OPERAND)
                return level, f"{to_text(left, OPERAND)}^{'-' if negative else ''}{exponent}"
            between = " " if sign == "*" else f" {sign} "
            return level, f"{to_text(left, level)}{between}{to_text(right, level + 1)}"
        case Compared(parts, relations):
            level = CASES if relations[0] in ("and", "or") else SUM
            rest = zip(relations, parts[1:], strict=True)
            return CASES, " ".join([to_text(parts[0], level), *(f"{r} {to_text(p, level)}" for r, p in rest)])
        case Cases(cases, otherwise):
            listed = [f"{to_text(value, SUM)} where {to_text(condition)}" for value, condition in cases]
            return CASES, ", ".join([*listed, f"else {to_text(otherwise, SUM)}"])


def _listed(parts: tuple[Node, ...]) -> str:
    return ", ".join(map(to_text, parts))


def _index(base: Node, at: tuple[Node, ...]) -> str:
    letters = "".join(node.name for node in at if isinstance(node, Name) and node.name in LETTERS)
    if isinstance(base, Name) and len(letters) == len(at):
        return f"_{letters}"
    if isinstance(base, Name) and len(at) == 1 and isinstance(at[0], Number) and len(at[0].text) == 1:
        return f"_{at[0].text}"
    return f"[{_listed(at)}]"
