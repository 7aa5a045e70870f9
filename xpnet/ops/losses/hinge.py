"""The hinge losses of a margin between two classes."""

from __future__ import annotations

from ...namespace import namespace
from ...typing import Array, Pullback
from .sample import mean_per_sample, same_shape, spread_per_sample, takes


@takes("binary", threshold=0.0)
def hinge(y: Array, /, *, target: Array) -> tuple[Array, Pullback]:
    """Hinge loss of independent yes-or-no outputs, one value per sample.

    loss_i = mean_j max(0, 1 - s_ij y_ij), s = 2 target - 1;
    dy_ij = -dloss_i s_ij / k where s_ij y_ij < 1, else 0, k = size(y_i)
    y and target (n, ...), target 0 or 1, so that s is -1 or 1; y > 0 means 1.
    """
    sign, short = _margin("hinge", y, target)
    missed = namespace(y).astype(short > 0, y.dtype)

    def pullback(dloss: Array) -> tuple[Array]:
        return (-sign * missed * spread_per_sample(dloss, y),)

    return mean_per_sample(short), pullback


@takes("binary", threshold=0.0)
def squared_hinge(y: Array, /, *, target: Array) -> tuple[Array, Pullback]:
    """Squared hinge loss of independent yes-or-no outputs, one value per sample.

    loss_i = mean_j max(0, 1 - s_ij y_ij)^2, s = 2 target - 1;
    dy_ij = -2 dloss_i s_ij max(0, 1 - s_ij y_ij) / k, k = size(y_i)
    y and target as in `hinge`.
    """
    sign, short = _margin("squared_hinge", y, target)

    def pullback(dloss: Array) -> tuple[Array]:
        return (-2.0 * sign * short * spread_per_sample(dloss, y),)

    return mean_per_sample(short * short), pullback


def _margin(loss: str, y: Array, target: Array) -> tuple[Array, Array]:
    """(the sign s that y should have, max(0, 1 - s y))."""
    xp = namespace(y)
    sign = 2.0 * same_shape(loss, y, target) - 1.0
    short = 1.0 - sign * y
    return sign, xp.where(short <= 0, 0.0, short)  # not `short > 0`: a NaN must come through
