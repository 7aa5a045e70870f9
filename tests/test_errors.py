"""What a user can get wrong: the exception's class, and that its sentence says what, where and how to mend it."""

import re
from functools import partial

import numpy as np
import pytest

import xpnet as xn
from xpnet import backends

X = np.random.default_rng(0).standard_normal((12, 3))
Y = np.arange(12) % 3
NET = xn.Sequential(xn.Dense(4, "tanh"), xn.Dense(3))
PYTHONS = re.compile(
    "positional argument|keyword argument|unhashable|has no attribute|not iterable|not subscriptable|truth value"
    "|not supported between|must be an iterable|unpack|could not convert|data type|Errno"
)
"""Python's own words, which tell a user nothing about an argument."""


def model(network=NET, loss="softmax_cross_entropy", optimizer="sgd", **options):
    return xn.Model(network, loss=loss, optimizer=optimizer, **{"backend": "numpy", **options})


def fit(x=X, y=Y, *, of=None, epochs=1, **options):
    return (of or model()).fit(x, y, epochs=epochs, **options)


def fitted(y=Y):
    made = model()
    made.fit(X, y, epochs=1)
    return made


def values(**options):
    return model(xn.Dense(1), "mse", **options)


def binary():
    return model(xn.Dense(1), "sigmoid_cross_entropy")


def with_value(value):
    x = X.copy()
    x[4, 2] = value
    return x


def assign(part="params", **changed):
    made = fitted()
    setattr(made, part, {**getattr(made, part), **changed})


def wrong(call, *fragments, error=ValueError, name=None):
    return pytest.param(call, error, fragments, id=name or " ".join(fragments))


def each(call, values, *fragments, **more):
    """A row for each value; the message must show it."""
    return [wrong(lambda value=value: call(value), *fragments, repr(value), **more) for value in values]


NAN, INF = float("nan"), float("inf")
LETTERS = np.array(list("abcd"))

NAMES = [
    wrong(lambda: model(loss="softmax_crossentropy"), "loss", "did you mean 'softmax_cross_entropy'"),
    wrong(lambda: model(loss="MSE"), "loss 'MSE'", "did you mean 'mse'"),
    wrong(lambda: model(loss=["mse"]), "loss", "['mse']", error=(ValueError, TypeError)),
    wrong(lambda: model(loss=None), "loss None", "known are"),
    wrong(lambda: model(optimizer="adm"), "optimizer 'adm'", "did you mean 'adam'"),
    wrong(lambda: model(optimizer=xn.adam), "optimizer", "xn.adam(1e-3)", error=TypeError),
    wrong(lambda: xn.Dense(3, "rleu"), "activation 'rleu'", "did you mean 'relu'"),
    wrong(lambda: xn.Dense(3, initializer="hee"), "initializer 'hee'", "did you mean 'he'"),
    wrong(lambda: model(reduction="avg"), "reduction 'avg'", "known are mean, sum"),
    wrong(lambda: model(dtype="float16"), "dtype 'float16'", "float32, float64"),
    wrong(lambda: model(backend="nunpy"), "backend 'nunpy'", "did you mean 'numpy'"),
    wrong(lambda: model(device="cuda:0"), "device 'cuda:0'", "'numpy'", "cpu", error=xn.BackendError),
    wrong(lambda: model(network=5), "network", "a layer was wanted", "5 came", error=TypeError),
    wrong(lambda: model(network=xn.ReLU), "network", "ReLU", error=TypeError),
    wrong(lambda: xn.Sequential(xn.ReLU), "Sequential", "ReLU", error=TypeError),
    wrong(lambda: xn.Sequential([xn.Dense(3), xn.ReLU(), NET]), "Sequential", "a layer", error=TypeError),
    wrong(lambda: xn.Sequential(("a.b", xn.ReLU())), "Sequential", "'a.b'", "without a dot"),
    wrong(lambda: xn.Sequential(("a", xn.ReLU()), ("a", xn.Tanh())), "two layers are named 'a'"),
    wrong(lambda: xn.Sequential(xn.ReLU(), ("0", xn.Tanh())), "two layers are named '0'"),
]

