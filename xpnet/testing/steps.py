"""Whole training steps as rows of the table: small networks, and the checks of their training."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np

from .. import optim
from ..backends import Backend, get
from ..layers import (
    GRU,
    BatchNorm,
    Concatenate,
    Conv2D,
    Dense,
    Dropout,
    Flatten,
    GlobalAveragePool,
    GroupNorm,
    Layer,
    LayerNorm,
    LeakyReLU,
    MaxPool2D,
    Permute,
    PositionalEncoding,
    PositionEmbedding,
    PReLU,
    ReLU,
    Repeat,
    Reshape,
    Residual,
    RMSNorm,
    Sequential,
    SpatialDropout,
    TransformerBlock,
    Upsample,
)
from ..model import Model
from ..ops import Loss
from ..ops.loss import loss_op
from ..train import Trainer, make_step
from ..typing import Batch
from .checks import AbsentError, close, tracer
from .spy import watched


@dataclass(frozen=True)
class Network:
    """A network to train, with its loss and optimizer; `parity` bounds the difference between two libraries."""

    name: str
    network: Layer
    loss: Any
    optimizer: Any
    input_shape: tuple[int, ...] = (6,)
    outputs: int = 3
    parity: float = 1e-12
    options: dict[str, Any] = field(default_factory=dict)

    def data(self, n: int) -> tuple[np.ndarray, np.ndarray]:
        """n samples drawn from a fixed seed; the classes are a function of the inputs."""
        rng = np.random.default_rng(5)
        x = rng.standard_normal((n, *self.input_shape))
        scores = x.reshape(n, -1) @ rng.standard_normal((int(np.prod(self.input_shape)), self.outputs))
        return x, (np.tanh(scores) if self.loss in ("mse", "huber") else np.argmax(scores, axis=1))

    def trainer(self, backend: Backend, dtype: str) -> tuple[Trainer, Batch]:
        """A fresh trainer on a backend, and a batch for its step."""
        loss = loss_op(self.loss)
        trainer = Trainer(self.network, loss, self.optimizer, backend, reduction="mean", dtype=dtype, seed=0)
        trainer.build(self.input_shape)
        x, y = self.data(BATCH)
        weights = np.full(BATCH, 1 / BATCH)
        return trainer, {
            "x": backend.asarray(x, dtype=dtype),
            "y": backend.asarray(y, dtype=dtype if y.dtype.kind == "f" else "int64"),
            "w": backend.asarray(weights, dtype=dtype),
        }

    def model(self, backend: Backend, dtype: str) -> Model:
        """A fresh model on a backend."""
        return Model(
            self.network,
            loss=self.loss,
            optimizer=self.optimizer,
            backend=backend,
            dtype=dtype,
            **self.options,
        )


NETWORKS = (
    Network(
        "step: dense with dropout, adam",
        Sequential(Dense(16, "relu"), Dropout(0.3), Dense(8, "tanh"), Dense(3)),
        "softmax_cross_entropy",
        optim.adam(optim.schedules.warmup(optim.schedules.cosine(1e-2, 300), 10)),
    ),
    Network(
        "step: batch norm, nesterov",
        Sequential(Flatten(), Dense(8, bias=False), BatchNorm(), ReLU(), Dense(3)),
        "softmax_cross_entropy",
        optim.sgd(0.05, momentum=0.9, nesterov=True),
        input_shape=(2, 3),
        parity=1e-10,
    ),
    Network(
        "step: residual, rmsprop",
        Sequential(
            Dense(6), Residual(Dense(6, "elu"), Dropout(0.1)), Concatenate(Dense(2), Sequential()), Dense(3)
        ),
        "huber",
        optim.rmsprop(optim.schedules.exponential(3e-3, 0.99)),
    ),
    Network(
        "step: gelu, swiglu and prelu, smoothed labels",
        Sequential(Dense(8, "gelu"), Dense(12, "swiglu"), PReLU(shared=False), Dense(3, LeakyReLU(0.5))),
        Loss("softmax_cross_entropy", label_smoothing=0.1),
        optim.adam(1e-2),
    ),
    Network(
        "step: recurrent, adam",
        Sequential(GRU(3, bidirectional=True, last=True), Dense(3)),
        "softmax_cross_entropy",
        optim.adam(1e-2),
        input_shape=(3, 2),
        parity=1e-10,
    ),
    Network(
        "step: convolutions and pooling, adam",
        Sequential(
            Conv2D(6, 3, padding="same", activation="relu"),
            MaxPool2D(2),
            Conv2D(8, 3, stride=2, padding=1, groups=2),
            ReLU(),
            GlobalAveragePool(),
            Dense(3),
        ),
        "softmax_cross_entropy",
        optim.adam(1e-2),
        input_shape=(7, 6, 2),
    ),
    Network(
        "step: layer norm and rms norm, adamw",
        Sequential(
            Reshape((2, 3)), Dense(4, "silu"), LayerNorm(), Flatten(), Residual(RMSNorm(), Dense(8)), Dense(3)
        ),
        "softmax_cross_entropy",
        optim.adamw(1e-2),
        parity=1e-10,
    ),
    Network(
        "step: images, group norm, spatial dropout, upsampled",
        Sequential(
            Upsample(), Dense(4), GroupNorm(2), SpatialDropout(0.2), Permute((3, 1, 2)), Flatten(), Dense(3)
        ),
        "softmax_cross_entropy",
        optim.sgd(0.02, momentum=0.9),
        input_shape=(2, 2, 2),
        parity=1e-10,
    ),
    Network(
        "step: transformer blocks, learned positions",
        Sequential(
            Reshape((3, 2)),
            Dense(8),
            PositionEmbedding(3),
            TransformerBlock(2, 6, causal=True, dropout=0.1, norm_first=True),
            TransformerBlock(1, activation="gelu"),
            GlobalAveragePool(),
            Dense(3),
        ),
        "softmax_cross_entropy",
        optim.sgd(0.005),  # the keys' bias has gradient 0, whose roundoff adam would amplify
        parity=1e-10,
    ),
    Network(
        "step: a repeated block with batch norm and dropout, fixed positions",
        Sequential(
            Reshape((3, 2)),
            PositionalEncoding(),
            Repeat(Residual(BatchNorm(), Dense(2, "tanh"), Dropout(0.2)), 3),
            Flatten(),
            Dense(3),
        ),
        "mse",
        optim.sgd(0.01),
        parity=1e-10,
    ),
    Network("step: sgd", Sequential(Dense(3)), "mse", optim.sgd(optim.schedules.step(0.1, 50))),
    Network(
        "step: adamw", Sequential(Dense(5, "sigmoid"), Dense(3)), "softmax_cross_entropy", optim.adamw(1e-2)
    ),
    Network(
        "step: momentum, adagrad's sum",
        Sequential(Dense(5, "leaky_relu"), Dense(3)),
        "mse",
        optim.adagrad(0.05),
        options={"reduction": "sum"},
    ),
    Network(
        "step: nadam; clipped, accumulated, averaged, grouped and frozen",
        Sequential(Dense(6, "tanh"), Dense(5, "relu"), Dense(3)),
        "softmax_cross_entropy",
        optim.nadam(
            1e-2,
            clip_value=0.2,
            clip_norm=0.3,
            accumulate=3,
            average=0.9,
            weight_decay=1e-3,
            frozen=("1.bias",),
            groups={"*.bias": {"weight_decay": 0.0}, "0.*": {"lr": 3e-3, "l1": 1e-3}},
        ),
    ),
    Network("step: radam", Sequential(Dense(5, "tanh"), Dense(3)), "mse", optim.radam(1e-2, average="mean")),
)

SAMPLES = 70  # batches of 32, 32 and 6: the last one is not full
BATCH = 32


def parity(row: Network, backend: Backend, dtype: str) -> None:
    """The probabilities of held-out samples after 200 float64 steps, with dropout, equal NumPy's."""
    if dtype != "float64" or not backend.capabilities.computes:
        raise AbsentError("trainings are compared in float64, on backends that compute")
    x, y = row.data(SAMPLES + 20)
    found = []
    for place in (backend, get("numpy")):
        model = row.model(place, dtype)
        model.fit(x[:SAMPLES], y[:SAMPLES], epochs=67, batch_size=BATCH)  # 201 steps
        found.append(model.predict_proba(x[SAMPLES:]))
    error = float(np.abs(found[0] - found[1]).max())
    assert error <= row.parity, (
        f"predictions after 200 steps differ from NumPy's by {error:.1e}, allowed {row.parity:.0e}"
    )


