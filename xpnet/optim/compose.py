"""Options of every optimizer, around its rule: clipping, decay, averages, groups of parameters."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from fnmatch import translate
from typing import Any

from ..namespace import namespace
from ..typing import Array, Flat, Namespace, Rule, Update
from .base import Optimizer

NORM_EPS = 1e-6
"""PyTorch's clip_grad_norm_ adds this to the norm."""


@dataclass(frozen=True)
class Composed:
    """A rule with decay before it and an average after it; as elementwise as the rule.

    `composed(xp, p, g, *slots, *scalars)`: the average is the last of the slots, the numbers for decay and average
    are the first of the scalars. Composed rules with equal fields are equal, so that a compiler's cache finds them.
    """

    rule: Rule
    slots: int
    decay: bool
    decoupled: bool
    l1: bool
    average: bool

    @property
    def __name__(self) -> str:
        return self.rule.__name__

    def __call__(self, xp: Namespace, p: Array, g: Array, /, *rest: Any) -> tuple[Array, ...]:
        slots, rest = rest[: self.slots], rest[self.slots :]
        if self.average:
            average, weight, *rest = rest  # type: ignore[assignment]
        if self.decay:
            decay, *rest = rest  # type: ignore[assignment]
            if self.decoupled:
                p = decay * p
            else:
                g = g + decay * p
        if self.l1:
            l1, zero, *rest = rest  # type: ignore[assignment]
            g = xp.where(p > zero, g + l1, xp.where(p < zero, g - l1, g))
        p, *slots = self.rule(xp, p, g, *slots, *rest)  # type: ignore[assignment]
        return (p, *slots, average + weight * (p - average)) if self.average else (p, *slots)


class Part:
    """The update of one group of parameters: a rule, the names of its slots, and its scalars at each step.

    share: the factor of the optimizer's rate.
    """

    def __init__(self, optimizer: Optimizer, share: float = 1.0) -> None:
        self.optimizer, self.share = optimizer, share
        decay, l1, average = optimizer.weight_decay > 0, optimizer.l1 > 0, optimizer.average is not None
        self.rule: Rule = optimizer.rule
        self.slots = (*optimizer.slots, "average") if average else optimizer.slots
        if decay or l1 or average:
            shrinks = decay and optimizer.decoupled
            self.rule = Composed(optimizer.rule, len(optimizer.slots), decay, shrinks, l1, average)

    def scalars(self, xp: Namespace, lr: Array, t: Array) -> tuple[Any, ...]:
        """The rule's scalars for update number t, computed once per step; lr and t are 0-d arrays."""
        optimizer, around = self.optimizer, []
        lr = lr if self.share == 1 else lr * self.share
        if optimizer.average is not None:
            around.append(average_weight(xp, optimizer.average, t - optimizer.average_from))
        if optimizer.weight_decay > 0:
            decay = optimizer.weight_decay
            around.append(1.0 - optimizer.rate(xp, lr, t) * decay if optimizer.decoupled else decay)
        if optimizer.l1 > 0:
            around += [optimizer.l1, 0.0]
        return (*around, *optimizer.scalars(xp, lr, t))


def average_weight(xp: Namespace, average: float | str, n: Array) -> Array:
    """The weight of the n-th parameters in their running average; 1 up to the first."""
    one = xp.ones_like(n)
    weight = 1.0 / xp.where(n > 1, n, one) if average == "mean" else one * (1.0 - float(average))
    return xp.where(n > 1, weight, one)


class Parts:
    """The groups of an optimizer's parameters: the first pattern that matches a name decides."""

    def __init__(self, optimizer: Optimizer) -> None:
        self.frozen = [_matcher(pattern) for pattern in optimizer.frozen]
        self.groups = [
            (_matcher(pattern), Part(*optimizer.in_group(pattern, dict(values))))
            for pattern, values in optimizer.groups
        ]
        self.rest = Part(optimizer)
        self.given = (*optimizer.frozen, *(pattern for pattern, _ in optimizer.groups))
        self.one = not self.given

    def of(self, names: Iterable[str]) -> dict[Part, list[str]]:
        """The names that each part moves; those of frozen parameters are in none."""
        found: dict[Part, list[str]] = {}
        for name in names:
            if any(matches(name) for matches in self.frozen):
                continue
            part = next((part for matches, part in self.groups if matches(name)), self.rest)
            found.setdefault(part, []).append(name)
        return found


