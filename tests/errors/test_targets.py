"""Errors about y: labels, probabilities, values, and their number."""

from functools import partial

import numpy as np
import pytest

import xpnet as xn

from .rows import INF, NAN, X, Y, binary, check, fit, fitted, model, table, values, with_value, wrong

LETTERS = np.array(list("abcd"))
label = partial(wrong, error=xn.LabelError)

COUNTS = [
    label(lambda: fit(X, Y[:5]), "y (5,)", "12 samples", "rows are samples"),
    label(lambda: fit(X.T), "y (12,)", "3 samples", name="x transposed"),
    label(lambda: fit(y=Y[None]), "y (1, 12)", "12 samples"),
    *(
        label(lambda y=y: fit(y=y), f"y is {shown}", "12 samples", name=f"y {shown}")
        for y, shown in (
            (3, "3"),
            ("abc", "'abc'"),
            ({}, "{}"),
            (np.float64(NAN), "nan"),
            (iter(Y), "a iterator"),
        )
    ),
    wrong(lambda: fit(X, None), "y is missing", "fit(x, y)", "ndarray", error=TypeError),
    wrong(lambda: fit(None, None), "y is missing", "None", error=TypeError),
    wrong(lambda: fit(X.tolist(), None), "batch 1", "y is left out", "x is a single number"),
    label(lambda: fitted().evaluate(X, None), "y is None", "12 samples"),
    label(lambda: fitted().partial_fit(X, Y[:3]), "y (3,)", "12 samples"),
    wrong(lambda: fit(y=[[1], [2, 3]]), "y is ragged", "same length"),
    wrong(lambda: fit(y=np.ma.array(Y, mask=Y > 0)), "y is a masked array", "filled", error=TypeError),
]

LABELS = [
    label(lambda: fit(y=Y + 1), "label 3 at row 2", "3 outputs", "0 to 2", "renumber", "4 units"),
    label(lambda: fit(y=Y - 1), "label -1 at row 0", "0 to 2", "renumber"),
    label(lambda: fit(y=Y + 0.5), "y holds 0.5 at row 0", "not a class", "mse"),
    label(lambda: fit(y=np.where(Y == 1, 2.5, Y)), "y holds 2.5 at row 1", "not a class"),
    label(lambda: fit(y=np.where(Y == 1, NAN, Y)), "y holds nan at row 1", "not a class"),
    label(lambda: fit(y=np.where(Y == 1, INF, Y)), "y holds inf at row 1", "not a class"),
    label(lambda: fit(y=Y + 2.0**70), "label 1180591620717411303424 at row 0", "0 to 2"),
    label(lambda: fit(y=Y.astype("u8") + np.uint64(2**63)), "label 9223372036854775808 at row 0"),
    label(lambda: fit(y=LETTERS[np.arange(12) % 4]), "4 different labels", "3 apart", "Dense(4)"),
    label(lambda: fit(y=LETTERS[Y % 2]), "2 different labels", "3 apart", "Dense(2)"),
    label(lambda: fit(y=Y > 0), "2 different labels", "3 apart", name="booleans for three"),
    *(
        label(lambda y=y: fit(y=y), "y mixes labels of different types", "all text", name=f"mixed {y}")
        for y in ([1, "a", 2] * 4, ["a", "b", None] * 4, ["a", "b", NAN] * 4, [None] * 11 + [1])
    ),
    label(lambda: fit(y=np.array([b"a", b"b", b"c"])[Y]), "y holds the label b'a'", "text or integers"),
    label(lambda: fit(y=Y.astype("M8[s]")), "y holds the label datetime", "text or integers"),
    label(lambda: fit(y=Y + 1j), "y holds the label 1j", "complex128"),
    label(lambda: fit(y=LETTERS[Y + 1], of=fitted(LETTERS[Y])), "y holds the label 'd'", "'a', 'b', 'c'"),
    label(lambda: fit(y=LETTERS[Y], of=fitted()), "y holds <U1", "numbers were wanted", "astype"),
]

IGNORING = xn.Loss("softmax_cross_entropy", ignore_index=-1)
IGNORED = [
    label(lambda: fit(y=0 * Y - 1, of=model(loss=IGNORING)), "label -1 only", "ignores", "nothing is left"),
    label(lambda: fit(y=Y - 2, of=model(loss=IGNORING)), "label -2 at row 0", "0 to 2"),
    label(lambda: fit(y=np.where(Y, 1, -1), of=model(loss=IGNORING)), "y holds one label only, 1"),
    label(
        lambda: fit(y=LETTERS[Y], of=model(loss=IGNORING)), "y holds <U1", "ignores the label -1", "integers"
    ),
    label(
        lambda: fit(y=np.eye(3)[Y], of=model(loss=IGNORING)), "y (12, 3) holds probabilities", "ignore_index"
    ),
    wrong(
        lambda: fit(y=np.where(Y, Y, -1), of=model(loss=IGNORING), sample_weight=Y == 0),
        "sample_weight is 0 wherever y is not -1",
        "nothing is left",
    ),
    wrong(
        lambda: fit(y=np.where(Y, Y, -1), of=model(loss=IGNORING), class_weight={1: 0, 2: 0}),
        "class_weight leaves every sample with weight 0",
    ),
    wrong(
        lambda: fit([(X, Y), (X, 0 * Y - 1)], None, of=model(loss=IGNORING)),
        "in batch 2",
        "label -1 only",
        error=xn.LabelError,
        trains=True,
    ),
    *(
        wrong(
            lambda label=label: model(loss=xn.Loss("nll", ignore_index=label)), "nll: ignore_index", "integer"
        )
        for label in (1.5, "a", True, 2**40)
    ),
]

