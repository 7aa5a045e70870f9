"""Optimizers and schedules as rows of the table, each beside its definition as a plain loop over numbers."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, cast

import numpy as np

from .. import optim
from ..backends import Backend
from ..optim import Part
from ..optim.compose import Composed
from ..optim.schedules import Schedule
from .checks import TOLERANCES, AbsentError, close, computing, same_kind
from .spy import watched

UPDATES = 10


@dataclass(frozen=True)
class OptimizerRow:
    """An optimizer, and its definition: `plain(p, g, t, slots) -> p` on NumPy numbers, t from 1."""

    name: str
    optimizer: optim.Optimizer
    plain: Callable[[Any, Any, int, dict[str, Any]], Any]

    @property
    def part(self) -> Part:
        """The whole update of a parameter: the optimizer's rule with clipping, decay and averages around it."""
        return Part(self.optimizer)

    def gradients(self) -> list[np.ndarray]:
        """The gradients of ten updates, of float32's precision."""
        drawn = np.random.default_rng(11).standard_normal((UPDATES, 3, 4))
        return list(drawn.astype("float32").astype("float64"))


@dataclass(frozen=True)
class ScheduleRow:
    """A schedule, and its rate at update number t, from 0."""

    name: str
    schedule: Schedule
    plain: Callable[[int], float]


def _momentum(p: Any, g: Any, t: int, s: dict[str, Any]) -> Any:
    s["v"] = 0.9 * s.get("v", 0.0) + g
    return p - 0.1 * s["v"]


def _nesterov(p: Any, g: Any, t: int, s: dict[str, Any]) -> Any:
    s["v"] = 0.9 * s.get("v", 0.0) + g
    return p - 0.1 * (g + 0.9 * s["v"])


def _adam(p: Any, g: Any, t: int, s: dict[str, Any]) -> Any:
    s["m"] = 0.8 * s.get("m", 0.0) + 0.2 * g
    s["v"] = 0.99 * s.get("v", 0.0) + 0.01 * g**2
    return p - 0.02 * (s["m"] / (1 - 0.8**t)) / (np.sqrt(s["v"] / (1 - 0.99**t)) + 1e-3)


def _adamw(p: Any, g: Any, t: int, s: dict[str, Any]) -> Any:
    return _adam(p - 0.02 * 0.3 * p, g, t, s)


def _rmsprop(p: Any, g: Any, t: int, s: dict[str, Any]) -> Any:
    s["v"] = 0.9 * s.get("v", 0.0) + 0.1 * g**2
    return p - 0.02 * g / (np.sqrt(s["v"]) + 1e-4)


def _centered(p: Any, g: Any, t: int, s: dict[str, Any]) -> Any:
    s["v"] = 0.9 * s.get("v", 0.0) + 0.1 * g**2
    s["m"] = 0.9 * s.get("m", 0.0) + 0.1 * g
    s["u"] = 0.8 * s.get("u", 0.0) + g / (np.sqrt(s["v"] - s["m"] ** 2) + 1e-4)
    return p - 0.02 * s["u"]


def _adagrad(p: Any, g: Any, t: int, s: dict[str, Any]) -> Any:
    s["v"] = s.get("v", 0.0) + g**2
    return p - 0.05 * g / (np.sqrt(s["v"]) + 1e-10)


def _adadelta(p: Any, g: Any, t: int, s: dict[str, Any]) -> Any:
    s["v"] = 0.8 * s.get("v", 0.0) + 0.2 * g**2
    d = np.sqrt((s.get("u", 0.0) + 1e-3) / (s["v"] + 1e-3)) * g
    s["u"] = 0.8 * s.get("u", 0.0) + 0.2 * d**2
    return p - 0.5 * d


def _amsgrad(p: Any, g: Any, t: int, s: dict[str, Any]) -> Any:
    s["m"] = 0.8 * s.get("m", 0.0) + 0.2 * g
    s["v"] = 0.9 * s.get("v", 0.0) + 0.1 * g**2
    s["v_max"] = np.maximum(s.get("v_max", 0.0), s["v"])
    return p - 0.02 * (s["m"] / (1 - 0.8**t)) / (np.sqrt(s["v_max"] / (1 - 0.9**t)) + 1e-3)


def _adamax(p: Any, g: Any, t: int, s: dict[str, Any]) -> Any:
    s["m"] = 0.8 * s.get("m", 0.0) + 0.2 * g
    s["u"] = np.maximum(0.9 * s.get("u", 0.0), np.abs(g) + 1e-3)
    return p - 0.02 * (s["m"] / (1 - 0.8**t)) / s["u"]


