"""PyTorch's natives: the portable bits, or equal to rounding if they sum in another order."""

import numpy as np
import pytest

import xpnet as xn
from xpnet.backends import get
from xpnet.namespace import with_natives
from xpnet.testing import CASES

from ...bits import same_bits

torch = pytest.importorskip("torch", reason="PyTorch is not installed: pip install 'xpnet[torch]'")
from xpnet.backends.torch.natives import TABLE  # noqa: E402

TORCH = get("torch")


@pytest.mark.sample(1, by=("case",))
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
            check = near if case.name.lower().startswith(("conv", "embedding")) else same_bits
            check(with_natives(passes, torch.Tensor, table=TABLE)(), passes())


def near(got, wanted):
    """The ops whose sums run in PyTorch's own order."""
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
def test_conv_has_the_portable_values(shape, kernel, options, bias, wants_dx, dtype):
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
    same_bits(given, before)


def test_invalid_convolutions_raise_the_portable_error():
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
def test_special_values_have_the_portable_bits(name):
    x = torch.tensor([0.0, -0.0, float("nan"), float("inf"), -float("inf"), 1e-45, -1e-45])
    portable = getattr(xn.ops, name).portable
    (y, pullback), (wanted, wanted_pullback) = TABLE[name](x), portable(x)
    same_bits(y, wanted)
    for dy in (torch.ones(7), -x, x):
        same_bits(pullback(dy), wanted_pullback(dy))


@pytest.mark.parametrize("activation", [None, xn.ops.relu, xn.ops.tanh])
@pytest.mark.parametrize("shape", [(4, 3), (2, 3, 3)])
@pytest.mark.parametrize("wants_dx", [False, True])
@pytest.mark.parametrize("bias", [False, True])
def test_linear_has_the_portable_bits(activation, shape, wants_dx, bias):
    given = [torch.randn(shape), torch.randn(3, 5), *([torch.randn(5)] if bias else [])]
    before = [x.clone() for x in given]
    options = {"activation": activation, "wants_dx": wants_dx}
    (y, pullback), (wanted, wanted_pullback) = (
        TABLE["linear"](*given, **options),
        xn.ops.linear.portable(*given, **options),
    )
    dy = torch.randn(wanted.shape)
    same_bits(y, wanted)
    same_bits(pullback(dy), wanted_pullback(dy))
    same_bits(pullback(dy), wanted_pullback(dy))
    same_bits(given, before)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("outputs", [1, 10, 17])
def test_narrow_products_are_portable_to_rounding_and_contiguous(outputs, dtype, monkeypatch):
    given = [torch.randn(s, dtype=dtype) for s in ((40, 64), (64, outputs), (outputs,))]
    before, mm, rows = [x.clone() for x in given], torch.mm, []
    monkeypatch.setattr(torch, "mm", lambda a, b: (rows.append(len(a)), mm(a, b))[1])
    found = [op(*given) for op in (TABLE["linear"], xn.ops.linear.portable)]
    assert rows == [40 if outputs > 16 else outputs]
    dy = torch.randn(40, outputs, dtype=dtype)
    (y, *got), (wanted, *rest) = ((y, *pullback(dy)) for y, pullback in found)
    for g, w in zip((y, *got), (wanted, *rest), strict=True):
        close(g, w)
        assert g.is_contiguous()
    same_bits(given, before)


@pytest.mark.parametrize("ids", [torch.int16, torch.int32, torch.int64])
@pytest.mark.parametrize("rows", [3, 300])
def test_add_rows_equals_a_loop(rows, ids):
    x, numbers = torch.randn(50, 4, dtype=torch.float64), torch.randint(0, rows, (50,)).to(ids)
    wanted = np.zeros((rows, 4))
    np.add.at(wanted, numbers.numpy(), x.numpy())
    found = TABLE["add_rows"](x, ids=numbers, rows=rows)
    np.testing.assert_allclose(found.numpy(), wanted, atol=1e-13)
    assert not TABLE["add_rows"](x[:0], ids=numbers[:0], rows=rows).any()


@pytest.mark.parametrize(
    "target", [torch.tensor([2, 0, 1, 1], dtype=torch.int16), torch.softmax(torch.eye(4, 3), 1)]
)
def test_cross_entropy_has_the_portable_bits(target):
    logits, dloss = 9 * torch.randn(4, 3), torch.randn(4)
    y, pullback = TABLE["softmax_cross_entropy"](logits, target=target)
    wanted, wanted_pullback = xn.ops.softmax_cross_entropy.portable(logits, target=target)
    same_bits([y, pullback(dloss)], [wanted, wanted_pullback(dloss)])
