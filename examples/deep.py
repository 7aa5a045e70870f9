"""A network of any number of layers, written out; and the reason why the usual first one learns nothing.

    forward:   z = a W + b,  a <- g(z)
    backward:  dz = da * g'(z),  dW = a^T dz,  db = sum dz,  da <- dz W^T
    update:    W <- W - lr dW,  b <- b - lr db

With weights of 0.01 and sigmoid units every layer multiplies the gradient by about 1/4 of a small weight: three
layers down it is a millionth. The network answers with the class frequencies, and stays there.
"""

from itertools import pairwise

import numpy as np

import xpnet as xn
from xpnet import ops

from lesson import run

HIDDEN = (10, 20, 30)
LR = 0.01
ITERATIONS = 1000


def data():
    """x (200, 2) from N(0, 1)^2, class 1 outside the circle of radius 1.18."""
    x = np.random.default_rng(0).standard_normal((200, 2))
    return x, np.where(np.hypot(x[:, 0], x[:, 1]) > 1.18, 1, 0)


def initial(lesson, hidden=HIDDEN):
    """[(W, b), ...] for 2 inputs, the hidden layers and 2 classes: W = 0.01 N(0, 1), b = 0."""
    rng, sizes = np.random.default_rng(0), (2, *hidden, 2)
    return [
        (lesson.array(0.01 * rng.standard_normal((fan_in, fan_out))), lesson.array(np.zeros(fan_out)))
        for fan_in, fan_out in pairwise(sizes)
    ]


def forward(layers, x):
    """The scores, and each layer's input a and z for the way back."""
    a, kept = x, []
    for k, (w, b) in enumerate(layers):
        z = a @ w + b
        kept.append((a, z))
        a = z if k == len(layers) - 1 else ops.sigmoid(z)[0]
    return a, kept


def backward(xp, layers, kept, dz):
    """[(dW, db), ...] from dz of the last layer."""
    gradients = []
    for k in reversed(range(len(layers))):
        a, _ = kept[k]
        gradients.insert(0, (xp.matrix_transpose(a) @ dz, xp.sum(dz, axis=0)))
        if k > 0:
            da = dz @ xp.matrix_transpose(layers[k][0])
            dz = da * ops.slope(ops.sigmoid)(kept[k - 1][1])
    return gradients


def update(layers, gradients, lr):
    return [(w - lr * dw, b - lr * db) for (w, b), (dw, db) in zip(layers, gradients, strict=True)]


def train(lesson, layers, x, t, iterations):
    """(the cost before each update, the gradients' largest magnitudes at the first)."""
    xp, n, costs, first = lesson.xp, x.shape[0], [], None
    for iteration in range(iterations + 1):
        scores, kept = forward(layers, x)
        losses, pullback = ops.softmax_cross_entropy(scores, target=t)
        costs.append(float(xp.mean(losses)))
        if iteration % 100 == 0:
            print(f"  cost after {iteration:>4} iterations: {costs[-1]:.6f}")
        if iteration == iterations:
            return costs, first
        (dz,) = pullback(xp.ones_like(losses) / n)  # softmax(scores) - t, over n
        gradients = backward(xp, layers, kept, dz)
        first = first or [float(xp.max(xp.abs(dw))) for dw, _ in gradients]
        layers = update(layers, gradients, LR)


def mended(lesson, activation, initializer, optimizer, x, t, start=None):
    """(a network of the same sizes trained for as many iterations, the number of the 200 points it gets right)."""
    hidden = [xn.Dense(units, activation, initializer=initializer) for units in HIDDEN]
    network = xn.Sequential(*hidden, xn.Dense(2, initializer=initializer))
    here = {"backend": lesson.backend, "dtype": "float64", "seed": 0}
    model = xn.Model(network, loss="softmax_cross_entropy", optimizer=optimizer, **here).build((2,))
    if start is not None:
        model.params = {
            f"{k}.{name}": value
            for k, layer in enumerate(start)
            for name, value in zip(("weight", "bias"), layer, strict=True)
        }
    model.fit(x, t, epochs=ITERATIONS, batch_size=t.shape[0])
    return model, round(model.evaluate(x, t)["accuracy"] * t.shape[0])


def main(lesson):
    points, classes = data()
    x, t = lesson.array(points), lesson.array(classes, dtype=None)
    share = np.bincount(classes) / len(classes)

    lesson.title(f"As taught: sigmoid, W = 0.01 N(0, 1), batch gradient descent, lr {LR}")
    start = initial(lesson)
    costs, first = train(lesson, start, x, t, ITERATIONS)
    lesson.expect("cost at the start", costs[0], "0.693")
    lesson.expect("cost at the end", costs[-1], "0.689944")
    lesson.expect("entropy of the class frequencies", -np.sum(share * np.log(share)), "0.689944")
    lesson.expect("largest dW of the first layer over the last's", first[0] / first[-1], (1e-7, "to", 1e-5))

    lesson.title("Mended: right of 200 after as many iterations")
    adam, count = mended(lesson, "sigmoid", None, xn.adam(0.01), x, t, start)
    lesson.expect("Adam at 0.01 from the same start", count, 200.0)
    _, slow = mended(lesson, "relu", "he", xn.sgd(0.01), x, t)
    lesson.expect("ReLU with He, SGD at 0.01", slow, (185.0, "to", 195.0))
    relu, fast = mended(lesson, "relu", "he", xn.sgd(0.1), x, t)
    lesson.expect("ReLU with He, SGD at 0.1", fast, (199.0, "to", 200.0))
    _, alone = mended(lesson, "sigmoid", "glorot", xn.sgd(LR), x, t)
    lesson.expect("Glorot alone: no better than the majority", alone, (100.0, "to", 120.0))

    if axes := lesson.axes("cost-and-mended", columns=3):
        axes[0].plot(costs, color="black", label="as taught")
        for model, label, style in ((adam, "Adam, same start", "--"), (relu, "ReLU, He, SGD 0.1", ":")):
            axes[0].plot(model.history["loss"], style, label=label)
        axes[0].set(xlabel="iteration", ylabel="cost", title="cost")
        axes[0].legend()
        axes[1].bar(range(1, len(first) + 1), first, color="gray")
        axes[1].set(yscale="log", xlabel="layer", ylabel="largest |dW| at the start", title="as taught")
        axes[1].set_xticks(range(1, len(first) + 1))
        xn.plots.decision_regions(adam.predict, points, classes, ax=axes[2])
        axes[2].set_title("Adam from the same start")


if __name__ == "__main__":
    run(main)
