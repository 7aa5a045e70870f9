"""Losses of log-probabilities."""

from __future__ import annotations

from ...namespace import namespace
from ...typing import Array, Pullback
from ..softmax import softmax
from .sample import class_targets, mean_over_positions, spread_over_positions, takes, without_zeros


@takes("classes", link=softmax, of="log-probabilities")
def nll(log_p: Array, /, *, target: Array, ignore_index: int | None = None) -> tuple[Array, Pullback]:
    """Negative log-likelihood of classes, one value per sample.

    loss_i = -sum_k t_ik log_p_ik, t = onehot(target);  dlog_p_ik = -dloss_i t_ik
    log_p (..., c) float, as log_softmax returns it; target (...) int in [0, c) or t itself (..., c), probabilities.
    Of log_p (n, ..., c) loss_i is the mean over the sample's labels; those that are `ignore_index` do not count.
    """
    xp = namespace(log_p)
    t, number = class_targets("nll", log_p, target, ignore_index=ignore_index)

    def pullback(dloss: Array) -> tuple[Array]:
        return (-spread_over_positions(dloss, log_p, number) * t,)

    return mean_over_positions(-xp.sum(without_zeros(log_p, t), axis=-1), number), pullback


@takes("classes", link=softmax, of="log-probabilities")
def kl_divergence(log_p: Array, /, *, target: Array) -> tuple[Array, Pullback]:
    """Kullback-Leibler divergence of the outputs' distribution from the target's, one value per sample.

    loss_i = sum_k t_ik (log t_ik - log_p_ik), t = onehot(target);  dlog_p_ik = -dloss_i t_ik
    log_p (..., c) float, as log_softmax returns it; target (..., c), probabilities, or (...) int in [0, c). PyTorch's
    `KLDivLoss`, whose "batchmean" is the mean of these values. Of log_p (n, ..., c) loss_i is the mean over the
    sample's distributions.
    """
    xp = namespace(log_p)
    t, number = class_targets("kl_divergence", log_p, target)
    log_t = xp.log(xp.where(t == 0, 1.0, t))

    def pullback(dloss: Array) -> tuple[Array]:
        return (-spread_over_positions(dloss, log_p, number) * t,)

    return mean_over_positions(xp.sum(without_zeros(log_t - log_p, t), axis=-1), number), pullback
