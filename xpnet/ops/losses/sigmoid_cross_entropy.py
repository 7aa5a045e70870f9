"""Binary cross-entropy on logits, with its sigmoid."""

from __future__ import annotations

from ...namespace import namespace
from ...typing import Array, Pullback
from ..activations import sigmoid
from .sample import mean_per_sample, same_shape, smoothed, spread_per_sample, takes


@takes("binary", threshold=0.0, link=sigmoid)
def sigmoid_cross_entropy(
    logits: Array, /, *, target: Array, label_smoothing: float = 0.0
) -> tuple[Array, Pullback]:
    """Sigmoid cross-entropy of independent yes-or-no outputs, one value per sample.

    loss_i = mean_j (log(1 + exp(z_ij)) - t_ij z_ij), z = logits, t = target;
    dlogits_ij = dloss_i (sigmoid(z_ij) - t_ij) / k, k = size(z_i)
    logits and target (n, ...), target in [0, 1]. A sample has one output, or one for each of many labels, as in
    PyTorch's `MultiLabelSoftMarginLoss`. Computed as max(z, 0) - t z + log(1 + exp(-|z|)), which does not overflow.
    `label_smoothing` e makes t of it (1 - e) t + e / 2.
    """
    xp = namespace(logits)
    t = same_shape("sigmoid_cross_entropy", logits, target)
    t = smoothed("sigmoid_cross_entropy", t, label_smoothing, 2)
    positive_part = xp.where(logits > 0, logits, 0.0)
    values = positive_part - t * logits + xp.log1p(xp.exp(-xp.abs(logits)))

    def pullback(dloss: Array) -> tuple[Array]:
        p, _ = sigmoid(logits)
        return ((p - t) * spread_per_sample(dloss, logits),)

    return mean_per_sample(values), pullback
