"""Three ways to descend: the gradient of all samples, of a few, or of one.

    y = x w + b,  loss = (y - t)^2;  dloss/dw = 2/B x^T (y - t) over a batch of B samples

Batch descent takes a few sure steps, stochastic descent many unsure ones. For the same number of looks at the
data the small batches come further; at a fixed learning rate the single samples never come to rest.
"""

import time

import numpy as np

import xpnet as xn
from xpnet import ops

from lesson import run

EPOCHS = 50
LR = 0.05


def main(lesson):
    rng = np.random.default_rng(0)
    x = rng.standard_normal((100, 2))
    t = 2 * x[:, :1] - 3 * x[:, 1:] + 1 + 0.1 * rng.standard_normal((100, 1))
    columns = np.concatenate([x, np.ones((100, 1))], axis=1)
    best, (squares,), *_ = np.linalg.lstsq(columns, t, rcond=None)

    lesson.title(f"y = 2 x0 - 3 x1 + 1 + noise, {EPOCHS} epochs, lr {LR}: the mean squared error at the end")
    losses, paths, rows = {}, {}, []
    for name, size, wanted in (
        ("batch", 100, "0.01647"),
        ("mini-batch", 10, "0.0121"),
        ("stochastic", 1, (0.012, "to", 0.015)),
    ):
        began = time.perf_counter()
        losses[name], paths[name] = descend(lesson, lesson.array(x), lesson.array(t), size)
        seconds, steps = time.perf_counter() - began, len(paths[name]) - 1
        rows.append((name, size, steps, seconds, losses[name][-1]))
        lesson.expect(f"{name} ({size})", losses[name][-1], wanted)
    lesson.expect("closed form", squares / 100, "0.012110")
    lesson.expect("steps of each", [len(path) - 1 for path in paths.values()], [50.0, 500.0, 5000.0])

    lesson.title("  descent     batch  steps  seconds  final loss")
    for row in rows:
        print("  {:<12} {:>4} {:>6} {:>8.3f}  {:.5f}".format(*row))

    if axes := lesson.axes("loss-and-paths", columns=2, rows=2):
        for (name, loss), style in zip(losses.items(), ("-", "--", ":"), strict=True):
            axes[0].semilogy(loss, style, label=name)
        axes[0].axhline(squares / 100, color="gray", linewidth=0.8, label="closed form")
        axes[0].set(xlabel="epoch", ylabel="mean squared error", title="loss after each epoch")
        axes[0].legend()
        f = error_with_best_bias(columns, t, best)
        for ax, (name, path) in zip(axes[1:], paths.items(), strict=True):
            xn.plots.descent_path(f, path, ((-0.5, 3.0), (-3.7, 0.3)), label=f"{len(path) - 1} steps", ax=ax)
            ax.set(title=name, xlabel="w0", ylabel="w1")


def descend(lesson, x, t, batch_size):
    """The mean squared error at the start and after each epoch, and the weights after each step."""
    xp, n, rng = lesson.xp, t.shape[0], np.random.default_rng(1)
    w, b = lesson.array(np.zeros((2, 1))), lesson.array(np.zeros(1))
    losses, path = [], [np.zeros(2)]
    for epoch in range(EPOCHS + 1):
        y, _ = ops.linear(x, w, b)
        losses.append(float(xp.mean((y - t) ** 2)))
        if epoch == EPOCHS:
            return losses, np.stack(path)
        order = lesson.array(rng.permutation(n), dtype=None)
        for start in range(0, n, batch_size):
            rows = order[start : start + batch_size]
            y, pullback = ops.linear(xp.take(x, rows, axis=0), w, b)
            _, dw, db = pullback(2 / batch_size * (y - xp.take(t, rows, axis=0)))
            w, b = w - LR * dw, b - LR * db
            path.append(lesson.host(w)[:, 0])


def error_with_best_bias(columns, t, best):
    """The mean squared error as a function of (w0, w1), the bias being the best one."""

    def f(w):
        y = columns[:, :2] @ np.moveaxis(w, -1, 0).reshape(2, -1) + best[2]
        return np.mean((y - t) ** 2, axis=0).reshape(w.shape[:-1])

    return f


if __name__ == "__main__":
    run(main)
