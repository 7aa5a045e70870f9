"""Normalisation and upsampling beside PyTorch's own, in float64, on drawn shapes; features last here, second there."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from xpnet import ops

from .peers import DRAWN, SEEDS, channels_second, close, compare

torch = pytest.importorskip("torch", reason="PyTorch, the peer to compare with, is not installed")
F = torch.nn.functional

EPS = st.sampled_from([1e-5, 1e-3, 0.5])
SIZES = st.lists(st.integers(1, 5), min_size=2, max_size=4).map(tuple)


def drawn(seed, shape, *more):
    """x off the centre, and standard normal arrays of the other shapes."""
    rng = np.random.default_rng(seed)
    return rng.standard_normal(shape) * 3 + 1, *(rng.standard_normal(size) for size in more)


@DRAWN
@given(shape=SIZES, features=st.integers(2, 5), data=st.data(), eps=EPS, seed=SEEDS)
def test_layer_norm(shape, features, data, eps, seed):
    shape = (*shape[:-1], features)
    kept = shape[-data.draw(st.integers(1, len(shape) - 1)) :]
    compare(
        lambda *arrays: ops.layer_norm(*arrays, eps=eps),
        lambda x, scale, shift: F.layer_norm(x, kept, scale, shift, eps),
        *drawn(seed, shape, kept, kept),
        seed=seed,
    )


@DRAWN
@given(shape=SIZES, data=st.data(), eps=st.sampled_from([None, 1e-6, 0.5]), seed=SEEDS)
def test_rms_norm(shape, data, eps, seed):
    kept = shape[-data.draw(st.integers(1, len(shape) - 1)) :]
    x, scale = drawn(seed, shape, kept)
    compare(
        lambda x, scale: ops.rms_norm(x, scale, eps=eps),
        lambda x, scale: F.rms_norm(x, kept, scale, eps),
        np.where(abs(x) < 0.1, 0.1, x),  # of one number near 0 the slope is huge
        scale,
        seed=seed,
    )


@DRAWN
@given(shape=SIZES, groups=st.integers(1, 4), each=st.integers(1, 3), eps=EPS, seed=SEEDS)
def test_group_norm(shape, groups, each, eps, seed):
    c = groups * each
    shape = (*shape[:-1], c) if len(shape) > 2 or each > 1 else (shape[0], 2, c)  # several numbers to a group
    if np.prod(shape[1:]) == groups:
        return
    compare(
        lambda *arrays: ops.group_norm(*arrays, groups=groups, eps=eps),
        channels_second(lambda x, scale, shift: F.group_norm(x, groups, scale, shift, eps)),
        *drawn(seed, shape, c, c),
        seed=seed,
    )


@DRAWN
@given(n=st.integers(1, 3), space=st.lists(st.integers(2, 4), min_size=1, max_size=3), seed=SEEDS)
def test_a_group_for_each_channel_is_instance_norm(n, space, seed):
    @channels_second
    def theirs(x, scale, shift):
        y = F.instance_norm(x, weight=scale, bias=shift)
        y.register_hook(torch.Tensor.contiguous)  # PyTorch 2.13 errs where n is 1 and the channels lie last
        return y

    compare(
        lambda *arrays: ops.group_norm(*arrays, groups=3),
        theirs,
        *drawn(seed, (n, *space, 3), 3, 3),
        seed=seed,
    )


def test_the_defaults_are_those_of_pytorchs_modules():
    x = np.random.default_rng(0).standard_normal((3, 4, 6)).astype("float32") * 1e-3  # where eps counts
    for op, module, count in (
        (ops.layer_norm, torch.nn.LayerNorm(6), 2),
        (ops.rms_norm, torch.nn.RMSNorm(6), 1),
        (
            lambda *xs: ops.group_norm(*xs, groups=2),
            lambda x: channels_second(torch.nn.GroupNorm(2, 6))(x),
            2,
        ),
    ):
        y, _ = op(x, *(np.ones(6, "float32"), np.zeros(6, "float32"))[:count])
        close(y, module(torch.tensor(x)).detach().numpy(), 1e-6)


@pytest.mark.parametrize("method", ops.UPSAMPLE_METHODS)
@DRAWN
@given(
    n=st.integers(1, 3),
    space=st.lists(st.integers(1, 5), min_size=1, max_size=3),
    factor=st.integers(1, 4),
    seed=SEEDS,
)
def test_upsample(method, n, space, factor, seed):
    mode = method if method == "nearest" else {1: "linear", 2: "bilinear", 3: "trilinear"}[len(space)]
    compare(
        lambda x: ops.upsample(x, factor=factor, method=method),
        channels_second(lambda x: F.interpolate(x, scale_factor=factor, mode=mode)),
        *drawn(seed, (n, *space, 2)),
        seed=seed,
    )


# Batch normalisation: features last here, second there


@pytest.mark.parametrize("own", [True, False], ids=["train", "predict"])
@DRAWN
@given(
    shape=st.lists(st.integers(2, 5), min_size=2, max_size=4).map(tuple),
    eps=st.sampled_from([1e-5, 1e-3, 0.5]),
    seed=SEEDS,
)
def test_batch_norm(own, shape, eps, seed):
    rng = np.random.default_rng(seed)
    c = shape[-1]
    x = rng.standard_normal(shape) * 3 + 1
    scale, shift, mean = rng.standard_normal((3, c))
    var = rng.uniform(0.5, 2, c)
    given = {} if own else {"mean": mean, "var": var}

    @channels_second
    def theirs(x, scale, shift):
        kept = (None, None) if own else (torch.tensor(mean), torch.tensor(var))
        return F.batch_norm(x, *kept, scale, shift, training=own, eps=eps)

    def ours(x, scale, shift):
        return ops.batch_norm(x, scale, shift, eps=eps, **given)

    compare(ours, theirs, x, scale, shift, seed=seed, tolerance=1e-10)


def test_batch_norm_gives_the_statistics_it_used():
    x = np.random.default_rng(0).standard_normal((4, 3, 2))
    (_, (mean, var)), _ = ops.batch_norm(x, np.ones(2), np.zeros(2))
    wanted = torch.var_mean(torch.tensor(x), (0, 1), correction=0)
    close(var, wanted[0].numpy(), 1e-12)
    close(mean, wanted[1].numpy(), 1e-12)


def test_batch_norm_of_one_value_per_feature_is_an_error():
    with pytest.raises(ValueError, match=r"batch_norm: x \(1, 3\) has 1 value"):
        ops.batch_norm(np.ones((1, 3)), np.ones(3), np.zeros(3))
    with pytest.raises(ValueError, match="more than 1 value per channel"):  # as PyTorch has it
        F.batch_norm(torch.ones(1, 3), None, None, training=True)