NUMBERS = [
    *each(lambda n: fit(epochs=n), (0, -1, 2.5, "3", None, True), "epochs", "positive integer"),
    *each(lambda n: fit(batch_size=n), (0, -8, 2.5, "32", None), "batch_size", "positive integer"),
    *each(lambda n: model(seed=n), (-1, 1.5, "0", None), "seed", "0 or more"),
    *each(xn.sgd, (-0.1, NAN, INF, "a", None), "lr", "0 or more"),
    *each(lambda n: xn.sgd(0.1, n), (-0.1, 1.0, NAN, "a", None), "momentum", "[0, 1)"),
    *each(lambda n: xn.adam(beta1=n), (1, -0.5, None), "beta1", "[0, 1)"),
    *each(lambda n: xn.adam(eps=n), (-1e-8, NAN, "a"), "eps", "0 or more"),
    wrong(lambda: xn.sgd(0.1, nesterov=True), "nesterov", "momentum=0.9"),
    *each(xn.Dense, (0, -1, 2.5, "3", None, True), "Dense", "units", "positive"),
    *each(xn.Dropout, (1, -0.1, 20, "a", None), "Dropout", "rate", "[0, 1)"),
    *each(xn.BatchNorm, (-0.1, 2, "a", None), "BatchNorm", "momentum", "[0, 1]"),
    *each(lambda n: xn.BatchNorm(eps=n), (0, -1, "a"), "BatchNorm", "eps"),
    *each(xn.ELU, (NAN, "a"), "ELU", "alpha"),
    *each(lambda n: xn.EarlyStopping(patience=n), (-1, 1.5, "a"), "patience"),
    *each(lambda n: model().build(n), ((0,), (3, -1)), "input_shape", "positive"),
    wrong(lambda: model().build(3), "input_shape", "3", error=(TypeError, ValueError)),
]

INPUTS = [
    *(
        wrong(lambda x=x: fit(x), "x must hold real numbers", what, error=TypeError, name=f"x of {what} {i}")
        for i, (x, what) in enumerate(
            [
                *((X.astype(dtype), what) for dtype, what in ((object, "objects"), (complex, "complex"))),
                *(
                    (X.astype(dtype), what)
                    for dtype, what in ((str, "text"), ("S", "bytes"), ("M8[s]", "datetime64"))
                ),
                *((x, "objects") for x in (None, {"a": 1}, {1, 2}, iter(X))),
                ("words", "text"),
            ]
        )
    ),
    wrong(lambda: fit([[1, 2, 3], [4, 5]]), "x is ragged", "same length"),
    wrong(lambda: fit(y=[[1], [2, 3]]), "y is ragged", "same length"),
    wrong(lambda: fit(3.0), "x is a single number", "batch of samples"),
    wrong(lambda: fit(X[:, 0]), "Dense(4)", "(n,)", "reshape to (n, 1)"),
    wrong(lambda: fit(X[:, :2], of=fitted()), "x (12, 2)", "takes (n, 3)"),
    wrong(lambda: fit(X[:, :, None], of=fitted()), "x (12, 3, 1)", "takes (n, 3)"),
    wrong(lambda: fitted().predict(X[0]), "x (3,)", "takes (n, 3)", "batch axis", "x[None]"),
    wrong(lambda: fitted().predict(X.astype(str)), "x must hold real numbers", "text", error=TypeError),
    wrong(lambda: fit(X[:0], Y[:0]), "x", "no samples", "at least one"),
    wrong(lambda: fit(X, Y[:5]), "y (5,)", "12 samples"),
    wrong(lambda: fit(X, None), "y ()", "12 samples", name="y None"),
    wrong(lambda: fit(X, 3), "y ()", "12 samples"),
    wrong(lambda: fit(with_value(NAN)), "x holds nan at row 4, column 2", "1 such", "remove"),
    wrong(lambda: fit(with_value(-INF)), "x holds -inf at row 4, column 2"),
    wrong(lambda: fit(with_value(1e300)), "x holds inf at row 4, column 2", "float32", "rescale"),
    wrong(lambda: fit(np.ma.array(X, mask=X > 0)), "x is a masked array", "filled", error=TypeError),
    wrong(lambda: fit(y=np.ma.array(Y, mask=Y > 0)), "y is a masked array", "filled", error=TypeError),
    wrong(
        lambda: fit(sample_weight=np.ma.array(Y + 1.0)), "sample_weight is a masked array", error=TypeError
    ),
]