def _nadam(p: Any, g: Any, t: int, s: dict[str, Any]) -> Any:
    s["m"] = 0.8 * s.get("m", 0.0) + 0.2 * g
    s["v"] = 0.99 * s.get("v", 0.0) + 0.01 * g**2
    mu = [0.8 * (1 - 0.5 * 0.96 ** (i * 0.3)) for i in range(1, t + 2)]
    ahead = mu[t] * s["m"] / (1 - math.prod(mu)) + (1 - mu[t - 1]) * g / (1 - math.prod(mu[:t]))
    return p - 0.02 * ahead / (np.sqrt(s["v"] / (1 - 0.99**t)) + 1e-3)


def _radam(p: Any, g: Any, t: int, s: dict[str, Any]) -> Any:
    s["m"] = 0.8 * s.get("m", 0.0) + 0.2 * g
    s["v"] = 0.99 * s.get("v", 0.0) + 0.01 * g**2
    rho, rho_t, m = 199.0, 199.0 - 2 * t * 0.99**t / (1 - 0.99**t), s["m"] / (1 - 0.8**t)
    if rho_t <= 5:  # the first five of the ten updates
        return p - 0.02 * m
    r = math.sqrt((rho_t - 4) * (rho_t - 2) * rho / ((rho - 4) * (rho - 2) * rho_t))
    return p - 0.02 * m * r / ((np.sqrt(s["v"]) + 1e-3) / math.sqrt(1 - 0.99**t))


def _lion(p: Any, g: Any, t: int, s: dict[str, Any]) -> Any:
    m = s.get("m", 0.0)
    s["m"] = 0.7 * m + 0.3 * g
    return p - 0.02 * (np.sign(0.8 * m + 0.2 * g) + 0.3 * p)


def _penalised(p: Any, g: Any, t: int, s: dict[str, Any]) -> Any:
    return _momentum(p, g + 0.3 * p + 0.2 * np.sign(p), t, s)


def _cosine(t: int) -> float:
    return 0.1 + 0.9 * (1 + math.cos(math.pi * min(t / 40, 1))) / 2


def _period(t: int, length: int, longer: int) -> float:
    """The fraction of the current restart period that step t has reached."""
    while t >= length:
        t, length = t - length, length * longer
    return t / length


OPTIMIZERS = (
    OptimizerRow("sgd", optim.sgd(0.1), lambda p, g, t, s: p - 0.1 * g),
    OptimizerRow("sgd, momentum", optim.sgd(0.1, momentum=0.9), _momentum),
    OptimizerRow("sgd, nesterov", optim.sgd(0.1, momentum=0.9, nesterov=True), _nesterov),
    OptimizerRow("adam", optim.adam(0.02, beta1=0.8, beta2=0.99, eps=1e-3), _adam),
    OptimizerRow("adamw", optim.adamw(0.02, beta1=0.8, beta2=0.99, eps=1e-3, weight_decay=0.3), _adamw),
    OptimizerRow("rmsprop", optim.rmsprop(0.02, alpha=0.9, eps=1e-4), _rmsprop),
    OptimizerRow(
        "rmsprop, centered, momentum",
        optim.rmsprop(0.02, alpha=0.9, eps=1e-4, momentum=0.8, centered=True),
        _centered,
    ),
    OptimizerRow("adagrad", optim.adagrad(0.05), _adagrad),
    OptimizerRow("adadelta", optim.adadelta(0.5, rho=0.8, eps=1e-3), _adadelta),
    OptimizerRow("adam, amsgrad", optim.adam(0.02, beta1=0.8, beta2=0.9, eps=1e-3, amsgrad=True), _amsgrad),
    OptimizerRow("adamax", optim.adamax(0.02, beta1=0.8, beta2=0.9, eps=1e-3), _adamax),
    OptimizerRow("nadam", optim.nadam(0.02, beta1=0.8, beta2=0.99, eps=1e-3, momentum_decay=0.3), _nadam),
    OptimizerRow("radam", optim.radam(0.02, beta1=0.8, beta2=0.99, eps=1e-3), _radam),
    OptimizerRow("lion", optim.lion(0.02, beta1=0.8, beta2=0.7, weight_decay=0.3), _lion),
    OptimizerRow(
        "sgd, penalised", optim.sgd(0.1, momentum=0.9, weight_decay=0.3, l1=0.2, average=0.9), _penalised
    ),
    OptimizerRow(
        "sgd, scheduled",
        optim.sgd(optim.schedules.exponential(0.1, 0.7)),
        lambda p, g, t, s: p - 0.1 * 0.7 ** (t - 1) * g,
    ),
)

