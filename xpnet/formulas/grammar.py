"""The parser of formulas, one method for each rule of the grammar, by recursive descent."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import NamedTuple, NoReturn

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

REDUCERS = ("sum", "mean", "prod", "max", "min", "argmax")
LETTERS = "ijkmnot"
"""The letters of indices."""
FUNCTIONS = {
    **dict.fromkeys(
        ("exp", "log", "sqrt", "tanh", "cosh", "sin", "cos", "erf", "sign", "floor"), "of each element"
    ),
    "max": "the larger of two",
    "min": "the smaller of two",
    "clip": "(x, low, high): x between two limits",
    "size": "the number of elements",
    "shape": "the sizes of the axes",
    "reshape": "(x, shape): the elements in another shape",
    "permute_dims": "(x, axes): the axes in another order",
    "inverse": "of an order of axes",
    "onehot": "of class numbers: 1 at the class, 0 elsewhere; probabilities stay as they are",
    "uniform": "(key): a draw from [0, 1) for each element",
}
"""The functions that formulas may call beside the ops of this package."""
RELATIONS = ("<", "<=", ">", ">=", "=", "!=")
WORDS = ("where", "else", "and", "or")

_TOKEN = re.compile(
    r"""(?P<number>\d+(?:\.\d+)?(?:e[-+]?\d+)?)
    |(?P<name>[A-Za-z][A-Za-z0-9]*(?:_[A-Za-z0-9]+)*)
    |(?P<sign>\^T(?!\w)|\.\.\.|<=|>=|!=|[-+*/^=<>,;()\[\]|'])""",
    re.VERBOSE,
)
_INDEXED = re.compile(rf"(\w+)_([{LETTERS}]+|\d)")
_OFFSET = re.compile(r"[-+]\d(?!\w)")


class FormulaError(ValueError):
    """A formula that does not follow the grammar."""


@dataclass(frozen=True)
class Equation:
    """Names that are defined, and one expression or several that are equal to each other."""

    targets: tuple[Node, ...]
    values: tuple[Node, ...]


class Token(NamedTuple):
    """A number, a name, a word or a sign; `at` is a name's index, `close` is true where no space is before it."""

    kind: str
    text: str
    close: bool
    at: tuple[Node, ...] = ()


def equations(text: str) -> tuple[Equation, ...]:
    """The equations of a formula; FormulaError where the text is none."""
    return _Parser(text).formula()


def _tokens(text: str) -> list[Token]:
    found, place = [], 0
    while place < len(text):
        if text[place] == " ":
            place += 1
            continue
        match = _TOKEN.match(text, place)
        if match is None or match.lastgroup is None:
            raise FormulaError(f"{text!r}: {text[place]!r} at {place} is no part of a formula")
        kind, word, close = match.lastgroup, match[0], place > 0 and text[place - 1] != " "
        index: tuple[Node, ...] = ()
        end = match.end()
        if word in WORDS:
            kind = "word"
        elif word == "|":
            before, behind = text[place - 1 : place] or " ", text[end : end + 1] or " "
            encloses = behind != " " and before in " ([-/,^"
            kind = "bar" if before == behind == " " else "open" if encloses else "shut"
        elif kind == "name" and (indexed := _INDEXED.fullmatch(word)):
            word = indexed[1]
            letters = [Number(c) if c.isdigit() else Name(c) for c in indexed[2]]
            if offset := _OFFSET.match(text, end):
                letters[-1:] = [Binary(offset[0][0], letters[-1], Number(offset[0][1:]))]  # type: ignore[list-item]
                end = offset.end()
            index = tuple(letters)
        found.append(Token(kind, word, close, index))
        place = end
    return [*found, Token("end", "the end", False)]


class _Parser:
    """One pass over the tokens of a formula; `at` is the next one."""

    def __init__(self, text: str) -> None:
        self.text, self.tokens, self.at = text, _tokens(text), 0

    @property
    def next(self) -> Token:
        return self.tokens[self.at]

    def take(self, *texts: str) -> str:
        """The next token's text if it is one of these signs or words, and past it; else ""."""
        token = self.next
        if token.text not in texts or token.kind not in ("sign", "word"):
            return ""
        self.at += 1
        return token.text

    def fail(self, wanted: str) -> NoReturn:
        raise FormulaError(
            f"{self.text!r}: {wanted} was wanted, {self.next.text!r} came, token {self.at + 1}"
        )

    def expect(self, text: str) -> None:
        if not self.take(text):
            self.fail(repr(text))

    def formula(self) -> tuple[Equation, ...]:
        found = [self.equation()]
        while self.take(",", ";"):
            found.append(self.equation())
        if self.next.kind != "end":
            self.fail("an operator, ',' or ';'")
        return tuple(found)

    def equation(self) -> Equation:
        sides = [self.cases()]
        if not _is_target(sides[0]):
            self.fail("a name, an element, a function of names or joined names before '='")
        self.expect("=")
        sides.append(self.cases())
        while self.take("="):
            sides.append(self.cases())
        count = 1
        while count < len(sides) - 1 and isinstance(sides[count], Name | Index):
            count += 1
        return Equation(tuple(sides[:count]), tuple(sides[count:]))

    def cases(self) -> Node:
        value = self.sum()
        if not self.take("where"):
            return value
        found = [(value, self.condition())]
        while True:
            self.expect(",")
            if self.take("else"):
                return Cases(tuple(found), self.sum())
            value = self.sum()
            self.expect("where")
            found.append((value, self.condition()))

    def condition(self) -> Node:
        parts, words = [self.compared()], []
        while word := self.take("and", "or"):
            words.append(word)
            parts.append(self.compared())
        return Compared(tuple(parts), tuple(words)) if words else parts[0]

    def compared(self) -> Node:
        parts, relations = [self.sum()], []
        while relation := self.take(*RELATIONS):
            relations.append(relation)
            parts.append(self.sum())
        return Compared(tuple(parts), tuple(relations)) if relations else parts[0]

    def sum(self) -> Node:
        found = Negative(self.product()) if self.take("-") else self.product()
        while sign := self.take("+", "-"):
            found = Binary(sign, found, self.product())
        return found

    def product(self) -> Node:
        found = self.factor()
        while True:
            sign = self.take("*", "/")
            if not sign and not self.operand_begins():
                return found
            found = Binary(sign or "*", found, self.factor())

    def operand_begins(self) -> bool:
        return self.next.kind in ("number", "name", "open") or self.next[:2] == ("sign", "(")

    def factor(self) -> Node:
        token, behind = self.next, self.tokens[self.at + 1 : self.at + 2]
        called = bool(behind) and behind[0].text == "(" and behind[0].close
        if token.kind == "name" and token.text in (*REDUCERS, "log") and not called:
            self.at += 1
            if self.operand_begins():
                if token.text == "log":
                    return Call(Name("log"), (self.factor(),))
                return Reduce(token.text, token.at, self.product())
            self.at -= 1  # an array of this name
        return self.power()

    def power(self) -> Node:
        base = self.operand()
        if self.take("^T"):
            return Transposed(base)
        if self.take("^"):
            negative = self.take("-")
            exponent = self.operand()
            return Binary("^", base, Negative(exponent) if negative else exponent)
        return base

    def operand(self) -> Node:
        token = self.next
        self.at += 1
        if token.kind == "number":
            found: Node = Number(token.text)
        elif token.kind == "name":
            found = self.named(token)
        elif token.kind == "open":
            found = Magnitude(self.cases())
            if self.next.kind != "shut":
                self.fail("'|' close to what it ends")
            self.at += 1
        elif token[:2] == ("sign", "("):
            found = self.bracket()
        else:
            self.at -= 1
            self.fail("a number, a name or a bracket")
        while self.next.close and self.take("["):
            found = Index(found, self.several("]"))
        return found

    def named(self, token: Token) -> Node:
        found: Node = Index(Name(token.text), token.at) if token.at else Name(token.text)
        while self.take("'"):
            found = Prime(found)
        if not (self.next.close and self.take("(")):
            return found
        arguments = self.several(")")
        if token.text in REDUCERS and len(arguments) == 1:
            return Reduce(token.text, token.at, arguments[0])
        return Call(found, arguments)

    def several(self, end: str) -> tuple[Node, ...]:
        found = [self.cases()]
        while self.take(","):
            found.append(self.cases())
        self.expect(end)
        return tuple(found)

    def bracket(self) -> Node:
        first = self.cases()
        if self.next.kind != "bar":
            if self.take(")"):
                return first
            self.expect(",")
            return Row((first, *self.several(")")))
        parts, more = [first], False
        while self.next.kind == "bar":
            self.at += 1
            if self.take("..."):
                more = True
            else:
                parts.append(self.cases())
        self.expect(")")
        return Joined(tuple(parts), more)


def _is_target(node: Node) -> bool:
    if isinstance(node, Joined):
        return all(map(_is_target, node.parts))
    if isinstance(node, Call):
        return isinstance(node.function, Name) and all(isinstance(x, Name) for x in node.arguments)
    return isinstance(node, Name) or (isinstance(node, Index) and isinstance(node.base, Name))
