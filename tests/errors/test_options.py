"""Errors about the options of fit: weights, validation and callbacks."""

import numpy as np
import pytest

import xpnet as xn

from .rows import INF, NAN, ONES, X, Y, check, each, fit, fitted, model, table, values, with_value, wrong


def weigh(weight):
    return fit(sample_weight=weight)


def one_bad(value):
    return np.where(np.arange(12) == 7, value, 1.0)


WEIGHTS = [
    wrong(lambda: weigh(one_bad(-1)), "sample_weight holds -1 at row 7", "not negative", "weight 0"),
    wrong(lambda: weigh(one_bad(INF)), "sample_weight holds inf at row 7", "finite"),
    wrong(lambda: weigh(one_bad(NAN)), "sample_weight holds nan at row 7", "finite"),
    wrong(lambda: weigh(ONES * 1e308), "sample_weight has an infinite sum", "divide"),
    wrong(lambda: weigh(ONES[:5]), "sample_weight (5,)", "(12,)"),
    wrong(lambda: weigh(ONES[:, None]), "sample_weight (12, 1)", "(12,)", "reshape"),
    wrong(lambda: weigh(3.0), "sample_weight ()", "(12,)"),
    wrong(lambda: weigh(0 * ONES), "sample_weight is 0 for every sample", "nothing is left"),
    wrong(lambda: weigh(["a"] * 12), "sample_weight must hold real numbers", "text", error=TypeError),
    wrong(lambda: weigh("balanced"), "sample_weight must hold", "text", error=TypeError, name="balanced"),
    wrong(lambda: weigh({0: 1}), "sample_weight must hold", "a dict", error=TypeError),
    wrong(lambda: weigh(ONES * 1j), "sample_weight must hold", "sample_weight.real", error=TypeError),
    wrong(lambda: weigh(np.ma.array(ONES)), "sample_weight is a masked array", error=TypeError),
    wrong(lambda: fitted().evaluate(X, Y, -ONES), "sample_weight holds -1 at row 0", name="evaluate"),
    wrong(lambda: fitted().partial_fit(X, Y, ONES[:3]), "sample_weight (3,)", name="partial_fit"),
    wrong(lambda: fit(class_weight={7: 1.0}), "class_weight names 7", "[0, 1, 2]"),
    wrong(lambda: fit(class_weight={"a": 1.0}), "class_weight names 'a'", "[0, 1, 2]"),
    *each(
        lambda w: fit(class_weight={0: w}), (-1.0, NAN, INF, "a", None, True), "class_weight[0]", "0 or more"
    ),
    wrong(lambda: fit(class_weight={0: 0, 1: 0, 2: 0}), "class_weight", "every sample"),
    *each(lambda w: fit(class_weight=w), ("balance", 3, [1, 2]), "class_weight", "dict", "'balanced'"),
    wrong(lambda: fit(class_weight=ONES), "class_weight array", "'balanced'"),
    wrong(
        lambda: fit(class_weight={0: 2}, of=values()), "class_weight", "classification loss", "sample_weight"
    ),
    wrong(lambda: fit(y=np.eye(3)[Y], class_weight="balanced"), "class_weight", "one label per sample"),
]

