"""PyTorch: the update on one long array, its own kernels in the place of ops, and tensors to go on with."""

import copy
import pickle

import numpy as np
import pytest

import xpnet as xn
from xpnet.backends import get
from xpnet.namespace import with_natives
from xpnet.optim import scalars_after, update_each
from xpnet.testing import CASES
from xpnet.testing.optimizers import OPTIMIZERS

torch = pytest.importorskip("torch", reason="PyTorch is not installed: pip install 'xpnet[torch]'")
from xpnet.backends import torch_update  # noqa: E402 - they need PyTorch
from xpnet.backends.torch_ops import TABLE  # noqa: E402

TORCH = get("torch")
RNG = np.random.default_rng(6)
SHAPES = {"0.weight": (5, 7), "0.bias": (7,), "1.weight": (7, 3), "1.scale": (1,), "none": (0, 3)}
X, Y = RNG.standard_normal((70, 6)), RNG.integers(0, 5, 70)


def same(got, wanted):
    """The same bits, signs of zeros and NaN included."""
    if wanted is None:
        assert got is None
    elif isinstance(wanted, tuple | list):
        assert len(got) == len(wanted)
        for g, w in zip(got, wanted, strict=True):
            same(g, w)
    else:
        assert (got.dtype, got.shape) == (wanted.dtype, wanted.shape)
        assert torch.equal(torch.isnan(got), torch.isnan(wanted))
        got, wanted = (torch.where(torch.isnan(x), 0.0, x) for x in (got, wanted))
        assert torch.equal(got, wanted)
        assert torch.equal(torch.signbit(got), torch.signbit(wanted))


def arrays(dtype, draw=RNG.standard_normal):
    return {name: TORCH.asarray(draw(shape), dtype=dtype) for name, shape in SHAPES.items()}


# The update


@pytest.mark.parametrize("how", ["whole", "parts", "compiled"])
@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("row", OPTIMIZERS, ids=[row.name for row in OPTIMIZERS])
def test_the_update_gives_the_portable_values(row, dtype, how, monkeypatch):
    if how == "compiled":
        pytest.importorskip("numba")
    monkeypatch.setattr(torch_update, "PART", 10 if how == "parts" else 1000)
    options = {"compiled": 0} if how == "compiled" else {}
    params, slots = arrays(dtype), {slot: arrays(dtype, np.zeros) for slot in row.part.slots}
    wanted, wanted_slots = params, slots
    lr = TORCH.asarray(np.asarray(row.optimizer.peak), dtype=dtype)
    for t in range(1, 11):
        grads, count = arrays(dtype), TORCH.asarray(np.asarray([t], "int32"))
        portable = scalars_after(row.part, lr, count)
        wanted, wanted_slots = update_each(row.part.rule, wanted, grads, wanted_slots, portable)
        numbers = TORCH.scalars(row.part, lr, count)
        params, slots = torch_update.update(row.part.rule, params, grads, slots, numbers, **options)
        for got, want in ((params, wanted), *((slots[slot], wanted_slots[slot]) for slot in slots)):
            assert list(got) == list(want)
            for name, x in want.items():
                assert got[name].shape == x.shape
                np.testing.assert_allclose(got[name], x, rtol=0, atol=1e-12 if dtype == "float64" else 1e-6)


def test_the_update_leaves_what_it_was_given_first_and_then_writes_in_place():
    params, grads = arrays("float64"), arrays("float64")
    before = TORCH.copy(params)
    first, _ = TORCH.update(xn.sgd().rule, params, grads, {}, (0.1,))
    same(list(params.values()), list(before.values()))
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


def test_arrays_of_several_dtypes_are_updated_one_by_one():
    params, grads = arrays("float64"), arrays("float64")
    params["0.bias"], grads["0.bias"] = params["0.bias"].float(), grads["0.bias"].float()
    found, _ = TORCH.update(xn.sgd().rule, params, grads, {}, (0.1,))
    assert type(found) is dict
    same(list(found.values()), list(update_each(xn.sgd().rule, params, grads, {}, (0.1,))[0].values()))


def test_a_rule_that_cannot_be_compiled_runs_all_the_same():
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
    """Its arrays would be parts of nothing: the next update joins them anew."""
    joined = torch_update.Joined(arrays("float32"), list(SHAPES))
    found = again(joined)
    assert type(found) is dict
    same(list(found.values()), list(joined.values()))


