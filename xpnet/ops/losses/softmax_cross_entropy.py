"""Cross-entropy on logits, with its softmax."""

from __future__ import annotations

from ...namespace import namespace, replaceable
from ...typing import Array, Pullback
from ..softmax import log_softmax
from .sample import class_probabilities


@replaceable
def softmax_cross_entropy(logits: Array, /, *, target: Array) -> tuple[Array, Pullback]:
    """Softmax cross-entropy, one value per sample.

    loss_i = -sum_k t_ik log_softmax(logits_i)_k;  dlogits_i = dloss_i (softmax(logits_i) sum_k t_ik - t_i)
    logits (..., c) float; target (...) int in [0, c), checked by Model.fit and not here, which stands for
    t = onehot(target), or t itself (..., c), probabilities.
    """
    xp = namespace(logits)
    t = class_probabilities("softmax_cross_entropy", logits, target)
    log_p, _ = log_softmax(logits)

    def pullback(dloss: Array) -> tuple[Array]:
        return ((xp.exp(log_p) * xp.sum(t, axis=-1, keepdims=True) - t) * dloss[..., None],)

    # where t is 0 so is the term, though log_p may be -inf
    return -xp.sum(xp.where(t == 0, 0.0, log_p) * t, axis=-1), pullback
