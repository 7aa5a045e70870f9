"""Numba kernels of the natives that are not elementwise: row reductions, one-hot targets, dropout, pooling.

Each operation rounds as in the portable twin, so that the bits are equal. A label outside [0, c) has the result of
the portable one-hot row of zeros.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from ...compiler.codegen import jit


@jit
def shift_rows(x: Any, shifted: Any) -> None:
    """shifted_ij = x_ij - max_k x_ik, a NaN counting as largest"""
    for i in range(x.shape[0]):
        largest = x[i, 0]
        for j in range(1, x.shape[1]):
            if x[i, j] > largest or x[i, j] != x[i, j]:
                largest = x[i, j]
        for j in range(x.shape[1]):
            shifted[i, j] = x[i, j] - largest


@jit
def sum_rows(x: Any, sums: Any) -> None:
    """sums_i = sum_j x_ij, of at most 128 columns, in the order of numpy.sum: eight partial sums, then pairwise"""
    for i in range(x.shape[0]):
        row, whole = x[i], x.shape[1] // 8 * 8
        total = x.dtype.type(0)
        if whole:
            a, b, c, d, e, f, g, h = row[0], row[1], row[2], row[3], row[4], row[5], row[6], row[7]
            for j in range(8, whole, 8):
                a, b, c, d = a + row[j], b + row[j + 1], c + row[j + 2], d + row[j + 3]
                e, f, g, h = e + row[j + 4], f + row[j + 5], g + row[j + 6], h + row[j + 7]
            total = ((a + b) + (c + d)) + ((e + f) + (g + h))
        for j in range(whole, x.shape[1]):
            total += row[j]
        sums[i] = total


@jit
def pick(shifted: Any, log_sum: Any, label: Any, losses: Any) -> None:
    """shifted_ij -= log_sum_i, which makes it log_p; losses_i = -log_p_i,label_i"""
    for i in range(shifted.shape[0]):
        for j in range(shifted.shape[1]):
            shifted[i, j] -= log_sum[i]
        losses[i] = -shifted[i, label[i]] if 0 <= label[i] < shifted.shape[1] else -losses.dtype.type(0)


@jit
def subtract_one_hot(p: Any, label: Any, dlosses: Any) -> None:
    """p_ij = (p_ij - onehot(label_i)_j) dlosses_i"""
    one = p.dtype.type(1)
    for i in range(p.shape[0]):
        if 0 <= label[i] < p.shape[1]:
            p[i, label[i]] -= one
            for j in range(p.shape[1]):
                p[i, j] *= dlosses[i]
        else:
            for j in range(p.shape[1]):
                p[i, j] *= dlosses.dtype.type(0) * dlosses[i]


@jit
def add_sorted(x: Any, ids: Any, order: Any, sums: Any, table: Any) -> None:
    """table_j = the sum of the x_i with ids_i = j, pair by pair as in `ops.embedding.add_rows`; order sorts ids"""
    n, features = x.shape
    table[:] = table.dtype.type(0)
    for i in range(n):
        for j in range(features):
            sums[i, j] = x[order[i], j]
    start = 0
    while start < n:
        row, end, step = ids[order[start]], start + 1, 1
        while end < n and ids[order[end]] == row:
            end += 1
        while step < end - start:
            for i in range(end - 1, start + step - 1, -2 * step):  # only the sums that row end - 1 needs
                for j in range(features):
                    sums[i, j] += sums[i - step, j]
            step *= 2
        for j in range(features):
            table[row, j] = sums[end - 1, j]
        start = end


@jit
def mixed(x: Any, word: Any) -> Any:
    """`ops.random.mix` of one uint32; shifts are logical."""
    x = np.uint32((x ^ (x >> np.uint32(16))) * np.uint32(0x7FEB352D)) ^ word
    x = np.uint32((x ^ (x >> np.uint32(15))) * np.uint32(0x846CA68B))
    return x ^ (x >> np.uint32(16))


@jit
def key_words(words: Any, count: Any, key: Any) -> None:
    """The two words of `ops.make_key`; all arrays uint32."""
    key[0] = mixed(np.uint32(words[1] + np.uint32(count[0] * np.uint32(0x9E3779B9))), words[0])
    key[1] = mixed(key[0], words[1])


@jit
def keep_some(x: Any, key: Any, threshold: Any, scale: Any, y: Any, kept: Any) -> None:
    """kept_i = bits_i >= threshold, y_i = x_i scale where kept_i, else 0; key uint32, its first word salted"""
    zero = scale - scale
    x, y, kept = x.ravel(), y.ravel(), kept.ravel()
    first, second = key[0], key[1]
    for i in range(x.size):
        kept[i] = np.int32(mixed(np.uint32(i) ^ first, second)) >= threshold
        y[i] = x[i] * scale if kept[i] else zero


@jit
def drop_some(dy: Any, kept: Any, scale: Any, dx: Any) -> None:
    """dx_i = dy_i scale where kept_i, else 0"""
    zero = scale - scale
    dy, kept, dx = dy.ravel(), kept.ravel(), dx.ravel()
    for i in range(dy.size):
        dx[i] = dy[i] * scale if kept[i] else zero


@jit
def to_first_largest(dy: Any, x: Any, y: Any, kernel: Any, stride: Any, dx: Any) -> None:
    """dx = dy at the first element of each window of an image that equals y, its maximum, else 0; no windows overlap"""
    (height, width), (down, right), zero = kernel, stride, dx.dtype.type(0)
    dx[:] = zero
    free = np.empty(x.shape[3], np.bool_)
    for n in range(y.shape[0]):
        for i in range(y.shape[1]):
            for j in range(y.shape[2]):
                free[:] = True
                for u in range(i * down, i * down + height):
                    for v in range(j * right, j * right + width):
                        for c in range(free.size):  # without branches, so that the compiler vectorizes it
                            hit = free[c] & (x[n, u, v, c] == y[n, i, j, c])
                            dx[n, u, v, c] = dy[n, i, j, c] if hit else zero
                            free[c] = free[c] & (not hit)
