"""Mini-batch learning on images of clothes: shuffle, walk the set in batches, compute the gradient, step.

    z1 = x W1 + b1,  a1 = sigmoid(z1),  z2 = a1 W2 + b2,  loss = -log softmax(z2)_target
    dz2 = softmax(z2) - t,  dW2 = a1^T dz2,  dz1 = (dz2 W2^T) a1 (1 - a1),  dW1 = x^T dz1

The gradient of a hundred images points nearly where that of sixty thousand does, at a six-hundredth of the
price. Backpropagation gives all 39,760 derivatives for about the price of two forward passes; differences need
two forward passes for each, and are there to check it.
"""

import time

import numpy as np

import xpnet as xn
from xpnet import ops

from lesson import run

HIDDEN = 50
BATCH = 100
LR = 0.1
EPOCHS = 17
BRIEF_EPOCHS = 5
COMPARED_STEPS = 200
DIGITS_BATCH = 10
"""The batch size for the digits: in batches of 100 an epoch has 15 steps and learns nothing."""
FASHION = {  # test accuracy by epoch
    1: (0.66, "to", 0.70),
    2: "0.76",
    5: (0.807, "to", 0.827),
    10: (0.831, "to", 0.851),
    17: (0.842, "to", 0.862),
}


def load(lesson):
    """(data, True) with Fashion-MNIST, or (data, False) with the digits that come with xpnet."""
    try:
        return xn.data.fashion_mnist(), True
    except FileNotFoundError as error:
        print(f"  Fashion-MNIST is not here, so this runs on xpnet's digits, which are another task: {error}")
        return xn.data.digits(), False


def initial(array, features, classes=10):
    """Weights from N(0, 0.01^2), biases 0."""
    rng = np.random.default_rng(0)
    return {
        "W1": array(0.01 * rng.standard_normal((features, HIDDEN))),
        "b1": array(np.zeros(HIDDEN)),
        "W2": array(0.01 * rng.standard_normal((HIDDEN, classes))),
        "b2": array(np.zeros(classes)),
    }


def scores(p, x):
    return ops.linear(ops.sigmoid(ops.linear(x, p["W1"], p["b1"])[0])[0], p["W2"], p["b2"])[0]


def loss(xp, p, x, t):
    return xp.mean(ops.softmax_cross_entropy(scores(p, x), target=t)[0])


def backpropagate(xp, p, x, t):
    """(the mean loss, its gradient by every parameter)."""
    z1, pull_z1 = ops.linear(x, p["W1"], p["b1"], wants_dx=False)
    a1, pull_a1 = ops.sigmoid(z1)
    z2, pull_z2 = ops.linear(a1, p["W2"], p["b2"])
    losses, pull_loss = ops.softmax_cross_entropy(z2, target=t)
    (dz2,) = pull_loss(xp.ones_like(losses) / x.shape[0])
    da1, dw2, db2 = pull_z2(dz2)
    (dz1,) = pull_a1(da1)
    _, dw1, db1 = pull_z1(dz1)
    return xp.mean(losses), {"W1": dw1, "b1": db1, "W2": dw2, "b2": db2}


def descend(xp, p, x, t, order, batch):
    """One pass over the set in this order: (the parameters after it, the loss of each step)."""
    losses = []
    for start in range(0, x.shape[0], batch):
        rows = order[start : min(x.shape[0], start + batch)]
        value, gradient = backpropagate(xp, p, xp.take(x, rows, axis=0), xp.take(t, rows, axis=0))
        p = {name: w - LR * gradient[name] for name, w in p.items()}
        losses.append(value)
    return p, [float(value) for value in losses]


def accuracy(xp, p, x, t):
    hits = xp.argmax(scores(p, x), axis=1) == t
    return float(xp.mean(xp.astype(hits, x.dtype)))


