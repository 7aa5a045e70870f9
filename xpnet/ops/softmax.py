"""Softmax and its logarithm."""

from __future__ import annotations

from ..namespace import namespace, replaceable
from ..typing import Array, Pullback


@replaceable
def softmax(x: Array, /, *, axis: int = -1) -> tuple[Array, Pullback]:
    """Softmax along one axis.

    y_i = exp(x_i) / sum_j exp(x_j);  dx = y (dy - sum_j dy_j y_j)
    The Jacobian is diag(y) - y y^T. x is shifted by its maximum, which prevents overflow and leaves y as it is. To mask
    an entry use a large finite negative number: a row of -inf alone returns NaN.
    """
    if 0 in x.shape:  # of no entries there is no maximum
        return x, lambda dy: (dy,)
    xp = namespace(x)
    e = xp.exp(x - xp.max(x, axis=axis, keepdims=True))
    y = e / xp.sum(e, axis=axis, keepdims=True)

    def pullback(dy: Array) -> tuple[Array]:
        weighted = dy * y
        return (weighted - y * xp.sum(weighted, axis=axis, keepdims=True),)

    return y, pullback


@replaceable
def log_softmax(x: Array, /, *, axis: int = -1) -> tuple[Array, Pullback]:
    """Logarithm of softmax along one axis.

    y_i = x_i - log sum_j exp(x_j);  dx = dy - softmax(x) sum_j dy_j
    """
    if 0 in x.shape:
        return x, lambda dy: (dy,)
    xp = namespace(x)
    shifted = x - xp.max(x, axis=axis, keepdims=True)
    y = shifted - xp.log(xp.sum(xp.exp(shifted), axis=axis, keepdims=True))

    def pullback(dy: Array) -> tuple[Array]:
        return (dy - xp.exp(y) * xp.sum(dy, axis=axis, keepdims=True),)

    return y, pullback