def test_the_scalars_are_numbers_on_a_cpu():
    lr, count = TORCH.asarray(np.asarray(0.1), dtype="float64"), TORCH.asarray(np.asarray([7], "int32"))
    for part in (row.part for row in OPTIMIZERS):
        numbers, wanted = TORCH.scalars(part, lr, count), scalars_after(part, lr, count)
        assert all(isinstance(number, float) for number in numbers)
        np.testing.assert_allclose(numbers, [float(x) for x in wanted], rtol=1e-14)


# Its kernels


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("case", CASES, ids=[case.name for case in CASES])
def test_every_case_of_the_oracle_has_the_portable_bits(case, dtype):
    for n in (*case.rows, 33):
        arrays, keywords = case.place(TORCH, dtype, n)

        def passes(arrays=arrays, keywords=keywords, n=n):
            y, pullback = case.run(arrays, keywords)
            dy = torch.from_numpy(np.random.default_rng(n).standard_normal(tuple(y.shape))).to(y.dtype)
            return [y, pullback(dy)]

        with torch.no_grad():
            check = near if case.name.lower().startswith("conv") else same
            check(with_natives(passes, torch.Tensor, table=TABLE)(), passes())


def near(got, wanted):
    """A convolution's sums run in PyTorch's own order."""
    for g, w in zip((got[0], *got[1]), (wanted[0], *wanted[1]), strict=True):
        close(g, w)


