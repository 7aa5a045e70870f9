"""The value of a parsed formula on numbers: every index by a loop, every definition as it is written.

A product of two arrays is elementwise where their shapes are equal, and a matrix product where those are of one: give
arrays whose axes have different sizes.
"""

import itertools
import math
from functools import reduce

import numpy as np

from xpnet.formulas import nodes
from xpnet.formulas.expressions import (
    Binary,
    Call,
    Cases,
    Compared,
    Index,
    Joined,
    Magnitude,
    Name,
    Negative,
    Number,
    Prime,
    Reduce,
    Row,
    Transposed,
)

FUNCTIONS = {
    **{
        name: getattr(np, name)
        for name in (
            "exp",
            "log",
            "sqrt",
            "tanh",
            "cosh",
            "sign",
            "clip",
            "size",
            "shape",
            "reshape",
            "floor",
        )
    },
    "erf": np.vectorize(math.erf),
    "permute_dims": lambda x, axes: np.transpose(x, [axis - 1 for axis in axes]),
    "inverse": lambda axes: [axes.index(axis) + 1 for axis in sorted(axes)],
    "max": lambda *values: reduce(np.maximum, values),
    "min": lambda *values: reduce(np.minimum, values),
    "sigmoid": lambda x: 1 / (1 + np.exp(-x)),
    "silu": lambda x: x / (1 + np.exp(-x)),
    "softmax": lambda x: np.exp(x) / np.sum(np.exp(x), axis=-1, keepdims=True),
    "log_softmax": lambda x: x - np.log(np.sum(np.exp(x), axis=-1, keepdims=True)),
}
REDUCERS = {name: getattr(np, name) for name in ("sum", "mean", "prod", "max", "min", "argmax")}


def product(a, b):
    """The matrix product where the shapes are those of one, else the elementwise product."""
    if np.ndim(a) == 0 and a == 0:  # an element outside of its range, of whatever shape
        return 0.0
    matrices = np.ndim(a) and np.ndim(b) == 2 and np.shape(a)[-1] == len(b) and np.shape(a) != np.shape(b)
    return a @ b if matrices else np.multiply(a, b)


SIGNS = {"+": np.add, "-": np.subtract, "*": product, "/": np.divide, "^": lambda a, b: np.power(a, 1.0 * b)}
RELATIONS = {
    "<": np.less,
    "<=": np.less_equal,
    ">": np.greater,
    ">=": np.greater_equal,
    "=": np.equal,
    "!=": np.not_equal,
    "and": np.logical_and,
    "or": np.logical_or,
}
STEP = 1e-6
"""Half the width of the central difference that stands for a function's derivative."""


def letter_and_shift(at):
    """The letter of an index and what is added to it, h_t-1."""
    if isinstance(at, Name):
        return at.name, 0
    return at.left.name, int(at.right.text) * (1 if at.sign == "+" else -1)