label = partial(wrong, error=xn.LabelError)
LABELS = [
    label(lambda: fit(y=Y + 1), "label 3 at row 2", "3 outputs", "0 to 2", "renumber", "4 units"),
    label(lambda: fit(y=Y - 1), "label -1 at row 0", "0 to 2", "renumber"),
    label(lambda: fit(y=Y + 0.5), "y holds 0.5 at row 0", "no class", "mse"),
    label(lambda: fit(y=np.where(Y == 1, NAN, Y)), "y holds nan at row 1", "no class"),
    label(lambda: fit(y=np.where(Y == 1, INF, Y)), "y holds inf at row 1", "no class"),
    label(lambda: fit(y=Y + 2.0**70), "label 1180591620717411303424 at row 0", "0 to 2"),
    label(lambda: fit(y=Y.astype("u8") + np.uint64(2**63)), "label 9223372036854775808 at row 0"),
    label(lambda: fit(y=LETTERS[np.arange(12) % 4]), "4 different labels", "3 apart", "Dense(4)"),
    label(lambda: fit(y=LETTERS[Y % 2]), "2 different labels", "3 apart", "Dense(2)"),
    label(
        lambda: fit(y=np.array(["a", 1, None], object)[Y]), "y mixes labels of different types", "all text"
    ),
    label(lambda: fit(y=np.array([b"a", b"b", b"c"])[Y]), "y holds the label b'a'", "text or integers"),
    label(lambda: fit(y=LETTERS[Y + 1], of=fitted(LETTERS[Y])), "y holds the label 'd'", "'a', 'b', 'c'"),
    label(lambda: fit(y=LETTERS[Y], of=fitted()), "y holds <U1", "numbers were wanted"),
    label(lambda: fit(y=Y + 1j), "y holds the label 1j", "complex128"),
    label(lambda: fit(y=np.c_[Y, Y]), "y (12, 2)", "labels (12,) or probabilities (12, 3)"),
    label(lambda: fit(y=np.full((12, 3), 0.4)), "y (12, 3)", "probabilities", "row 0", "1.2"),
    label(lambda: fit(y=np.tile([2.0, -1, 0], (12, 1))), "probabilities", "row 0", "negative"),
    label(lambda: fit(y=np.full((12, 3), NAN)), "probabilities", "row 0", "nan"),
    label(lambda: fit(y=Y, of=binary()), "y holds 2", "0, 1 or a probability"),
    label(lambda: fit(y=np.where(Y, 1, -1), of=binary()), "y holds -1", "0, 1 or a probability"),
    label(lambda: fit(y=LETTERS[Y], of=binary()), "3 different labels", "2 apart"),
    label(lambda: fit(y=X, of=values()), "y (12, 3)", "outputs (12, 1)"),
    label(lambda: fit(y=LETTERS[Y], of=values()), "y holds <U1", "numbers were wanted", name="text for mse"),
    label(lambda: fit(y=with_value(NAN)[:, 2], of=values()), "y holds nan at row 4", "remove"),
    label(
        lambda: fit(y=with_value(1e300)[:, 2], of=values()), "y holds 1e+300 at row 4", "float32", "rescale"
    ),
]

ONES = np.ones(12)
OPTIONS = [
    wrong(lambda: fit(sample_weight=-ONES), "sample_weight", "not negative"),
    wrong(lambda: fit(sample_weight=ONES * INF), "sample_weight", "finite"),
    wrong(lambda: fit(sample_weight=ONES[:5]), "sample_weight (5,)", "(12,)"),
    wrong(lambda: fit(sample_weight=ONES[:, None]), "sample_weight (12, 1)", "(12,)"),
    wrong(lambda: fit(sample_weight=0 * ONES), "sample_weight", "0 for every sample"),
    wrong(
        lambda: fit(sample_weight=["a"] * 12), "sample_weight must hold real numbers", "text", error=TypeError
    ),
    wrong(lambda: fit(class_weight={7: 1.0}), "class_weight names 7", "[0, 1, 2]"),
    wrong(lambda: fit(class_weight={"a": 1.0}), "class_weight names 'a'", "[0, 1, 2]"),
    *each(lambda w: fit(class_weight={0: w}), (-1.0, NAN, INF, "a", None), "class_weight[0]", "0 or more"),
    wrong(lambda: fit(class_weight={0: 0, 1: 0, 2: 0}), "class_weight", "every sample"),
    *each(lambda w: fit(class_weight=w), ("balance", 3, ONES), "class_weight", "dict", "'balanced'"),
    wrong(lambda: fit(class_weight={0: 2}, of=values()), "class_weight", "classification loss"),
    *each(lambda v: fit(validation_split=v), (1.0, 1.5, -0.2, NAN, "a"), "validation_split", "(0, 1)"),
    wrong(lambda: fit(validation_split=0.01), "validation_split 0.01 of 12 samples", "empty"),
    wrong(lambda: fit(validation_split=0.5, validation_data=(X, Y)), "validation_split", "validation_data"),
    wrong(lambda: fit(validation_data=(X[:, :2], Y)), "(12, 2)", "takes (n, 3)"),
    *(
        wrong(lambda v=v: fit(validation_data=v), "validation_data", name=name, error=(TypeError, ValueError))
        for v, name in (((X,), "no val y"), (X, "val x alone"), ((X, Y, ONES, 5), "4 of val"), (3, "val 3"))
    ),
    wrong(lambda: fit(callbacks=[5]), "callbacks", "5", "f(model, record)", error=TypeError),
    wrong(lambda: fit(callbacks=[xn.EarlyStopping]), "callbacks", "EarlyStopping", error=TypeError),
    wrong(lambda: fit(callbacks=print), "callbacks", "print", error=TypeError),
    wrong(lambda: fit(callbacks=xn.EarlyStopping()), "callbacks", "list", error=TypeError),
    wrong(lambda: fit(callbacks=[xn.EarlyStopping()]), "EarlyStopping", "'val_loss'", "validation_split"),
    wrong(lambda: fit(callbacks=[xn.EarlyStopping(monitor="los")]), "'los'", "['epoch', 'loss']"),
]

