"""Learning-rate schedules: a peak rate times a factor, which is a pure function of the step number.

t is the number of updates done before this one, so 0 for the first; `factor(xp, t)` takes it as a 0-d float
array. `state["lr"]` holds the peak rate, which a callback may change without touching the schedule.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from ..describe import Description
from ..typing import Array, Namespace


@dataclass(frozen=True)
class Schedule(Description):
    """A constant rate, and the base of the others: factor = 1."""

    peak: float

    def __post_init__(self) -> None:
        super().__post_init__()
        if not isinstance(self.peak, int | float) or not 0 <= self.peak < math.inf:
            raise ValueError(f"lr {self.peak!r} must be a finite number, 0 or more")

    def factor(self, xp: Namespace, t: Array) -> Array:
        return xp.ones_like(t)


def constant(peak: float) -> Schedule:
    """The same rate at every step."""
    return Schedule(peak)


@dataclass(frozen=True)
class Step(Schedule):
    """A drop by `gamma` every `every` steps: factor = gamma^floor(t / every)."""

    every: int
    gamma: float = 0.1

    def __post_init__(self) -> None:
        super().__post_init__()
        _positive("every", self.every)
        _positive("gamma", self.gamma)

    def factor(self, xp: Namespace, t: Array) -> Array:
        drops = xp.floor((t + 0.5) / self.every)  # the half keeps roundoff from moving a drop by a step
        return xp.exp(drops * math.log(self.gamma))


@dataclass(frozen=True)
class Exponential(Schedule):
    """A decay at every step: factor = gamma^t."""

    gamma: float

    def __post_init__(self) -> None:
        super().__post_init__()
        _positive("gamma", self.gamma)

    def factor(self, xp: Namespace, t: Array) -> Array:
        return xp.exp(t * math.log(self.gamma))


@dataclass(frozen=True)
class Cosine(Schedule):
    """Half a cosine from the peak to `final` times the peak, which then stays.

    factor = final + (1 - final) (1 + cos(pi min(t / steps, 1))) / 2
    Source: Loshchilov, Hutter, 2016, arXiv:1608.03983, one period.
    """

    steps: int
    final: float = 0.0

    def __post_init__(self) -> None:
        super().__post_init__()
        _positive("steps", self.steps)

    def factor(self, xp: Namespace, t: Array) -> Array:
        done = xp.where(t < self.steps, t / self.steps, 1.0)
        return self.final + (1.0 - self.final) * 0.5 * (1.0 + xp.cos(math.pi * done))


@dataclass(frozen=True)
class Warmup(Schedule):
    """A linear rise over `steps` steps, then the schedule `then`, counted from its own start.

    factor = (t + 1) / (steps + 1) for t < steps, else then's factor(t - steps)
    The peak is that of `then`.
    """

    steps: int
    then: Schedule

    def __post_init__(self) -> None:
        super().__post_init__()
        _positive("steps", self.steps)
        if not isinstance(self.then, Schedule):
            raise TypeError(f"then: a schedule was wanted, {self.then!r} came")

    def factor(self, xp: Namespace, t: Array) -> Array:
        rising = t < self.steps
        later = self.then.factor(xp, xp.where(rising, 0.0, t - self.steps))
        return xp.where(rising, (t + 1.0) / (self.steps + 1.0), later)


def warmup(schedule: Schedule | float, steps: int) -> Warmup:
    """A linear rise over `steps` steps to the peak of a schedule, or to a number."""
    then = schedule if isinstance(schedule, Schedule) else Schedule(schedule)
    return Warmup(then.peak, steps, then)


def _positive(name: str, value: float) -> None:
    if not isinstance(value, int | float) or not value > 0:
        raise ValueError(f"{name} {value!r} must be more than 0")


step, exponential, cosine = Step, Exponential, Cosine
SCHEDULES = {cls.__name__: cls for cls in (Schedule, Step, Exponential, Cosine, Warmup)}
