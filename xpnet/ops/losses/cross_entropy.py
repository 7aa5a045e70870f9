"""Cross-entropy on probabilities."""

from __future__ import annotations

from ...namespace import namespace
from ...typing import Array, Pullback
from .sample import class_targets, guarded_log, mean_over_positions, spread_over_positions, takes


@takes("classes", of="probabilities")
def cross_entropy(p: Array, /, *, target: Array, ignore_index: int | None = None) -> tuple[Array, Pullback]:
    """Cross-entropy of probabilities, one value per sample.

    loss_i = -sum_k t_ik log p_ik, t = onehot(target);  dp_ik = -dloss_i t_ik / p_ik
    p (..., c) float, as softmax returns it; target (...) int in [0, c) or t itself (..., c), probabilities.
    Of p (n, ..., c) loss_i is the mean over the sample's labels; those that are `ignore_index` do not count.
    The guard against log 0: a p below exp(-100), or below float32's smallest normal number, counts as that,
    and its derivative is 0. `softmax_cross_entropy` on logits needs no guard and is more exact.
    """
    xp = namespace(p)
    t, number = class_targets("cross_entropy", p, target, ignore_index=ignore_index)
    log_p, log_slope = guarded_log(p)

    def pullback(dloss: Array) -> tuple[Array]:
        return (-spread_over_positions(dloss, p, number) * t * log_slope,)

    return mean_over_positions(-xp.sum(t * log_p, axis=-1), number), pullback
