"""Natives of activations, alone and in linear, in loops and in blocks: the portable bits."""

from functools import partial

import numpy as np
import pytest

from xpnet import ops
from xpnet.namespace import namespace, with_natives

from ...bits import same_bits
from ..activation_options import OPTIONS

numba = pytest.importorskip("numba", reason="numba is not installed: pip install 'xpnet[fast]'")
from xpnet.backends.activation import Activation  # noqa: E402 - they need Numba
from xpnet.backends.numpy import activations, natives  # noqa: E402
from xpnet.compiler import blocked, loading  # noqa: E402

from .test_natives import spied  # noqa: E402 - it needs Numba

RNG = np.random.default_rng(0)
LARGE = 2 * blocked.BLOCK_ELEMENTS // 100 + 7, 100
"""A matrix of more than two blocks, the last of which is not full."""
FORMULAS = [name for name in natives.table("float32") if name in ops.ACTIVATIONS]
CHOSEN = [*((name, {}) for name in FORMULAS), *OPTIONS.items()]


@pytest.mark.sample(1, by=("name",))
@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize(("name", "options"), CHOSEN, ids=lambda part: str(part or ""))
def test_activations_have_the_portable_bits_alone_and_in_linear(name, options, dtype):
    """Shapes with partial blocks, special values, and options that kernels take as numbers."""
    op = partial(ops.ACTIVATIONS[name], **options) if options else ops.ACTIVATIONS[name]
    z, dy = (10 * RNG.standard_normal(LARGE).astype(dtype) for _ in range(2))
    z.ravel()[::1001] = np.resize([np.nan, np.inf, -np.inf, 0.0, -0.0, 1e-38, -90.0, 90.0], z.size)[::1001]
    x, w, b = RNG.standard_normal((700, 3)), RNG.standard_normal((3, 100)), RNG.standard_normal(100)
    dense = [part.astype(dtype) for part in (x, w, b)]

    def alone():
        y, pull = op(z)
        return [y, pull(dy), pull(dy)]

    def in_linear():
        y, pull = ops.linear(*dense, activation=op)
        return [y, pull(dy[:700])]

    table, used = spied(dtype)
    with np.errstate(all="ignore"):
        for passes, entry in ((alone, name), (in_linear, "linear")):
            used.clear()
            same_bits(with_natives(passes, np.ndarray, table=table)(), passes())
            assert used == {entry}, "linear's twin would have called the activation's entry"


@pytest.mark.parametrize("name", FORMULAS)
def test_an_activation_has_at_most_one_residual_beside_x_and_y(name):
    for biased in (False, True):
        act = Activation.of(ops.ACTIVATIONS[name], biased=biased)
        assert len({x.name for x in act.residuals} - {act.y.name}) <= 1


def test_transcendental_levels_have_the_portable_bits():
    """Levels in sequence, two functions in one level, at the input, at the output, and in the derivative."""

    def op(x, /, *, scale=0.5):
        xp = namespace(x)
        e = xp.exp(x)
        t = xp.log1p(e) + xp.sin(scale * x) * xp.tanh(xp.log(e + 1.0) - xp.sin(x))
        y = xp.tanh(t)
        return y, lambda dy: (dy * xp.cos(scale * x) * e - xp.expm1(y - dy) * xp.exp(dy),)

    op.portable = op
    kind, x = np.dtype("float64"), RNG.standard_normal((200, 9))
    native, dense = activations.elementwise(op, kind), activations.linear([op], kind)
    for options in ({}, {"scale": 0.3}):
        chosen = partial(op, **options) if options else op
        (y, pull), (wanted, pull_wanted) = native(x, **options), op(x, **options)
        same_bits([y, pull(x)], [wanted, pull_wanted(x)])
        (y, pull), (wanted, pull_wanted) = (
            linear(x, x[:9], x[0], activation=chosen) for linear in (dense, ops.linear.portable)
        )
        same_bits([y, pull(x)], [wanted, pull_wanted(x)])


def test_a_users_activation_is_fused_too():
    """Any elementwise op is traced; none is known by name."""

    def op(x, /, *, alpha=0.5):
        xp = namespace(x)
        y = xp.where(x < 0, alpha * x, x * x)
        return y, lambda dy: (xp.where(x < 0, alpha * dy, 2.0 * x * dy),)

    op.portable = op
    act = Activation.of(op)
    assert act.residuals == (act.x,)
    native, x = (
        activations.elementwise(op, np.dtype("float32")),
        RNG.standard_normal((5, 3)).astype("float32"),
    )
    for options in ({}, {"alpha": 0.3}):
        (y, pull), (wanted, pull_wanted) = native(x, **options), op(x, **options)
        same_bits([y, *pull(x)], [wanted, *pull_wanted(x)])


def test_an_op_that_is_not_elementwise_has_no_expression():
    assert Activation.of(ops.softmax) is None
    assert loading.available()