def _matcher(pattern: str) -> Callable[[str], Any]:
    return re.compile(translate(pattern)).match  # fnmatch itself keeps a cache, which no tracer may see


def moving(optimizer: Optimizer, names: Iterable[str]) -> list[str]:
    """The names of the parameters that are not frozen."""
    frozen = Parts(optimizer).frozen
    return [name for name in names if not any(matches(name) for matches in frozen)]


def slot_names(optimizer: Optimizer, names: Iterable[str]) -> dict[str, list[str]]:
    """The parameters that each slot keeps an array of, {"m": ["0.weight"]}; ValueError for patterns that match none."""
    names, parts = list(names), Parts(optimizer)
    kept: dict[str, list[str]] = {}
    for pattern in parts.given:
        if not any(map(_matcher(pattern), names)):
            where = "frozen" if pattern in optimizer.frozen else "groups"
            raise ValueError(f"{where}: {pattern!r} matches no parameter: there are {', '.join(names)}")
    for part, some in parts.of(names).items():
        for slot in part.slots:
            kept.setdefault(slot, []).extend(some)
    return kept


def mover(
    optimizer: Optimizer, *, update: Update, scalars: Callable[[Any, Array, Array], tuple[Any, ...]]
) -> Callable[[Flat, Flat, dict[str, Flat], Array, Array], tuple[Flat, dict[str, Flat]]]:
    """`move(params, grads, slots, lr, count) -> (params, slots)`: the update that makes `count` of them.

    params and slots are consumed. Where all parameters move alike, `update` takes them all at once.
    """
    parts = Parts(optimizer)

    def move(
        params: Flat, grads: Flat, slots: dict[str, Flat], lr: Array, count: Array
    ) -> tuple[Flat, dict[str, Flat]]:
        if parts.one:
            part = parts.rest
            return update(part.rule, params, clipped(optimizer, grads), slots, scalars(part, lr, count))
        moving = parts.of(params)
        grads = clipped(optimizer, {name: grads[name] for names in moving.values() for name in names})
        new_params, new_slots = dict(params), {slot: dict(kept) for slot, kept in slots.items()}
        for part, names in moving.items():
            some, kept = update(
                part.rule,
                {name: params[name] for name in names},
                {name: grads[name] for name in names},
                {slot: {name: slots[slot][name] for name in names} for slot in part.slots},
                scalars(part, lr, count),
            )
            new_params.update(some)
            for slot, values in kept.items():
                new_slots[slot].update(values)
        return new_params, new_slots

    return move


def clipped(optimizer: Optimizer, grads: Flat) -> Flat:
    """The gradients as `clip_value` and `clip_norm` leave them."""
    if not grads:
        return grads
    if (limit := optimizer.clip_value) is not None:
        xp = namespace(next(iter(grads.values())))
        grads = {
            name: xp.where(g > limit, limit, xp.where(g < -limit, -limit, g)) for name, g in grads.items()
        }
    if optimizer.clip_norm is not None:
        xp = namespace(next(iter(grads.values())))
        square = sum(xp.sum(g * g) for g in grads.values())
        ratio = optimizer.clip_norm / (xp.sqrt(square) + NORM_EPS)
        ratio = xp.where(
            square < math.inf, ratio, math.nan
        )  # else it is 0, and the step does nothing, unseen
        ratio = xp.where(ratio >= 1, xp.ones_like(ratio), ratio)  # a NaN stays one, and is found
        grads = {name: ratio * g for name, g in grads.items()}
    return grads
