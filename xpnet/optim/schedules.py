"""Learning-rate schedules: a peak rate times a factor, which is a pure function of the step number.

t is the number of updates done before this one, so 0 for the first; `factor(xp, t)` takes it as a 0-d float
array. `state["lr"]` holds the peak rate, which a callback may change without touching the schedule.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from itertools import pairwise

from ..calls import checked, checked_constructor
from ..describe import Description
from ..errors import choose, integer, number, shown
from ..typing import Array, Namespace

__all__ = [
    "SCHEDULES",
    "Cosine",
    "CosineRestarts",
    "Exponential",
    "InverseScaling",
    "OneCycle",
    "Polynomial",
    "Schedule",
    "Step",
    "Warmup",
    "constant",
    "cosine",
    "cosine_restarts",
    "exponential",
    "inverse_scaling",
    "one_cycle",
    "polynomial",
    "step",
    "warmup",
]


def __dir__() -> list[str]:
    return sorted(__all__)


@dataclass(frozen=True)
class Schedule(Description):
    """A constant rate, and the base of the others: factor = 1.

    >>> factor = xn.schedules.constant(0.1).factor(np, np.asarray(5.0))
    >>> round(float(factor), 6)
    1.0
    """

    peak: float

    def __post_init__(self) -> None:
        super().__post_init__()
        number("lr", self.peak)

    def factor(self, xp: Namespace, t: Array) -> Array:
        return xp.ones_like(t)


@checked
def constant(peak: float) -> Schedule:
    """The same rate at every step."""
    return Schedule(peak)


@dataclass(frozen=True)
class Step(Schedule):
    """A drop by `gamma` every `every` steps: factor = gamma^floor(t / every).

    >>> factor = xn.schedules.step(0.1, every=10, gamma=0.5).factor(np, np.asarray(20.0))
    >>> round(float(factor), 6)
    0.25
    """

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
    """A decay at every step: factor = gamma^t.

    >>> factor = xn.schedules.exponential(0.1, gamma=0.5).factor(np, np.asarray(2.0))
    >>> round(float(factor), 6)
    0.25
    """

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

    >>> factor = xn.schedules.cosine(0.1, steps=100).factor(np, np.asarray(50.0))
    >>> round(float(factor), 6)
    0.5
    """

    steps: int
    final: float = 0.0

    def __post_init__(self) -> None:
        super().__post_init__()
        _positive("steps", self.steps)
        number("final", self.final)

    def factor(self, xp: Namespace, t: Array) -> Array:
        done = xp.where(t < self.steps, t / self.steps, 1.0)
        return self.final + (1.0 - self.final) * 0.5 * (1.0 + xp.cos(math.pi * done))


@dataclass(frozen=True)
class CosineRestarts(Schedule):
    """Half a cosine, repeated, each period `longer` times as long as the one before.

    factor = final + (1 - final) (1 + cos(pi u)) / 2, u the share of the period that is done; the n-th period, from
    n = 0, is steps longer^n steps long and begins at steps (longer^n - 1) / (longer - 1).
    Source: Loshchilov, Hutter, 2016, arXiv:1608.03983; PyTorch's CosineAnnealingWarmRestarts.

    >>> factor = xn.schedules.cosine_restarts(0.1, steps=100).factor(np, np.asarray(150.0))
    >>> round(float(factor), 6)
    0.5
    """

    steps: int
    longer: int = 1
    final: float = 0.0

    def __post_init__(self) -> None:
        super().__post_init__()
        _whole("steps", self.steps)
        _whole("longer", self.longer)

    def factor(self, xp: Namespace, t: Array) -> Array:
        middle = (t + 0.5) / self.steps  # the half keeps roundoff from moving a restart by a step
        if self.longer == 1:
            done = t / self.steps - xp.floor(middle)
        else:
            more, logarithm = self.longer - 1, math.log(self.longer)
            length = xp.round(xp.exp(xp.floor(xp.log1p(middle * more) / logarithm) * logarithm))
            begin = self.steps * (length - 1.0) / more
            # far out float32's logarithm may be a period off
            length = xp.where(t < begin, xp.round(length / self.longer), length)
            length = xp.where(t >= begin + self.steps * length, length * self.longer, length)
            done = (t - self.steps * (length - 1.0) / more) / (self.steps * length)
        return self.final + (1.0 - self.final) * 0.5 * (1.0 + xp.cos(math.pi * done))


@dataclass(frozen=True)
class Polynomial(Schedule):
    """A power's fall from the peak to `final` times the peak, which then stays; a line with power 1.

    factor = final + (1 - final) (1 - min(t / steps, 1))^power
    PyTorch's PolynomialLR, with a `final` as in optax.

    >>> factor = xn.schedules.polynomial(0.1, steps=100).factor(np, np.asarray(75.0))
    >>> round(float(factor), 6)
    0.25
    """

    steps: int
    power: float = 1.0
    final: float = 0.0

    def __post_init__(self) -> None:
        super().__post_init__()
        _positive("steps", self.steps)
        _positive("power", self.power)

    def factor(self, xp: Namespace, t: Array) -> Array:
        left = xp.where(t < self.steps, 1.0 - t / self.steps, xp.zeros_like(t))
        return self.final + (1.0 - self.final) * left**self.power


