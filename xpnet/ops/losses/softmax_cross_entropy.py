"""Cross-entropy on logits, with its softmax."""

from __future__ import annotations

from ...dtypes import countable
from ...namespace import namespace, replaceable
from ...typing import Array, Pullback
from ..softmax import log_softmax, softmax
from .sample import class_targets, mean_over_positions, spread_over_positions, takes, without_zeros


@takes("classes", link=softmax)
@replaceable
def softmax_cross_entropy(
    logits: Array, /, *, target: Array, label_smoothing: float = 0.0, ignore_index: int | None = None
) -> tuple[Array, Pullback]:
    """Softmax cross-entropy, one value per sample.

    loss_i = -sum_k t_ik log_softmax(logits_i)[k], t = onehot(target);
    dlogits_i = dloss_i (softmax(logits_i) sum_k t_ik - t_i)
    logits (..., c) float; target (...) int in [0, c), checked by Model.fit and not here,
    or t itself (..., c), probabilities. `label_smoothing` e makes t of it (1 - e) t + e / c.
    Of logits (n, ..., c) loss_i is the mean over the sample's labels; those that are `ignore_index` do not count.
    `fit`'s class_weight weighs a sample by its label, smoothed or not; PyTorch's weighs each class of a smoothed one.
    Digits are relative to 1: of a loss far below, of a label that is all but certain, some are rounded away.
    Source of the smoothing: Szegedy et al., 2015, arXiv:1512.00567.
    """
    xp = namespace(logits)
    t, number = class_targets(
        "softmax_cross_entropy",
        logits,
        target,
        ignore_index=ignore_index,
        label_smoothing=label_smoothing,
    )
    log_p, _ = log_softmax(logits)
    one_hot = target.ndim < logits.ndim and label_smoothing == 0 and ignore_index is None

    def pullback(dloss: Array) -> tuple[Array]:
        dposition = spread_over_positions(dloss, logits, number)
        if one_hot:  # 1, and 0 for a number that is none of a class; a sum would be a loop of its own
            label = countable(target)
            known = xp.logical_and(label >= 0, label < logits.shape[-1])
            total = xp.astype(known, t.dtype)[..., None]
        else:
            total = xp.sum(t, axis=-1, keepdims=True)
        return ((xp.exp(log_p) * total - t) * dposition,)

    return mean_over_positions(-xp.sum(without_zeros(log_p, t), axis=-1), number), pullback