def main(lesson):
    data, fashion = load(lesson)
    batch = BATCH if fashion else DIGITS_BATCH
    (n, pixels), n_test = data.x_train.shape, len(data.x_test)
    print(f"  {n} images of {pixels} pixels to learn from, {n_test} to test on")
    check_gradient(lesson, data)
    if lesson.backend.name != "numpy":
        compare_with_numpy(lesson, data, batch)
    if lesson.length == "least":
        return

    xp, rng, epochs = lesson.xp, np.random.default_rng(1), EPOCHS if lesson.length == "full" else BRIEF_EPOCHS
    lesson.title(f"Test accuracy, {pixels}-{HIDDEN}-10, SGD at {LR}, batches of {batch}, after epoch ...")
    x, t = lesson.array(data.x_train), lesson.array(data.y_train, dtype=None)
    x_test, t_test = lesson.array(data.x_test), lesson.array(data.y_test, dtype=None)
    p = initial(lesson.array, x.shape[1])
    steps, means, train, test = [], [], [], []
    for epoch in range(1, epochs + 1):
        order = lesson.array(rng.permutation(len(data.x_train)), dtype=None)
        p, losses = descend(xp, p, x, t, order, batch)
        steps += losses
        means.append(np.mean(losses))
        train.append(accuracy(xp, p, x, t))
        test.append(accuracy(xp, p, x_test, t_test))
        if fashion and epoch in FASHION:
            lesson.expect(f"{epoch}", test[-1], FASHION[epoch])
    if fashion and epochs == EPOCHS:
        lesson.expect("on the training set, after 17", train[-1], (0.859, "to", 0.879))
    lesson.expect("mean loss of the last epoch over the first's", means[-1] / means[0], (0.0, "to", 0.99))
    if lesson.draw:
        draw(lesson, p, data, steps, {"training accuracy": train, "test accuracy": test})


def check_gradient(lesson, data):
    """Backpropagation against differences on five images: every parameter on NumPy, 200 drawn ones elsewhere."""
    xp, x, t = lesson.xp, lesson.array(data.x_train[:5]), lesson.array(data.y_train[:5], dtype=None)
    p = initial(lesson.array, x.shape[1])
    began = time.perf_counter()
    _, gradient = backpropagate(xp, p, x, t)
    written = {name: lesson.host(g) for name, g in gradient.items()}
    backprop = time.perf_counter() - began

    def along(name, place):
        unit = lesson.array(np.arange(written[name].size).reshape(written[name].shape) == place)
        return float(xn.derivative(lambda s: loss(xp, {**p, name: p[name] + s * unit}, x, t), 0.0))

    began = time.perf_counter()
    if lesson.backend.name == "numpy" and lesson.length != "least":
        numerical = [
            xn.numerical_gradient(lambda w, name=name: loss(xp, {**p, name: w}, x, t), p[name]).ravel()
            for name in p
        ]
        errors = np.abs(np.concatenate(numerical) - np.concatenate([g.ravel() for g in written.values()]))
    else:
        places = [(name, place) for name, g in written.items() for place in range(g.size)]
        drawn = [places[k] for k in np.random.default_rng(2).choice(len(places), 200, replace=False)]
        errors = np.asarray([abs(along(name, place) - written[name].ravel()[place]) for name, place in drawn])
    differences = time.perf_counter() - began
    size = sum(g.size for g in written.values())
    lesson.title(
        f"The gradient on five images by backpropagation and by differences, {len(errors)} of {size}"
    )
    largest = max(np.abs(g).max() for g in written.values())
    lesson.expect("largest difference over the largest element", errors.max() / largest, (0.0, "to", 1e-7))
    milliseconds = f"{1000 * backprop:.1f} ms"
    print(f"  backpropagation {milliseconds} for all, differences {differences:.1f} s for {len(errors)}")


def compare_with_numpy(lesson, data, batch):
    """Compares the first steps here and on NumPy: the code is the same, and so must be the numbers."""
    n = min(COMPARED_STEPS * batch, len(data.x_train))
    order = np.random.default_rng(1).permutation(n)
    x, t = data.x_train[:n].astype("float64"), data.y_train[:n]
    there, losses_there = descend(np, initial(np.asarray, x.shape[1]), x, t, order, batch)
    here, losses = descend(
        lesson.xp,
        initial(lesson.array, x.shape[1]),
        lesson.array(x),
        lesson.array(t, dtype=None),
        lesson.array(order, dtype=None),
        batch,
    )
    lesson.title(f"The first {len(losses)} steps here and on NumPy")
    lesson.expect("loss of each step", losses, losses_there)
    lesson.expect("W1 after them", here["W1"], there["W1"])


def draw(lesson, p, data, steps, accuracies):
    axes = lesson.axes("learning", columns=2)
    axes[0].plot(steps, color="gray", linewidth=0.5, label="each step")
    axes[0].set(xlabel="step", ylabel="loss", title="loss on the batch, before its step")
    axes[0].legend()
    xn.plots.learning_curves(accuracies, names="accuracy", ax=axes[1])
    found = lesson.host(lesson.xp.argmax(scores(p, lesson.array(data.x_test)), axis=1))
    names = xn.data.FASHION_MNIST_LABELS if len(data.x_train) == 60_000 else None
    xn.plots.confusion_matrix(data.y_test, found, labels=names, ax=lesson.axes("confusion", size=(7, 6)))
    xn.plots.weight_histograms({"W1": p["W1"], "W2": p["W2"]}, ax=lesson.axes("weights"))


if __name__ == "__main__":
    run(main)
