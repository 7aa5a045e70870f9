"""A cost model of training steps, from sizes alone: plans are made from it, never from a clock."""

from __future__ import annotations

import math
from typing import Any

from ..layers import Layer, Work, sample_work
from ..typing import Flat, Shape

SECONDS_PER_ARRAY = 30e-6
"""Seconds of a portable step for each parameter array: the calls of its layer and of its update; rough."""
SECONDS_PER_ELEMENT = 1.6e-9
"""Seconds of a portable step for each element of a parameter; rough."""
SECONDS_PER_MAC = 6e-11
"""Seconds of a portable step for each multiply-add of the forward pass; rough."""

SECONDS_PER_OUTPUT = 5e-9
"""Seconds of a portable step for each element between two layers: bias, activation, pooling and their slopes; rough."""


class CostModel:
    """Multiply-adds and seconds of a network's training steps."""

    def __init__(self, network: Layer) -> None:
        self.network = network
        self._work: dict[Any, Work] = {}

    def work(self, shape: Shape) -> Work:
        """The work of one sample of this shape."""
        if shape not in self._work:
            self._work = {shape: sample_work(self.network, shape)}
        return self._work[shape]

    def products(self, shape: Shape, batch_size: int) -> list[int]:
        """The multiply-adds of a batch's forward pass, by matrix parameter."""
        return [batch_size * product for product in self.work(shape).products]

    def seconds(self, params: Flat, shape: Shape, batch_size: int, steps: int) -> float:
        """The estimated seconds of `steps` portable steps."""
        parameters = sum(math.prod(p.shape) for p in params.values())
        products, elements = self.work(shape)
        return steps * (
            max(1, len(params)) * SECONDS_PER_ARRAY
            + parameters * SECONDS_PER_ELEMENT
            + batch_size * (sum(products) * SECONDS_PER_MAC + elements * SECONDS_PER_OUTPUT)
        )


class Spent:
    """The estimated seconds of the portable steps that this process has run, by the name of the backend.

    Work is counted as a run begins, from sizes alone: the same program counts the same. `PROCESS` is the one counter.
    """

    def __init__(self) -> None:
        self.seconds: dict[str, float] = {}

    def add(self, backend: str, seconds: float) -> None:
        """Counts a run that begins."""
        self.seconds[backend] = self.seconds.get(backend, 0.0) + seconds

    def of(self, backend: str) -> float:
        """The seconds so far, in whole multiples of `SPENT_UNIT`: plans of equal runs are made anew at each."""
        return self.seconds.get(backend, 0.0) // SPENT_UNIT * SPENT_UNIT


SPENT_UNIT = 2**-4
"""Seconds by which the work of a process counts in a plan."""
PROCESS = Spent()
"""The work of this process."""
