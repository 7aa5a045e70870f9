"""Convolution: the same few weights at every place of an image.

    y[i, j, c] = b[c] + sum_{u, v, k} x[i s + u - p, j s + v - p, k] w[u, v, k, c]
    dw[u, v, k, c] = sum_{i, j} x[i s + u - p, j s + v - p, k] dy[i, j, c],  db[c] = sum_{i, j} dy[i, j, c]
    dx[q, r, k] = the sum of dy[i, j, c] w[u, v, k, c] over all that read it: q = i s + u - p, r = j s + v - p

Stride s, padding p of zeros around. A dense layer has a weight for each pixel and each output, and learns an edge
anew at every place; a convolution has 3 x 3 weights for a feature, wherever that is, and learns them from everywhere.
"""

import math

import numpy as np

import xpnet as xn
from xpnet import ops

from images import HIDDEN, load
from lesson import run

SIZE = 28
BATCH = 64
LR = 3e-3
EPOCHS = 3
NETWORK = xn.Sequential(
    xn.Conv2D(8, 3, stride=2, padding=1, activation="relu"),
    xn.Conv2D(16, 3, stride=2, padding=1, activation="relu"),
    xn.Flatten(),
    xn.Dense(64, "relu"),
    xn.Dense(10),
)
DENSE = xn.Sequential(xn.Flatten(), xn.Dense(HIDDEN, "sigmoid"), xn.Dense(10))  # that of images.py


def convolve(x, w, b, stride, padding):
    """The convolution of an image (height, width, k) in loops: at each place the window times the weights, summed."""
    x = np.pad(x, ((padding, padding), (padding, padding), (0, 0)))
    height, width, _, features = w.shape
    rows = (x.shape[0] - height) // stride + 1
    columns = (x.shape[1] - width) // stride + 1
    y = np.empty((rows, columns, features))
    for i in range(rows):
        for j in range(columns):
            window = x[i * stride : i * stride + height, j * stride : j * stride + width]
            for c in range(features):
                y[i, j, c] = np.sum(window * w[..., c]) + b[c]
    return y


