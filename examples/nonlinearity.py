"""With and without an activation: layers without one between them are one layer.

    (x W1 + b1) W2 + b2 = x (W1 W2) + (b1 W2 + b2)

So a linear network fits a line and cannot fit a parabola, however many units it has; and where it classifies,
its boundary is a straight line. An activation that happens to be on for all samples changes nothing either.
"""

from typing import Any, NamedTuple

import numpy as np

import xpnet as xn

from lesson import run

PARABOLA = 30
UNITS = 10
STEPS = 300
SEEDS = range(10)
NAMES = {None: "no activation", "relu": "ReLU"}


class Fit(NamedTuple):
    """A trained network, its mean squared error, its curve before training, and its targets t."""

    model: Any
    error: float
    before: np.ndarray
    t: np.ndarray


def fit(lesson, x, target, units, activation, steps, seed):
    """A 1-units-1 network trained on target + noise, by the gradient of the sum of squares, 2 (y - t)."""
    rng = np.random.default_rng(seed)
    t = target + 0.2 * rng.standard_normal(x.shape)
    here = {"backend": lesson.backend, "dtype": "float64"}
    layers = xn.Sequential(xn.Dense(units, activation), xn.Dense(1))
    model = xn.Model(layers, loss="mse", reduction="sum", optimizer=xn.sgd(0.01), **here).build((1,))
    model.params = {
        "0.weight": lesson.array(0.1 * rng.standard_normal((1, units))),
        "0.bias": lesson.array(np.full(units, 0.1)),
        "1.weight": lesson.array(0.1 * rng.standard_normal((units, 1))),
        "1.bias": lesson.array([0.1]),
    }
    before = lesson.host(model.predict(lesson.array(x)))
    model.fit(lesson.array(x), lesson.array(t), epochs=steps, batch_size=len(x))
    sum_of_squares = model.evaluate(lesson.array(x), lesson.array(t))["loss"]
    return Fit(model, sum_of_squares / len(x), before, t)


def rings(n=200):
    """Points x (n, 2) in a disc, class 0, and in a ring around it, class 1."""
    rng = np.random.default_rng(0)
    angle, inside = rng.uniform(0, 2 * np.pi, n), np.arange(n) % 2 == 0
    radius = np.where(inside, rng.uniform(0, 1, n), rng.uniform(1.5, 2.5, n))
    return np.stack([radius * np.cos(angle), radius * np.sin(angle)], axis=1), np.where(inside, 0, 1)


def classify(lesson, points, labels, activation):
    """A 2-16-2 network trained on the rings, and its accuracy."""
    x, t = lesson.array(points), lesson.array(labels, dtype=None)
    here = {"backend": lesson.backend, "dtype": "float64"}
    layers = xn.Sequential(xn.Dense(16, activation), xn.Dense(2))
    model = xn.Model(layers, loss="softmax_cross_entropy", optimizer=xn.adam(0.01), **here)
    model.fit(x, t, epochs=100, batch_size=20)
    return model, model.evaluate(x, t)["accuracy"]


def main(lesson):
    lesson.title("A line, 10 points, 1-3-1 without activation, 50 steps")
    x = np.linspace(-1, 1, 10)[:, None]
    line = fit(lesson, x, x, 3, None, 50, seed=0)
    lesson.expect("mean squared error, the noise's variance being 0.04", line.error, (0.0, "to", 0.08))

    lesson.title(f"A parabola, {PARABOLA} points, 1-{UNITS}-1, {STEPS} steps, seeds 0 to 9")
    wide = np.linspace(-1, 1, PARABOLA)[:, None]
    linear = [fit(lesson, wide, wide**2, UNITS, None, STEPS, seed) for seed in SEEDS]
    relu = [fit(lesson, wide, wide**2, UNITS, "relu", STEPS, seed) for seed in SEEDS]
    ends = [min(each.error for each in linear), max(each.error for each in linear)]
    lesson.expect("without activation, least and largest", ends, (0.08, "to", 0.16))
    lesson.expect("with ReLU, the median", np.median([each.error for each in relu]), "0.04")
    both = [linear[2].error, relu[2].error]
    lesson.expect("seed 2: without activation and with ReLU", both, ["0.109", "0.109"])
    params = {name: lesson.host(value) for name, value in relu[2].model.params.items()}
    z = wide @ params["0.weight"] + params["0.bias"]
    lesson.expect("seed 2: units that are ever off", np.sum(np.any(z <= 0, axis=0)), 0.0)
    lesson.expect("another start mends it: seed 0 with ReLU", relu[0].error, (0.0, "to", 0.04))

    lesson.title("Two rings: 200 points, half of each class, 16 hidden units, Adam")
    points, labels = rings()
    found = {activation: classify(lesson, points, labels, activation) for activation in NAMES}
    lesson.expect("accuracy without activation, chance being 0.5", found[None][1], (0.4, "to", 0.7))
    lesson.expect("accuracy with ReLU", found["relu"][1], (0.99, "to", 1.0))

    if axes := lesson.axes("fits", columns=3):
        draw(axes[0], "a line", x, [line])
        draw(axes[1], "a parabola, seed 0", wide, [linear[0], relu[0]])
        draw(axes[2], "a parabola, seed 2", wide, [linear[2], relu[2]])
    if axes := lesson.axes("rings", columns=2):
        for ax, (activation, (model, accuracy)) in zip(axes, found.items(), strict=True):
            xn.plots.decision_regions(model.predict, points, labels, ax=ax)
            ax.set_title(f"{NAMES[activation]}: {accuracy:.1%} right")


def draw(ax, title, x, fits):
    """The data, the curve of the first network before training, and the curve of each after it."""
    curves = {name: each.model.predict for name, each in zip(NAMES.values(), fits, strict=False)}
    xn.plots.fitted_curve(x, fits[0].t, curves, ax=ax)
    ax.plot(x, fits[0].before, ":", color="gray", label="before")
    ax.set_title(title)
    ax.legend()


if __name__ == "__main__":
    run(main)
