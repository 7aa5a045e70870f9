"""Attention: a mean of the values for each query, weighted by the match of query and key."""

from __future__ import annotations

import math
from typing import Any

from ..namespace import device, namespace
from ..typing import Array, Pullback
from .dropout import dropout
from .random import Key


def attention(
    q: Array,
    k: Array,
    v: Array,
    /,
    *,
    mask: Array | None = None,
    causal: bool = False,
    rate: float = 0.0,
    key: Key | None = None,
) -> tuple[Array, Pullback]:
    """Scaled dot-product attention.

    y = p v, p = softmax(z), z = q k^T / sqrt(d), d = size(q_1);
    dv = p^T dy, dp = dy v^T, dz_i = p_i (dp_i - sum_j dp_ij p_ij), dq = dz k / sqrt(d), dk = dz^T q / sqrt(d)
    q (..., t, d), k (..., s, d), v (..., s, dv) -> y (..., t, dv), the softmax over s. `mask` (n, s) bool is true where
    a key is no padding, n being the first axis of q; with `causal` position i sees the keys j <= i. Where it sees none
    y and the derivatives are 0; PyTorch's are NaN. `rate` of the weights p drop out, drawn from `key`.
    Source: Vaswani et al., 2017, arXiv:1706.03762; PyTorch's scaled_dot_product_attention.
    """
    _require_fit(q, k, v)
    xp, scale = namespace(q), 1.0 / math.sqrt(q.shape[-1])
    z = (q * scale) @ xp.matrix_transpose(k)
    seen = _seen(xp, z, mask, causal)
    if seen is not None:
        # beside half of the lowest number a score is nothing, and the difference of two is still finite
        z = z + xp.astype(xp.logical_not(seen), z.dtype) * (0.5 * float(xp.finfo(z.dtype).min))
    e = xp.exp(z - xp.max(z, axis=-1, keepdims=True))
    total = xp.sum(e, axis=-1, keepdims=True)
    if mask is not None:
        total = xp.where(xp.any(seen, axis=-1, keepdims=True), total, math.inf)
    p = e / total
    kept, drop = p, None
    if rate:
        if key is None:
            raise ValueError(f"attention: rate {rate} needs a random key: pass key=ctx.key")
        kept, drop = dropout(p, rate=rate, key=key)

    def pullback(dy: Array) -> tuple[Array, Array, Array]:
        dp, kept = dy @ xp.matrix_transpose(v), p
        if drop is not None:
            # a product with the same factors, so that what was kept need not be
            (dp,), (kept,) = drop(dp), drop(p)
        dz = p * (dp - xp.sum(dp * p, axis=-1, keepdims=True))
        dq, dk = dz @ k, xp.matrix_transpose(dz) @ q
        return dq * scale, dk * scale, xp.matrix_transpose(kept) @ dy

    return kept @ v, pullback


def _seen(xp: Any, z: Array, mask: Array | None, causal: bool) -> Array | None:
    """A mask of the scores z (..., t, s) that count, in a shape that broadcasts to theirs; None for all."""
    seen = None
    if causal:
        rows, columns = (xp.arange(size, dtype=xp.int32, device=device(z)) for size in z.shape[-2:])
        seen = columns <= rows[:, None]
    if mask is not None:
        shape = (z.shape[0], z.shape[-1])
        if z.ndim < 3 or mask.shape != shape or mask.dtype != xp.bool:
            raise ValueError(
                f"attention: mask {mask.dtype} {tuple(mask.shape)} must be bool {shape}, one for each key of each of "
                f"the samples, beside scores {tuple(z.shape)}"
            )
        mask = xp.reshape(mask, (shape[0], *(1,) * (z.ndim - 2), shape[1]))
        seen = mask if seen is None else xp.logical_and(seen, mask)
    return seen


def _require_fit(q: Array, k: Array, v: Array) -> None:
    shapes = [tuple(x.shape) for x in (q, k, v)]
    fits = min(map(len, shapes)) > 1 and len({shape[:-2] for shape in shapes}) == 1
    if not fits or shapes[0][-1] != shapes[1][-1] or shapes[1][-2] != shapes[2][-2]:
        raise ValueError(
            "attention: q {}, k {}, v {} must be (..., t, d), (..., s, d) and (..., s, dv)".format(*shapes)
        )
