"""With and without an activation: layers without one between them are one layer.

    (x W1 + b1) W2 + b2 = x (W1 W2) + (b1 W2 + b2)

So a linear network fits a line and cannot fit a parabola, however many units it has; and where it classifies,
its boundary is a straight line. An activation that happens to be on for all samples changes nothing either.
"""

import numpy as np

import xpnet as xn

from lesson import run

PARABOLA, UNITS, STEPS = 30, 10, 300


def fit(lesson, x, target, units, activation, steps, seed):
    """The model before and after training on target + noise: (model, mean squared error, curve before)."""
    rng = np.random.default_rng(seed)
    t = target + 0.2 * rng.standard_normal(x.shape)
    model = xn.Model(
        xn.Sequential(xn.Dense(units, activation), xn.Dense(1)),
        loss="mse", reduction="sum", optimizer=xn.sgd(0.01), backend=lesson.backend, dtype="float64",
    ).build((1,))  # fmt: skip
    model.params = {
        "0.weight": lesson.array(0.1 * rng.standard_normal((1, units))),
        "0.bias": lesson.array(np.full(units, 0.1)),
        "1.weight": lesson.array(0.1 * rng.standard_normal((units, 1))),
        "1.bias": lesson.array([0.1]),
    }
    before = lesson.host(model.predict(lesson.array(x)))
    model.fit(lesson.array(x), lesson.array(t), epochs=steps, batch_size=len(x))
    return model, model.evaluate(lesson.array(x), lesson.array(t))["loss"] / len(x), before, t


def rings(n=200):
    """Points x (n, 2) in a disc, class 0, and in a ring around it, class 1."""
    rng = np.random.default_rng(0)
    angle, inside = rng.uniform(0, 2 * np.pi, n), np.arange(n) % 2 == 0
    radius = np.where(inside, rng.uniform(0, 1, n), rng.uniform(1.5, 2.5, n))
    return np.stack([radius * np.cos(angle), radius * np.sin(angle)], axis=1), np.where(inside, 0, 1)


def main(lesson):
    lesson.title("A line, 10 points, 1-3-1 without activation, 50 steps")
    x = np.linspace(-1, 1, 10)[:, None]
    line, error, line_before, line_data = fit(lesson, x, x, 3, None, 50, seed=0)
    lesson.expect("mean squared error, the noise's variance being 0.04", error, (0.0, "to", 0.08))

    lesson.title(f"A parabola, {PARABOLA} points, 1-{UNITS}-1, {STEPS} steps, seeds 0 to 9")
    wide = np.linspace(-1, 1, PARABOLA)[:, None]
    runs = {
        activation: [fit(lesson, wide, wide**2, UNITS, activation, STEPS, seed) for seed in range(10)]
        for activation in (None, "relu")
    }
    errors = {activation: np.asarray([run[1] for run in found]) for activation, found in runs.items()}
    lesson.expect(
        "without activation, least and largest", [errors[None].min(), errors[None].max()], (0.08, "to", 0.16)
    )
    lesson.expect("with ReLU, the median", np.median(errors["relu"]), "0.04")
    lesson.expect(
        "seed 2: without activation and with ReLU", [errors[None][2], errors["relu"][2]], ["0.109"] * 2
    )
    model = runs["relu"][2][0]
    z = wide @ lesson.host(model.params["0.weight"]) + lesson.host(model.params["0.bias"])
    off = int(np.sum(np.any(z <= 0, axis=0)))
    lesson.expect("seed 2: units that are ever off", off, 0.0)

    lesson.title("Two rings: 200 points, half of each class, 16 hidden units, Adam")
    points, labels = rings()
    models = {}
    for activation in (None, "relu"):
        models[activation] = xn.Model(
            xn.Sequential(xn.Dense(16, activation), xn.Dense(2)),
            loss="softmax_cross_entropy", optimizer=xn.adam(0.01), backend=lesson.backend, dtype="float64",
        )  # fmt: skip
        models[activation].fit(
            lesson.array(points), lesson.array(labels, dtype=None), epochs=100, batch_size=20
        )
    scores = {
        activation: model.evaluate(lesson.array(points), lesson.array(labels, dtype=None))["accuracy"]
        for activation, model in models.items()
    }
    lesson.expect("accuracy without activation, chance being 0.5", scores[None], (0.4, "to", 0.7))
    lesson.expect("accuracy with ReLU", scores["relu"], (0.99, "to", 1.0))

    if axes := lesson.axes("fits", columns=3):
        for ax, title, data, found in (
            (axes[0], "a line, no activation", (x, line_data), [(line, line_before, "-")]),
            (
                axes[1],
                "a parabola, seed 0",
                (wide, runs[None][0][3]),
                [runs[None][0][::2], runs["relu"][0][::2]],
            ),
            (
                axes[2],
                "a parabola, seed 2",
                (wide, runs[None][2][3]),
                [runs[None][2][::2], runs["relu"][2][::2]],
            ),
        ):
            curves = {"no activation": found[0][0].predict}
            if len(found) == 2:
                curves["ReLU"] = found[1][0].predict
            xn.plots.fitted_curve(*data, curves, ax=ax)
            ax.plot(data[0], found[0][1], ":", color="gray", label="before")
            ax.set_title(title)
            ax.legend()
    if axes := lesson.axes("rings", columns=2):
        for ax, (activation, model) in zip(axes, models.items(), strict=True):
            xn.plots.decision_regions(model.predict, points, labels, ax=ax)
            ax.set_title(f"{activation or 'no activation'}: {scores[activation]:.0%} right")


if __name__ == "__main__":
    run(main)
