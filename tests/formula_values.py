"""The value of a parsed formula on numbers: every index by a loop, every definition as it is written.

For formulas of single numbers, and of arrays whose products are elementwise; a matrix product is not known from the
formula alone.
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
)

FUNCTIONS = {
    **{name: getattr(np, name) for name in ("exp", "log", "sqrt", "tanh", "cosh", "sign", "clip", "size")},
    "erf": np.vectorize(math.erf),
    "max": lambda *values: reduce(np.maximum, values),
    "min": lambda *values: reduce(np.minimum, values),
    "sigmoid": lambda x: 1 / (1 + np.exp(-x)),
    "silu": lambda x: x / (1 + np.exp(-x)),
    "softmax": lambda x: np.exp(x) / np.sum(np.exp(x), axis=-1, keepdims=True),
    "log_softmax": lambda x: x - np.log(np.sum(np.exp(x), axis=-1, keepdims=True)),
}
REDUCERS = {name: getattr(np, name) for name in ("sum", "mean", "prod", "max", "min", "argmax")}
SIGNS = {"+": np.add, "-": np.subtract, "*": np.multiply, "/": np.divide, "^": np.power}
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


class Values:
    """The values of some equations' names, where those of `given` are known."""

    def __init__(self, equations, given):
        self.given = {"pi": np.pi, **given}
        self.names, self.elements, self.functions, self.parts = {}, {}, {}, {}
        for equation in equations:
            for target in equation.targets:
                if isinstance(target, Name):
                    self.names[target.name] = equation.values
                elif isinstance(target, Index):
                    self.elements[target.base.name] = [at.name for at in target.at], equation.values
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
        letters, sides = self.elements[name]
        sizes = [self.size(letter, sides, at) for letter in letters]
        places = list(itertools.product(*map(range, sizes)))
        found = [
            [self.value(side, {**at, **dict(zip(letters, place, strict=True))}) for place in places]
            for side in sides
        ]
        return [np.reshape(np.asarray(each), (*sizes, *np.shape(each[0]))) for each in found]

    def size(self, letter, part, at):
        """How far an index runs: the size of the axis of an array that it is used for."""
        for node in nodes(part):
            if isinstance(node, Index) and isinstance(node.base, Name) and Name(letter) in node.at:
                axis, base = node.at.index(Name(letter)), node.base.name
                if base in self.elements and axis < len(self.elements[base][0]):
                    letters, sides = self.elements[base]
                    if (found := self.size(letters[axis], sides, at)) is not None:
                        return found
                elif base in self.elements:
                    letters, (side, *_) = self.elements[base]
                    inner = self.value(side, {**at, **dict.fromkeys(letters, 0)})
                    return np.shape(inner)[axis - len(letters)]
                else:
                    return np.shape(self.array(base, at)[0])[axis]
        return None

    def element(self, node, at):
        places = tuple(self.value(place, at) for place in node.at)
        if not isinstance(node.base, Name) or node.base.name not in self.elements:
            return self.value(node.base, at)[places]
        letters, (side, *_) = self.elements[node.base.name]
        bound = {**at, **dict(zip(letters, places, strict=False))}
        return (
            self.value(side, bound)[places[len(letters) :]]
            if places[len(letters) :]
            else self.value(side, bound)
        )

    def function(self, node, at):
        if isinstance(node, Prime):
            f = self.function(node.function, at)
            return lambda x: (f(x + STEP) - f(x - STEP)) / (2 * STEP)
        if node.name in self.functions:
            names, (side,) = self.functions[node.name]
            return lambda *values: self.value(side, {**at, **dict(zip(names, values, strict=True))})
        return self.given[node.name] if node.name in self.given else FUNCTIONS[node.name]

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
                places = range(self.size(letter, body, at))
                return REDUCERS[name]([self.value(body, {**at, letter: place}) for place in places], axis=0)
            case Reduce(name, (), body):
                return REDUCERS[name](self.value(body, at))
            case Negative(body):
                return -self.value(body, at)
            case Magnitude(body):
                return np.linalg.norm(x) if np.ndim(x := self.value(body, at)) == 1 and at else np.abs(x)
            case Joined(parts):
                return np.concatenate([self.value(part, at) for part in parts], axis=-1)
            case Binary(sign, left, right):
                return SIGNS[sign](self.value(left, at), self.value(right, at) * (1.0 if sign == "^" else 1))
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
