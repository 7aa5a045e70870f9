"""Backpropagation written out: a 2-3-1 network without activations, number by number, then with the library.

    h_j = x1 w1j + x2 w2j,  y = h1 v1 + h2 v2 + h3 v3,  loss = (y - t)^2 / 2
    dy = y - t,  dv_j = dy h_j,  dh_j = dy v_j,  dw_ij = dh_j x_i

All derivatives are taken at the old weights; only then does every weight move.
"""

import xpnet as xn
from xpnet import ops

from lesson import run

X1, X2, TARGET, LR = 40.0, 80.0, 60.0, 1e-5
PREDICTIONS = {
    0: 180.0,
    1: "140.3136",
    2: "118.31781819",
    5: "87.10213088",
    10: "69.47719523",
    20: "61.41913071",
    50: "60.00568758",
    99: "60.00000070",
}
LOSSES = {0: 7200.0, 1: "3225.1372", 10: "44.9086"}


def on_paper():
    """(predictions, first weights, second weights), each number under a name of its own."""
    w11 = w12 = w13 = w21 = w22 = w23 = 0.5
    v1 = v2 = v3 = 1.0
    predictions = []
    for _ in range(101):
        h1 = X1 * w11 + X2 * w21
        h2 = X1 * w12 + X2 * w22
        h3 = X1 * w13 + X2 * w23
        y = h1 * v1 + h2 * v2 + h3 * v3
        predictions.append(y)
        if len(predictions) == 101:
            break

        dy = y - TARGET
        dv1, dv2, dv3 = dy * h1, dy * h2, dy * h3
        dh1, dh2, dh3 = dy * v1, dy * v2, dy * v3
        dw11, dw12, dw13 = dh1 * X1, dh2 * X1, dh3 * X1
        dw21, dw22, dw23 = dh1 * X2, dh2 * X2, dh3 * X2

        v1, v2, v3 = v1 - LR * dv1, v2 - LR * dv2, v3 - LR * dv3
        w11, w12, w13 = w11 - LR * dw11, w12 - LR * dw12, w13 - LR * dw13
        w21, w22, w23 = w21 - LR * dw21, w22 - LR * dw22, w23 - LR * dw23
    return predictions, [[w11, w12, w13], [w21, w22, w23]], [[v1], [v2], [v3]]


def with_the_library(lesson):
    """The same on arrays: a pullback takes dy and gives the derivative by each input."""
    x = lesson.array([[X1, X2]])
    w, v = lesson.array([[0.5] * 3] * 2), lesson.array([[1.0]] * 3)
    predictions = []
    for _ in range(100):
        h, pull_hidden = ops.linear(x, w)
        y, pull_output = ops.linear(h, v)
        predictions.append(float(y[0, 0]))
        dh, dv = pull_output(y - TARGET)
        _, dw = pull_hidden(dh)
        w, v = w - LR * dw, v - LR * dv
    return [*predictions, float((x @ w @ v)[0, 0])], w, v


def main(lesson):
    predictions, w, v = on_paper()
    lesson.title("Prediction before the update of epoch ...")
    for epoch, wanted in PREDICTIONS.items():
        lesson.expect(f"{epoch}", predictions[epoch], wanted)
    lesson.title("Loss at epoch ...")
    for epoch, wanted in LOSSES.items():
        lesson.expect(f"{epoch}", (predictions[epoch] - TARGET) ** 2 / 2, wanted)

    lesson.title("After 100 updates")
    lesson.expect("prediction", predictions[100], "60.0000005858")
    lesson.expect("weights from x1", w[0], ["0.32720268"] * 3)
    lesson.expect("weights from x2", w[1], ["0.15440535"] * 3)
    lesson.expect("second layer", [row[0] for row in v], ["0.78614698"] * 3)

    lesson.title("The library's run against the one on paper")
    again, w_again, v_again = with_the_library(lesson)
    lesson.expect("predictions", again, predictions)
    lesson.expect("first layer", w_again, w)
    lesson.expect("second layer", v_again, v)

    if axes := lesson.axes("prediction-and-network", columns=2):
        axes[0].plot(predictions, color="black")
        axes[0].axhline(TARGET, linestyle="--", color="gray", label="target")
        axes[0].set(xlabel="epoch", ylabel="prediction", title="prediction before each update")
        axes[0].legend()
        layers = xn.Sequential(xn.Dense(3, bias=False), xn.Dense(1, bias=False))
        model = xn.Model(layers, loss="mse", optimizer=xn.sgd(LR), backend="numpy").build((2,))
        model.params = {"0.weight": lesson.host(w_again), "1.weight": lesson.host(v_again)}
        xn.plots.network(model, ax=axes[1])


if __name__ == "__main__":
    run(main)
