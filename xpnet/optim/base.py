"""What an optimizer is: a frozen description, an elementwise rule, and the rule's scalars."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, ClassVar

from ..describe import Description
from ..namespace import namespace
from ..typing import Array, Flat, Namespace, Rule


@dataclass(frozen=True)
class Optimizer(Description):
    """A description of how parameters move against their gradients.

    `rule(xp, p, g, *slots, *scalars) -> (p, *slots)` is elementwise and has no number in its body, so that
    every array library, and a compiler, can run it in the arrays' own dtype. `lr` is a number, or a
    schedule, which is a peak rate times a factor that depends on the step.
    """

    lr: Any

    rule: ClassVar[Rule]

    def __post_init__(self) -> None:
        super().__post_init__()
        if not (isinstance(self.peak, int | float) and 0 <= self.peak < math.inf):
            raise ValueError(
                f"lr {self.peak!r} must be a finite number, 0 or more, or a schedule of xn.schedules"
            )

    @property
    def peak(self) -> float:
        """The rate that `state["lr"]` starts from."""
        return getattr(self.lr, "peak", self.lr)

    @property
    def slots(self) -> tuple[str, ...]:
        """The names of the arrays kept per parameter; they start at zero."""
        return ()

    def rate(self, xp: Namespace, lr: Array, t: Array) -> Array:
        """The learning rate of update number t (1 for the first), where `lr` is the state's rate."""
        return lr * self.lr.factor(xp, t - 1) if hasattr(self.lr, "factor") else lr

    def scalars(self, xp: Namespace, lr: Array, t: Array) -> tuple[Any, ...]:
        """The rule's scalars for update number t, computed once per step; lr and t are 0-d arrays."""
        return (self.rate(xp, lr, t),)


def scalars_after(optimizer: Optimizer, lr: Array, count: Array) -> tuple[Any, ...]:
    """The scalars of the update that makes `count` (1,) of them, from the state's rate."""
    xp = namespace(lr)
    return optimizer.scalars(xp, lr, xp.reshape(xp.astype(count, lr.dtype), ()))


def decay_sum(xp: Namespace, beta: float, t: Array) -> Array:
    """1 - beta^t without cancellation: in float32 `1 - 0.999**t` is off by 1e-5."""
    return -xp.expm1(t * math.log(beta)) if beta > 0 else xp.ones_like(t)


def check_fraction(name: str, value: float) -> None:
    """ValueError for a decay rate outside [0, 1)."""
    if not isinstance(value, int | float) or not 0 <= value < 1:
        raise ValueError(f"{name} {value!r} is not in [0, 1)")


def check_not_negative(name: str, value: float) -> None:
    """ValueError for a negative or infinite constant."""
    if not isinstance(value, int | float) or not 0 <= value < math.inf:
        raise ValueError(f"{name} {value!r} must be a finite number, 0 or more")


def update_each(
    rule: Rule, params: Flat, grads: Flat, slots: dict[str, Flat], scalars: tuple[Any, ...]
) -> tuple[Flat, dict[str, Flat]]:
    """The portable update: the rule on one parameter after another, new arrays for all."""
    new_params: Flat = {}
    new_slots: dict[str, Flat] = {slot: {} for slot in slots}
    for name, p in params.items():
        kept = (values[name] for values in slots.values())
        new_params[name], *rest = rule(namespace(p), p, grads[name], *kept, *scalars)
        for slot, value in zip(slots, rest, strict=True):
            new_slots[slot][name] = value
    return new_params, new_slots
