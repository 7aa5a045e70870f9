"""Calls at the wrong time, and what a model is set to."""

from functools import partial

import numpy as np
import pytest

import xpnet as xn

from .rows import INF, NAN, NET, ONES, X, Y, built, check, each, fit, fitted, model, table, wrong


def assign(part="params", of=fitted, **changed):
    made = of()
    setattr(made, part, {**getattr(made, part), **changed})


def bias(value):
    assign(**{"0.bias": value})


BEFORE = [
    *(
        wrong(lambda call=call: call(model()), "no parameters yet", "call fit", name=name)
        for name, call in {
            "predict": lambda m: m.predict(X),
            "predict_proba": lambda m: m.predict_proba(X),
            "forward": lambda m: m.forward(X),
            "evaluate": lambda m: m.evaluate(X, Y),
            "save": lambda m: m.save("m"),
            "params": lambda m: m.params,
            "buffers": lambda m: m.buffers,
            "lr": lambda m: m.lr,
            "set lr": lambda m: setattr(m, "lr", 0.1),
            "set params": lambda m: setattr(m, "params", {}),
        }.items()
    ),
    wrong(
        lambda: model(optimizer=xn.adam(accumulate=2)).fit([(X, Y)], epochs=1),
        "accumulate does not go with batches",
        "leave it out",
    ),
    wrong(lambda: fitted().build((3,)), "discard the trained parameters", "reset()"),
    *(
        wrong(
            lambda name=name: setattr(fitted(), name, 5),
            f"{name} is fixed",
            "make another",
            error=AttributeError,
        )
        for name in ("network", "loss", "optimizer", "reduction", "dtype", "seed", "natives", "deterministic")
    ),
]

PARAMS = [
    wrong(lambda: assign(other=ONES), "params must be", "'0.weight'", "'other'", "each of them"),
    wrong(lambda: assign(**{"0.wieght": ONES}), "params must be", "'0.wieght'"),
    wrong(lambda: setattr(fitted(), "params", {5: ONES, "a": ONES}), "params must be", "['5', 'a'] came"),
    wrong(lambda: setattr(fitted(), "params", {}), "params must be", "'0.weight'", "[] came"),
    wrong(lambda: setattr(fitted(), "params", None), "params must be a dict", "a NoneType came"),
    wrong(
        lambda: setattr(fitted(), "params", list(fitted().params.values())), "params must be", "a list came"
    ),
    wrong(lambda: assign(**{"0.weight": np.ones((4, 3))}), "params['0.weight'] (4, 3)", "the shape (3, 4)"),
    wrong(lambda: bias([1.0] * 5), "params['0.bias'] (5,)", "the shape (4,)"),
    wrong(lambda: bias([[1], [2, 3]]), "params['0.bias'] is ragged"),
    wrong(lambda: bias(["a"] * 4), "params['0.bias'] must hold", "text", error=TypeError),
    wrong(lambda: bias(None), "params['0.bias'] must hold", "None", error=TypeError),
    wrong(lambda: bias(ONES[:4] * 1j), "params['0.bias'] must hold", "complex", error=TypeError),
    wrong(lambda: bias(np.ma.array(ONES[:4])), "params['0.bias'] is a masked array", error=TypeError),
    wrong(lambda: bias([1, 1, NAN, 1]), "params['0.bias'] holds nan at row 2"),
    wrong(lambda: bias([1, 1, 1, -INF]), "params['0.bias'] holds -inf at row 3"),
    wrong(lambda: bias([1e300, 1, 1, 1]), "params['0.bias'] holds inf at row 0", "float32"),
    wrong(lambda: assign("buffers", mean=ONES), "buffers must be", "'mean'"),
    wrong(lambda: assign("buffers", lambda: built(xn.BatchNorm()), var=ONES), "buffers['var'] (12,)", "(3,)"),
]

COPIES = [
    wrong(lambda call=call: call(fitted().params), "copies", "model.params = ", error=TypeError, name=name)
    for name, call in {
        "set": lambda p: p.__setitem__("0.bias", ONES),
        "del": lambda p: p.__delitem__("0.bias"),
        "update": lambda p: p.update({"0.bias": ONES}),
        "pop": lambda p: p.pop("0.bias"),
        "clear": lambda p: p.clear(),
        "setdefault": lambda p: p.setdefault("0.bias", ONES),
        "|=": lambda p: p.__ior__({"0.bias": ONES}),
    }.items()
]


@table(*BEFORE, *PARAMS, *COPIES)
def test_the_error_names_argument_and_remedy(call, error, fragments, trains):
    check(call, error, fragments, trains)


def own_loss(gives):
    return lambda outputs, *, target: gives(outputs)


def own_activation(gives):
    return lambda x: (x, gives)


def layer_of(activation):
    return xn.Sequential(xn.Dense(3), xn.Activation(activation))


def dense(activation):
    return xn.Dense(3, activation)


def convolution(activation):
    pixels = xn.Reshape((3, 1))
    return xn.Sequential(pixels, xn.Conv1D(1, 1, activation=activation), xn.Flatten())


def trained(network=None, loss="mse"):
    return fit(X, X, of=model(network or xn.Dense(3), loss))


def ones(shape):
    return lambda rng, given, dtype: np.ones(shape)


