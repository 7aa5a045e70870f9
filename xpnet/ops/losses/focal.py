"""Cross-entropies with less weight on samples that are already right."""

from __future__ import annotations

from ...namespace import namespace
from ...typing import Array, Pullback
from ..activations import sigmoid
from ..softmax import log_softmax, softmax
from .sample import (
    class_targets,
    mean_over_positions,
    mean_per_sample,
    require,
    same_shape,
    spread_over_positions,
    spread_per_sample,
    takes,
)


@takes("binary", threshold=0.0, link=sigmoid)
def sigmoid_focal(
    logits: Array, /, *, target: Array, gamma: float = 2.0, alpha: float = 0.25
) -> tuple[Array, Pullback]:
    """Focal loss of independent yes-or-no outputs, one value per sample.

    loss_i = mean_j f_ij, f = a m^gamma h, h = log(1 + exp(z)) - t z, z = logits, t = target, p = sigmoid(z),
    m = p (1 - t) + (1 - p) t, a = 1 where alpha < 0, else alpha t + (1 - alpha) (1 - t);
    dlogits_ij = dloss_i g_ij / k, g = a m^gamma (p - t - gamma h (2 t - 1) p (1 - p) / m), k = size(z_i)
    logits and target (n, ...), target in [0, 1]; h is the sigmoid cross-entropy. torchvision's `sigmoid_focal_loss`.
    Source: Lin et al., 2017, arXiv:1708.02002.
    """
    _check_gamma("sigmoid_focal", gamma)
    require("sigmoid_focal", "alpha", alpha, alpha <= 1, "must be at most 1, or negative for none")
    xp = namespace(logits)
    t = same_shape("sigmoid_focal", logits, target)
    p, _ = sigmoid(logits)
    q, _ = sigmoid(-logits)  # not 1 - p, which is 0 long before q is
    miss = p * (1.0 - t) + q * t
    entropy = xp.where(logits < 0, 0.0, logits) - t * logits + xp.log1p(xp.exp(-xp.abs(logits)))
    weight = miss**gamma if alpha < 0 else miss**gamma * (alpha * t + (1.0 - alpha) * (1.0 - t))

    def pullback(dloss: Array) -> tuple[Array]:
        ratio = p * q / xp.where(miss == 0, 1.0, miss)
        slope = p * (1.0 - t) - q * t - gamma * entropy * (2.0 * t - 1.0) * ratio
        return (weight * slope * spread_per_sample(dloss, logits),)

    return mean_per_sample(weight * entropy), pullback


@takes("classes", link=softmax)
def softmax_focal(
    logits: Array, /, *, target: Array, gamma: float = 2.0, ignore_index: int | None = None
) -> tuple[Array, Pullback]:
    """Focal loss of one class among many, one value per sample.

    loss_i = -sum_k t_ik (1 - p_ik)^gamma log p_ik, p = softmax(logits), t = onehot(target);
    dlogits_i = dloss_i (g_i - p_i sum_k g_ik), g = t (1 - p)^gamma (gamma p log p / (1 - p) - 1)
    logits (..., c) float; target (...) int in [0, c), or t itself (..., c), probabilities. With gamma 0 it is
    `softmax_cross_entropy`, and `ignore_index` and labels of several positions are as there. Digits are relative to 1:
    of a loss far below, of a label that is all but certain, none may be right.
    Source: Lin et al., 2017, arXiv:1708.02002.
    """
    _check_gamma("softmax_focal", gamma)
    xp = namespace(logits)
    t, number = class_targets("softmax_focal", logits, target, ignore_index=ignore_index)
    log_p = xp.where(
        t == 0, 0.0, log_softmax(logits)[0]
    )  # where t is 0 so is the term, though log p may be -inf
    miss = -xp.expm1(log_p)
    weight = t * miss**gamma

    def pullback(dloss: Array) -> tuple[Array]:
        p, _ = softmax(logits)
        ratio = xp.where(miss == 0, -1.0, log_p / xp.where(miss == 0, 1.0, miss))
        g = weight * (gamma * xp.exp(log_p) * ratio - 1.0)
        return ((g - p * xp.sum(g, axis=-1, keepdims=True)) * spread_over_positions(dloss, logits, number),)

    return mean_over_positions(-xp.sum(weight * log_p, axis=-1), number), pullback


def _check_gamma(loss: str, gamma: float) -> None:
    require(loss, "gamma", gamma, gamma >= 0, "must be 0 or more")
