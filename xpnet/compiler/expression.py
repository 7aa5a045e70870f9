"""Symbolic scalars: an elementwise function called on one is traced to an expression, from which code is generated.

An activation or an optimizer's rule is written once, as plain arithmetic on arrays that runs on every library. Fast
code for it is one compiled loop, with a second copy of the formula. The function itself makes this copy: called on
`Symbol`s in the place of arrays, it leaves one line for each operation in an `Expression`. Equal lines are kept
once (common subexpressions). Each line rounds as the array library rounds its operation, so that a loop over the
lines has the library's bits.

A line names its operation; a table such as `PYTHON` says how a language writes it. What is no plain arithmetic on
each element raises `NotElementwiseError`, and the function runs on whole arrays as before.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from types import SimpleNamespace
from typing import Any

from ..namespace import register

TRANSCENDENTAL = ("exp", "expm1", "log", "log1p", "tanh", "sin", "cos")
"""Functions whose last bits differ between libraries: code generated for NumPy calls NumPy's own (`blocked`)."""

_SIGNS = {"add": "+", "sub": "-", "mul": "*", "truediv": "/"}
_COMPARISONS = {"lt": "<", "le": "<=", "gt": ">", "ge": ">=", "eq": "==", "ne": "!="}

INFIX = {name: f"{{0}} {sign} {{1}}" for name, sign in (_SIGNS | _COMPARISONS).items()}
"""The operations that Python and C write alike."""
PYTHON = INFIX | {
    "neg": "-{0}",
    "invert": "not {0}",
    "sqrt": "sqrt({0})",
    "abs": "abs({0})",
    "where": "{1} if {0} else {2}",
    "maximum": "{0} if {0} >= {1} or {0} != {0} else {1}",
    "minimum": "{0} if {0} <= {1} or {0} != {0} else {1}",
}
"""All operations but the transcendental functions, in Python."""


class NotElementwiseError(TypeError):
    """The function does more than plain arithmetic on each element; it runs on whole arrays only."""


class Expression:
    """The lines that a function left, its inputs and its constants.

    lines: {name: (operation, names of its operands)}, in order. constants: {name: number}.
    """

    def __init__(self) -> None:
        self.lines: dict[str, tuple[str, tuple[str, ...]]] = {}
        self.constants: dict[str, float | int | bool] = {}
        self._known: dict[tuple[str, ...], Symbol] = {}
        self._inputs: list[str] = []

    def input(self, name: str) -> Symbol:
        """The symbol of a number that the generated code has under this name."""
        self._inputs.append(name)
        return Symbol(self, name)

    def add(self, operation: str, *operands: Any) -> Symbol:
        """The symbol of an operation on symbols and numbers; an equal line is used again."""
        names = tuple(self.name(operand) for operand in operands)
        if (operation, *names) not in self._known:
            name = f"t{len(self.lines)}"
            self.lines[name] = operation, names
            self._known[operation, *names] = Symbol(self, name)
        return self._known[operation, *names]

    def name(self, operand: Any) -> str:
        """The name of a symbol, or of a number, which becomes a constant."""
        if isinstance(operand, Symbol):
            return operand.name
        if not isinstance(operand, bool | int | float):
            raise NotElementwiseError(f"{operand!r} is neither an element nor a number")
        for name, value in self.constants.items():
            if value == operand and type(value) is type(operand):
                return name
        name = f"k{len(self.constants)}"
        self.constants[name] = operand
        return name

    def ancestors(self, results: Iterable[Any], given: Iterable[str]) -> list[str]:
        """The names of the lines that compute the results from the given names, in order."""
        known, found = set(given), set()
        stack = [self.name(result) for result in results]
        while stack:
            name = stack.pop()
            if name in self.lines and name not in known and name not in found:
                found.add(name)
                stack += self.lines[name][1]
            elif name not in known and name not in self.lines and name not in self.constants:
                raise NotElementwiseError(f"it needs {name!r}")
        return [name for name in self.lines if name in found]

    def emit(
        self, results: Iterable[Any], given: Iterable[str], language: Mapping[str, str] = PYTHON
    ) -> list[str]:
        """The code that computes the results from the given names: one assignment a line.

        NotElementwiseError for an operation that the language has not, above all a transcendental function.
        """
        lines = [(name, *self.lines[name]) for name in self.ancestors(results, given)]
        for _, operation, _ in lines:
            if operation not in language:
                raise NotElementwiseError(f"it takes {operation}, which is no plain arithmetic")
        return [f"{name} = {language[operation].format(*operands)}" for name, operation, operands in lines]

    def is_arithmetic(self, results: Iterable[Any], given: Iterable[str]) -> bool:
        """True if plain arithmetic computes the results from the given names."""
        try:
            self.emit(results, given)
        except NotElementwiseError:
            return False
        return True

    def transcendental_levels(self, results: Iterable[Any], given: Iterable[str]) -> list[list[str]]:
        """The lines on the way that are transcendental, by level: those that depend on no other, on level 1, ..."""
        levels: dict[str, int] = {}
        found: list[list[str]] = []
        for name in self.ancestors(results, given):
            operation, operands = self.lines[name]
            levels[name] = max(levels.get(operand, 0) for operand in operands)
            if operation in TRANSCENDENTAL:
                levels[name] += 1
                found += [[] for _ in range(levels[name] - len(found))]
                found[levels[name] - 1].append(name)
        return found

    def live_inputs(
        self, results: Iterable[Any], given: Iterable[str], beside: Iterable[str] = ()
    ) -> list[str]:
        """Those of the given names from which, beside others, the code for the results reads."""
        results, given = list(results), list(given)
        names = {self.name(result) for result in results}
        for line in self.ancestors(results, [*given, *beside]):
            names.update(self.lines[line][1])
        return [name for name in given if name in names]

    def operand(self, name: str) -> tuple[str, Symbol]:
        """The function of a transcendental line, and its operand."""
        function, (operand,) = self.lines[name]
        return function, Symbol(self, operand)

    def coefficients(self, result: Symbol, name: str) -> list[str]:
        """The names on which the way from one input to the result depends, other than that input and constants.

        For dx, which is linear in dy, and the input dy these are the factors of dy.
        """
        dependent: set[str] = {name}
        found: list[str] = []
        for line in self.ancestors([result], self._inputs):
            operands = self.lines[line][1]
            if dependent.intersection(operands):
                dependent.add(line)
                found += operands
        return [x for x in dict.fromkeys(found) if x not in dependent and x not in self.constants]