@dataclass(frozen=True)
class InverseScaling(Schedule):
    """A fall as a power of the step number: factor = (t + 1)^-power.

    scikit-learn's learning_rate="invscaling".

    >>> factor = xn.schedules.inverse_scaling(0.1).factor(np, np.asarray(3.0))
    >>> round(float(factor), 6)
    0.5
    """

    power: float = 0.5

    def __post_init__(self) -> None:
        super().__post_init__()
        _positive("power", self.power)

    def factor(self, xp: Namespace, t: Array) -> Array:
        return xp.exp(-self.power * xp.log1p(t))


@dataclass(frozen=True)
class OneCycle(Schedule):
    """One rise to the peak and one long fall, over `steps` steps, after which the rate stays.

    The rate goes from peak / div_factor at t = 0 to peak at pct_start steps - 1, and to
    peak / (div_factor final_div_factor) at steps - 1; with `three_phase` it first falls back to peak / div_factor,
    at 2 pct_start steps - 2. Between them it follows half a cosine, or with anneal_strategy "linear" a line.
    Source: Smith, Topin, 2017, arXiv:1708.07120; PyTorch's OneCycleLR without the cycle of the momentum.

    >>> factor = xn.schedules.one_cycle(0.1, steps=100).factor(np, np.asarray(29.0))
    >>> round(float(factor), 6)
    1.0
    """

    steps: int
    pct_start: float = 0.3
    anneal_strategy: str = "cos"
    three_phase: bool = False
    div_factor: float = 25.0
    final_div_factor: float = 1e4

    def __post_init__(self) -> None:
        super().__post_init__()
        _positive("div_factor", self.div_factor)
        _positive("final_div_factor", self.final_div_factor)
        choose("anneal_strategy", self.anneal_strategy, ("cos", "linear"))
        if not all(late > early for (early, _), (late, _) in pairwise(self._corners())):
            raise ValueError(
                f"pct_start {self.pct_start!r} of {self.steps!r} steps leaves a phase without a step: "
                f"it must be more than 1 / steps, and less than {'a half' if self.three_phase else '1'}"
            )

    def _corners(self) -> list[tuple[float, float]]:
        """(t, factor) where the phases meet."""
        start, top = 1.0 / self.div_factor, self.pct_start * self.steps - 1.0
        back = [(2.0 * top, start)] if self.three_phase else []
        return [(0.0, start), (top, 1.0), *back, (self.steps - 1.0, start / self.final_div_factor)]

    def factor(self, xp: Namespace, t: Array) -> Array:
        corners = self._corners()
        factor = xp.ones_like(t) * corners[0][1]
        for (early, high), (late, low) in pairwise(corners):
            done = xp.where(t < late, (t - early) / (late - early), xp.ones_like(t))
            if self.anneal_strategy == "cos":
                done = 0.5 * (1.0 - xp.cos(math.pi * done))
            factor = xp.where(t > early, high + (low - high) * done, factor)
        return factor


@dataclass(frozen=True)
class Warmup(Schedule):
    """A linear rise over `steps` steps, then the schedule `then`, counted from its own start.

    factor = (t + 1) / (steps + 1) for t < steps, else then's factor(t - steps)
    The peak is that of `then`.

    >>> factor = xn.schedules.warmup(0.1, steps=3).factor(np, np.asarray(0.0))
    >>> round(float(factor), 6)
    0.25
    """

    steps: int
    then: Schedule

    def __post_init__(self) -> None:
        super().__post_init__()
        _positive("steps", self.steps)
        if not isinstance(self.then, Schedule):
            raise TypeError(f"then: a schedule of xn.schedules was wanted, {shown(self.then)} came")

    def factor(self, xp: Namespace, t: Array) -> Array:
        rising = t < self.steps
        later = self.then.factor(xp, xp.where(rising, 0.0, t - self.steps))
        return xp.where(rising, (t + 1.0) / (self.steps + 1.0), later)


@checked
def warmup(schedule: Schedule | float, steps: int) -> Warmup:
    """A linear rise over `steps` steps to the peak of a schedule, or to a number."""
    then = schedule if isinstance(schedule, Schedule) else Schedule(schedule)
    return Warmup(then.peak, steps, then)


def _positive(name: str, value: float) -> None:
    number(name, value, "must be more than 0, and finite", low=math.ulp(0.0))


def _whole(name: str, value: int) -> None:
    integer(name, value, "must be an integer, 1 or more")


step, exponential, cosine, polynomial = Step, Exponential, Cosine, Polynomial
cosine_restarts, inverse_scaling, one_cycle = CosineRestarts, InverseScaling, OneCycle
SCHEDULES = {
    cls.__name__: cls
    for cls in (
        *(Schedule, Step, Exponential, Cosine, CosineRestarts),
        *(Polynomial, InverseScaling, OneCycle, Warmup),
    )
}
for _schedule in SCHEDULES.values():
    checked_constructor(_schedule)
