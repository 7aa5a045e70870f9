"""The gradient of a small network, by hand, by backpropagation and by differences.

    z = x W,  y = softmax(z),  loss = -log y_target;  dloss/dz = y - t,  dloss/dW = x^T (y - t)

t is 1 at the target's class and 0 elsewhere. Raising every score of a sample by the same amount changes
nothing, so each row of the gradient sums to zero.
"""

import numpy as np

import xpnet as xn
from xpnet import ops

from lesson import run

W = [[0.1, -0.2, 0.3], [0.4, 0.5, -0.6]]
X = [[0.6, 0.9]]
TARGET = [2]


def main(lesson):
    xp = lesson.xp
    w, x = lesson.array(W), lesson.array(X)
    one_hot, label = lesson.array(np.eye(3)[TARGET]), lesson.array(TARGET, dtype=None)

    lesson.title("dloss/dW three ways")
    y, pull_softmax = ops.softmax(x @ w)
    by_hand = xp.matrix_transpose(x) @ (y - one_hot)
    for name, target in (("one-hot", one_hot), ("integer", label)):

        def loss(w, target=target):
            return xp.sum(ops.softmax_cross_entropy(x @ w, target=target)[0])

        numerical = xn.numerical_gradient(loss, w)
        lesson.expect(f"numerical against x^T (y - t), {name} target", numerical, lesson.host(by_hand))
        z, pull_linear = ops.linear(x, w)
        losses, pull_loss = ops.softmax_cross_entropy(z, target=target)
        (dz,) = pull_loss(xp.ones_like(losses))
        _, dw = pull_linear(dz)
        lesson.expect(f"backpropagation against it, {name} target", dw, lesson.host(by_hand), tolerance=1e-14)
    lesson.expect("each row sums to zero", xp.abs(xp.sum(by_hand, axis=1)), (0.0, "to", 1e-15))

    lesson.title("The same through probabilities: softmax, then cross-entropy")
    batch, pull_entropy = ops.cross_entropy(y, target=one_hot)
    (dy,) = pull_entropy(xp.ones_like(batch))
    (dz,) = pull_softmax(dy)
    lesson.expect("its Jacobian, diag(y) - y y^T, contracted with dy, is y - t", dz, lesson.host(y - one_hot))
    one, _ = ops.cross_entropy(y[0, :], target=one_hot[0, :])
    lesson.expect("one sample (c,) and the first of a batch (n, c)", one, lesson.host(batch)[0])
    certain, _ = ops.cross_entropy(lesson.array([1.0, 0.0, 0.0]), target=lesson.array([0.0, 0.0, 1.0]))
    lesson.expect("a probability of 0 counts as exp(-100)", certain, 100.0)

    lesson.title("Scores of thousands do not overflow")
    huge, _ = ops.softmax(lesson.array([1000.0, 1001.0, 1002.0]))
    small, _ = ops.softmax(lesson.array([0.0, 1.0, 2.0]))
    lesson.expect("softmax of (1000, 1001, 1002) is that of (0, 1, 2)", huge, lesson.host(small))

    if ax := lesson.axes("jacobian"):
        p = lesson.host(y)[0]
        labels = (["y0", "y1", "y2"], ["z0", "z1", "z2"])
        xn.plots.jacobian(np.diag(p) - np.outer(p, p), labels=labels, ax=ax)
        ax.set(title="dy_i / dz_j of softmax", xlabel="score j", ylabel="probability i")


if __name__ == "__main__":
    run(main)
