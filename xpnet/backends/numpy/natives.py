"""The table of NumPy's natives: ops whose passes run in kernels that Numba compiles (the extra `fast`).

The problem: a portable op is a chain of NumPy calls, each of which reads and writes whole arrays, so that memory
traffic and temporaries cost more than the arithmetic. A native fuses the chain.

A native has the signature of its portable twin, writes only into arrays that it allocates itself, and returns the
twin's bits: sums run in NumPy's order, and transcendental functions are NumPy's own. It calls the twin for arguments
that its kernels do not take: another dtype, a matrix that is not contiguous, targets that are probabilities.
"""

from __future__ import annotations

from functools import cache
from typing import Any

import numpy as np

from ... import ops
from ...compiler.codegen import contiguous
from ...compiler.kernel import Kernel
from ...ops import Key
from ...ops.embedding import FEW, add_rows
from ...ops.pool import pooled
from ...ops.random import salted
from ...ops.windows import Window
from ...typing import Array, Op, Pullback
from ..activation import expressible
from ..as_matrix import as_matrix
from . import kernels
from .activations import elementwise, linear, plain

shift_rows, sum_rows = map(Kernel, (kernels.shift_rows, kernels.sum_rows))
pick, subtract_one_hot = map(Kernel, (kernels.pick, kernels.subtract_one_hot))
key_words, keep_some, drop_some = map(Kernel, (kernels.key_words, kernels.keep_some, kernels.drop_some))
to_first_largest = Kernel(kernels.to_first_largest)
add_sorted = Kernel(kernels.add_sorted)

PAIRWISE_BLOCK_ELEMENTS = 128
"""The longest row that numpy.sum adds in one block (PW_BLOCKSIZE in its loops); it splits a longer one in halves."""


@cache
def table(dtype: str) -> dict[str, Op]:
    """The natives for arrays of a dtype, by the op's name.

    A native's kernels are compiled, or read from Numba's cache on disk, at its first call.
    """
    kind, formulas = np.dtype(dtype), expressible()
    entries: dict[str, Op] = {"linear": as_matrix(linear(formulas.values(), kind))}
    for name, op in formulas.items():
        _add(entries, name, elementwise, op, kind)
    _add(entries, "softmax_cross_entropy", _softmax_cross_entropy, kind)
    _add(entries, "dropout", _dropout, kind)
    _add(entries, "add_rows", _add_rows, kind)
    _add(entries, "make_key", _make_key)
    _add(entries, "max_pool", _max_pool, kind)
    return entries


def _add(entries: dict[str, Op], name: str, make: Any, *args: Any) -> None:
    """Adds an entry that replaces itself by `make(*args)` at its first call."""

    def first(*arrays: Array, **options: Any) -> Any:
        if entries[name] is first:
            entries[name] = make(*args)
        return entries[name](*arrays, **options)

    entries[name] = first


def _softmax_cross_entropy(kind: np.dtype) -> Op:
    """Targets are class numbers. exp, log and the sum of a row of more than PAIRWISE_BLOCK_ELEMENTS are NumPy's."""
    portable = ops.softmax_cross_entropy.portable
    matrix, row, label = np.zeros((1, 1), kind), np.zeros(1, kind), np.zeros(1, "int64")
    shift_rows(matrix, matrix)  # compiles, as do the next three
    sum_rows(matrix, row)
    pick(matrix, row, label, row)
    subtract_one_hot(matrix, label, row)

    def op(
        logits: Array, /, *, target: Array, label_smoothing: float = 0.0, ignore_index: int | None = None
    ) -> tuple[Array, Pullback]:
        fits = plain(logits, kind) and logits.ndim == 2 and target.shape == logits.shape[:1] and logits.size
        ignores = ignore_index is not None and 0 <= ignore_index < logits.shape[-1]  # others ignore no row
        if not fits or not plain(target, label.dtype) or label_smoothing or ignores:
            return portable(logits, target=target, label_smoothing=label_smoothing, ignore_index=ignore_index)
        log_p, losses = np.empty_like(logits), np.empty_like(logits, shape=target.shape)
        shift_rows(logits, log_p)
        e = np.exp(log_p)
        if logits.shape[1] > PAIRWISE_BLOCK_ELEMENTS:
            sums = np.add.reduce(e, axis=1)
        else:
            sums = np.empty_like(losses)
            sum_rows(e, sums)
        pick(log_p, np.log(sums), target, losses)

        def pullback(dlosses: Array) -> tuple[Array]:
            p = np.exp(log_p)
            subtract_one_hot(p, target, contiguous(dlosses))
            return (p,)

        return losses, pullback

    return op


