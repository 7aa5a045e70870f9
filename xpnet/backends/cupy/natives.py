"""The table of CuPy's natives: ops that launch one fused kernel in the place of several.

The problem: a portable op launches a kernel for each operation, and each launch costs time on the host and a pass
through the device's memory.

A native has the signature of its portable twin, writes only into arrays that it allocates itself, and calls the same
functions as the twin for matrix products and sums. It calls the twin for arguments that its kernels do not take:
another dtype, targets that are probabilities. `codegen` describes how kernels are written, and their bits.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import cache, partial
from types import MappingProxyType
from typing import Any

from ... import ops
from ...namespace import namespace
from ...ops import Key
from ...ops.random import salted
from ...typing import Array, Op, Pullback
from ..activation import Activation, expressible, specialize, unwrap
from ..as_matrix import as_matrix
from .codegen import Define, kernel, loop, plain

MIXED = """
__device__ __forceinline__ unsigned int mixed(unsigned int x, unsigned int word) {
  x = (x ^ (x >> 16)) * 0x7feb352du ^ word;
  x = (x ^ (x >> 15)) * 0x846ca68bu;
  return x ^ (x >> 16);
}"""
"""`ops.random.mix` in CUDA C; shifts are logical."""


@cache
def table(define: Define) -> Mapping[str, Op]:
    """The natives by the op's name. A kernel is compiled, or read from CuPy's cache on disk, at its first launch."""
    formulas = expressible()
    return MappingProxyType(
        {
            "linear": as_matrix(_linear(define, formulas.values())),
            **{name: _elementwise(define, op) for name, op in formulas.items()},
            "softmax_cross_entropy": _softmax_cross_entropy(define),
            "dropout": _dropout(define),
            "make_key": _make_key(define),
        }
    )


def _elementwise(define: Define, op: Any) -> Op:
    """The native of an activation: one kernel for each pass."""
    choose = specialize(op, partial(_passes, define=define))

    def native(x: Array, /, **options: Any) -> tuple[Array, Pullback]:
        passes, numbers = choose(options) if plain(x) else (None, [])
        if passes is None:
            return op.portable(x, **options)
        forward, backward, positions = passes
        found = forward(x, *numbers)
        residuals = [(x, *found)[index] for index in positions]
        return found[0], lambda dy: backward(dy, *residuals, *numbers)

    return native


def _linear(define: Define, formulas: Iterable[Any]) -> Op:
    """The native of `linear`: products and sum as in the twin, bias and activation in one kernel for each pass."""
    portable = ops.linear.portable
    make = partial(_passes, define=define, biased=True)
    choices = {op: specialize(op, make) for op in (None, *formulas)}

    def native(
        x: Array, w: Array, b: Array | None = None, /, *, activation: Any = None, wants_dx: bool = True
    ) -> tuple[Array, Pullback]:
        op, options = unwrap(activation)
        fits = b is not None and x.ndim == 2 and x.shape[1] == w.shape[0] and b.shape == w.shape[1:]
        fits = fits and plain(x, w, b)
        passes, numbers = choices[op](options) if fits and op in choices else (None, [])
        if passes is None:
            return portable(x, w, b, activation=activation, wants_dx=wants_dx)
        forward, backward, positions = passes
        z = x @ w
        found = forward(z, b, *numbers)
        residuals = [(z, b, *found)[index] for index in positions]

        def pullback(dy: Array) -> tuple[Array | None, Array, Array]:
            (dz,) = backward(dy, *residuals, *numbers) if activation is not None else (dy,)
            dx = dz @ w.T if wants_dx else None
            return dx, x.T @ dz, namespace(dz).sum(dz, axis=0)

        return found[0], pullback

    return native


def _passes(
    op: Any, *, define: Define, biased: bool = False, **flags: bool
) -> tuple[Any, Any, tuple[int, ...]] | None:
    """(forward kernel, backward kernel, residuals) of an activation; None for an op that is not elementwise.

    forward: x -> (y, residuals), or (z, b) -> (y, residuals) if `biased`. backward: (dy, residuals) -> dx.
    The residuals are given by their positions among the inputs and results of `forward`.
    """
    act = Activation.of(op, biased=biased, **flags)
    if act is None:
        return None
    inputs, names = ("z", "b") if biased else ("x",), [x.name for x in act.residuals]
    extra = {x.name: x for x in act.residuals if x.name not in (*inputs, act.y.name)}
    results = {"y": act.y, **{f"kept_{name}": x for name, x in extra.items()}}
    forward = loop(define, act.formula, inputs, results, act.options)
    backward = loop(define, act.formula, ("dy", *names), {"dx": act.dx}, act.options)
    return forward, backward, tuple(map([*inputs, act.y.name, *extra].index, names))


def _softmax_cross_entropy(define: Define) -> Op:
    """Targets are class numbers. The maximum and the sum of a row are computed as in the twin."""
    portable = ops.softmax_cross_entropy.portable
    shift = kernel(
        define, "T x, T largest", "T shifted, T e", "shifted = rounded_sub(x, largest); e = exp(shifted);"
    )
    pick = kernel(
        define,
        "raw T shifted, T total, int64 label, int64 classes",
        "T loss",
        "const bool known = 0 <= label && label < classes;"
        "loss = known ? -rounded_sub(shifted[i * classes + label], log(total)) : -T(0);",
    )
    subtract_one_hot = kernel(
        define,
        "T shifted, T total, int64 label, T dloss, int64 classes",
        "T dx",
        "const T known = T(0 <= label && label < classes), hot = T(i % classes == label);"
        "const T p = exp(rounded_sub(shifted, log(total)));"
        "dx = rounded_mul(rounded_sub(rounded_mul(p, known), hot), dloss);",
    )

    def op(
        logits: Array, /, *, target: Array, label_smoothing: float = 0.0, ignore_index: int | None = None
    ) -> tuple[Array, Pullback]:
        fits = plain(logits) and logits.ndim == 2 and target.shape == logits.shape[:1]
        classes = logits.shape[-1]
        ignores = ignore_index is not None and 0 <= ignore_index < classes  # others ignore no row
        if not fits or target.dtype.name != "int64" or label_smoothing or ignores:
            return portable(logits, target=target, label_smoothing=label_smoothing, ignore_index=ignore_index)
        xp = namespace(logits)
        shifted, e = shift(logits, xp.max(logits, axis=-1, keepdims=True))
        total = xp.sum(e, axis=-1, keepdims=True)
        (losses,) = pick(shifted, total[:, 0], target, classes)

        def pullback(dlosses: Array) -> tuple[Array]:
            return subtract_one_hot(shifted, total, target[:, None], dlosses[:, None], classes)

        return losses, pullback

    return op


def _dropout(define: Define) -> Op:
    """Random bits, mask and product in one kernel."""
    portable = ops.dropout.portable
    keep_some = kernel(
        define,
        "T x, raw int32 first, raw int32 second, int32 threshold, T scale",
        "T y, bool kept",
        "kept = int(mixed((unsigned int) i ^ first[0], second[0])) >= threshold;"
        "y = kept ? rounded_mul(x, scale) : T(0);",
        MIXED,
    )
    drop_some = kernel(
        define, "T dy, bool kept, T scale", "T dx", "dx = kept ? rounded_mul(dy, scale) : T(0);"
    )

    def op(x: Array, /, *, rate: float, key: Key) -> tuple[Array, Pullback]:
        if not plain(x) or not 0 <= rate < 1 or x.size >= 2**31:
            return portable(x, rate=rate, key=key)
        scale = 1.0 / (1.0 - rate)
        y, kept = keep_some(x, salted(key), key.second, int(rate * 2**32) - 2**31, scale)
        return y, lambda dy: drop_some(dy, kept, scale)

    return op


def _make_key(define: Define) -> Any:
    """Both words of a key in one kernel."""
    both = kernel(
        define,
        "raw int32 words, int32 count",
        "int32 first, int32 second",
        "first = mixed(words[1] + count * 0x9e3779b9u, words[0]); second = mixed(first, words[1]);",
        MIXED,
    )

    def op(words: Array, count: Array, /, *, salt: int = 0) -> Key:
        first, second = both(words, count)
        return Key(first, second, salt)

    return op
