"""Cross-entropy on logits, with its softmax."""

from __future__ import annotations

from ...namespace import namespace, replaceable
from ...typing import Array, Pullback
from ..softmax import log_softmax, softmax
from .sample import class_probabilities, smoothed, takes, without_zeros


@takes("classes", link=softmax)
@replaceable
def softmax_cross_entropy(
    logits: Array, /, *, target: Array, label_smoothing: float = 0.0
) -> tuple[Array, Pullback]:
    """Softmax cross-entropy, one value per sample.

    loss_i = -sum_k t_ik log_softmax(logits_i)_k;  dlogits_i = dloss_i (softmax(logits_i) sum_k t_ik - t_i)
    logits (..., c) float; target (...) int in [0, c), checked by Model.fit and not here, which stands for
    t = onehot(target), or t itself (..., c), probabilities. `label_smoothing` e makes t of it (1 - e) t + e / c.
    Source of the smoothing: Szegedy et al., 2015, arXiv:1512.00567.
    """
    xp = namespace(logits)
    t = class_probabilities("softmax_cross_entropy", logits, target)
    t = smoothed("softmax_cross_entropy", t, label_smoothing, logits.shape[-1])
    log_p, _ = log_softmax(logits)

    def pullback(dloss: Array) -> tuple[Array]:
        return ((xp.exp(log_p) * xp.sum(t, axis=-1, keepdims=True) - t) * dloss[..., None],)

    return -xp.sum(without_zeros(log_p, t), axis=-1), pullback
