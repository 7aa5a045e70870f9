"""The pinball loss, whose minimum is a quantile."""

from __future__ import annotations

from ...namespace import namespace
from ...typing import Array, Pullback
from .sample import mean_per_sample, require, same_shape, spread_per_sample


def quantile(y: Array, /, *, target: Array, q: float = 0.5) -> tuple[Array, Pullback]:
    """Quantile or pinball loss, one value per sample; its minimum is the q-th quantile of the targets.

    loss_i = mean_j max(q e_ij, (q - 1) e_ij), e = target - y;
    dy_ij = -dloss_i q / k where e_ij > 0, dloss_i (1 - q) / k where e_ij < 0, else 0, k = size(y_i)
    y and target (n, ...); 0 < q < 1, and 1/2 is half of `mae`.
    Source: Koenker, Bassett, 1978, Econometrica 46.
    """
    require("quantile", "q", q, 0 < q < 1, "must be between 0 and 1")
    xp = namespace(y)
    error = same_shape("quantile", y, target) - y

    def pullback(dloss: Array) -> tuple[Array]:
        slope = xp.where(error > 0, -q, (1.0 - q) * xp.astype(error < 0, error.dtype))
        return (slope * spread_per_sample(dloss, error),)

    return mean_per_sample(xp.where(error < 0, (q - 1.0) * error, q * error)), pullback
