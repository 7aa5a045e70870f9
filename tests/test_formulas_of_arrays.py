"""The formulas of the ops on whole arrays are true: products of matrices, windows, times, tables."""

import inspect

import numpy as np
import pytest

from xpnet import ops
from xpnet.formulas import parse

from .formula_values import Values

TIMES = 3


def drawn(*shape):
    return np.random.default_rng(sum(shape)).uniform(-2, 2, shape)


def case(arrays, options=None, *, ranges=None, known=None, inner=None, back=None):
    """Arrays of an op and its options; `known` for the formula alone.

    inner: an array as the formula has it, back: the other way; a formula of one sample has no axis of samples.
    """
    return arrays, options or {}, ranges or {}, known or {}, inner or (lambda x: x), back or (lambda x: x)


def one_sample(x):
    return x[0] if x.ndim == 3 and len(x) == 1 else x


def one_channel(x):
    return np.reshape(x, -1)


def by_time(x):
    """(n, time, c) as (time, n, c) with zeros before the first time, which is number 1, and after the last."""
    return np.pad(np.moveaxis(x, 1, 0), ((1, 1), (0, 0), (0, 0))) if x.ndim == 3 else x


def by_sample(x):
    return np.moveaxis(x, 0, 1) if x.ndim == 3 else x


def recurrent(gates, states=1, **more):
    arrays = {"x": drawn(2, TIMES, 5), "h0": drawn(2, 4)} | ({"c0": drawn(2, 4)} if states == 2 else {})
    size = 4 * gates
    arrays |= {"w": drawn(5, size), "u": drawn(4, size), "b": drawn(size), "v": drawn(size + 1)[1:]}
    return case(arrays, ranges={"t": range(1, TIMES + 1)}, inner=by_time, back=by_sample, known=more)


def normalised(*shape, **options):
    return case({"x": drawn(*shape), "scale": drawn(3), "shift": drawn(4)[1:]}, options)


def windows(**options):
    ranges = {"o": range(4), "k": range(3), "p": range(9)}
    return case(
        {"x": drawn(1, 9, 1)}, {"kernel_size": 3, "stride": 2, **options}, ranges=ranges, inner=one_channel
    )


KEY = ops.make_key(np.asarray([3, 4], "int32"), np.asarray([1], "int32"))


def uniform(*shape):
    """The draws of `ops.bits` as numbers in [0, 1)."""
    return lambda key: (ops.bits(key, shape).astype(float) + 2**31) / 2**32


CASES = {
    "attention": case({"q": drawn(5, 3), "k": drawn(4, 3), "v": drawn(4, 2)}),
    "linear": case(
        {"x": drawn(5, 3), "w": drawn(3, 4), "b": drawn(4)},
        {"activation": ops.tanh},
        known={"activation": np.tanh},
    ),
    "conv": case(
        {"x": drawn(1, 9, 2), "w": drawn(3, 2, 4), "b": drawn(4)},
        {"stride": 2, "dilation": 2, "padding": 0},
        ranges={"o": range(3), "k": range(3), "p": range(9)},
        inner=one_sample,
    ),
    "conv_transpose": case(
        {"x": drawn(1, 3, 2), "w": drawn(3, 2, 5), "b": drawn(5)},
        {"stride": 2, "dilation": 2, "padding": 0},
        ranges={"o": range(3), "k": range(3), "p": range(9)},
        inner=one_sample,
    ),
    "max_pool": windows(),
    "average_pool": windows(),
    "global_max_pool": case({"x": drawn(1, 9, 1)}, ranges={"i": range(9)}, inner=one_channel),
    "global_average_pool": case({"x": drawn(1, 9, 1)}, ranges={"i": range(9)}, inner=one_channel),
    "batch_norm": normalised(5, 3),
    "layer_norm": normalised(5, 3),
    "group_norm": normalised(5, 3, groups=1),
    "rms_norm": case({"x": drawn(5, 3), "scale": drawn(3)}, {"eps": 0.1}),
    "embedding": case({"table": drawn(4, 3)}, {"ids": np.asarray([1, 3, 1, 0, 1])}, ranges={"j": range(4)}),
    "position_embedding": case({"x": drawn(2, 4, 3), "table": drawn(4, 3)}),
    "upsample nearest": case(
        {"x": drawn(1, 5, 1)},
        {"factor": 3, "method": "nearest"},
        ranges={"i": range(15), "j": range(5)},
        inner=one_channel,
    ),
    "upsample linear": case(
        {"x": drawn(1, 5, 1)},
        {"factor": 3, "method": "linear"},
        ranges={"i": range(15), "j": range(5)},
        inner=one_channel,
    ),
    "flatten": case({"x": drawn(2, 3, 4)}),
    "reshape": case({"x": drawn(2, 3, 4)}, {"shape": (6, 2)}),
    "permute": case({"x": drawn(2, 3, 4)}, {"axes": (2, 1)}),
    "dropout": case({"x": drawn(5, 3)}, {"rate": 0.4, "key": KEY}, known={"uniform": uniform(5, 3)}),
    "spatial_dropout": case(
        {"x": drawn(2, 3, 4)}, {"rate": 0.4, "key": KEY}, known={"uniform": uniform(2, 1, 4)}
    ),
    "rnn": recurrent(1, nonlinearity=np.tanh),
    "gru": recurrent(3),
    "lstm": recurrent(4, states=2),
}


ELSEWHERE = {*ops.ACTIVATIONS, "prelu", "erf"}
"""The ops whose formulas test_formulas.py evaluates."""
NOWHERE = {"concatenate", "positional_encoding"}
"""Formulas of any number of arrays, and of every other element: the values here know neither."""


def test_every_op_is_there():
    names = {name.partition(" ")[0] for name in CASES}
    assert names | ELSEWHERE | NOWHERE == {
        name
        for name in ops.__all__
        if inspect.isfunction(op := getattr(ops, name))
        and "Pullback" in inspect.signature(op).return_annotation
        if name not in ops.LOSSES
    }


@pytest.mark.parametrize("name", CASES)
def test_the_formula_is_true(name):
    arrays, options, ranges, known, inner, back = CASES[name]
    name, _, label = name.partition(" ")
    op = getattr(ops, name)
    (formula,) = [formula for formula in parse(op.__doc__) if formula.label == label]
    wanted, pullback = op(*arrays.values(), **options)
    wanted = wanted[0] if isinstance(wanted, tuple) else wanted
    dy = drawn(*wanted.shape)
    defaults = {"eps": 1e-5, "count_include_pad": True, "padding": 0}
    given = {**defaults, **options, **known, "dy": inner(dy), **{key: inner(x) for key, x in arrays.items()}}
    values = Values(formula.equations, given, ranges)
    derivatives = dict(zip((f"d{key}" for key in arrays), pullback(dy), strict=True))
    for key, array in {"y": wanted, **derivatives}.items():
        (found,) = values.array(key)
        np.testing.assert_allclose(
            np.reshape(back(np.asarray(found)), array.shape), array, 1e-6, 1e-9, err_msg=key
        )