ONE_CLASS = [
    label(lambda: fit(y=0 * Y), "y holds one label only, 0", "two labels at least"),
    label(lambda: fit(y=0 * Y + 2.0), "y holds one label only, 2"),
    label(lambda: fit(y=["a"] * 12), "y holds one label only, 'a'"),
    label(lambda: fit(y=0 * Y, of=binary()), "y holds one label only, 0", name="binary, all 0"),
    label(lambda: fit(y=Y >= 0, of=binary()), "y holds one label only, True", name="binary, all True"),
    label(lambda: fit(y=0 * Y, of=model(xn.Dense(1))), "one only", "Dense(2)", "sigmoid_cross_entropy"),
    label(lambda: model(xn.Dense(1)).partial_fit(X, Y), "one only", "always 0", name="one output, a step"),
    label(
        lambda: fit(y=0 * Y, of=model(xn.Sequential(xn.Dense(1), xn.Softmax()), "cross_entropy")),
        "one only",
        "always 0",
        name="one probability",
    ),
]

PROBABILITIES = [
    label(lambda: fit(y=np.c_[Y, Y]), "y (12, 2)", "labels (12,) or probabilities (12, 3)"),
    label(lambda: fit(y=np.eye(4)[Y]), "y (12, 4)", "probabilities (12, 3)", "units"),
    label(lambda: fit(y=np.full((12, 3), 0.4)), "y (12, 3)", "row 0", "1.2", "divide each row"),
    label(lambda: fit(y=np.tile([2.0, -1, 0], (12, 1))), "probabilities", "row 0", "negative"),
    label(lambda: fit(y=np.full((12, 3), NAN)), "probabilities", "row 0", "nan"),
    label(lambda: fit(y=Y, of=binary()), "y holds 2 at row 2", "0, 1 or a probability", "an output for each"),
    label(lambda: fit(y=Y - 1, of=binary()), "y holds -1 at row 0", "renumber"),
    label(
        lambda: fit(y=LETTERS[Y], of=binary()), "3 different labels", "Dense(3)", "'softmax_cross_entropy'"
    ),
    label(lambda: fit(y=np.eye(3)[Y], of=binary()), "y (12, 3)", "outputs (12, 1)", "3 units"),
]

VALUES = [
    label(lambda: fit(y=X, of=values()), "y (12, 3)", "outputs (12, 1)", "give the last layer 3 units"),
    label(lambda: fit(y=Y, of=model(xn.Dense(2), "mse")), "y (12,)", "outputs (12, 2)", "reshape"),
    label(lambda: fit(y=LETTERS[Y], of=values()), "y holds <U1", "numbers were wanted", "takes text"),
    label(lambda: fit(y=Y.astype(object), of=values()), "y holds object", "y.astype(float)"),
    label(lambda: fit(y=with_value(NAN)[:, 2], of=values()), "y holds nan at row 4", "remove"),
    label(lambda: fit(y=with_value(-INF)[:, 2], of=values()), "y holds -inf at row 4", "remove"),
    label(
        lambda: fit(y=with_value(1e300)[:, 2], of=values()), "y holds 1e+300 at row 4", "float32", "rescale"
    ),
]


@table(*COUNTS, *LABELS, *IGNORED, *ONE_CLASS, *PROBABILITIES, *VALUES)
def test_the_error_names_argument_and_remedy(call, error, fragments, trains):
    check(call, error, fragments, trains)


@pytest.mark.parametrize("y", [Y + 1, Y - 1, Y[:5], 0 * Y], ids=["high", "low", "short", "one class"])
def test_targets_of_every_library_are_told_the_same(y, backend):
    made = model(backend=backend)
    x, given = backend.asarray(X), backend.asarray(y)
    check(lambda: made.fit(x, given, epochs=1), xn.LabelError, ("y ",))
    assert made.input_shape is None


def test_one_class_is_fine_in_a_step_or_later_and_so_is_one_sample():
    model().partial_fit(X, 0 * Y)
    fit(X, 0 * Y, of=fitted())
    fit(X[:1], Y[:1])
    fit(X, 0 * X, of=model(xn.Dense(3), "sigmoid_cross_entropy"))
    fit(X, np.full(12, 0.5), of=binary())


@pytest.mark.parametrize(
    ("loss", "layer"),
    [
        ("cross_entropy", "xn.Softmax()"),
        (xn.Loss("cross_entropy", ignore_index=-1), "xn.Softmax()"),
        ("binary_cross_entropy", "xn.Sigmoid()"),
        ("nll", "xn.LogSoftmax()"),
        ("kl_divergence", "xn.LogSoftmax()"),
    ],
    ids=str,
)
def test_outputs_that_are_no_probabilities_name_the_layer_that_mends_them(loss, layer, backend):
    """For log-probabilities also where no output is above 0, and where they are probabilities."""
    y, name = np.eye(2)[Y % 2], getattr(loss, "function", loss)
    networks = [xn.Dense(2)]
    if layer == "xn.LogSoftmax()":
        networks += [xn.Sequential(xn.Dense(2), xn.LogSigmoid()), xn.Sequential(xn.Dense(2), xn.Softmax())]
    for network in networks:
        made = model(network, loss, backend=backend)
        labels = Y % 2 if name != loss else y
        check(lambda made=made, y=labels: fit(X * 9e3, y, of=made), ValueError, (repr(name), layer, "logits"))
