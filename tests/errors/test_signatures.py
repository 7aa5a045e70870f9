"""Calls that fit no signature: every public function and class refuses them in one sentence."""

import inspect

import numpy as np
import pytest

import xpnet as xn
from xpnet.calls import checked

from .rows import NET, PYTHONS, X, Y, check, fit, model, table, wrong

UNKNOWN = [
    wrong(lambda: xn.adam(learning_rate=0.1), "Adam: argument 'learning_rate'", "did you mean 'lr'"),
    wrong(lambda: xn.adam(betas=(0.9, 0.99)), "'betas'", "'beta1' or 'beta2'"),
    wrong(lambda: xn.adamw(epsilon=1e-7), "AdamW: argument 'epsilon'", "did you mean 'eps'"),
    wrong(lambda: fit(class_weights={0: 1}), "Model.fit: argument 'class_weights'", "mean 'class_weight'"),
    wrong(lambda: model().fit(X, Y, max_iter=5), "'max_iter'", "did you mean 'epochs'"),
    wrong(lambda: fit(shuffle=True), "'shuffle' is unknown: fit shuffles the samples anew", "known are"),
    wrong(lambda: model(metrics=["accuracy"]), "Model: argument 'metrics'", "give metrics to evaluate"),
    wrong(lambda: model(random_state=1), "'random_state'", "did you mean 'seed'"),
    wrong(lambda: model().predict(X, batch_size=8), "Model.predict", "'batch_size'", "known are x"),
    wrong(lambda: xn.Dense(out_features=3), "Dense: argument 'out_features'", "did you mean 'units'"),
    wrong(lambda: xn.Dense(3, input_shape=(4,)), "sizes of inputs follow from the data", "known are"),
    wrong(lambda: xn.Conv2D(8, 3, strides=2), "Conv2D: argument 'strides'", "did you mean 'stride'"),
    wrong(lambda: xn.Dropout(p=0.5), "Dropout: argument 'p'", "did you mean 'rate'"),
    wrong(lambda: xn.LSTM(4, return_sequences=True), "unless last=True"),
    wrong(lambda: xn.ReLU(inplace=True), "ReLU takes no arguments, and inplace=True came"),
    wrong(lambda: xn.Sequential(layers=[NET]), "takes *children by position", "leave layers= out"),
    wrong(lambda: xn.EarlyStopping(restore_best_weights=True), "did you mean 'restore_best'"),
    wrong(lambda: xn.data.read_csv("a.csv", sep=";"), "read_csv: argument 'sep'", "found from the content"),
    wrong(lambda: xn.Dense(3, xyzzy=1), "argument 'xyzzy' is unknown: known are activation, bias"),
    wrong(lambda: checked(lambda x, /, y: x)(x=1, y=2), "takes x by position: write 1 in place of x=1"),
]
MISSING = [
    wrong(lambda: xn.Model(NET, loss="mse"), "optimizer is missing: write Model(network, loss=..., opt"),
    wrong(lambda: xn.Model(NET), "Model: loss and optimizer are missing: write Model("),
    wrong(lambda: model().fit(X, Y), "Model.fit: epochs is missing: write fit(x, y, epochs=...)"),
    wrong(xn.Dense, "Dense: units is missing: write Dense(units)"),
    wrong(xn.Loss, "Loss: function is missing: write Loss(function)"),
    wrong(lambda: xn.data.Columns.learn(target="a"), "Columns.learn: frame is missing: write learn(frame"),
    wrong(lambda: xn.metrics.accuracy(Y), "accuracy: y_pred is missing: write accuracy(y_true, y_pred)"),
]
MANY = [
    wrong(lambda: xn.Model(NET, "mse", "adam"), "only network can be given by position, and 3 came", "loss="),
    wrong(lambda: model().fit(X, Y, 5), "Model.fit: only x and y can be", "and 3 came", "by name: epochs="),
    wrong(lambda: xn.Conv2D(1, 32, 3), "only units and kernel_size can", "by name: stride=, padding="),
    wrong(lambda: xn.Dense(1, 2, 3, 4, 5), "units, activation, bias and initializer can", "others out"),
    wrong(lambda: xn.EarlyStopping(5), "no argument can be given by position, and 1 came", "monitor="),
    wrong(lambda: xn.ReLU(0.2), "ReLU takes no arguments, and 0.2 came: leave it out"),
    wrong(lambda: xn.adam(0.1, lr=0.2), "Adam: lr came twice, as 0.1 and as lr=0.2: give it once"),
]