class Symbol:
    """One element of an array, by its name in an expression."""

    __slots__ = ("expression", "name")
    shape = ()

    def __init__(self, expression: Expression, name: str) -> None:
        self.expression, self.name = expression, name

    def __bool__(self) -> bool:
        raise NotElementwiseError("it decides on a value, which only `where` can do for every element")

    def __pow__(self, exponent: Any) -> Symbol:
        if exponent != 2:
            raise NotElementwiseError(f"it raises to the power {exponent}")
        return self.expression.add("mul", self, self)  # as array libraries do


def _operator(name: str, *, reflected: bool = False) -> Callable[..., Any]:
    def apply(x: Symbol, *others: Any) -> Symbol:
        return x.expression.add(name, *others, x) if reflected else x.expression.add(name, x, *others)

    return apply


for _name in (*_SIGNS, *_COMPARISONS, "neg", "invert"):
    setattr(Symbol, f"__{_name}__", _operator(_name))
for _name in _SIGNS:
    setattr(Symbol, f"__r{_name}__", _operator(_name, reflected=True))


def _function(name: str) -> Callable[..., Symbol]:
    def apply(*operands: Any) -> Symbol:
        symbol = next(operand for operand in operands if isinstance(operand, Symbol))
        return symbol.expression.add(name, *operands)

    return apply


_where = _function("where")


def _sign(x: Any) -> Symbol:
    return _where(x > 0, 1.0, _where(x < 0, -1.0, _where(x == 0, 0.0, x)))  # NaN has no sign and stays NaN


class SymbolNamespace(SimpleNamespace):
    """The functions of the standard on symbols; any other function raises `NotElementwiseError`."""

    __name__ = "xpnet.compiler.expression"

    def __getattr__(self, name: str) -> Any:
        raise NotElementwiseError(f"it uses {name}")


SYMBOL_NAMESPACE = SymbolNamespace(
    sign=_sign,
    square=lambda x: x**2,
    **{name: _function(name) for name in ("sqrt", "abs", "where", "maximum", "minimum", *TRANSCENDENTAL)},
)
"""`namespace(symbol)`."""

register(Symbol, SYMBOL_NAMESPACE)