SCHEDULES = (
    ScheduleRow("constant", optim.schedules.constant(0.3), lambda t: 0.3),
    ScheduleRow("step", optim.schedules.step(0.5, 10, 0.2), lambda t: 0.5 * 0.2 ** (t // 10)),
    ScheduleRow("exponential", optim.schedules.exponential(0.5, 0.97), lambda t: 0.5 * 0.97**t),
    ScheduleRow("cosine", optim.schedules.cosine(2.0, 40, final=0.1), lambda t: 2.0 * _cosine(t)),
    ScheduleRow(
        "warmup",
        optim.schedules.warmup(optim.schedules.cosine(2.0, 40, final=0.1), 7),
        lambda t: 2.0 * ((t + 1) / 8 if t < 7 else _cosine(t - 7)),
    ),
    ScheduleRow(
        "cosine, restarts",
        optim.schedules.cosine_restarts(2.0, 7, longer=3, final=0.1),
        lambda t: 0.2 + 0.9 * (1 + math.cos(math.pi * _period(t, 7, 3))),
    ),
    ScheduleRow(
        "polynomial",
        optim.schedules.polynomial(0.5, 40, power=1.5, final=0.2),
        lambda t: 0.1 + 0.4 * (1 - min(t / 40, 1)) ** 1.5,
    ),
    ScheduleRow("inverse scaling", optim.schedules.inverse_scaling(0.5), lambda t: 0.5 / math.sqrt(t + 1)),
    ScheduleRow(
        "one cycle",
        optim.schedules.one_cycle(
            2.0, 50, pct_start=0.42, anneal_strategy="linear", div_factor=10.0, final_div_factor=100.0
        ),
        lambda t: 0.2 + 1.8 * t / 20 if t <= 20 else 2.0 - (2.0 - 0.002) * min((t - 20) / 29, 1),
    ),
)


def trajectory(row: OptimizerRow, backend: Backend, dtype: str) -> None:
    """Ten updates by the backend's own update equal those of the definition."""
    computing(backend)
    start, part = np.linspace(-1, 1, 12).reshape(3, 4).astype("float32"), row.part
    params = {"w": backend.asarray(start, dtype=dtype)}
    kept = {slot: {"w": backend.asarray(np.zeros((3, 4)), dtype=dtype)} for slot in part.slots}
    memory: dict[str, Any] = {}
    wanted: Any = start.astype("float64")
    for t, g in enumerate(row.gradients(), start=1):
        grads = {"w": backend.asarray(g, dtype=dtype)}
        params, kept = backend.update(part.rule, params, grads, kept, _scalars(row, backend, dtype, t))
        wanted = row.plain(wanted, g, t, memory)
        close(backend.to_numpy(params["w"]), wanted, TOLERANCES[dtype], f"the parameter after {t} updates,")


def rule(row: OptimizerRow, backend: Backend, dtype: str) -> None:
    """The rule returns the parameter and each slot in their dtype, on their device, and has no literal in its body."""
    part, bodies = row.part, (cast(Any, row.optimizer.rule), Composed.__call__)
    numbers = [c for body in bodies for c in body.__code__.co_consts if isinstance(c, int | float)]
    assert not numbers, f"the rule has the numbers {numbers} in its body: make them scalar arguments"
    arrays = [backend.asarray(np.ones((2, 3)), dtype=dtype) for _ in range(2 + len(part.slots))]
    before = backend.copy({str(k): x for k, x in enumerate(arrays)})
    with watched(backend):
        results = part.rule(backend.xp, *arrays, *_scalars(row, backend, dtype, 3))
    assert len(results) == len(arrays) - 1, f"the rule gave {len(results)} arrays for {len(arrays) - 1}"
    for k, result in enumerate(results):
        same_kind(backend, result, backend.dtype(dtype), f"result {k} of the rule")
    if backend.capabilities.computes:
        for k, x in enumerate(arrays):
            assert np.array_equal(backend.to_numpy(before[str(k)]), backend.to_numpy(x)), (
                f"argument {k} was changed"
            )


def rate(row: ScheduleRow, backend: Backend, dtype: str) -> None:
    """The rate of every update from 0 to 99 equals the definition's, and is an array of the backend."""
    computing(backend)
    if backend.capabilities.traces and dtype == "float32":
        raise AbsentError("one dtype is enough where each operation is compiled")
    for t in range(100):
        steps = backend.asarray(np.asarray(float(t)), dtype=dtype)
        found = row.schedule.peak * row.schedule.factor(backend.xp, steps)
        close(backend.to_numpy(found), np.asarray(row.plain(t)), TOLERANCES[dtype] * 10, f"the rate at {t},")


def _scalars(row: OptimizerRow, backend: Backend, dtype: str, t: int) -> tuple[Any, ...]:
    lr = backend.asarray(np.asarray(row.optimizer.peak), dtype=dtype)
    return row.part.scalars(backend.xp, lr, backend.asarray(np.asarray(float(t)), dtype=dtype))


OPTIMIZER_CHECKS = (trajectory, rule)
SCHEDULE_CHECKS = (rate,)
