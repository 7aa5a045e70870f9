"""The reference of a training step: three steps worked out by hand in plain NumPy, without any code of xpnet."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from .. import optim
from ..backends import Backend
from ..layers import BatchNorm, Dense, Sequential, Tanh
from ..ops import softmax_cross_entropy
from ..train import Trainer, make_step
from .checks import TOLERANCES, close, computing


@dataclass(frozen=True)
class HandRow:
    """A row: the network of `descend`, with weighted samples, batch norm, and plain gradient descent."""

    name: str = "step: by hand"
    n: int = 8
    rate: float = 0.1

    def start(self) -> tuple[np.ndarray, np.ndarray, np.ndarray, dict[str, np.ndarray]]:
        """(x, labels, w, arrays), rounded to float32, with no value, such as 0 or 1, that would hide a fault."""
        rng = np.random.default_rng(17)
        shapes = {
            "0.weight": (5, 4),
            "1.weight": (4,),
            "1.bias": (4,),
            "1.mean": (4,),
            "1.var": (4,),
            "3.weight": (4, 3),
            "3.bias": (3,),
        }
        arrays = {name: rng.uniform(0.2, 1.2, shape) for name, shape in shapes.items()}
        x, w = rng.standard_normal((self.n, 5)), rng.uniform(0.5, 1.5, self.n)
        single = [a.astype("float32").astype("float64") for a in (x, w / w.sum(), *arrays.values())]
        return single[0], rng.integers(0, 3, self.n), single[1], dict(zip(shapes, single[2:], strict=True))


HAND_ROWS = (HandRow(),)


def descend(x: np.ndarray, labels: np.ndarray, w: np.ndarray, a: dict[str, np.ndarray], rate: float) -> float:
    """Runs one step of gradient descent, written into `a`; returns the loss before it."""
    h = x @ a["0.weight"]
    mean, var = h.mean(axis=0), h.var(axis=0)
    spread = np.sqrt(var + 1e-5)
    normal = (h - mean) / spread
    t = np.tanh(normal * a["1.weight"] + a["1.bias"])
    z = t @ a["3.weight"] + a["3.bias"]
    p = np.exp(z) / np.exp(z).sum(axis=1, keepdims=True)
    loss = -(w * np.log(p[np.arange(len(x)), labels])).sum()

    dz = (p - np.eye(3)[labels]) * w[:, None]
    db = (dz @ a["3.weight"].T) * (1 - t**2)
    dn = db * a["1.weight"]
    dh = (dn - dn.mean(axis=0) - normal * (dn * normal).mean(axis=0)) / spread
    gradient = {
        "0.weight": x.T @ dh,
        "1.weight": (db * normal).sum(axis=0),
        "1.bias": db.sum(axis=0),
        "3.weight": t.T @ dz,
        "3.bias": dz.sum(axis=0),
    }
    for name, g in gradient.items():
        a[name] = a[name] - rate * g
    a["1.mean"] = 0.9 * a["1.mean"] + 0.1 * mean
    a["1.var"] = 0.9 * a["1.var"] + 0.1 * var * len(x) / (len(x) - 1)
    return float(loss)


def three_steps(row: HandRow, backend: Backend, dtype: str) -> None:
    """Losses, parameters, running statistics and the step count of three steps equal those worked out by hand."""
    computing(backend)
    network = Sequential(Dense(4, bias=False), BatchNorm(), Tanh(), Dense(3))
    x, labels, w, wanted = row.start()
    trainer = Trainer(
        network, softmax_cross_entropy, optim.sgd(row.rate), backend, reduction="mean", dtype=dtype, seed=0
    )
    trainer.build((5,))
    for part in ("params", "buffers"):
        trainer.replace(part, {name: wanted[name] for name in trainer.state[part]})
    batch: dict[str, Any] = {
        "x": backend.asarray(x, dtype=dtype),
        "y": backend.asarray(labels),
        "w": backend.asarray(w, dtype=dtype),
    }
    step = backend.compile(make_step(network, trainer.loss, trainer.optimizer, update=backend.update))
    state = trainer.state
    for number in range(3):
        loss = descend(x, labels, w, wanted, row.rate)
        state, metrics = step(state, batch)
        close(
            backend.to_numpy(metrics["loss"]),
            np.asarray(loss),
            TOLERANCES[dtype],
            f"the loss of step {number}",
        )
    for name, value in {**state["params"], **state["buffers"]}.items():
        close(
            backend.to_numpy(value),
            wanted[name],
            TOLERANCES[dtype],
            f"{name} after three steps, and by hand,",
        )
    count = backend.to_numpy(state["step"]).tolist()
    assert count == [3], f"the step counts {count} after three steps"


HAND_CHECKS = (three_steps,)