def _add_rows(kind: np.dtype) -> Any:
    """The gradient of a large embedding table in one loop over sorted ids."""
    matrix, row = np.zeros((1, 1), kind), np.zeros(1, "int64")
    add_sorted(matrix, row, row, matrix.copy(), matrix.copy())  # compiles

    def op(x: Array, /, *, ids: Array, rows: int) -> Array:
        if rows <= FEW or not x.size or x.dtype != kind or ids.dtype != row.dtype:
            return add_rows.portable(x, ids=ids, rows=rows)
        x = contiguous(x)
        sums, table = np.empty_like(x), np.empty_like(x, shape=(rows, x.shape[1]))
        add_sorted(x, ids, np.argsort(ids, stable=True), sums, table)
        return table

    return op


def _make_key() -> Any:
    """Both words of a key in one kernel."""
    empty = np.zeros(2, "uint32")
    key_words(empty, empty, empty)  # compiles

    def op(seed: Array, count: Array, /, *, salt: int = 0) -> Key:
        key = np.empty_like(seed)
        key_words(seed.view("uint32"), count.view("uint32"), key.view("uint32"))
        return Key(key[:1], key[1:], salt)

    return op


def _dropout(kind: np.dtype) -> Op:
    """Random bits, mask and product in one kernel."""
    portable = ops.dropout.portable
    x, mask, word = np.zeros((1, 1), kind), np.zeros((1, 1), bool), np.zeros(2, "uint32")
    keep_some(x, word, 0, kind.type(1), x, mask)  # compiles, as does the next
    drop_some(x, mask, kind.type(1), x)

    def op(x: Array, /, *, rate: float, key: Key) -> tuple[Array, Pullback]:
        if not plain(x, kind) or x.ndim != 2 or not 0 <= rate < 1 or x.size >= 2**31:
            return portable(x, rate=rate, key=key)
        word = np.concatenate([salted(key), key.second]).view("uint32")
        scale = kind.type(1.0 / (1.0 - rate))
        y, kept = np.empty_like(x), np.empty_like(x, bool)
        keep_some(x, word, int(rate * 2**32) - 2**31, scale, y, kept)

        def pullback(dy: Array) -> tuple[Array]:
            dx = np.empty_like(x)
            drop_some(contiguous(dy), kept, scale, dx)
            return (dx,)

        return y, pullback

    return op


def _max_pool(kind: np.dtype) -> Op:
    """The derivative in one kernel, if no element lies in two windows; the value is the twin's."""
    portable = ops.max_pool.portable

    def op(x: Array, /, *, kernel_size: Any, stride: Any = None, padding: Any = 0) -> tuple[Array, Pullback]:
        y, pull = portable(x, kernel_size=kernel_size, stride=stride, padding=padding)
        over = pooled("max_pool", x.shape[1:-1], kernel_size, stride, padding)
        if not plain(x, kind) or any(axis.before or axis.stride < axis.kernel for axis in over):
            return y, pull
        rows, columns = over if len(over) == 2 else (Window(1, 1), *over)
        n, *_, c = x.shape
        image = np.reshape(x, (n, rows.size, columns.size, c))
        largest = np.reshape(contiguous(y), (n, rows.outputs, columns.outputs, c))

        def pullback(dy: Array) -> tuple[Array]:
            dx = np.empty_like(image)
            sizes = (rows.kernel, columns.kernel), (rows.stride, columns.stride)
            to_first_largest(np.reshape(contiguous(dy), largest.shape), image, largest, *sizes, dx)
            return (np.reshape(dx, x.shape),)

        return y, pullback

    return op
