"""The fused update: the same bits as the portable one, in place."""

import os
import subprocess
import sys

import numpy as np
import pytest

import xpnet as xn
from xpnet.backends import fused_update
from xpnet.compiler.loading import available
from xpnet.optim import update_each
from xpnet.testing.optimizers import OPTIMIZERS

needs_numba = pytest.mark.skipif(not available(), reason="numba is not installed: pip install 'xpnet[fast]'")
SHAPES = {"0.weight": (33, 7), "0.bias": (7,), "1.weight": (1, 1), "1.bias": (0,)}


def state(part, dtype, seed=0):
    rng = np.random.default_rng(seed)
    params = {name: rng.standard_normal(shape).astype(dtype) for name, shape in SHAPES.items()}
    slots = {
        slot: {name: rng.uniform(0, 1, shape).astype(dtype) for name, shape in SHAPES.items()}
        for slot in part.slots
    }
    grads = {name: rng.standard_normal(shape).astype(dtype) for name, shape in SHAPES.items()}
    scalars = part.scalars(np, np.asarray(0.1, dtype), np.asarray(3, dtype))
    return params, grads, slots, scalars


@needs_numba
@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("row", OPTIMIZERS, ids=[row.name for row in OPTIMIZERS])
def test_the_update_has_the_portable_bits(row, dtype):
    params, grads, slots, scalars = state(row.part, dtype)
    wanted_params, wanted_slots = update_each(row.part.rule, params, grads, slots, scalars)
    before = dict(params)
    got_params, got_slots = fused_update.update(row.part.rule, params, grads, slots, scalars)
    for name in SHAPES:
        assert got_params[name] is before[name], "the update is in place"
        assert got_params[name].dtype == dtype
        assert np.array_equal(got_params[name], wanted_params[name])
        for slot in row.part.slots:
            assert np.array_equal(got_slots[slot][name], wanted_slots[slot][name])


@needs_numba
def test_gradients_that_are_not_contiguous():
    optimizer = xn.sgd(0.1)
    params = {"w": np.zeros((3, 4))}
    fused_update.update(optimizer.rule, params, {"w": np.arange(12.0).reshape(4, 3).T}, {}, (0.1,))
    assert np.allclose(params["w"], -0.1 * np.arange(12.0).reshape(4, 3).T, rtol=1e-15)


@needs_numba
def test_special_values_have_the_portable_bits():
    optimizer = xn.adagrad(0.1)
    zeros = {"v": {"w": np.zeros(7)}}
    odd = np.array([np.nan, np.inf, -np.inf, 0.0, -0.0, 1e-300, 1e300])
    with np.errstate(all="ignore"):
        wanted, _ = update_each(optimizer.rule, {"w": odd}, {"w": odd[::-1]}, zeros, (0.1, 0.0))
    got, _ = fused_update.update(optimizer.rule, {"w": odd.copy()}, {"w": odd[::-1]}, zeros, (0.1, 0.0))
    assert np.array_equal(got["w"], wanted["w"], equal_nan=True)


@needs_numba
def test_a_changed_rule_is_compiled_again():
    """Numba's cache on disk goes by the name of the function, so the name must follow the code."""

    def rule(xp, p, g, lr):
        return (p - lr * g,)

    first = rule

    def rule(xp, p, g, lr):
        return (p + lr * g,)

    for function, wanted in ((first, 0.9), (rule, 1.1)):
        params = {"w": np.ones(1)}
        fused_update.update(function, params, {"w": np.ones(1)}, {}, (0.1,))
        assert params["w"][0] == pytest.approx(wanted)


@needs_numba
def test_a_parameter_of_shape_0d_is_updated():
    optimizer = xn.sgd(0.5, momentum=0.9)
    params, slots = {"g": np.float32(1.0)}, {"v": {"g": np.float32(0.0)}}
    for _ in range(2):
        params, slots = fused_update.update(optimizer.rule, params, {"g": np.float32(1.0)}, slots, (0.5, 0.9))
    assert params["g"] == np.float32(1.0 - 0.5 - 0.5 * 1.9)


@needs_numba
def test_a_global_number_is_part_of_the_rule():
    """The trace contains the value that it has when the rule is traced."""
    for factor in (0.5, 0.25):

        def rule(xp, p, g, lr, factor=factor):
            return (p - factor * lr * g,)

        params, _ = fused_update.update(rule, {"w": np.ones(1)}, {"w": np.ones(1)}, {}, (0.5,))
        assert params["w"][0] == 1 - factor / 2


@needs_numba
@pytest.mark.parametrize(
    ("rule", "why"),
    [
        (lambda xp, p, g, lr: (p - lr * xp.flip(g),), "it uses flip"),
        (lambda xp, p, g, lr: (p - lr * xp.exp(g),), "it takes exp"),
        (lambda xp, p, g, lr: (p - lr * g if g > 0 else p,), "it decides on a value"),
        (lambda xp, p, g, lr: (p - lr * g**3,), "it raises to the power 3"),
        (lambda xp, p, g, lr: (p - lr * np.ones(1),), "is neither an element nor a number"),
    ],
    ids=["flip", "exp", "if", "cube", "array"],
)
def test_a_rule_that_cannot_be_traced_runs_portably_with_a_warning(rule, why):
    with pytest.warns(UserWarning, match=f"<lambda> is not compiled and runs portably: .*{why}"):
        params, _ = fused_update.update(rule, {"w": np.zeros(1)}, {"w": np.ones(1)}, {}, (0.5,))
    assert np.array_equal(params["w"], rule(np, np.zeros(1), np.ones(1), 0.5)[0])


@needs_numba
def test_numbas_cache_serves_the_next_process(tmp_path):
    """Otherwise each process would compile again, and the cache would grow."""
    code = (
        "import numpy as np, xpnet as xn; from xpnet.backends import fused_update\n"
        "step = fused_update.rule_loop(xn.optim.Part(xn.adamw()).rule, 2, 8, 'f', (2, 1)).call\n"
        "print(sum(step.stats.cache_hits.values()), sum(step.stats.cache_misses.values()))"
    )
    environment = {**os.environ, "NUMBA_CACHE_DIR": str(tmp_path)}
    hits = [
        subprocess.run(
            [sys.executable, "-c", code], env=environment, capture_output=True, check=True, text=True
        ).stdout.split()
        for _ in range(2)
    ]
    assert hits == [["0", "1"], ["1", "0"]]