def main(lesson):
    an_edge(lesson)
    an_image(lesson)
    count_weights(lesson)
    if lesson.length == "least":
        return
    data, fashion = load(lesson)
    model, right = train(lesson, NETWORK, data)
    _, dense = train(lesson, DENSE, data)
    steps = -(-len(data.x_train) // 3 // BATCH)
    lesson.title(f"Test accuracy, Adam from {LR} down to 0 in {EPOCHS} epochs, batches of {BATCH}")
    if fashion:
        lesson.expect(f"convolutions, after {steps} steps", right[0], (0.75, "to", 0.88))
    if fashion and lesson.length == "full":
        lesson.expect(f"convolutions, after {EPOCHS} epochs", right[-1], (0.88, "to", 0.91))
        lesson.expect("the dense network of images.py, likewise", dense[-1], (0.85, "to", 0.88))
    if lesson.draw:
        draw(lesson, model, data, {"convolutions, accuracy": right, "dense, accuracy": dense})


def an_edge(lesson):
    """An edge: a dark left and a bright right half, and weights that answer to brightness rising to the right."""
    x = np.broadcast_to([0.0, 0.0, 1.0, 1.0, 1.0], (5, 5))[None, ..., None]
    edge = np.broadcast_to([-1.0, 0.0, 1.0], (3, 3))[..., None, None]
    lesson.title("5 x 5 pixels, dark and from column 2 on bright; weights -1 0 1 in each of 3 rows")
    y, pullback = ops.conv(lesson.array(x), lesson.array(edge))
    lesson.expect("3 where a window has the edge in it, else 0", y[0, 0, :, 0], [3.0, 3.0, 0.0])
    strided, _ = ops.conv(lesson.array(x), lesson.array(edge), stride=2)
    lesson.expect("stride 2: every second place", strided[0, 0, :, 0], [3.0, 0.0])
    _, dw = pullback(lesson.xp.ones_like(y))
    lesson.expect("dw of the sum: what a weight reads at 9 places", dw[0, :, 0, 0], [3.0, 6.0, 9.0])
    _, pullback = ops.conv(lesson.array(x), lesson.array(np.ones((3, 3, 1, 1))))
    dx, _ = pullback(lesson.xp.ones_like(y))
    often = np.asarray([1.0, 2.0, 3.0, 2.0, 1.0])
    lesson.expect("dx of a sum of windows: how many read a pixel", dx[0, ..., 0], np.outer(often, often))


def an_image(lesson):
    """Random numbers: the loops against the op, the derivatives against differences, and a shifted image."""
    rng = np.random.default_rng(0)
    x, w, b = (rng.standard_normal(shape) for shape in ((1, 8, 7, 2), (3, 3, 2, 4), (4,)))
    here, options = [lesson.array(each) for each in (x, w, b)], {"stride": 2, "padding": 1}
    lesson.title("8 x 7 x 2 numbers, 4 features of 3 x 3, stride 2, padding 1")
    y, _ = ops.conv(*here, **options)
    lesson.expect("in loops and as an op", y[0, ...], convolve(x[0], w, b, **options))
    error = xn.check_gradient(ops.conv, *here, compile=lesson.backend.compile, **options)
    lesson.expect("dx, dw and db against differences, largest error", error, (0.0, "to", 1e-7))
    x = np.pad(x, ((0, 0), (0, 4), (0, 0), (0, 0)))
    moved, _ = ops.conv(lesson.array(np.roll(x, 2, axis=1)), *here[1:], **options)
    y, _ = ops.conv(lesson.array(x), *here[1:], **options)
    lesson.expect(
        "moved 2 down, it gives the same 1 further down", moved[:, 2:, ...], lesson.host(y)[:, 1:-1]
    )


def count_weights(lesson):
    """Shapes and parameters, layer by layer, for 28 x 28 pixels."""
    lesson.title("What stride does to the shape, and where the parameters are")
    model = xn.Model(NETWORK, loss="softmax_cross_entropy", optimizer=xn.adam(LR), backend=lesson.backend)
    print(model.build((SIZE, SIZE, 1)).summary())
    first, second = (layer for _, layer in NETWORK.children[:2])
    shape = first.output_shape((SIZE, SIZE, 1))
    shapes = [shape[0], second.output_shape(shape)[0]]
    lesson.expect("rows and columns: (28 + 2 padding - 3) // stride + 1", shapes, [14.0, 7.0])
    weights = sum(math.prod(model.params[f"0.{name}"].shape) for name in ("weight", "bias"))
    lesson.expect("parameters of the first convolution, 3 x 3 x 1 x 8 + 8", weights, 80.0)
    dense = SIZE * SIZE * (14 * 14 * 8) + 14 * 14 * 8
    lesson.expect("a dense layer to as many outputs has more by a factor of", dense / weights, 15386.0)


def train(lesson, network, data):
    """(the trained model, its test accuracy after each third of an epoch)."""
    falling = xn.adam(xn.schedules.cosine(LR, steps=EPOCHS * len(data.x_train) // BATCH))
    here = {"backend": lesson.backend, "dtype": "float64"}
    model = xn.Model(network, loss="softmax_cross_entropy", optimizer=falling, **here)
    x, x_test = (lesson.array(images(part)) for part in (data.x_train, data.x_test))
    t, t_test = (lesson.array(part, dtype=None) for part in (data.y_train, data.y_test))
    rng, right = np.random.default_rng(0), []
    order = np.concatenate([rng.permutation(len(data.x_train)) for _ in range(EPOCHS)])
    thirds = np.array_split(order, 3 * EPOCHS)
    for part in thirds if lesson.length == "full" else thirds[:1]:
        rows = lesson.array(part, dtype=None)
        some = (lesson.xp.take(each, rows, axis=0) for each in (x, t))
        model.fit(*some, epochs=1, batch_size=BATCH)
        right.append(model.evaluate(x_test, t_test)["accuracy"])
    return model, right


def images(x):
    """Rows of pixels as images of one feature: (n, pixels) -> (n, height, width, 1)."""
    size = math.isqrt(x.shape[1])
    return x.reshape(-1, size, size, 1)


def draw(lesson, model, data, right):
    """One garment through the first convolution, with its weights and its features; and the accuracy."""
    garment = images(data.x_test[:1])
    w, b = (model.params[f"0.{name}"] for name in ("weight", "bias"))
    found = lesson.host(ops.relu(ops.conv(lesson.array(garment), w, b, stride=2, padding=1)[0])[0])[0]
    weights = lesson.host(w)[:, :, 0, :]
    count = weights.shape[-1]
    axes = lesson.axes("features", columns=1 + count, rows=2, size=(1.1, 1.25))
    for ax in axes:
        ax.set_axis_off()
    axes[0].imshow(garment[0, ..., 0], cmap="gray_r")
    axes[0].set_title("an image", fontsize=9)
    for c in range(count):
        largest = np.abs(weights[..., c]).max()
        axes[1 + c].imshow(weights[..., c], cmap="RdBu", vmin=-largest, vmax=largest)
        axes[1 + c].set_title(f"weights {c}", fontsize=9)
        below = axes[2 + count + c]
        below.imshow(found[..., c], cmap="gray_r", vmin=0, vmax=found.max())
        below.set_title(f"feature {c}", fontsize=9)
    thirds = {"epoch": [(k + 1) / 3 for k in range(len(right["convolutions, accuracy"]))]}
    xn.plots.learning_curves({**thirds, **right}, names="accuracy", ax=lesson.axes("accuracy"))


if __name__ == "__main__":
    run(main)