def placement(row: Network, backend: Backend, dtype: str) -> None:
    """Only arrays of the backend, on its device, reach the mathematics; parameters and buffers stay there."""
    trainer, batch = row.trainer(backend, dtype)
    step = backend.compile(make_step(row.network, trainer.loss, row.optimizer, update=backend.update))
    state = trainer.state
    with backend.device_context(), watched(backend) as calls:
        for _ in range(2):
            state, _ = step(state, batch)
    assert "step" in calls, "the spy saw no step"
    wanted = backend.dtype(dtype)
    for part in ("params", "buffers"):
        for name, value in state[part].items():
            assert backend.owns(value), f"{part} {name} is a {type(value).__module__} array"
            assert value.dtype == wanted, f"{part} {name} is {value.dtype}, wanted {wanted}"


def one_trace(row: Network, backend: Backend, dtype: str) -> None:
    """The whole step traces once for a shape of batch, and returns the parameters of NumPy's step."""
    trace = tracer(backend)
    if dtype != "float64":
        raise AbsentError("one dtype is enough to see a trace")
    results = []
    for place in (backend, get("numpy")):
        trainer, batch = row.trainer(place, dtype)
        step = make_step(row.network, trainer.loss, row.optimizer)
        run = step if place is not backend else lambda *args, step=step: trace(step, *args)
        state, _ = run(trainer.state, batch)
        results.append({name: place.to_numpy(value) for name, value in state["params"].items()})
    for name, wanted in results[1].items():
        close(results[0][name], wanted, 1e-12, f"parameter {name} after a traced step, and after NumPy's,")


STEP_CHECKS = (parity, placement, one_trace)