@table(
    *(pytest.param(row.values[0], TypeError, *row.values[2:], id=row.id) for row in UNKNOWN + MISSING + MANY)
)
def test_the_sentence_names_argument_and_remedy(call, error, fragments, trains):
    check(call, error, fragments, trains)


ROOMS = ("backends", "calculus", "data", "io", "metrics", "plots")
OF_AUTHORS = {
    "History",
    "Callback",
    "Availability",
    "Backend",
    "Capabilities",
    "Natives",
    "Tangent",
    "Dataset",
}
OF_AUTHORS |= {"Targets", "as_array", "batch_slices", "count_batches", "normalised", "shares", "shuffled"}
OF_AUTHORS |= {"flat_state", "from_config", "nested_state", "to_config"}
OF_AUTHORS |= {name for name in xn.data.__all__ if name.startswith("check_")}
"""Public names that no user calls: what others return, and parts for the authors of backends and of training loops."""
PASS_ON = {"Loss", "Activation", "check_gradient"}
"""They pass the names that they do not know on to an op, whose options are checked elsewhere."""


def called():
    """(name, value, the arguments before those of its user) of the public functions and classes that users call."""
    found = [
        (name, getattr(room, name))
        for room in (xn, *(getattr(xn, r) for r in ROOMS))
        for name in room.__all__
    ]
    found += [
        (n, v) for n, v in vars(xn.schedules).items() if getattr(v, "__module__", "") == xn.schedules.__name__
    ]
    for name, value in found:
        error = isinstance(value, type) and issubclass(value, BaseException)
        if callable(value) and not name.startswith("_") and not error:
            yield name, value, ()
    for cls in (xn.Model, xn.data.Columns, xn.data.Target):
        for name, value in vars(cls).items():
            if not name.startswith("_") and callable(getattr(cls, name)):
                bound = isinstance(value, classmethod)
                yield f"{cls.__name__}.{name}", getattr(cls, name), () if bound else (object.__new__(cls),)


CALLED = {name: (value, first) for name, value, first in called() if name not in OF_AUTHORS}


@pytest.mark.parametrize("name", sorted(CALLED.keys() - PASS_ON))
def test_everything_public_refuses_an_unknown_name(name):
    value, first = CALLED[name]
    with pytest.raises(TypeError, match="xyzzy") as caught:
        value(*first, xyzzy=5)
    assert not PYTHONS.search(str(caught.value)), caught.value


def test_the_public_names_are_found():
    assert len(CALLED) > 150
    assert {
        "Dense",
        "sgd",
        "cosine",
        "warmup",
        "Model.fit",
        "Columns.learn",
        "f1",
        "network",
    } <= CALLED.keys()


@pytest.mark.parametrize("name", ["Dense", "ReLU", "sgd", "Model", "Model.fit", "EarlyStopping", "load"])
def test_signatures_are_those_of_the_code(name):
    """`inspect`, and with it `help` and editors, see through the check."""
    parameters = inspect.signature(CALLED[name][0]).parameters
    assert not {p.kind for p in parameters.values()} & {inspect.Parameter.VAR_KEYWORD}, parameters
    expected = {
        "Dense": ["units", "activation", "bias", "initializer"],
        "ReLU": [],
        "Model.fit": ["self", "x", "y", "epochs", "batch_size", *list(parameters)[5:]],
        "load": ["path", "backend", "device", "custom"],
    }
    assert list(parameters) == expected.get(name, list(parameters))
    assert CALLED[name][0].__doc__


def test_an_error_within_the_call_stays_as_it_is():
    """Also one whose text is that of a wrong call: of a function that the function calls."""

    @checked
    def outer(x):
        return inner(x)

    def inner():
        pass

    with pytest.raises(TypeError, match=r"inner\(\) takes 0 positional arguments but 1 was given"):
        outer(1)
    with pytest.raises(TypeError, match=r"outer: x is missing: write outer\(x\)"):
        outer()


def test_a_subclass_of_ones_own_is_named_by_its_own_name():
    class Mine(xn.Sequential):
        def __init__(self, units):
            super().__init__(xn.Dense(units), layers=3)

    class Plain(xn.ReLU):
        pass

    with pytest.raises(TypeError, match=r"^Sequential takes|^Container takes"):
        Mine(3)
    with pytest.raises(TypeError, match="Plain takes no arguments"):
        Plain(3)
    np.testing.assert_array_equal(xn.Sequential(Plain()).children[0][1].bound(-np.ones(2))[0], 0.0)
