"""The fused update: the same bits as the portable one, in place, and only where it repays its import."""

import subprocess
import sys

import numpy as np
import pytest

import xpnet as xn
from xpnet.backends import fused, get
from xpnet.optim import update_each
from xpnet.testing.optimizers import OPTIMIZERS

needs_numba = pytest.mark.skipif(
    not fused.available(), reason="numba is not installed: pip install 'xpnet[fast]'"
)
SHAPES = {"0.weight": (33, 7), "0.bias": (7,), "1.weight": (1, 1), "1.bias": (0,)}


def state(optimizer, dtype, seed=0):
    rng = np.random.default_rng(seed)
    params = {name: rng.standard_normal(shape).astype(dtype) for name, shape in SHAPES.items()}
    slots = {
        slot: {name: rng.uniform(0, 1, shape).astype(dtype) for name, shape in SHAPES.items()}
        for slot in optimizer.slots
    }
    grads = {name: rng.standard_normal(shape).astype(dtype) for name, shape in SHAPES.items()}
    scalars = optimizer.scalars(np, np.asarray(optimizer.peak, dtype), np.asarray(3, dtype))
    return params, grads, slots, scalars


@needs_numba
@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("row", OPTIMIZERS, ids=[row.name for row in OPTIMIZERS])
def test_the_same_bits_as_the_portable_twin(row, dtype):
    params, grads, slots, scalars = state(row.optimizer, dtype)
    wanted_params, wanted_slots = update_each(row.optimizer.rule, params, grads, slots, scalars)
    before = dict(params)
    got_params, got_slots = fused.update(row.optimizer.rule, params, grads, slots, scalars)
    for name in SHAPES:
        assert got_params[name] is before[name], "the update is in place"
        assert got_params[name].dtype == dtype
        assert np.array_equal(got_params[name], wanted_params[name])
        for slot in row.optimizer.slots:
            assert np.array_equal(got_slots[slot][name], wanted_slots[slot][name])


@needs_numba
def test_gradients_that_are_not_contiguous():
    optimizer = xn.sgd(0.1)
    params = {"w": np.zeros((3, 4))}
    fused.update(optimizer.rule, params, {"w": np.arange(12.0).reshape(4, 3).T}, {}, (0.1,))
    assert np.allclose(params["w"], -0.1 * np.arange(12.0).reshape(4, 3).T, rtol=1e-15)


@needs_numba
def test_special_values_come_out_as_in_numpy():
    optimizer = xn.adagrad(0.1)
    zeros = {"v": {"w": np.zeros(7)}}
    odd = np.array([np.nan, np.inf, -np.inf, 0.0, -0.0, 1e-300, 1e300])
    with np.errstate(all="ignore"):
        wanted, _ = update_each(optimizer.rule, {"w": odd}, {"w": odd[::-1]}, zeros, (0.1, 0.0))
    got, _ = fused.update(optimizer.rule, {"w": odd.copy()}, {"w": odd[::-1]}, zeros, (0.1, 0.0))
    assert np.array_equal(got["w"], wanted["w"], equal_nan=True)


@needs_numba
def test_a_changed_rule_is_compiled_anew():
    """Numba's cache on disk goes by the name of the function, so the name must follow the code."""

    def rule(xp, p, g, lr):
        return (p - lr * g,)

    first = rule

    def rule(xp, p, g, lr):
        return (p + lr * g,)

    names = {fused._fingerprint(first), fused._fingerprint(rule)}
    assert len(names) == 2
    for function, wanted in ((first, 0.9), (rule, 1.1)):
        params = {"w": np.ones(1)}
        fused.update(function, params, {"w": np.ones(1)}, {}, (0.1,))
        assert params["w"][0] == pytest.approx(wanted)


def test_a_called_function_counts_in_the_fingerprint():
    module = sys.modules["xpnet.optim.adam"]
    calling = fused._fingerprint(module.adamw_rule)
    kept, module.adam_rule = module.adam_rule, lambda xp, p, *rest: (p,)
    try:
        assert fused._fingerprint(module.adamw_rule) != calling
    finally:
        module.adam_rule = kept


@pytest.mark.parametrize(
    ("elements", "arrays", "steps", "wanted"),
    [(17_000, 6, 920, False), (17_000, 6, 200_000, True), (2_000_000, 6, 1_000, True), (10, 2, 10, False)],
)
def test_only_a_long_run_repays_the_import(elements, arrays, steps, wanted):
    assert fused.repays(elements=elements, arrays=arrays, steps=steps) is wanted


def test_a_run_is_portable_without_numba(monkeypatch):
    monkeypatch.setattr(fused, "available", lambda: False)
    _, name = get("numpy").choose_update(xn.adam().rule, elements=10**8, arrays=2, steps=10**6)
    assert name == "portable"


@needs_numba
def test_a_training_gives_the_same_bits_either_way(monkeypatch):
    data = xn.data.digits()
    results = []
    for forced in (False, True):
        monkeypatch.setattr(fused, "repays", lambda forced=forced, **sizes: forced)
        network = xn.Sequential(xn.Dense(32, "relu"), xn.Dropout(0.2), xn.Dense(10))
        model = xn.Model(network, loss="softmax_cross_entropy", optimizer=xn.adamw(1e-3), backend="numpy")
        model.fit(data.x_train, data.y_train, epochs=2)
        assert model.updates == ("numba" if forced else "portable")
        results.append(model.predict_proba(data.x_test))
    assert np.array_equal(*results)


@needs_numba
def test_a_parameter_without_axes_is_not_lost():
    optimizer = xn.sgd(0.5, momentum=0.9)
    params, slots = {"g": np.float32(1.0)}, {"v": {"g": np.float32(0.0)}}
    for _ in range(2):
        params, slots = fused.update(optimizer.rule, params, {"g": np.float32(1.0)}, slots, (0.5, 0.9))
    assert params["g"] == np.float32(1.0 - 0.5 - 0.5 * 1.9)


@needs_numba
def test_a_number_outside_the_rule_counts_in_the_fingerprint():
    def rule(xp, p, g, lr):
        return (p - FACTOR * lr * g,)

    def fingerprint(factor):
        return fused._fingerprint(type(rule)(rule.__code__, {"FACTOR": factor}, rule.__name__))

    assert fingerprint(0.5) != fingerprint(0.25)


FACTOR = 0.5


@needs_numba
def test_a_rule_that_numba_cannot_compile_runs_uncompiled_and_says_so():
    def rule(xp, p, g, lr):
        return (p - lr * xp.flip(g),)

    with pytest.warns(UserWarning, match="Numba cannot compile rule"):
        params, _ = fused.update(rule, {"w": np.zeros(2)}, {"w": np.array([1.0, 2.0])}, {}, (0.5,))
    assert params["w"].tolist() == [-1.0, -0.5]


def test_the_fingerprint_is_the_same_in_every_process():
    """Else Numba's cache on disk would never be read, and grow with each run."""
    code = "from xpnet.backends import fused; from xpnet import optim; print(fused._fingerprint(optim.AdamW.rule))"
    seen = {
        subprocess.run([sys.executable, "-c", code], capture_output=True, check=True).stdout for _ in range(2)
    }
    assert len(seen) == 1
