"""The clothing-size network: one number in, two sigmoid units, one sigmoid unit out.

    z1_k = w1k_1 x + bk_1,  y1_k = sigmoid(z1_k),  y = sigmoid(w11_2 y1_1 + w21_2 y1_2 + b1_2)
    loss = mean (y - t)^2

A garment fits between two sizes, so the curve must rise and fall: one hidden unit makes each flank. Whether
training finds that depends on where it starts.
"""

import numpy as np

import xpnet as xn

from lesson import run

SIZES = xn.data.CLOTHING_SIZES  # 0.8 to 6.3
FITS = xn.data.CLOTHING_FITS  # those from 2.7 to 4.0
NAMES = ("w11_1", "b1_1", "w12_1", "b2_1", "w11_2", "w21_2", "b1_2")
START = (0.1, 0.6, 0.9, -1.5, 0.1, 0.9, 0.2)
TRAINED = ("1.965", "-8.811", "3.495", "-8.116", "-9.411", "8.746", "-3.995")
LOSSES = {
    1: "0.3372",
    100: "0.2122",
    500: "0.1871",
    1000: "0.1343",
    2000: "0.0211",
    3000: "0.0084",
    4000: "0.0049",
    5000: "0.0033",
}
EPOCHS = 5000
LR = 0.5
DISPLAY = 100


def network(lesson, numbers):
    """The network with these seven numbers."""
    w11, b1, w12, b2, v1, v2, b = map(float, numbers)
    layers = xn.Sequential(xn.Dense(2, "sigmoid"), xn.Dense(1, "sigmoid"))
    model = xn.Model(layers, loss="mse", optimizer=xn.sgd(LR), backend=lesson.backend, dtype="float64")
    model.build((1,))
    model.params = {
        "0.weight": lesson.array([[w11, w12]]),
        "0.bias": lesson.array([b1, b2]),
        "1.weight": lesson.array([[v1], [v2]]),
        "1.bias": lesson.array([b]),
    }
    return model


def numbers(lesson, model):
    """Its seven numbers, in the order of NAMES."""
    p = {name: lesson.host(value).ravel() for name, value in model.params.items()}
    (w11, w12), (b1, b2), (v1, v2), (b,) = p["0.weight"], p["0.bias"], p["1.weight"], p["1.bias"]
    return [w11, b1, w12, b2, v1, v2, b]


def right(lesson, model, x, t):
    """The number of garments, of twelve, that the model gets right."""
    return int(np.sum((lesson.host(model.predict(x)) > 0.5) == lesson.host(t)))


def main(lesson):
    x, t = lesson.array(SIZES)[:, None], lesson.array(FITS)[:, None]
    model = network(lesson, START)

    lesson.title("At the start")
    lesson.expect("loss", model.evaluate(x, t)["loss"], "0.3613")
    slopes = xn.numerical_gradient(lambda p: loss_of(lesson, p, x, t), lesson.array(START))
    lesson.expect("dL/dw12_1 and dL/dw11_1", [float(slopes[2]), float(slopes[0])], ["0.02687", "0.01008"])
    one_step = network(lesson, START)
    one_step.partial_fit(x, t)
    moved = (np.asarray(START) - numbers(lesson, one_step)) / LR
    lesson.expect("the same seven by backpropagation", moved, lesson.host(slopes), tolerance=1e-8)

    axes = lesson.axes("fit-and-loss", columns=2)
    live = [xn.plots.Live(lambda model: show(axes, model, x, t), every=DISPLAY)] if axes else []
    model.fit(x, t, epochs=EPOCHS, batch_size=len(SIZES), callbacks=live)
    lesson.title("Loss after epoch ...")
    after = [*model.history["loss"][1:], model.evaluate(x, t)["loss"]]
    for epoch, wanted in LOSSES.items():
        lesson.expect(f"{epoch}", after[epoch - 1], wanted)
    lesson.title(f"After {EPOCHS} epochs")
    lesson.expect("right, of 12", right(lesson, model, x, t), 12.0)
    for name, got, wanted in zip(NAMES, numbers(lesson, model), TRAINED, strict=True):
        lesson.expect(name, got, wanted)
    if lesson.draw:
        xn.plots.network(model, ax=lesson.axes("network"))

    if lesson.length == "least":
        return
    lesson.title("Twenty starts drawn from N(0, 1)")
    hits = []
    for seed in range(20):
        other = network(lesson, np.random.default_rng(seed).standard_normal(7))
        other.fit(x, t, epochs=EPOCHS, batch_size=len(SIZES))
        hits.append(right(lesson, other, x, t))
    failed = [seed for seed, count in enumerate(hits) if count < 12]
    lesson.expect("starts that fit all 12", 20 - len(failed), 10.0)
    print(f"  those that did not: {', '.join(f'{seed} ({hits[seed]} of 12)' for seed in failed)}")
    again = network(lesson, numbers(lesson, model))
    again.fit(x, t, epochs=100, batch_size=len(SIZES))
    lesson.expect(f"start {failed[0]} again, from the trained values", right(lesson, again, x, t), 12.0)


def loss_of(lesson, p, x, t):
    """The loss as a function of the seven numbers alone, written out."""
    xp = lesson.xp

    def sigmoid(z):
        return 1 / (1 + xp.exp(-z))

    hidden1, hidden2 = sigmoid(p[0] * x + p[1]), sigmoid(p[2] * x + p[3])
    y = sigmoid(p[4] * hidden1 + p[5] * hidden2 + p[6])
    return xp.mean((y - t) ** 2)


def show(axes, model, x, t):
    """The curve and the loss as they are now."""
    for ax in axes:
        ax.clear()
    xn.plots.fitted_curve(x, t, model.predict, domain=(0, 7), ax=axes[0])
    axes[0].set(xlabel="size", ylabel="fits", title=f"epoch {model.history.epochs}", ylim=(-0.1, 1.1))
    xn.plots.learning_curves(model.history, ax=axes[1])


if __name__ == "__main__":
    run(main)
