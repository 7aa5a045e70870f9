"""An optimizer's rule as CuPy's kernels: the portable bits, on a CUDA device and as C++ over NumPy's arrays."""

from functools import partial

import numpy as np
import pytest

from xpnet.optim import scalars_after, update_each
from xpnet.testing.optimizers import OPTIMIZERS

from ...bits import same_bits
from .kernels_on_host import near

RNG = np.random.default_rng(0)


@pytest.fixture
def backend(cupy_or_host):
    return cupy_or_host


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("row", OPTIMIZERS, ids=[row.name for row in OPTIMIZERS])
def test_the_update_has_the_portable_bits_in_place(row, dtype, backend):
    part, shapes = row.part, {"0.weight": (33, 7), "0.bias": (7,), "scale": (), "none": (0, 3)}
    lr = backend.asarray(np.asarray(0.1), dtype=dtype)

    def drawn():
        rng = np.random.default_rng(1)
        draws = rng.standard_normal, *(partial(rng.uniform, 0, 1) for _ in part.slots)
        return [
            {name: backend.asarray(draw(size=s), dtype=dtype) for name, s in shapes.items()} for draw in draws
        ]

    (p, *kept), (wanted, *wanted_kept) = drawn(), drawn()
    slots, wanted_slots = (
        dict(zip(part.slots, kept, strict=True)),
        dict(zip(part.slots, wanted_kept, strict=True)),
    )
    before, update = dict(p), backend.natives(True, dtype=dtype, seconds=0.0).update
    for t in (1, 2):
        drawn_grads = {name: RNG.standard_normal(s) for name, s in shapes.items()}
        drawn_grads["0.bias"][0] = np.nan
        grads = {name: backend.asarray(g, dtype=dtype) for name, g in drawn_grads.items()}
        with backend.device_context():
            scalars = scalars_after(part, lr, backend.asarray(np.asarray([t], "int32")))
            wanted, wanted_slots = update_each(part.rule, wanted, grads, wanted_slots, scalars)
            found, found_slots = update(part.rule, p, grads, slots, scalars)
        assert found is p
        assert all(p[name] is before[name] for name in shapes)
        for got, want in ((found, wanted), *((found_slots[slot], wanted_slots[slot]) for slot in part.slots)):
            for name in shapes:
                same_bits(*([np.asarray(backend.to_numpy(x[name]))] for x in (got, want)))


@pytest.mark.parametrize(
    ("rule", "why"),
    [
        (lambda xp, p, g, lr: (p - lr * xp.flip(g),), "it uses flip"),
        (lambda xp, p, g, lr: (xp.where(g > 0, p, float("inf")),), "it has the constant inf"),
    ],
    ids=["flip", "inf"],
)
def test_a_rule_that_cannot_be_traced_runs_portably_with_a_warning(rule, why, backend):
    update = backend.natives(True, dtype="float64", seconds=0.0).update
    p, g = ({"w": backend.asarray(RNG.standard_normal(3))} for _ in range(2))
    with pytest.warns(UserWarning, match=f"<lambda> is not compiled and runs portably: {why}"):
        found, _ = update(rule, p, g, {}, (0.5,))
    same_bits(*(backend.to_numpy(x) for x in (found["w"], rule(backend.xp, p["w"], g["w"], 0.5)[0])))


def test_a_rule_may_take_exp_and_parameters_may_differ_in_dtype(backend):
    update = backend.natives(True, dtype="float64", seconds=0.0).update

    def rule(xp, p, g, lr):
        return (p - lr * xp.exp(g),)

    p, g = ({"w": backend.asarray(RNG.standard_normal(3))} for _ in range(2))
    wanted = backend.to_numpy(p["w"] - 0.5 * backend.xp.exp(g["w"]))
    found, _ = update(rule, p, g, {}, (0.5,))
    assert found is p
    near(backend.to_numpy(found["w"]), wanted)
    single = {"w": backend.xp.astype(p["w"], backend.dtype("float32"))}
    for params, grads in ((single, g), (p, single), ({**p, "v": single["w"]}, {**g, "v": single["w"]})):
        found, _ = update(rule, params, grads, {}, (0.5,))
        assert found is not params
    half = backend.asarray(np.asarray(0.5), dtype="float32")
    assert update(rule, p, g, {}, (half,))[0] is not p
    assert update(rule, {}, {}, {}, (0.5,)) == ({}, {})


def test_a_rule_may_leave_a_parameter_and_set_a_slot(backend):
    update = backend.natives(True, dtype="float64", seconds=0.0).update
    p, g, v = ({"w": backend.asarray(RNG.standard_normal(3))} for _ in range(3))
    before = backend.to_numpy(p["w"])
    found, slots = update(
        lambda xp, p, g, v, u, c: (p, 2.5, p), p, g, {"v": v, "u": dict(g)}, (np.float32(1),)
    )
    same_bits(*(backend.to_numpy(x) for x in (found["w"], slots["u"]["w"])))
    same_bits(backend.to_numpy(found["w"]), before)
    same_bits(backend.to_numpy(slots["v"]["w"]), np.full(3, 2.5))