def close(got, wanted):
    assert (got.dtype, got.shape) == (wanted.dtype, wanted.shape)
    allowed = {torch.float32: 1e-5, torch.float64: 1e-13}[got.dtype]
    if got.numel():
        assert float((got - wanted).abs().max()) <= allowed * max(1.0, float(wanted.abs().max()))


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("wants_dx", [False, True])
@pytest.mark.parametrize("bias", [False, True])
@pytest.mark.parametrize(
    ("shape", "kernel", "options"),
    [
        ((2, 7, 4), (3,), {}),
        ((2, 7, 4), (4,), {"padding": "same"}),  # which is uneven, and the portable one's
        ((0, 7, 4), (3,), {"stride": 2}),
        ((2, 9, 8, 4), (3, 2), {"stride": (2, 1), "padding": (1, 0), "dilation": (1, 3)}),
        ((1, 5, 5, 4), (3, 3), {"padding": "same", "groups": 4}),
        ((2, 5, 5, 4), (1, 1), {"stride": 2, "groups": 2}),
    ],
)
def test_convolutions_of_every_kind_have_the_portable_values(shape, kernel, options, bias, wants_dx, dtype):
    groups = options.get("groups", 1)
    given = [torch.randn(s, dtype=dtype) for s in (shape, (*kernel, 4 // groups, 8), (8,))][: 2 + bias]
    before = [x.clone() for x in given]
    (y, pullback), (wanted, wanted_pullback) = (
        op(*given, **options, wants_dx=wants_dx) for op in (TABLE["conv"], xn.ops.conv.portable)
    )
    close(y, wanted)
    dy = torch.randn(y.shape, dtype=dtype)
    for _ in range(2):
        for g, w in zip(pullback(dy), wanted_pullback(dy), strict=True):
            assert (g is None) is (w is None)
            if g is not None:
                close(g, w)
    same(given, before)


def test_convolutions_that_cannot_be_have_the_portable_errors():
    x, w = torch.ones(2, 5, 4), torch.ones(3, 4, 6)
    for call in (
        lambda op: op(x, w[:, :2]),
        lambda op: op(x, w, torch.ones(4)),
        lambda op: op(x[0], w),
        lambda op: op(x, w, dilation=5),
        lambda op: op(x, w, groups=0),
    ):
        messages = []
        for op in (TABLE["conv"], xn.ops.conv.portable):
            with pytest.raises(ValueError, match="conv: ") as error:
                call(op)
            messages.append(str(error.value))
        assert messages[0] == messages[1]


@pytest.mark.parametrize("name", ["relu", "leaky_relu"])
def test_strange_numbers_come_out_as_they_do_portably(name):
    x = torch.tensor([0.0, -0.0, float("nan"), float("inf"), -float("inf"), 1e-45, -1e-45])
    portable = getattr(xn.ops, name).portable
    (y, pullback), (wanted, wanted_pullback) = TABLE[name](x), portable(x)
    same(y, wanted)
    for dy in (torch.ones(7), -x, x):
        same(pullback(dy), wanted_pullback(dy))


@pytest.mark.parametrize("activation", [None, xn.ops.relu, xn.ops.tanh])
@pytest.mark.parametrize("shape", [(4, 3), (2, 3, 3)])
@pytest.mark.parametrize("wants_dx", [False, True])
@pytest.mark.parametrize("bias", [False, True])
def test_linear_of_every_kind_has_the_portable_bits(activation, shape, wants_dx, bias):
    given = [torch.randn(shape), torch.randn(3, 5), *([torch.randn(5)] if bias else [])]
    before = [x.clone() for x in given]
    options = {"activation": activation, "wants_dx": wants_dx}
    (y, pullback), (wanted, wanted_pullback) = (
        TABLE["linear"](*given, **options),
        xn.ops.linear.portable(*given, **options),
    )
    dy = torch.randn(wanted.shape)
    same(y, wanted)
    same(pullback(dy), wanted_pullback(dy))
    same(pullback(dy), wanted_pullback(dy))
    same(given, before)


@pytest.mark.parametrize(
    "target", [torch.tensor([2, 0, 1, 1], dtype=torch.int16), torch.softmax(torch.eye(4, 3), 1)]
)
def test_targets_of_every_kind_have_the_portable_bits(target):
    logits, dloss = 9 * torch.randn(4, 3), torch.randn(4)
    y, pullback = TABLE["softmax_cross_entropy"](logits, target=target)
    wanted, wanted_pullback = xn.ops.softmax_cross_entropy.portable(logits, target=target)
    same([y, pullback(dloss)], [wanted, wanted_pullback(dloss)])


def test_its_kernels_are_used_and_can_be_left_out(monkeypatch):
    used = []
    real = torch.threshold_
    monkeypatch.setattr(torch, "threshold_", lambda *args: (used.append(1), real(*args))[1])
    found = []
    for natives in (False, "auto"):
        model = xn.Model(
            xn.Sequential(xn.Dense(8, "relu"), xn.Dense(5)),
            loss="softmax_cross_entropy", optimizer=xn.adamw(1e-2), backend="torch", dtype="float64", natives=natives,
        )  # fmt: skip
        model.fit(X, Y, epochs=2, batch_size=16)
        assert bool(used) is (natives == "auto")
        assert model.updates == ("torch" if natives else "portable")
        found.append(model.forward(X))
    np.testing.assert_allclose(*found, rtol=0, atol=1e-12)


# What a user gets


def test_what_comes_out_of_a_trained_model_can_go_on_into_autograd():
    """Tensors made in inference mode could not."""
    model = xn.Model(xn.Dense(5), loss="softmax_cross_entropy", optimizer="adam", backend="torch")
    model.fit(X, Y, epochs=1)
    x = torch.tensor(X, dtype=torch.float32)
    w = model.params["weight"].requires_grad_()
    ((x @ w) * model.predict_proba(x) * model.forward(x)).sum().backward()
    assert w.grad.shape == (6, 5)
    params = model.params
    params["weight"].add_(1.0)


def test_training_may_be_long_or_short_and_in_parts_with_the_same_bits():
    """What runs depends on the network's size, and never on how long a fit is."""
    models = []
    for cuts in ((3,), (1, 1, 1)):
        model = xn.Model(
            xn.Sequential(xn.Dense(700, "relu"), xn.Dense(200), xn.Dense(5)),
            loss="softmax_cross_entropy", optimizer=xn.rmsprop(1e-3), backend="torch",
        )  # fmt: skip
        for epochs in cuts:
            model.fit(X, Y, epochs=epochs, batch_size=10**9 if epochs == 3 else 70)
        models.append(model)
    same(list(models[0].params.values()), list(models[1].params.values()))


def test_a_step_goes_through_torch_compile_where_that_is_asked_for(monkeypatch):
    """By TorchDynamo alone: a compiler of C++ is not everywhere, and takes half a minute."""
    compiled = []

    def compiler(function, **options):
        compiled.append(options)
        return torch_compile(function, backend="eager", fullgraph=True, **options)

    torch_compile = torch.compile
    monkeypatch.setattr(torch, "compile", compiler)
    found = {}
    for natives in (False, "compile"):
        model = xn.Model(
            xn.Sequential(xn.Dense(6, "relu"), xn.Dropout(0.2), xn.Dense(3)), loss="softmax_cross_entropy",
            optimizer="adam", dtype="float64", backend="torch", natives=natives,
        )  # fmt: skip
        model.fit(np.arange(80.0).reshape(20, 4) % 7, np.arange(20) % 3, epochs=3, batch_size=8)
        found[model.updates] = model
    assert compiled == [{"dynamic": False}]
    assert set(found) == {"portable", "torch.compile"}
    np.testing.assert_allclose(
        found["torch.compile"].history["loss"], found["portable"].history["loss"], rtol=1e-12
    )