class Values:
    """The values of some equations' names.

    given: the values that are known, and functions. ranges: of indices that no array's size tells. A name that is
    defined by its elements is 0 outside of them, as the states before the first time and after the last.
    """

    def __init__(self, equations, given, ranges=None):
        self.given, self.ranges, self.known = {"pi": np.pi, **given}, ranges or {}, {}
        self.names, self.elements, self.constants, self.functions, self.parts = {}, {}, {}, {}, {}
        for equation in equations:
            for target in equation.targets:
                if isinstance(target, Name):
                    self.names[target.name] = equation.values
                elif isinstance(target, Index) and isinstance(target.at[0], Number):
                    self.constants[target.base.name, int(target.at[0].text)] = equation.values[0]
                elif isinstance(target, Index):
                    self.elements[target.base.name] = [*map(letter_and_shift, target.at)], equation.values
                elif isinstance(target, Call):
                    self.functions[target.function.name] = [a.name for a in target.arguments], equation.values
                elif isinstance(target, Joined):
                    for place, part in enumerate(target.parts):
                        self.parts[part.name] = place, len(target.parts), equation.values

    def array(self, name, at=None):
        """All values of a name, as every right-hand side that its equation has."""
        at = at or {}
        if name in at:
            return [at[name]]
        if name in self.given:
            return [self.given[name]]
        if name in self.names:
            return [self.value(side, at) for side in self.names[name]]
        if name in self.parts:
            place, count, (side,) = self.parts[name]
            return [np.split(self.value(side, at), count, axis=-1)[place]]
        index, sides = self.elements[name]
        runs = [self.run(letter, sides, at) for letter, _ in index]
        places = list(itertools.product(*runs))
        found = [[self.at(name, place, at, side) for place in places] for side in sides]
        return [np.reshape(np.asarray(each), (*map(len, runs), *np.shape(each[0]))) for each in found]

    def run(self, letter, part, at):
        """The values of an index: those given, else the size of the axis of an array that it is used for."""
        if letter in self.ranges:
            return self.ranges[letter]
        for node in nodes(part):
            if isinstance(node, Index) and isinstance(node.base, Name) and Name(letter) in node.at:
                axis, base = node.at.index(Name(letter)), node.base.name
                if base in self.elements and axis < len(self.elements[base][0]):
                    index, sides = self.elements[base]
                    if (found := self.run(index[axis][0], sides, at)) is not None:
                        return found
                elif base in self.elements:
                    index, (side, *_) = self.elements[base]
                    inner = self.value(side, {**at, **{name: 0 for name, _ in index}})
                    return range(np.shape(inner)[axis - len(index)])
                else:
                    return range(np.shape(self.array(base, at)[0])[axis])
        return None

    def element(self, node, at):
        places = tuple(int(self.value(place, at)) for place in node.at)
        if not isinstance(node.base, Name) or node.base.name not in self.elements:
            return self.value(node.base, at)[places]
        count = len(self.elements[node.base.name][0])
        found = self.at(node.base.name, places[:count], at, self.elements[node.base.name][1][0])
        return found[places[count:]] if places[count:] else found

    def at(self, name, places, at, side):
        """An element of a name that is defined by its elements."""
        if (name, places[0]) in self.constants:
            return self.value(self.constants[name, places[0]], at)
        index, _ = self.elements[name]
        if any(
            place not in self.ranges.get(x, (place,)) for (x, _), place in zip(index, places, strict=True)
        ):
            return 0.0
        key = (name, places, id(side), *((n, v) for n, v in at.items() if isinstance(v, int)))
        if key not in self.known:
            bound = {letter: place - shift for (letter, shift), place in zip(index, places, strict=True)}
            self.known[key] = self.value(side, {**at, **bound})
        return self.known[key]

    def function(self, node, at):
        if isinstance(node, Prime):
            f = self.function(node.function, at)
            return lambda x: (f(x + STEP) - f(x - STEP)) / (2 * STEP)
        if node.name in self.functions:
            names, (side,) = self.functions[node.name]
            return lambda *values: self.value(side, {**at, **dict(zip(names, values, strict=True))})
        if node.name in self.names:  # f = activation
            return self.value(self.names[node.name][0], at)
        given = self.given.get(node.name)
        return given if callable(given) else FUNCTIONS[node.name]

    def value(self, node, at):
        """The value of an expression, where `at` has the values of indices and of a function's arguments."""
        match node:
            case Number(text):
                return float(text) if set(text) & set(".e") else int(text)
            case Name(name):
                return self.array(name, at)[0]
            case Index():
                return self.element(node, at)
            case Call(function, arguments):
                return self.function(function, at)(*(self.value(argument, at) for argument in arguments))
            case Reduce(name, (Name(letter),), body):
                places = self.run(letter, body, at)
                return REDUCERS[name]([self.value(body, {**at, letter: place}) for place in places], axis=0)
            case Reduce(name, (Name(letter), *rest), body):
                return self.value(Reduce(name, (Name(letter),), Reduce(name, tuple(rest), body)), at)
            case Reduce(name, (), body):
                array = np.asarray(self.value(body, at))
                return REDUCERS[name](array, axis=tuple(range(max(1, array.ndim - 1))))
            case Transposed(body):
                array = self.value(body, at)
                return np.transpose(array) if np.ndim(array) > 1 else np.reshape(array, (-1, 1))
            case Row(parts):
                return tuple(self.value(part, at) for part in parts)
            case Negative(body):
                return -self.value(body, at)
            case Magnitude(body):
                return np.linalg.norm(x) if np.ndim(x := self.value(body, at)) == 1 and at else np.abs(x)
            case Joined(parts):
                return np.concatenate([self.value(part, at) for part in parts], axis=-1)
            case Binary(sign, left, right):
                return SIGNS[sign](self.value(left, at), self.value(right, at))
            case Compared(parts, relations):
                values = [self.value(part, at) for part in parts]
                pairs = zip(relations, itertools.pairwise(values), strict=True)
                return reduce(np.logical_and, [RELATIONS[relation](*pair) for relation, pair in pairs])
            case Cases(cases, otherwise):
                with np.errstate(invalid="ignore", divide="ignore"):  # of values that another case replaces
                    found = self.value(otherwise, at)
                    for value, condition in reversed(cases):
                        found = np.where(self.value(condition, at), self.value(value, at), found)
                return found
        raise TypeError(f"{node} has no value here")
