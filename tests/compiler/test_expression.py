"""Expressions: the lines that a function leaves on symbols, and what is asked of them before code is generated."""

import math

import pytest

from xpnet.compiler.expression import (
    PYTHON,
    SYMBOL_NAMESPACE,
    TRANSCENDENTAL,
    Expression,
    NotElementwiseError,
)
from xpnet.namespace import namespace

xp = SYMBOL_NAMESPACE


def traced(function, *names):
    """(expression, result) of a function of the named inputs."""
    expression = Expression()
    return expression, function(*map(expression.input, names))


def run(lines, names, **given):
    """The numbers that emitted lines compute, by name."""
    found = {**given, "sqrt": math.sqrt}
    for line in lines:
        exec(line, found)
    return [found[name] for name in names]


def test_arithmetic_is_emitted_in_the_order_of_the_function():
    expression, y = traced(lambda x, w: (x * w + 1.0) / x - 2 * w, "x", "w")
    assert expression.constants == {"k0": 1.0, "k1": 2}
    lines = expression.emit([y], ["x", "w"])
    assert lines == ["t0 = x * w", "t1 = t0 + k0", "t2 = t1 / x", "t3 = k1 * w", "t4 = t2 - t3"]
    assert run(lines, [y.name], x=4.0, w=0.5, k0=1.0, k1=2) == [(4.0 * 0.5 + 1.0) / 4.0 - 2 * 0.5]


def test_common_subexpressions_are_computed_once():
    expression, y = traced(lambda x: (x * x + 1.0) * (x * x + 1.0) + x**2, "x")
    assert expression.emit([y], ["x"]) == ["t0 = x * x", "t1 = t0 + k0", "t2 = t1 * t1", "t3 = t2 + t0"]


def test_constants_of_different_types_are_kept_apart():
    expression, _ = traced(lambda x: x * 1 + x * 1.0 + x * True, "x")
    assert [(type(x), x) for x in expression.constants.values()] == [(int, 1), (float, 1.0), (bool, True)]


@pytest.mark.parametrize(
    ("function", "values", "wanted"),
    [
        (lambda x: xp.where(x > 0, x, 0.0), [-1.0, 2.0], [0.0, 2.0]),
        (lambda x: xp.maximum(x, 1.0), [-1.0, 2.0], [1.0, 2.0]),
        (lambda x: xp.minimum(x, 1.0), [-1.0, 2.0], [-1.0, 1.0]),
        (lambda x: xp.sign(x), [-3.0, 0.0, 5.0], [-1.0, 0.0, 1.0]),
        (lambda x: -xp.sqrt(xp.square(x) + 9), [4.0], [-5.0]),
        (lambda x: xp.abs(1 - x), [3.0], [2.0]),
        (lambda x: xp.where(~(x <= 1), 7.0, x), [1.0, 2.0], [1.0, 7.0]),
    ],
    ids=["where", "maximum", "minimum", "sign", "sqrt", "abs", "invert"],
)
def test_python_has_each_operation(function, values, wanted):
    expression, y = traced(function, "x")
    lines = expression.emit([y], ["x"])
    assert [run(lines, [y.name], x=x, **expression.constants)[0] for x in values] == wanted


@pytest.mark.parametrize("function", ["maximum", "minimum", "sign"])
def test_nan_stays_nan(function):
    arguments = (1.0,) if function != "sign" else ()
    expression, y = traced(lambda x: getattr(xp, function)(x, *arguments), "x")
    lines = expression.emit([y], ["x"])
    assert math.isnan(run(lines, [y.name], x=math.nan, **expression.constants)[0])


@pytest.mark.parametrize("name", TRANSCENDENTAL)
def test_a_transcendental_function_is_no_arithmetic(name):
    assert name not in PYTHON
    expression, y = traced(lambda x: getattr(xp, name)(x) + x, "x")
    assert not expression.is_arithmetic([y], ["x"])
    assert expression.is_arithmetic([y], ["x", "t0"])
    with pytest.raises(NotElementwiseError, match=f"it takes {name}"):
        expression.emit([y], ["x"])


def test_levels_say_which_transcendental_function_waits_for_which():
    expression, y = traced(lambda x: xp.exp(x) + xp.tanh(xp.log1p(xp.exp(-x))) * xp.sin(x), "x")
    levels = expression.transcendental_levels([y], ["x"])
    operations = [sorted(expression.lines[name][0] for name in level) for level in levels]
    assert operations == [["exp", "exp", "sin"], ["log1p"], ["tanh"]]
    function, operand = expression.operand(levels[1][0])
    assert (function, expression.lines[operand.name][0]) == ("log1p", "exp")


def test_ancestors_stop_at_given_names_and_name_what_is_missing():
    expression, y = traced(lambda x, w: (x + w) * (x - w), "x", "w")
    assert expression.ancestors([y], ["x", "w"]) == ["t0", "t1", "t2"]
    assert expression.ancestors([y], ["t0", "t1"]) == ["t2"]
    with pytest.raises(NotElementwiseError, match="it needs 'w'"):
        expression.ancestors([y], ["x"])


def test_live_inputs_are_those_that_are_read():
    expression, y = traced(lambda x, w, b: x * 2.0 + b, "x", "w", "b")
    assert expression.live_inputs([y], ["x", "w", "b"]) == ["x", "b"]
    assert expression.live_inputs([y], ["w", "t0"], beside=["b"]) == ["t0"]


def test_the_coefficients_of_a_product_are_its_other_factors():
    expression, dx = traced(lambda dy, y: dy * (1.0 - y * y), "dy", "y")
    assert [expression.lines[name][0] for name in expression.coefficients(dx, "dy")] == ["sub"]
    assert expression.coefficients(traced(lambda dy: dy, "dy")[1], "dy") == []


@pytest.mark.parametrize(
    ("function", "reason"),
    [
        (lambda x: x if x > 0 else -x, "it decides on a value"),
        (lambda x: x**3, "it raises to the power 3"),
        (lambda x: xp.flip(x), "it uses flip"),
        (lambda x: x + "1", "'1' is neither an element nor a number"),
    ],
    ids=["if", "cube", "flip", "text"],
)
def test_what_is_not_elementwise_is_refused(function, reason):
    with pytest.raises(NotElementwiseError, match=reason):
        traced(function, "x")


def test_a_symbol_has_the_symbols_namespace():
    assert namespace(Expression().input("x")) is SYMBOL_NAMESPACE
