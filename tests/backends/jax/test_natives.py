"""JAX's natives: XLA's convolution has the portable values."""

import numpy as np
import pytest

import xpnet as xn
from xpnet.backends import get

jax = pytest.importorskip("jax", reason="jax is not installed: pip install 'xpnet[jax]'")
from xpnet.backends.jax.natives import ON_CPU  # noqa: E402 - it needs JAX

RNG = np.random.default_rng(8)


@pytest.mark.parametrize(
    ("shape", "kernel", "options"),
    [
        ((2, 9, 8, 4), (3, 2), {"stride": (2, 1), "padding": (1, 0), "dilation": (1, 3)}),
        ((2, 5, 5, 4), (2, 3), {"padding": "same", "wants_dx": False}),  # which is uneven
        ((1, 5, 5, 4), (3, 3), {"padding": 1, "groups": 2}),
        ((2, 7, 4), (3,), {"stride": 2}),
        ((0, 5, 5, 4), (3, 3), {"stride": 2}),
    ],
)
def test_conv_has_the_portable_values(shape, kernel, options):
    shapes = (shape, (*kernel, 4 // options.get("groups", 1), 6), (6,))
    given = [get("jax").asarray(RNG.standard_normal(s), dtype="float64") for s in shapes]

    @jax.jit
    def both(*arrays):
        ran = [op(*arrays, **options) for op in (ON_CPU["conv"], xn.ops.conv.portable)]
        return [(y, *pullback(y)) for y, pullback in ran]

    for got, wanted in zip(*both(*given), strict=True):
        assert (got is None) is (wanted is None)
        if got is not None:
            assert (got.dtype, got.shape) == (wanted.dtype, wanted.shape)
            np.testing.assert_allclose(got, wanted, rtol=0, atol=1e-12)


def test_invalid_arguments_raise_the_portable_error():
    x, w = jax.numpy.ones((2, 5, 5, 4)), jax.numpy.ones((3, 3, 2, 6))
    messages = []
    for op in (ON_CPU["conv"], xn.ops.conv.portable):
        with pytest.raises(ValueError, match="conv: x") as error:
            op(x, w)
        messages.append(str(error.value))
    assert messages[0] == messages[1]


def test_natives_run_in_the_compiled_step_unless_left_out(monkeypatch):
    used = []
    real = jax.lax.conv_general_dilated
    monkeypatch.setattr(
        jax.lax, "conv_general_dilated", lambda *args, **options: (used.append(1), real(*args, **options))[1]
    )
    x, y = RNG.standard_normal((24, 6, 6, 2)), np.arange(24) % 3
    found = []
    for natives in (False, "auto"):
        model = xn.Model(
            xn.Sequential(xn.Conv2D(3, 3, activation="relu"), xn.Flatten(), xn.Dense(3)),
            loss="softmax_cross_entropy", optimizer="adam", backend="jax", dtype="float64", natives=natives,
        )  # fmt: skip
        model.fit(x, y, epochs=2, batch_size=8)
        traced = len(used)
        model.fit(x, y, epochs=2, batch_size=8)
        assert len(used) == traced  # the same trace
        assert model.updates == ("portable" if natives is False else "jax")
        assert bool(used) is (natives == "auto")
        found.append(model.forward(x))
    assert np.abs(found[0] - found[1]).max() < 1e-12
    before = len(used)
    xn.ops.conv(jax.numpy.ones((1, 5, 5, 2)), jax.numpy.ones((3, 3, 2, 2)))
    assert len(used) == before  # outside of a step nothing is replaced
