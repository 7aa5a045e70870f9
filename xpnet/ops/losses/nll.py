"""Losses of log-probabilities."""

from __future__ import annotations

from ...namespace import namespace
from ...typing import Array, Pullback
from ..softmax import softmax
from .sample import class_probabilities, takes, without_zeros


@takes("classes", link=softmax)
def nll(log_p: Array, /, *, target: Array) -> tuple[Array, Pullback]:
    """Negative log-likelihood of classes, one value per sample.

    loss_i = -sum_k t_ik log_p_ik;  dlog_p_ik = -dloss_i t_ik
    log_p (..., c) float, as log_softmax gives it; target (...) int in [0, c) or t itself (..., c), probabilities.
    """
    xp = namespace(log_p)
    t = class_probabilities("nll", log_p, target)

    def pullback(dloss: Array) -> tuple[Array]:
        return (-dloss[..., None] * t,)

    return -xp.sum(without_zeros(log_p, t), axis=-1), pullback


@takes("classes", link=softmax)
def kl_divergence(log_p: Array, /, *, target: Array) -> tuple[Array, Pullback]:
    """Kullback-Leibler divergence of the outputs' distribution from the target's, one value per sample.

    loss_i = sum_k t_ik (log t_ik - log_p_ik);  dlog_p_ik = -dloss_i t_ik
    log_p (..., c) float, as log_softmax gives it; target (..., c), probabilities, or (...) int in [0, c). PyTorch's
    `KLDivLoss`, whose "batchmean" is the mean of these values.
    """
    xp = namespace(log_p)
    t = class_probabilities("kl_divergence", log_p, target)
    log_t = xp.log(xp.where(t == 0, 1.0, t))

    def pullback(dloss: Array) -> tuple[Array]:
        return (-dloss[..., None] * t,)

    return xp.sum(without_zeros(log_t - log_p, t), axis=-1), pullback
