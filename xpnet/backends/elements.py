"""A number that is not known yet: an elementwise function run on it writes its formula down, for a compiler.

Ops and optimizer rules are plain arithmetic on arrays. Run once on an `Element`, the same function leaves one line
per operation, each rounded as the array library rounds it, so that a loop over these lines gives its bits.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from types import SimpleNamespace
from typing import Any

from ..namespace import register

OPAQUE = "opaque"
"""A line whose bits only the array library gives; what is computed from it may still be a formula."""


class NotElementwiseError(TypeError):
    """A function that does more than plain arithmetic on each element; it runs on whole arrays only."""


class Formula:
    """The lines that a function left, and the inputs and constants in them."""

    def __init__(self) -> None:
        self.lines: dict[str, tuple[str, tuple[str, ...]]] = {}
        self.constants: dict[str, float | int | bool] = {}
        self._known: dict[tuple[str, ...], Element] = {}

    def input(self, name: str) -> Element:
        """A number that the loop will find under this name."""
        return Element(self, name)

    def add(self, template: str, *terms: Any) -> Element:
        """One more line, unless the same one is there."""
        names = tuple(self._name(term) for term in terms)
        if (template, *names) not in self._known:
            name = f"t{len(self.lines)}"
            self.lines[name] = template, names
            self._known[template, *names] = Element(self, name)
        return self._known[template, *names]

    def _name(self, term: Any) -> str:
        if isinstance(term, Element):
            return term.name
        if not isinstance(term, bool | int | float):
            raise NotElementwiseError(f"{term!r} is neither an element nor a number")
        name = f"k{len(self.constants)}"
        for known, value in self.constants.items():
            if value == term and type(value) is type(term):
                return known
        self.constants[name] = term
        return name

    def needed(self, wanted: Iterable[Any], given: Iterable[str]) -> list[str]:
        """The lines that lead from the names given to the elements wanted, in order, as Python."""
        known, needed = set(given), set()
        open_ends = [self._name(element) for element in wanted]
        while open_ends:
            name = open_ends.pop()
            if name in self.lines and name not in known and name not in needed:
                needed.add(name)
                open_ends += self.lines[name][1]
                if self.lines[name][0] == OPAQUE:
                    raise NotElementwiseError("it takes exp, or one of its kin")
            elif name not in known and name not in self.lines and name not in self.constants:
                raise NotElementwiseError(f"it needs {name!r}")
        return [
            f"{name} = {template.format(*names)}"
            for name, (template, names) in self.lines.items()
            if name in needed
        ]

    def leads(self, wanted: Iterable[Any], given: Iterable[str]) -> bool:
        """Whether plain arithmetic leads from the names given to the elements wanted."""
        try:
            return bool(self.needed(wanted, given)) or True
        except NotElementwiseError:
            return False

    def name(self, element: Any) -> str:
        """What the loop calls an element, or a number."""
        return self._name(element)


class Element:
    """One number of an array, by the name that a formula gives it."""

    __slots__ = ("formula", "name")
    shape = ()

    def __init__(self, formula: Formula, name: str) -> None:
        self.formula, self.name = formula, name

    def __bool__(self) -> bool:
        raise NotElementwiseError("it decides on a value, which only `where` can do for every element")

    def __pow__(self, exponent: Any) -> Element:
        if exponent != 2:
            raise NotElementwiseError(f"it raises to the power {exponent}")
        return self.formula.add("{0} * {0}", self)  # as array libraries do


def _operation(template: str, *, reflected: bool = False) -> Callable[..., Any]:
    def apply(x: Element, *others: Any) -> Element:
        return x.formula.add(template, *others, x) if reflected else x.formula.add(template, x, *others)

    return apply


for _name, _sign in {"add": "+", "sub": "-", "mul": "*", "truediv": "/"}.items():
    setattr(Element, f"__{_name}__", _operation(f"{{0}} {_sign} {{1}}"))
    setattr(Element, f"__r{_name}__", _operation(f"{{0}} {_sign} {{1}}", reflected=True))
for _name, _sign in {"lt": "<", "le": "<=", "gt": ">", "ge": ">=", "eq": "==", "ne": "!="}.items():
    setattr(Element, f"__{_name}__", _operation(f"{{0}} {_sign} {{1}}"))
for _name, _sign in {"neg": "-", "invert": "not "}.items():
    setattr(Element, f"__{_name}__", _operation(f"{_sign}{{0}}"))


def _function(template: str) -> Callable[..., Element]:
    def apply(*terms: Any) -> Element:
        element = next(term for term in terms if isinstance(term, Element))
        return element.formula.add(template, *terms)

    return apply


class Standard(SimpleNamespace):
    """The standard's functions on one element."""

    __name__ = "xpnet.backends.elements"

    def __getattr__(self, name: str) -> Any:
        raise NotElementwiseError(f"it uses {name}")


STANDARD = Standard(
    sqrt=_function("sqrt({0})"),
    abs=_function("abs({0})"),
    square=_function("{0} * {0}"),
    where=_function("{1} if {0} else {2}"),
    maximum=_function("{0} if {0} >= {1} or {0} != {0} else {1}"),
    minimum=_function("{0} if {0} <= {1} or {0} != {0} else {1}"),
    **{name: _function(OPAQUE) for name in ("exp", "expm1", "log", "log1p", "tanh", "sin", "cos")},
)
"""The functions of the standard; those that each library rounds in its own way are opaque."""

register(Element, STANDARD)
