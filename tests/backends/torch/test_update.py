"""PyTorch's update on flat tensors: the portable values, in place; copies are plain dicts."""

import copy
import pickle

import numpy as np
import pytest

import xpnet as xn
from xpnet.backends import get
from xpnet.optim import scalars_after, update_each
from xpnet.optim.adam import adam_rule, amsgrad_rule
from xpnet.testing.optimizers import OPTIMIZERS

from ...bits import same_bits

torch = pytest.importorskip("torch", reason="PyTorch is not installed: pip install 'xpnet[torch]'")
from xpnet.backends.torch import update as torch_update  # noqa: E402 - they need PyTorch

TORCH = get("torch")
RNG = np.random.default_rng(6)
SHAPES = {"0.weight": (5, 7), "0.bias": (7,), "1.weight": (7, 3), "1.scale": (1,), "none": (0, 3)}


def arrays(dtype, draw=RNG.standard_normal):
    return {name: TORCH.asarray(draw(shape), dtype=dtype) for name, shape in SHAPES.items()}


@pytest.mark.parametrize("how", ["whole", "parts", "compiled"])
@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("row", OPTIMIZERS, ids=[row.name for row in OPTIMIZERS])
def test_the_update_has_the_portable_values(row, dtype, how, monkeypatch):
    by_kernel = how == "compiled" and row.part.rule in (adam_rule, amsgrad_rule)
    if how == "compiled" and not by_kernel:
        pytest.importorskip("numba", reason="numba is not installed: pip install 'xpnet[fast]'")
    monkeypatch.setattr(torch_update, "CHUNK_ELEMENTS", 10 if how == "parts" else 1000)
    options = {"compiled": 0} if how == "compiled" else {}
    adam, used = torch_update._adam, []
    monkeypatch.setattr(torch_update, "_adam", lambda *a, **k: (used.append(row.name), adam(*a, **k)))
    params, slots = arrays(dtype), {slot: arrays(dtype, np.zeros) for slot in row.part.slots}
    wanted, wanted_slots = params, slots
    lr = TORCH.asarray(np.asarray(row.optimizer.peak), dtype=dtype)
    for t in range(1, 11):
        grads, count = arrays(dtype), TORCH.asarray(np.asarray([t], "int32"))
        # a product's gradient may lie in another order than its parameter
        grads = {name: torch.atleast_2d(x).mT.contiguous().mT.reshape(x.shape) for name, x in grads.items()}
        portable = scalars_after(row.part, lr, count)
        wanted, wanted_slots = update_each(row.part.rule, wanted, grads, wanted_slots, portable)
        numbers = TORCH.scalars(row.part, lr, count)
        params, slots = torch_update.update(row.part.rule, params, grads, slots, numbers, **options)
        for got, want in ((params, wanted), *((slots[slot], wanted_slots[slot]) for slot in slots)):
            assert list(got) == list(want)
            for name, x in want.items():
                assert got[name].shape == x.shape
                np.testing.assert_allclose(got[name], x, rtol=0, atol=1e-12 if dtype == "float64" else 1e-6)
    assert bool(used) == by_kernel


def test_adam_has_the_same_bits_on_any_number_of_threads():
    adam, found, threads = xn.adam(), [], torch.get_num_threads()
    p, g, m = (torch.from_numpy(RNG.standard_normal(100_003)) for _ in range(3))
    numbers = tuple(float(x) for x in adam.scalars(np, np.float64(1e-3), np.float64(3)))
    try:
        for count in (1, 2, 3, 4):
            torch.set_num_threads(count)
            slots = {"m": {"w": m}, "v": {"w": m * m}}
            params, kept = torch_update.update(adam.rule, {"w": p}, {"w": g}, slots, numbers, compiled=0)
            found.append([params["w"].numpy(), kept["m"]["w"].numpy(), kept["v"]["w"].numpy()])
    finally:
        torch.set_num_threads(threads)
    for arrays_found in found[1:]:
        same_bits(arrays_found, found[0])


def test_the_first_update_copies_and_later_ones_write_in_place():
    params, grads = arrays("float64"), arrays("float64")
    before = TORCH.copy(params)
    first, _ = TORCH.update(xn.sgd().rule, params, grads, {}, (0.1,))
    same_bits(list(params.values()), list(before.values()))
    moved = dict(first)
    second, _ = TORCH.update(xn.sgd().rule, first, grads, {}, (0.1,))
    assert second is first
    assert all(second[name] is moved[name] for name in SHAPES)
    np.testing.assert_allclose(second["0.weight"], before["0.weight"] - 0.2 * grads["0.weight"], atol=1e-15)


def test_slots_follow_the_order_of_the_parameters():
    params, grads = arrays("float64"), arrays("float64")
    turned = dict(reversed(arrays("float64", np.ones).items()))
    _, slots = TORCH.update(xn.sgd(momentum=0.9).rule, params, grads, {"v": turned}, (0.1, 0.5))
    for name, g in grads.items():
        np.testing.assert_allclose(slots["v"][name], 0.5 + g, atol=1e-15)


def test_arrays_of_several_dtypes_are_updated_portably():
    params, grads = arrays("float64"), arrays("float64")
    params["0.bias"], grads["0.bias"] = params["0.bias"].float(), grads["0.bias"].float()
    found, _ = TORCH.update(xn.sgd().rule, params, grads, {}, (0.1,))
    assert type(found) is dict
    same_bits(list(found.values()), list(update_each(xn.sgd().rule, params, grads, {}, (0.1,))[0].values()))


def test_a_rule_that_cannot_be_traced_runs_portably():
    pytest.importorskip("numba")

    def saturating(xp, p, g, v, lr):
        return p - lr * xp.tanh(g), v + xp.exp(g)

    params, grads, slots = arrays("float64"), arrays("float64"), {"v": arrays("float64")}
    wanted, wanted_slots = update_each(saturating, params, grads, slots, (0.1,))
    with pytest.warns(UserWarning, match="saturating"):
        found, kept = torch_update.update(saturating, params, grads, slots, (0.1,), compiled=0)
    for name in SHAPES:
        np.testing.assert_allclose(found[name], wanted[name], atol=1e-12)
        np.testing.assert_allclose(kept["v"][name], wanted_slots["v"][name], atol=1e-12)
    np.testing.assert_array_equal(found.whole, torch.cat([x.reshape(-1) for x in found.values()]))


@pytest.mark.parametrize("again", [copy.copy, copy.deepcopy, lambda x: pickle.loads(pickle.dumps(x))])
def test_a_copy_of_joined_arrays_is_a_plain_dict(again):
    """Copied arrays share no flat tensor: the next update joins them again."""
    joined = torch_update.Joined(arrays("float32"), list(SHAPES))
    found = again(joined)
    assert type(found) is dict
    same_bits(list(found.values()), list(joined.values()))


def test_scalars_are_floats_on_a_cpu():
    lr, count = TORCH.asarray(np.asarray(0.1), dtype="float64"), TORCH.asarray(np.asarray([7], "int32"))
    for part in (row.part for row in OPTIMIZERS):
        numbers, wanted = TORCH.scalars(part, lr, count), scalars_after(part, lr, count)
        assert all(isinstance(number, float) for number in numbers)
        np.testing.assert_allclose(numbers, [float(x) for x in wanted], rtol=1e-14)
