"""Networks, optimizers and actions between trainings, drawn at random: replay keeps the portable bits."""

import copy
import pickle

import numpy as np
import pytest

import xpnet as xn
from xpnet.ops import ACTIVATIONS
from xpnet.optim import OPTIMIZERS, schedules

WIDTH, HALVING = 6, {"glu", "swiglu"}
X = np.random.default_rng(0).standard_normal((41, 5))
WEIGHT = np.linspace(0, 2, 41)


def layer(rng, deep=False):
    """A layer of WIDTH features to WIDTH features."""
    act = str(rng.choice(sorted(set(ACTIVATIONS) - HALVING)))
    flat = [
        lambda: xn.Dense(WIDTH, act, bias=bool(rng.random() < 0.8)),
        lambda: xn.Dropout(0.3),
        lambda: xn.BatchNorm(),
        lambda: xn.Sequential(xn.Dense(2 * WIDTH, bias=False), xn.GLU()),
    ]
    nested = [
        lambda: xn.Residual(layer(rng, True), layer(rng, True)),
        lambda: xn.Sequential(xn.Concatenate(xn.Dense(1), layer(rng, True)), xn.Dense(WIDTH)),
        lambda: xn.Sequential(("a", layer(rng, True)), ("b", layer(rng, True))),
    ]
    kinds = flat if deep else flat + nested
    return kinds[rng.integers(len(kinds))]()


def optimizer(rng):
    rate = [
        1e-2,
        schedules.one_cycle(1e-2, 60),
        schedules.warmup(schedules.polynomial(1e-2, 30, power=1.5), 4),
    ]
    some = {
        "clip_norm": 0.3,
        "clip_value": 0.1,
        "accumulate": 2,
        "average": "mean",
        "weight_decay": 0.01,
        "l1": 1e-3,
        "frozen": ("0.bias",),
        "groups": {"*.bias": {"lr": 1e-3}},
    }
    options = {name: value for name, value in some.items() if rng.random() < 0.3}
    return OPTIMIZERS[str(rng.choice(sorted(OPTIMIZERS)))](rate[rng.integers(3)], **options)


class Slower(xn.Callback):
    """Changes the rate at every step, and predicts between steps."""

    def on_steps(self, model, record):
        model.lr *= 0.98
        model.predict(X[:2])


def halved(model):
    model.params = {name: x / 2 for name, x in model.params.items()}


def on(path, size):
    """Actions on a model, by name; an action may return another model to go on with."""
    np.save(path, X)
    return {
        "fit": lambda model, y: model.fit(X, y, epochs=2, batch_size=size),
        "weights": lambda model, y: model.fit(X, y, epochs=2, batch_size=size, sample_weight=WEIGHT),
        "held": lambda model, y: model.fit(X, y, epochs=1, batch_size=size, validation_split=0.2),
        "steps": lambda model, y: model.fit(X, y, epochs=1, batch_size=size, callbacks=[Slower()]),
        "mapped": lambda model, y: model.fit(np.load(path, mmap_mode="r"), y, epochs=2, batch_size=size),
        "part": lambda model, y: [model.partial_fit(X[:n], y[:n]) for n in (7, 7, 7, 9)],
        "params": lambda model, y: halved(model),
        "copy": lambda model, y: copy.deepcopy(model),
        "pickle": lambda model, y: pickle.loads(pickle.dumps(model)),
    }


@pytest.mark.sample(8)
@pytest.mark.parametrize("seed", range(24), ids="seed {}".format)
def test_random_trainings_keep_their_bits(seed, tmp_path):
    rng = np.random.default_rng(seed)
    network = xn.Sequential(xn.Dense(WIDTH), *[layer(rng) for _ in range(rng.integers(1, 4))], xn.Dense(3))
    loss = str(rng.choice(["softmax_cross_entropy", "mse", "softmax_focal"]))
    y = X[:, :3] ** 2 if loss == "mse" else np.arange(41) % 3
    given = {"loss": loss, "optimizer": optimizer(rng), "dtype": str(rng.choice(["float32", "float64"]))}
    models = [
        xn.Model(network, backend="numpy", seed=seed, natives=natives, **given).build((5,))
        for natives in ("auto", False)
    ]
    todo = on(tmp_path / "x.npy", int(rng.choice([3, 7, 41])))
    for name in ["fit", *rng.choice(sorted(todo), 4)]:
        for index, model in enumerate(models):
            found = todo[str(name)](model, y)
            models[index] = found if isinstance(found, xn.Model) else model
        assert all(step.reason is None for step in models[0]._trainer._steps.values())
        assert models[0].history == models[1].history, name
        assert pickle.dumps(models[0]._trainer.dump()) == pickle.dumps(models[1]._trainer.dump()), name
