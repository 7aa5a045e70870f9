"""Calculus, pictures, ops and the oracle: what they are given."""

import numpy as np
import pytest

import xpnet as xn
from xpnet import testing

from .rows import INF, NAN, X, Y, check, each, model, table, wrong


def square(x):
    return (x * x).sum()


def descend(**options):
    return xn.gradient_descent(square, np.ones(2), **options)


TAKE_F = {
    "derivative": lambda f: xn.derivative(f, 1.0),
    "numerical_gradient": lambda f: xn.numerical_gradient(f, np.ones(2)),
    "tangent": lambda f: xn.tangent(f, np.ones(2)),
    "gradient_descent": lambda f: xn.gradient_descent(f, np.ones(2)),
}
CALCULUS = [
    *(
        wrong(lambda call=call, f=f: call(f), *words, error=TypeError, name=f"{name} of {words[-1]}")
        for name, call in TAKE_F.items()
        for f, *words in (
            (5, "f: a function f(x)", "5 came"),
            (lambda: 1, "f: a function f(x)", "function <lambda> came"),
            (lambda x: "a", "f gave a str", "a number or an array"),
            (lambda x: None, "f gave a NoneType", "a number or an array"),
            (lambda x: (x, x), "f gave a tuple", "op(x)[0]"),
        )
    ),
    *(
        wrong(lambda x=x: xn.derivative(square, x), "an array was wanted", came, error=TypeError)
        for x, came in (("a", "a str"), (None, "a NoneType"), ([1.0], "a list"), ({}, "a dict"))
    ),
    wrong(lambda: xn.derivative(square, X * 1j), "x must hold", "x.real", error=TypeError),
    wrong(lambda: xn.derivative(square, X.astype(object)), "x must hold", "objects", error=TypeError),
    *each(lambda h: xn.derivative(square, 1.0, h), (0, -1, "a", True, NAN, INF, [0.1]), "h", "more than 0"),
    wrong(lambda: xn.derivative(square, 1.0, 1e-20), "h 1e-20", "roundoff", "leave it out"),
    *each(lambda n: descend(lr=n), (0, -1, "a", None, NAN, True), "lr", "more than 0"),
    *each(lambda n: descend(steps=n), (-1, 2.5, "a", True, None), "steps", "0 or more"),
    wrong(lambda: descend(lr=1e308), "step 1 of 100", "smaller lr than 1e+308", error=xn.DivergedError),
    wrong(lambda: descend(gradient=5), "gradient: a function f(x)", "5 came", error=TypeError),
    wrong(lambda: descend(gradient=lambda: 1), "gradient: a function f(x)", error=TypeError),
    wrong(lambda: descend(gradient=lambda x: np.ones(3)), "gradient gave (3,)", "(2,) was wanted"),
    wrong(lambda: xn.check_gradient(5, X), "op: a function", "5 came", error=TypeError),
    wrong(lambda: xn.check_gradient(np.square, X), "op must give (value, pullback)", error=TypeError),
    wrong(lambda: xn.check_gradient(xn.ops.relu), "op: a function", "relu came", error=TypeError),
    wrong(lambda: xn.check_gradient(xn.ops.mse, X), "op: a function f(x0)", "mse came", error=TypeError),
    wrong(lambda: xn.check_gradient(lambda *xs: (1, print)), "op: at least one array", error=TypeError),
    *each(
        lambda t: xn.check_gradient(xn.ops.tanh, X, tolerance=t), (-1, "a", None), "tolerance", "0 or more"
    ),
]

OPS = [
    wrong(lambda: xn.ops.linear(X, X), "linear: x (12, 3) has 3 features", "w (12, 3) takes 12", "outputs"),
    wrong(lambda: xn.ops.linear(X, np.ones((3, 2)), np.ones(3)), "linear: b (3,)", "(2,)", "w (3, 2)"),
    wrong(lambda: xn.ops.relu("a"), "an array was wanted", "a str", error=TypeError),
    wrong(lambda: xn.ops.mse(X, target=Y), "mse: target (12,)", "(12, 3)"),
    wrong(lambda: xn.ops.softmax_cross_entropy(X, target=Y[:5]), "target (5,)", "(12,)", "(12, 3)"),
    wrong(lambda: xn.ops.dropout(X, rate=2, key=None), "dropout: rate 2", "[0, 1)"),
]

ORACLE = [
    wrong(lambda: testing.check_op(5, testing.normal("n", 3)), "op: a function", "5 came", error=TypeError),
    wrong(lambda: testing.check_op(xn.ops.relu, X), "arrays: draws", "normal('n', 5)", error=TypeError),
    wrong(lambda: testing.prove(5), "case: a Case was wanted", "5 came", error=TypeError),
    wrong(lambda: testing.layer_case("D", 5, 3), "layer: one was wanted", "5 came", error=TypeError),
    *each(
        lambda n: testing.layer_case("D", xn.Dense(3), n), (0, "a", (3,)), "sample_shape", "positive integer"
    ),
    wrong(
        lambda: testing.check_op(xn.ops.relu, testing.normal("n", 3), backends=[]),
        "backends is empty",
        "name one",
    ),
    wrong(
        lambda: testing.check_op(xn.ops.relu, testing.normal("n", 3), backends="nunpy"),
        "backend 'nunpy'",
        "did you mean 'numpy'",
    ),
]


@table(*CALCULUS, *OPS, *ORACLE)
def test_the_error_names_argument_and_remedy(call, error, fragments, trains):
    check(call, error, fragments, trains)


PICTURES = [
    wrong(lambda: xn.plots.function(5, (0, 1)), "f: a function", "5 came", error=TypeError),
    *each(lambda d: xn.plots.function(np.sin, d), ((1, 0), (0,), (0, INF)), "domain", "low < high"),
    wrong(lambda: xn.plots.function(np.sin, (0, 1), ax=5), "ax: one Axes", "a int came", error=TypeError),
    wrong(lambda: xn.plots.learning_curves({}), "history is empty", "nothing to draw"),
    wrong(lambda: xn.plots.learning_curves(5), "history: model.history", error=TypeError),
    wrong(lambda: xn.plots.weight_histograms(5), "params: model.params", error=TypeError),
    wrong(lambda: xn.plots.confusion_matrix(Y, Y[:3]), "y_pred (3,)", "(12,)"),
    wrong(lambda: xn.plots.decision_regions(5, X, Y), "x (12, 3)", "choose two columns"),
    wrong(lambda: xn.plots.network(model()), "no parameters to draw", "call fit"),
    wrong(lambda: xn.plots.Live(5), "draw: a function", "5 came", error=TypeError),
]


@table(*PICTURES)
def test_errors_of_plots(call, error, fragments, trains):
    pytest.importorskip("matplotlib", reason="matplotlib is not installed").use("agg")
    check(call, error, fragments, trains)
