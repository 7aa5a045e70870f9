"""A number that is not known yet: an elementwise function run on it writes its formula down, for a compiler.

Ops and optimizer rules are plain arithmetic on arrays. Run once on a `Symbol`, the same function leaves one line
per operation, each rounded as the array library rounds it, so that a loop over these lines gives its bits. A line
names its operation, which each compiler writes in its own language.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterable, Mapping
from types import SimpleNamespace
from typing import Any

from ..namespace import register

TRANSCENDENTAL = ("exp", "expm1", "log", "log1p", "tanh", "sin", "cos")
"""Functions whose last bits are each library's own: a formula is cut at them, and computed in stages."""

_SIGNS = {"add": "+", "sub": "-", "mul": "*", "truediv": "/"}
_COMPARISONS = {"lt": "<", "le": "<=", "gt": ">", "ge": ">=", "eq": "==", "ne": "!="}

INFIX = {name: f"{{0}} {sign} {{1}}" for name, sign in (_SIGNS | _COMPARISONS).items()}
"""How Python and C alike write what has two sides."""
PYTHON = INFIX | {
    "neg": "-{0}",
    "invert": "not {0}",
    "sqrt": "sqrt({0})",
    "abs": "abs({0})",
    "where": "{1} if {0} else {2}",
    "maximum": "{0} if {0} >= {1} or {0} != {0} else {1}",
    "minimum": "{0} if {0} <= {1} or {0} != {0} else {1}",
}
"""How Python writes each operation; it has no cuts."""


class NotElementwiseError(TypeError):
    """A function that does more than plain arithmetic on each element; it runs on whole arrays only."""


class Expression:
    """The lines that a function left, and the inputs and constants in them."""

    def __init__(self) -> None:
        self.lines: dict[str, tuple[str, tuple[str, ...]]] = {}
        self.constants: dict[str, float | int | bool] = {}
        self._known: dict[tuple[str, ...], Symbol] = {}
        self._inputs: list[str] = []

    def input(self, name: str) -> Symbol:
        """A number that the loop will find under this name."""
        self._inputs.append(name)
        return Symbol(self, name)

    def add(self, operation: str, *terms: Any) -> Symbol:
        """One more line, unless the same one is there."""
        names = tuple(self._name(term) for term in terms)
        if (operation, *names) not in self._known:
            name = f"t{len(self.lines)}"
            self.lines[name] = operation, names
            self._known[operation, *names] = Symbol(self, name)
        return self._known[operation, *names]

    def _name(self, term: Any) -> str:
        if isinstance(term, Symbol):
            return term.name
        if not isinstance(term, bool | int | float):
            raise NotElementwiseError(f"{term!r} is neither an element nor a number")
        name = f"k{len(self.constants)}"
        for known, value in self.constants.items():
            if value == term and type(value) is type(term):
                return known
        self.constants[name] = term
        return name

    def ancestors(self, wanted: Iterable[Any], given: Iterable[str]) -> list[str]:
        """The names of the lines that lead from the names given to the elements wanted, in order."""
        known, reached = set(given), set()
        open_ends = [self._name(element) for element in wanted]
        while open_ends:
            name = open_ends.pop()
            if name in self.lines and name not in known and name not in reached:
                reached.add(name)
                open_ends += self.lines[name][1]
            elif name not in known and name not in self.lines and name not in self.constants:
                raise NotElementwiseError(f"it needs {name!r}")
        return [name for name in self.lines if name in reached]

    def emit(
        self, wanted: Iterable[Any], given: Iterable[str], language: Mapping[str, str] = PYTHON
    ) -> list[str]:
        """The lines that lead from the names given to the elements wanted, in order, as a language writes them."""
        reached = {name: self.lines[name] for name in self.ancestors(wanted, given)}
        if any(operation not in language for operation, _ in reached.values()):
            raise NotElementwiseError("it takes exp, or one of its kin")
        return [
            f"{name} = {language[operation].format(*terms)}" for name, (operation, terms) in reached.items()
        ]

    def is_arithmetic(self, wanted: Iterable[Any], given: Iterable[str]) -> bool:
        """Whether plain arithmetic leads from the names given to the elements wanted."""
        try:
            return bool(self.emit(wanted, given)) or True
        except NotElementwiseError:
            return False

    def transcendental_levels(self, wanted: Iterable[Any], given: Iterable[str]) -> list[list[str]]:
        """The lines on the way that are cuts, in turn: those that wait for no other, those that wait for these, ..."""
        levels: dict[str, int] = {}
        cuts: list[list[str]] = []
        for name in self.ancestors(wanted, given):
            function, terms = self.lines[name]
            levels[name] = max(levels.get(term, 0) for term in terms) + (function in TRANSCENDENTAL)
            if function in TRANSCENDENTAL:
                cuts += [[] for _ in range(levels[name] - len(cuts))]
                cuts[levels[name] - 1].append(name)
        return cuts

    def live_inputs(
        self, wanted: Iterable[Any], given: Iterable[str], beside: Iterable[str] = ()
    ) -> list[str]:
        """Those of the names given, beside others, that lines or elements wanted take."""
        wanted, given = list(wanted), list(given)
        names = {self._name(element) for element in wanted}
        for line in self.ancestors(wanted, [*given, *beside]):
            names.update(self.lines[line][1])
        return [name for name in given if name in names]

    def operand(self, name: str) -> tuple[str, Symbol]:
        """The function of a cut, and the element that it takes."""
        function, (term,) = self.lines[name]
        return function, Symbol(self, term)

    def coefficients(self, element: Symbol, name: str) -> list[str]:
        """What the lines from an input to an element take that does not hang on that input, numbers left out."""
        on_it: set[str] = {name}
        taken: list[str] = []
        for line in self.ancestors([element], self._inputs):
            terms = self.lines[line][1]
            if on_it.intersection(terms):
                on_it.add(line)
                taken += terms
        return [term for term in dict.fromkeys(taken) if term not in on_it and term not in self.constants]

    def name(self, element: Any) -> str:
        """What the loop calls an element, or a number."""
        return self._name(element)


