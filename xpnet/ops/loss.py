"""The losses by name, and a loss with options."""

from __future__ import annotations

from functools import update_wrapper
from typing import Any

from ..calls import checked_constructor
from ..errors import choose
from ..typing import Op
from . import losses
from .opspec import OpSpec

LOSSES: dict[str, Op] = {name: getattr(losses, name) for name in losses.__all__}


@checked_constructor
class Loss(OpSpec):
    """A loss with options, `Loss("softmax_cross_entropy", label_smoothing=0.1)`, wherever a loss's name goes.

    >>> loss = xn.Loss("softmax_cross_entropy", label_smoothing=0.1)
    >>> xn.Model(xn.Dense(3), loss=loss, optimizer="adam").loss
    Loss('softmax_cross_entropy', label_smoothing=0.1)
    """

    table = LOSSES

    @property
    def bound(self) -> Op:
        """The op with its options and the declaration of its targets."""
        if not self.options:
            return self.bare
        bound: Any = update_wrapper(super().bound, self.bare)
        vars(bound).pop("portable", None)  # the twin without these options, which pickle finds under no name
        bound.ignore_index = bound.keywords.get("ignore_index")
        return bound


def loss_op(spec: Any) -> Op:
    """The op that a loss's name, a `Loss`, or an op of one's own stands for."""
    if isinstance(spec, Loss):
        return spec.bound
    if callable(spec) and not isinstance(spec, type):
        return spec
    return LOSSES[choose("loss", spec, LOSSES)]
