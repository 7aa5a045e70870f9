"""Convolution and pooling beside PyTorch's own, in float64, on drawn shapes and options."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from xpnet import ops

torch = pytest.importorskip("torch", reason="PyTorch, the peer to compare with, is not installed")
F = torch.nn.functional

DRAWN = settings(max_examples=60, deadline=None, database=None, derandomize=True)
SEEDS = st.integers(0, 2**32 - 1)


def compare(op, f, x, *rest, dy_seed=0):
    """An op and its pullback beside a function of tensors, channels second, and autograd; or both refuse."""
    inputs = [torch.tensor(a, requires_grad=True) for a in (x, *rest)]
    try:
        y, pullback = op(x, *rest)
    except ValueError:
        with pytest.raises(RuntimeError):
            f(torch.movedim(inputs[0], -1, 1), *inputs[1:])
        return
    value = torch.movedim(f(torch.movedim(inputs[0], -1, 1).contiguous(), *inputs[1:]), 1, -1)
    dy = np.random.default_rng(dy_seed).standard_normal(y.shape)
    close(y, value.detach().numpy())
    gradients = torch.autograd.grad(value, inputs, torch.tensor(dy))
    for dx, wanted in zip(pullback(dy), gradients, strict=True):
        close(dx, wanted.numpy())


def close(got, wanted):
    assert got.shape == wanted.shape
    assert np.abs(got - wanted).max(initial=0) <= 1e-12 * max(1, np.abs(wanted).max(initial=0))


@st.composite
def drawn(draw, axes):
    """(sizes, groups, features in and out, options) that need not fit together."""
    several = lambda low, high: draw(st.tuples(*[st.integers(low, high)] * axes))  # noqa: E731
    groups = draw(st.integers(1, 3))
    features = tuple(groups * draw(st.integers(1, 2)) for _ in range(2))
    sizes, kernel = several(1, 8), several(1, 4)
    options = {"stride": several(1, 3), "padding": several(0, 3), "dilation": several(1, 3)}
    if draw(st.integers(0, 4)) == 0:
        options |= {"stride": 1, "padding": "same"}
    return sizes, kernel, groups, features, options


def theirs(w, groups, *, transposed=False):
    """Our weights (*kernel, in / groups, out) as PyTorch's: (out, in / groups, *kernel), or (in, out / groups, ...)."""
    *kernel, a, out = w.shape
    if not transposed:
        return torch.movedim(w, (-1, -2), (0, 1)).contiguous()
    apart = w.reshape(*kernel, a, groups, out // groups)
    return (
        torch.movedim(apart, (-2, -3, -1), (0, 1, 2)).reshape(groups * a, out // groups, *kernel).contiguous()
    )


@pytest.mark.filterwarnings("ignore:Using padding='same'")
@pytest.mark.parametrize("axes", [1, 2])
@DRAWN
@given(data=st.data(), n=st.integers(1, 3), bias=st.booleans(), seed=SEEDS)
def test_conv(axes, data, n, bias, seed):
    sizes, kernel, groups, (a, out), options = data.draw(drawn(axes))
    rng = np.random.default_rng(seed)
    arrays = [rng.standard_normal(s) for s in ((n, *sizes, a), (*kernel, a // groups, out), out)][: 2 + bias]
    f = (F.conv1d, F.conv2d)[axes - 1]
    compare(
        lambda *xs: ops.conv(*xs, **options, groups=groups),
        lambda x, w, b=None: f(x, theirs(w, groups), b, **options, groups=groups),
        *arrays,
    )


@pytest.mark.parametrize("axes", [1, 2])
@DRAWN
@given(data=st.data(), n=st.integers(1, 3), bias=st.booleans(), seed=SEEDS)
def test_conv_transpose(axes, data, n, bias, seed):
    sizes, kernel, groups, (a, out), options = data.draw(drawn(axes))
    if options["padding"] == "same":
        options["padding"] = 0
    options["output_padding"] = data.draw(st.integers(0, 2))
    rng = np.random.default_rng(seed)
    arrays = [rng.standard_normal(s) for s in ((n, *sizes, a), (*kernel, a // groups, out), out)][: 2 + bias]
    f = (F.conv_transpose1d, F.conv_transpose2d)[axes - 1]
    compare(
        lambda *xs: ops.conv_transpose(*xs, **options, groups=groups),
        lambda x, w, b=None: f(x, theirs(w, groups, transposed=True), b, **options, groups=groups),
        *arrays,
    )


@pytest.mark.parametrize("axes", [1, 2])
@pytest.mark.parametrize("name", ["max_pool", "average_pool"])
@DRAWN
@given(data=st.data(), n=st.integers(1, 3), ties=st.booleans(), count=st.booleans(), seed=SEEDS)
def test_pooling(name, axes, data, n, ties, count, seed):
    """Whole numbers have ties: the first of the largest gets the derivative."""
    sizes, kernel, _, (c, _), options = data.draw(drawn(axes))
    pads = 0 if options["padding"] == "same" else options["padding"]
    padding = tuple(int(min(p, k // 2 + 1)) for p, k in zip(np.resize(pads, axes), kernel, strict=True))
    given = {"kernel_size": kernel, "stride": options["stride"], "padding": padding}
    if data.draw(st.booleans()):
        del given["stride"]
    if name == "average_pool":
        given["count_include_pad"] = count
    x = np.random.default_rng(seed).standard_normal((n, *sizes, c))
    peers = {"max_pool": (F.max_pool1d, F.max_pool2d), "average_pool": (F.avg_pool1d, F.avg_pool2d)}
    compare(
        lambda x: getattr(ops, name)(x, **given),
        lambda x: peers[name][axes - 1](x, **given),
        np.round(x) if ties else x,
    )


@pytest.mark.parametrize("axes", [1, 2])
@DRAWN
@given(data=st.data(), n=st.integers(1, 3), seed=SEEDS)
def test_global_pooling(axes, data, n, seed):
    sizes, _, _, (c, _), _ = data.draw(drawn(axes))
    x = np.round(np.random.default_rng(seed).standard_normal((n, *sizes, c)))
    largest, mean = (
        (F.adaptive_max_pool1d, F.adaptive_avg_pool1d),
        (F.adaptive_max_pool2d, F.adaptive_avg_pool2d),
    )[axes - 1]
    for op, f in ((ops.global_max_pool, largest), (ops.global_average_pool, mean)):
        compare(op, lambda x, f=f: f(x, 1).flatten(1), x)