class Symbol:
    """One number of an array, by the name that a formula gives it."""

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


def _operation(name: str, *, reflected: bool = False) -> Callable[..., Any]:
    def apply(x: Symbol, *others: Any) -> Symbol:
        return x.expression.add(name, *others, x) if reflected else x.expression.add(name, x, *others)

    return apply


for _name in (*_SIGNS, *_COMPARISONS, "neg", "invert"):
    setattr(Symbol, f"__{_name}__", _operation(_name))
for _name in _SIGNS:
    setattr(Symbol, f"__r{_name}__", _operation(_name, reflected=True))


def _function(name: str) -> Callable[..., Symbol]:
    def apply(*terms: Any) -> Symbol:
        element = next(term for term in terms if isinstance(term, Symbol))
        return element.expression.add(name, *terms)

    return apply


_where = _function("where")


def _sign_of(x: Any) -> Symbol:
    return _where(x > 0, 1.0, _where(x < 0, -1.0, _where(x == 0, 0.0, x)))  # NaN has none


class SymbolNamespace(SimpleNamespace):
    """The standard's functions on one element."""

    __name__ = "xpnet.compiler.expression"

    def __getattr__(self, name: str) -> Any:
        raise NotElementwiseError(f"it uses {name}")


SYMBOL_NAMESPACE = SymbolNamespace(
    sign=_sign_of,
    square=lambda x: x**2,
    **{name: _function(name) for name in ("sqrt", "abs", "where", "maximum", "minimum", *TRANSCENDENTAL)},
)
"""The functions of the standard."""

register(Symbol, SYMBOL_NAMESPACE)


def trace_rule(
    rule: Any, slots: int, scalars: int
) -> tuple[Expression, tuple[str, ...], tuple[str, ...], dict[str, Symbol]]:
    """A rule as a formula: (it, the arrays p, g, s0, ..., the numbers c0, c1, ..., what p, s0, ... become)."""
    kept, constants = [f"s{i}" for i in range(slots)], [f"c{i}" for i in range(scalars)]
    expression, arrays = Expression(), ("p", "g", *kept)
    results = rule(SYMBOL_NAMESPACE, *map(expression.input, (*arrays, *constants)))
    return expression, arrays, tuple(constants), dict(zip(("p", *kept), results, strict=True))


def warn_not_compiled(rule: Any, error: Exception) -> None:
    """Says why a rule is not compiled: whatever stops it, the rule itself still runs."""
    reason = str(error).strip().partition("\n")[0]
    warnings.warn(f"{rule.__name__} is not compiled and runs portably: {reason}", stacklevel=3)
