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
    dlogits_ij = dloss_i (sigmoid(z_ij) (1 - t_ij) - sigmoid(-z_ij) t_ij) / k, k = size(z_i)
    logits and target (n, ...), target in [0, 1]. A sample has one output, or one for each of many labels, as in
    PyTorch's `MultiLabelSoftMarginLoss`. Computed as c z + log(1 + exp(-|z|)), c = 1 - t where z > 0, else -t, which
    does not overflow, and is infinite only for an infinite z that is wrong. `label_smoothing` e makes t
    of it (1 - e) t + e / 2.
    """
    xp = namespace(logits)
    t = same_shape("sigmoid_cross_entropy", logits, target)
    t = smoothed("sigmoid_cross_entropy", t, label_smoothing, 2)
    wrong = xp.where(logits > 0, 1.0 - t, -t)  # the slope of a large logit
    values = wrong * xp.where(wrong == 0, 0.0, logits) + xp.log1p(xp.exp(-xp.abs(logits)))

    def pullback(dloss: Array) -> tuple[Array]:
        p, _ = sigmoid(logits)
        q, _ = sigmoid(-logits)  # not 1 - p, which is 0 long before q is
        return ((p * (1.0 - t) - q * t) * spread_per_sample(dloss, logits),)

    return mean_per_sample(values), pullback
