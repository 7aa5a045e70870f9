"""The task of every contestant: a network's sizes, samples, initial weights and the order of the samples.

NumPy alone, and nothing of xpnet's, so that no contestant is at home here.
"""

from dataclasses import dataclass

import numpy as np

RATE, BETA1, BETA2, EPS = 1e-3, 0.9, 0.999, 1e-8
"""Adam's constants, everywhere."""


@dataclass(frozen=True)
class Task:
    """A network with ReLU between its layers, its batches and its samples.

    The loss is the softmax cross-entropy, or the sigmoid's where the network has one output. learn: epochs after
    which the losses of all are compared. batches: of an epoch.
    """

    sizes: tuple[int, ...]
    batch: int
    learn: int
    batches: int = 64

    @property
    def binary(self) -> bool:
        """True with one output: two classes, labels 0 and 1."""
        return self.sizes[-1] == 1

    @property
    def name(self) -> str:
        return "-".join(map(str, self.sizes))

    @property
    def samples(self) -> int:
        return self.batches * self.batch


TASKS = {
    "small": Task((64, 64, 10), 32, 4),
    "medium": Task((784, 256, 128, 10), 128, 2),
    "large": Task((784, 1024, 1024, 10), 256, 2),
    "one": Task((2, 3, 1), 1, 60, 256),
}
"""one: one sample at a time through the smallest network, where a step is all overhead."""


def samples(task: Task) -> tuple[np.ndarray, np.ndarray]:
    """(x float32, y int32): classes that overlap, in 16 of the inputs' dimensions.

    The overlap keeps the loss well above 0, so that it hardly depends on the order of the samples (1 %). In a
    binary task the inputs are 0 or 1, the label says that the first two are 1, and a tenth of the labels are wrong.
    """
    rng = np.random.default_rng(0)
    if task.binary:
        x = rng.integers(0, 2, (task.samples, task.sizes[0]))
        wrong = rng.random(task.samples) < 0.1
        return x.astype("float32"), (x[:, :2].all(axis=1) ^ wrong).astype("int32")
    y = rng.integers(0, task.sizes[-1], task.samples)
    centres = 0.4 * rng.standard_normal((task.sizes[-1], 16))
    spread = rng.standard_normal((16, task.sizes[0])) / 16
    x = (centres[y] + rng.standard_normal((task.samples, 16))) @ spread
    return x.astype("float32"), y.astype("int32")


def weights(task: Task) -> list[tuple[np.ndarray, np.ndarray]]:
    """The initial (w, b) of each layer: w (inputs, outputs) as He has it, b 0; float32."""
    rng = np.random.default_rng(1)
    drawn = []
    for inputs, outputs in zip(task.sizes[:-1], task.sizes[1:], strict=True):
        w = rng.standard_normal((inputs, outputs)) * np.sqrt(2 / inputs)
        drawn.append((w.astype("float32"), np.zeros(outputs, "float32")))
    return drawn


def order(task: Task, epoch: int) -> np.ndarray:
    """The samples' order in an epoch, counted from 0: the numbers of one batch in each row; int64."""
    return np.random.default_rng([0, epoch]).permutation(task.samples).reshape(-1, task.batch)


def loss(layers: list[tuple[np.ndarray, np.ndarray]], x: np.ndarray, y: np.ndarray) -> float:
    """The mean softmax cross-entropy over all samples, in float64, for weights of any contestant."""
    h = x.astype("float64")
    for number, (w, b) in enumerate(layers):
        h = h @ w + b
        if number < len(layers) - 1:
            h = np.maximum(h, 0)
    if h.shape[1] == 1:  # a sigmoid's logit is the softmax's of (0, logit)
        h = np.concatenate([np.zeros_like(h), h], axis=1)
    h -= h.max(axis=1, keepdims=True)
    return float(np.mean(np.log(np.exp(h).sum(axis=1)) - h[np.arange(len(y)), y]))