OWN_PARTS = [
    *each(lambda f: model(loss=f), (xn.ReLU(),), "loss ReLU()", "known are"),
    wrong(
        lambda: model(loss=np.sum),
        "loss: the function sum of numpy gives xpnet no",
        "own, f",
        error=TypeError,
    ),
    wrong(lambda: model(loss=lambda y: y), "loss: a function f(outputs, target=...)", error=TypeError),
    wrong(lambda: model(loss=xn.ops.relu), "target=...", "the function relu", error=TypeError),
    wrong(
        lambda: trained(loss=own_loss(lambda y: y.sum(-1))),
        "loss must give (value, pullback)",
        "gave a ndarray",
        error=TypeError,
        trains=True,
    ),
    wrong(
        lambda: trained(loss=own_loss(lambda y: (y.sum(-1), None))),
        "(value, pullback)",
        "(ndarray, NoneType)",
        error=TypeError,
        trains=True,
    ),
    wrong(
        lambda: trained(loss=own_loss(lambda y: (y.sum(), lambda d: (y,)))),
        "the loss gave () for 12 samples",
        "mean over",
        trains=True,
    ),
    wrong(
        lambda: trained(loss=own_loss(lambda y: (y.sum(-1), lambda d: y))),
        "the loss's pullback must give a tuple (dy,) of 1",
        "a ndarray",
        error=TypeError,
        trains=True,
    ),
    wrong(
        lambda: trained(loss=own_loss(lambda y: (y.sum(-1), lambda d: (y, None)))),
        "the loss's pullback must give a tuple (dy,) of 1, it gave 2 (ndarray, NoneType)",
        error=TypeError,
        trains=True,
    ),
    *(
        wrong(
            lambda layer=layer: trained(layer(lambda x: x)),
            "activation must give (value, pullback)",
            "gave a ndarray",
            error=TypeError,
            trains=True,
            name=f"a value alone to {layer.__name__}",
        )
        for layer in (layer_of, dense, convolution)
    ),
    *(
        wrong(
            lambda layer=layer, gives=gives: trained(layer(own_activation(gives))),
            "the activation's pullback must give a tuple (dy,) of 1",
            f"gave {came}",
            error=TypeError,
            trains=True,
            name=f"{came} to {layer.__name__}",
        )
        for layer in (layer_of, dense, convolution)
        for gives, came in ((lambda dy: dy, "a ndarray"), (lambda dy: (dy, None), "2 (ndarray, NoneType)"))
    ),
    wrong(
        lambda: xn.Dense(3, np.tanh),
        "activation: the function tanh of numpy gives xpnet no derivative",
        "mean 'tanh'",
        error=TypeError,
    ),
    wrong(lambda: xn.Activation(np.sin), "Activation: the function sin of numpy", error=TypeError),
    wrong(lambda: model(loss=partial(np.mean, axis=0)), "loss: the function mean of numpy", error=TypeError),
    wrong(lambda: xn.Dense(3, initializer=lambda: 1), "f(rng, shape, dtype)", error=TypeError),
    wrong(lambda: built(xn.Dense(3, initializer=ones((2, 2)))), "initializer", "(2, 2)", "numbers (3, 3)"),
    wrong(
        lambda: built(xn.Dense(3, initializer=lambda r, s, d: np.full(s, NAN))), "NaN or infinity", "(3, 3)"
    ),
    wrong(
        lambda: built(xn.Dense(3, initializer=lambda r, s, d: np.full(s, "a"))), "initializer", "<U1 (3, 3)"
    ),
    wrong(lambda: built(xn.Layer()).predict(X), "Layer must define forward", error=TypeError),
]


@table(*OWN_PARTS)
def test_an_error_in_a_users_part(call, error, fragments, trains):
    check(call, error, fragments, trains)


def test_early_stopping_names_its_columns_after_the_first_epoch():
    """The epoch that showed it is kept, in history and in the weights."""
    made = model()
    check(lambda: fit(of=made, callbacks=[xn.EarlyStopping()]), ValueError, ("val_loss",), trains=True)
    assert made.history["epoch"] == [1]
    clean = xn.Model(NET, loss="softmax_cross_entropy", optimizer="sgd", backend="numpy")
    fit(of=clean)
    np.testing.assert_array_equal(made.forward(X), clean.forward(X))


def test_losses_and_activations_of_pytorch_are_refused_when_they_are_given():
    torch = pytest.importorskip("torch", reason="torch is not installed")
    wanted = {
        "loss: MSELoss() of torch gives xpnet no derivative: did you mean 'mse'?": lambda: model(
            loss=torch.nn.MSELoss()
        ),
        "loss: the function l1_loss of torch": lambda: model(loss=torch.nn.functional.l1_loss),
        "loss the class MSELoss is unknown: did you mean 'mse'?": lambda: model(loss=torch.nn.MSELoss),
        "did you mean 'hard_swish'?": lambda: xn.Dense(3, torch.nn.Hardswish()),
        "activation: the function tanh of torch gives xpnet no derivative": lambda: xn.Dense(3, torch.tanh),
    }
    for sentence, call in wanted.items():
        check(call, ValueError if "unknown" in sentence else TypeError, (sentence, "known are"))
