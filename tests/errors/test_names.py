"""Errors about unknown names, and about arguments of the wrong kind."""

import numpy as np
import pytest

import xpnet as xn
from xpnet import backends

from .rows import NET, check, each, model, table, wrong

NAMES = [
    wrong(lambda: model(loss="softmax_crossentropy"), "loss", "did you mean 'softmax_cross_entropy'"),
    wrong(lambda: model(loss="MSE"), "loss 'MSE'", "did you mean 'mse'"),
    *(
        wrong(lambda n=n: model(loss=n), f"loss {n!r}", f"mean {hint}")
        for n, hint in {
            "categorical_crossentropy": "'softmax_cross_entropy' (classes, from logits) or 'cross_entropy' (",
            "SparseCategoricalCrossentropy": "'softmax_cross_entropy'",
            "crossentropy": "'softmax_cross_entropy'",
            "CrossEntropyLoss": "'softmax_cross_entropy'?",
            "bce": "'sigmoid_cross_entropy' (yes or no, from logits) or 'binary_cross_entropy' (",
            "BCEWithLogitsLoss": "'sigmoid_cross_entropy'?",
            "nll_loss": "'nll'?",
            "NLLLoss": "'nll'?",
            "SmoothL1Loss": "'smooth_l1'?",
            "mean_squared_error": "'mse'?",
            "L1Loss": "'mae'?",
        }.items()
    ),
    wrong(lambda: model(loss="CTCLoss"), "loss 'CTCLoss' is unknown: known are"),
    wrong(lambda: model(optimizer="RMSprop"), "optimizer 'RMSprop'", "did you mean 'rmsprop'"),
    wrong(lambda: model(optimizer="lbfgs"), "is unknown: xn.fit_lbfgs(model, x, y) trains by L-BFGS; known"),
    wrong(lambda: xn.Dense(3, "swish"), "activation 'swish'", "did you mean 'silu'"),
    wrong(lambda: xn.Dense(3, "LeakyReLU"), "did you mean 'leaky_relu'"),
    wrong(lambda: xn.Dense(784, 128), "activation 128", "given its outputs alone, since sizes of inputs"),
    wrong(lambda: xn.Dense(3, "linear"), "None, the default, is the identity; known are"),
    wrong(lambda: xn.Dense(3, initializer="kaiming_normal"), "did you mean 'he'"),
    *each(lambda n: model(loss=n), (None, 5, ["mse"], b"mse", ""), "loss", "known are"),
    wrong(lambda: model(optimizer="adm"), "optimizer 'adm'", "did you mean 'adam'"),
    wrong(lambda: model(optimizer="SGD"), "optimizer 'SGD'", "did you mean 'sgd'"),
    wrong(lambda: xn.Dense(3, "rleu"), "activation 'rleu'", "did you mean 'relu'"),
    wrong(lambda: xn.Dense(3, xn.Dropout(0.2)), "activation Dropout", "put it after the layer"),
    *each(
        lambda layer: xn.Dense(3, layer),
        (xn.Flatten(), xn.Upsample(), xn.MaxPool2D(2), xn.GlobalMaxPool(), xn.Permute((2, 1))),
        "may change the shape",
        "put it after the layer",
    ),
    wrong(lambda: xn.Dense(3, xn.ReLU), "activation the class ReLU", "did you mean 'relu'"),
    *each(lambda n: xn.Dense(3, n), (4, True, {}, ""), "activation", "known are"),
    wrong(lambda: xn.Dense(3, initializer="hee"), "initializer 'hee'", "did you mean 'he'"),
    *each(lambda n: xn.Dense(3, initializer=n), (5, (), "", {}), "initializer", "known are"),
    wrong(lambda: xn.Dense(3, initializer=("glorot", "gauss")), "distribution 'gauss'", "normal, uniform"),
    *each(lambda n: model(reduction=n), ("avg", None, True, []), "reduction", "known are mean, sum"),
    *each(lambda n: model(dtype=n), ("float16", "f4", None, 5), "dtype", "float32, float64"),
    wrong(lambda: model(dtype=complex), "dtype 'complex128'", "float32, float64"),
    wrong(lambda: model(dtype=np.int64), "dtype 'int64'", "float32, float64"),
    wrong(lambda: model(backend="nunpy"), "backend 'nunpy'", "did you mean 'numpy'"),
    wrong(lambda: model(backend=np), "backend the module numpy", "known are"),
    *each(lambda n: model(backend=n), (5, [], "", True), "backend", "known are"),
    *each(lambda n: model().to(n), ("trch", None, {}), "backend", "known are"),
    *each(backends.find, ("jaxx", None, []), "backend", "known are"),
    *each(lambda n: backends.register(n, backends.find("numpy")), (5, "", None), "backend", "register under"),
    *each(
        lambda n: xn.derivative(lambda x: x, 1.0, method=n),
        ("centre", None, []),
        "method",
        "known are central",
    ),
    wrong(lambda: xn.EarlyStopping(monitor=None), "monitor None", "'val_loss'", error=TypeError),
]