VALIDATION = [
    *each(
        lambda v: fit(validation_split=v),
        (1.0, 1.5, -0.2, NAN, "a", True, 1, [0.5]),
        "validation_split",
        "(0, 1)",
    ),
    wrong(lambda: fit(validation_split=ONES), "validation_split array", "(0, 1)"),
    wrong(
        lambda: fit(validation_split=0.01),
        "validation_split 0.01 of 12 samples",
        "holds out none",
        "give more",
    ),
    wrong(lambda: fit(X[:1], Y[:1], validation_split=0.5), "of 1 samples", "holds out none"),
    wrong(lambda: fit(validation_split=0.5, validation_data=(X, Y)), "validation_split", "validation_data"),
    *(
        wrong(lambda v=v: fit(validation_data=v), "validation_data must be a tuple", came, error=TypeError)
        for v, came in (((X,), "a tuple came"), (X, "a ndarray"), ([X, Y], "a list"), (3, "a int"))
    ),
    wrong(lambda: fit(validation_data=(X[:, :2], Y)), "validation_data: x (12, 2)", "takes (n, 3)"),
    wrong(lambda: fit(validation_data=(with_value(NAN), Y)), "validation_data: x holds nan at row 4"),
    wrong(lambda: fit(validation_data=(X[:0], Y[:0])), "validation_data: x holds no samples"),
    wrong(lambda: fit(validation_data=(X, Y + 1)), "validation_data: y", "label 3", error=xn.LabelError),
    wrong(lambda: fit(validation_data=(X, None)), "validation_data: y is None", error=xn.LabelError),
    wrong(lambda: fit(validation_data=(None, Y)), "validation_data: x must hold", error=TypeError),
    wrong(lambda: fit(validation_data=(X, Y, -ONES)), "validation_data: sample_weight holds -1"),
]


def calls(*callbacks, **options):
    return fit(callbacks=list(callbacks), epochs=2, **options)


CALLBACKS = [
    *each(
        calls, (5, None, "a"), "callbacks: an instance of xn.Callback", "f(model, record)", error=TypeError
    ),
    wrong(
        lambda: calls(xn.EarlyStopping), "class EarlyStopping", "make one, EarlyStopping()", error=TypeError
    ),
    wrong(lambda: calls(lambda: 1), "f(model, record)", "the function <lambda>", error=TypeError),
    wrong(lambda: fit(callbacks=print), "callbacks: a list", "the function print", "[...]", error=TypeError),
    wrong(lambda: fit(callbacks=xn.EarlyStopping()), "a list was", "a EarlyStopping came", error=TypeError),
    wrong(lambda: fit(callbacks=None), "callbacks: a list", "None came", error=TypeError),
    wrong(lambda: calls(lambda m, r: "no"), "gave 'no'", "return True to stop", error=TypeError, trains=True),
    wrong(lambda: calls(lambda m, r: ONES), "gave array", "True to stop", error=TypeError, trains=True),
    wrong(
        lambda: calls(xn.EarlyStopping()), "monitor 'val_loss'", "known are", "validation_split", trains=True
    ),
    wrong(
        lambda: calls(xn.EarlyStopping(monitor="los")), "monitor 'los'", "did you mean 'loss'", trains=True
    ),
    *(
        wrong(
            lambda act=act: calls(lambda m, r: act(m) and None),
            "was called while fit runs",
            "before or after",
            error=RuntimeError,
            name=name,
            trains=True,
        )
        for name, act in {
            "to": lambda m: m.to("numpy"),
            "reset": lambda m: m.reset(),
            "fit": lambda m: fit(of=m),
            "partial_fit": lambda m: m.partial_fit(X, Y),
        }.items()
    ),
]


@table(*WEIGHTS, *VALIDATION, *CALLBACKS)
def test_the_error_names_argument_and_remedy(call, error, fragments, trains):
    check(call, error, fragments, trains)


@pytest.mark.parametrize(
    "wrongly",
    [
        {"x": X[:, :2], "validation_data": (X, Y)},
        {"x": X[:, :2], "validation_split": 0.01},
        {"x": X[:, :2], "callbacks": [5]},
        {"x": X[:, :2], "sample_weight": -ONES},
        {"x": X[:, :2], "class_weight": {7: 1}},
        {"y": np.array(list("abc"))[Y], "validation_data": (X, Y)},
        {"x": X.T},
        {"y": Y + 7},
    ],
    ids=str,
)
def test_a_wrong_call_decides_nothing(wrongly):
    """Neither the shape nor the labels of a call that failed are the model's: the corrected call works."""
    made, clean = model(backend=None), model(backend=None)
    with pytest.raises((TypeError, ValueError)):
        fit(of=made, **wrongly)
    assert (made.backend, made.input_shape) == (None, None)
    assert fit(of=made) == fit(of=clean)
    np.testing.assert_array_equal(made.predict(X), clean.predict(X))
