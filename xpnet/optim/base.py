"""The base of all optimizers: a frozen description, an elementwise rule, and the rule's scalars."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import KW_ONLY, dataclass, fields, replace
from typing import Any, ClassVar

from ..calls import checked_constructor
from ..describe import Description
from ..errors import integer, number, plain, unknown
from ..namespace import namespace
from ..typing import Array, Flat, Namespace, Rule

OF_ALL = ("accumulate", "average", "average_from", "clip_norm", "clip_value", "frozen", "groups")
"""The options that a group of parameters cannot have for itself."""


@checked_constructor
@dataclass(frozen=True)
class Optimizer(Description):
    """The description of an update of parameters by their gradients.

    `rule(xp, p, g, *slots, *scalars) -> (p, *slots)` is elementwise and has no number in its body, so that every array
    library, and a compiler, runs it in the arrays' own dtype. `lr` is a number, or a schedule: a peak rate times a
    factor that depends on the step.

    Every optimizer has these options, which apply in this order at each update:

    accumulate: the number of `fit`'s batches whose gradients make one update, as if they were one batch; batch norm
        takes each by itself.
    clip_value: each element g is clipped to [-clip_value, clip_value].
    clip_norm: g = g min(1, clip_norm / (|g| + 1e-6)), where |g| is the length of all gradients as one vector.
    weight_decay, l1: g = g + weight_decay p + l1 sign(p), the (sub)gradient of weight_decay p^2 / 2 + l1 |p|; with
        `decoupled` p is first multiplied by 1 - lr weight_decay, and g gets no weight_decay.
    average: a running average a of the parameters, which `Model.averaged` reads: a = a + (1 - average) (p - a), or
        with "mean" a = a + (p - a) / n at the n-th; a is p up to and with update number average_from + 1.
    frozen: patterns of names, such as ("0.*",), of parameters that stay as they are.
    groups: {"*.bias": {"lr": 1e-4, "weight_decay": 0.0}}, other constants for some parameters; the first pattern that
        matches a parameter decides. A rate that is a number follows the optimizer's schedule, and `Model.lr`.
    Patterns are those of `fnmatch`. All as in PyTorch, where it has them.

    >>> xn.adam(1e-3, weight_decay=0.01, groups={"*.bias": {"weight_decay": 0.0}}).slots
    ('m', 'v')
    """

    lr: Any
    _: KW_ONLY
    weight_decay: float = 0.0
    decoupled: bool = False
    l1: float = 0.0
    clip_value: float | None = None
    clip_norm: float | None = None
    accumulate: int = 1
    average: float | str | None = None
    average_from: int = 0
    frozen: tuple[str, ...] = ()
    groups: Any = ()

    rule: ClassVar[Rule]

    def __post_init__(self) -> None:
        super().__post_init__()
        number("lr", self.peak, "must be a finite number, 0 or more, or a schedule of xn.schedules")
        check_not_negative("weight_decay", self.weight_decay)
        check_not_negative("l1", self.l1)
        for name in ("clip_value", "clip_norm"):
            if (value := getattr(self, name)) is not None:
                check_positive(name, value)
        integer("accumulate", self.accumulate, "must be an integer, 1 or more")
        integer("average_from", self.average_from, "must be an integer, 0 or more", low=0)
        if self.average not in (None, "mean"):
            check_fraction("average", self.average, ', nor "mean" or None')
        object.__setattr__(self, "frozen", as_patterns(self.frozen))
        object.__setattr__(self, "groups", as_pairs(self.groups))
        for pattern, values in self.groups:
            self.in_group(pattern, dict(values))

    def in_group(self, pattern: str, values: dict[str, Any]) -> tuple[Optimizer, float]:
        """(the optimizer of a group, the ratio of its rate to this one's); ValueError for options that cannot be."""
        own = [field.name for field in fields(self) if field.name not in OF_ALL]
        for name in values:
            if name in OF_ALL:
                raise ValueError(
                    f"groups: {name!r} is for all parameters, and {pattern!r} cannot have its own"
                )
            if name not in own:
                raise unknown(f"groups: what {pattern!r} gives,", name, own)
        values = {**values, "groups": (), "frozen": ()}
        try:
            group = replace(self, **values)
        except ValueError as error:
            raise ValueError(f"groups: {pattern!r}: {error}") from error
        if group.peak == self.peak:
            return group, 1.0
        if self.peak == 0:
            raise ValueError(
                f"groups: {pattern!r} has an lr of its own, and a multiple of lr 0 is none: give lr more"
            )
        scheduled = hasattr(values["lr"], "factor")
        return (group if scheduled else replace(group, lr=self.lr)), group.peak / self.peak

    @property
    def peak(self) -> float:
        """The rate that `state["lr"]` starts from."""
        return getattr(self.lr, "peak", self.lr) if hasattr(self.lr, "factor") else self.lr

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


def check_fraction(name: str, value: Any, other: str = "") -> None:
    """ValueError for a decay rate outside [0, 1)."""
    number(name, value, f"is not in [0, 1){other}", high=1.0)


def check_positive(name: str, value: float) -> None:
    """ValueError for what is not a finite number above 0."""
    number(name, value, "must be a finite number, more than 0", low=math.ulp(0.0))


def as_patterns(given: Any) -> tuple[str, ...]:
    """Patterns of names as a tuple; TypeError for anything else."""
    patterns = (given,) if isinstance(given, str) else given
    if not isinstance(patterns, tuple) or not all(isinstance(pattern, str) for pattern in patterns):
        raise TypeError(f"frozen: a tuple of patterns was wanted, such as ('0.*',), {given!r} came")
    return patterns


def as_pairs(given: Any) -> tuple[tuple[str, tuple[tuple[str, Any], ...]], ...]:
    """Groups as pairs, which can be hashed; TypeError for what is no dict of dicts, nor such pairs."""
    try:
        pairs = tuple(given.items() if isinstance(given, Mapping) else given)
        return tuple(
            (str(pattern), tuple((name, plain(value)) for name, value in sorted(dict(values).items())))
            for pattern, values in pairs
        )
    except (TypeError, ValueError) as error:
        raise TypeError(
            f"groups: {{'*.bias': {{'weight_decay': 0.0}}}} or the like was wanted, {given!r} came"
        ) from error


def check_not_negative(name: str, value: float) -> None:
    """ValueError for a negative or infinite constant."""
    number(name, value)


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