THINGS = [
    *each(
        lambda n: model(network=n), (None, 5, "dense", [xn.Dense(3)]), "network: a layer was", error=TypeError
    ),
    wrong(
        lambda: model(network=xn.ReLU), "network: a layer was wanted", "the class ReLU came", error=TypeError
    ),
    wrong(lambda: model(network=np.sin), "network: a layer was wanted", "the function sin", error=TypeError),
    *each(
        lambda n: model(optimizer=n),
        (None, 1e-3, [xn.sgd()], {}),
        "optimizer: xn.adam(1e-3)",
        error=TypeError,
    ),
    wrong(
        lambda: model(optimizer=xn.adam), "optimizer: xn.adam(1e-3)", "the class Adam came", error=TypeError
    ),
    wrong(lambda: xn.Sequential(xn.ReLU), "Sequential", "the class ReLU", "ReLU(...)", error=TypeError),
    *each(
        xn.Sequential,
        ([xn.Dense(3), xn.ReLU()], [xn.Dense(3), xn.ReLU(), NET], (xn.ReLU(), "a")),
        "Sequential: a layer",
        "one by one, Sequential(*layers)",
        error=TypeError,
    ),
    *each(xn.Residual, (5, None, "relu"), 'Residual: a layer or a ("name", layer) pair', error=TypeError),
    wrong(lambda: xn.Concatenate(model()), "Concatenate: a layer", "<Model", error=TypeError),
    wrong(lambda: xn.Sequential(("a.b", xn.ReLU())), "Sequential", "'a.b'", "without a dot"),
    wrong(lambda: xn.Sequential((5, xn.ReLU())), "Sequential", "the name 5", "must be text"),
    wrong(lambda: xn.Sequential(("a", xn.ReLU()), ("a", xn.Tanh())), "two layers are named 'a'"),
    wrong(lambda: xn.Sequential(xn.ReLU(), ("0", xn.Tanh())), "two layers are named '0'"),
    wrong(lambda: backends.register("x", 5), "backend 'x'", "subclass", "5 came", error=TypeError),
    wrong(lambda: backends.register("auto", backends.find("numpy")), "'auto'", "another name"),
    wrong(lambda: xn.schedules.Warmup(0.1, 5, 0.2), "then: a schedule", "0.2 came", error=TypeError),
    wrong(lambda: xn.make_step(5, xn.ops.mse, xn.sgd()), "network: a layer was", "5 came", error=TypeError),
    wrong(lambda: xn.make_step(NET, "mse", xn.sgd()), "loss: a function", "'mse' came", error=TypeError),
    wrong(lambda: xn.make_step(NET, xn.ops.mse, "adam"), "optimizer", "'adam' came", error=TypeError),
]


@table(*NAMES, *THINGS)
def test_the_error_names_argument_and_remedy(call, error, fragments, trains):
    check(call, error, fragments, trains)


def test_a_name_that_xpnet_does_not_have():
    """Python's traceback looks through `dir(obj)` for a name near `name`, where an error has both."""
    with pytest.raises(AttributeError, match="no attribute 'Dens'") as caught:
        _ = xn.Dens
    assert (caught.value.name, caught.value.obj) == ("Dens", xn)
    assert "Dense" in dir(xn)
    for name, ours in {
        "Linear": "Dense",
        "MaxPooling2D": "MaxPool2D",
        "BatchNorm2d": "BatchNorm",
        "Adam": "adam",
    }.items():
        with pytest.raises(AttributeError, match=f"no attribute '{name}': did you mean '{ours}'"):
            getattr(xn, name)