MODELS = [
    *(
        wrong(
            lambda name=name: getattr(model(), name)(X), "no parameters yet", "call fit", name=f"{name} first"
        )
        for name in ("predict", "predict_proba", "forward", "save")
    ),
    wrong(lambda: model().evaluate(X, Y), "no parameters yet", "call fit"),
    wrong(lambda: model().params, "no parameters yet", "call fit", name="params first"),
    wrong(lambda: assign(other=ONES), "params must be", "'0.weight'", "'other'"),
    wrong(lambda: setattr(fitted(), "params", {}), "params must be", "'0.weight'"),
    wrong(lambda: setattr(fitted(), "params", None), "params", error=(TypeError, ValueError)),
    wrong(lambda: assign(**{"0.weight": np.ones((4, 3))}), "params['0.weight'] (4, 3)", "the shape (3, 4)"),
    wrong(lambda: assign(**{"0.bias": [1.0] * 5}), "params['0.bias']", error=(TypeError, ValueError)),
    wrong(lambda: assign("buffers", mean=ONES), "buffers must be", "'mean'"),
    wrong(
        lambda: model(xn.Residual(xn.Dense(5))).build((3,)),
        "Residual",
        "(n, *(3,))",
        "(n, *(5,))",
        "the same",
    ),
    wrong(lambda: model(xn.Concatenate()).build((3,)), "Concatenate", "at least one layer"),
    wrong(
        lambda: fit(of=model(xn.Sequential(xn.BatchNorm(), NET)), batch_size=11), "at least 2", "batch_size"
    ),
    wrong(
        lambda: fit(y=X, of=model(loss=lambda y, target: (y.sum(), None))), "the loss gave ()", "12 samples"
    ),
]


@pytest.mark.parametrize(
    ("call", "error", "fragments"), [*NAMES, *NUMBERS, *INPUTS, *LABELS, *OPTIONS, *MODELS]
)
def test_it_says_what_is_wrong(call, error, fragments):
    with pytest.raises(error) as caught:
        call()
    message = str(caught.value)
    assert [fragment for fragment in fragments if fragment not in message] == [], message
    assert not PYTHONS.search(message), message
    assert "\n" not in message


@pytest.mark.parametrize("place", ["x", "y", "sample_weight", "validation_data"])
def test_an_array_of_another_library_names_both(place):
    torch = pytest.importorskip("torch")
    given = {"x": X, "y": Y, "sample_weight": np.ones(12)}
    if place == "validation_data":
        given["validation_data"] = (torch.tensor(X), torch.tensor(Y))
    else:
        given[place] = torch.tensor(given[place])
    with pytest.raises(TypeError, match=r"torch.*'numpy'.*model\.to") as caught:
        fit(**given)
    assert str(caught.value).startswith("x" if place == "validation_data" else place)


def test_a_callable_loss_trains_and_is_refused_by_save(tmp_path):
    def own_mse(y, /, *, target):
        return xn.ops.mse(y, target=target)

    made = model(xn.Dense(3), loss=own_mse)
    made.fit(X, X, epochs=1)
    with pytest.raises(TypeError, match=r"mse.*cannot be saved.*name"):
        made.save(tmp_path / "m")
    assert list(tmp_path.iterdir()) == []


def test_a_wrong_call_leaves_the_model_as_it_was():
    """The shape of an x whose y was refused is not the model's: the corrected call works."""
    made = model()
    with pytest.raises(xn.LabelError):
        made.fit(X.T, Y, epochs=1)
    with pytest.raises(xn.LabelError):
        made.fit(X, Y + 7, epochs=1)
    made.fit(X, Y, epochs=1)
    clean = model()
    clean.fit(X, Y, epochs=1)
    assert made.history == clean.history


def test_an_unknown_device_of_every_backend(xpnet_backend):
    if xpnet_backend.name == "torch-meta":
        pytest.skip("its only device is its default")
    with pytest.raises(xn.BackendError, match="device 'nowhere'"):
        backends.get(xpnet_backend.name, "nowhere")
