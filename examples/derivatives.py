"""Derivatives: of the common functions, of their sums, products and compositions, and of activations.

Sigmoid and tanh are flat far from zero: a saturated unit passes no gradient back. Sigmoid's outputs are all
positive, tanh's have mean zero. ReLU saturates on one side only, but a unit that is off for every sample gets
no gradient at all and stays off, it is dead; leaky ReLU and ELU keep a slope there, and ELU is smooth. Between
layers ReLU is the usual choice; sigmoid is for a probability at the end, softmax for one of several classes.
"""

import numpy as np

import xpnet as xn
from xpnet import ops

from lesson import run

ACTIVATIONS = {
    "sigmoid": lambda y, x: y * (1 - y),
    "tanh": lambda y, x: 1 - y**2,
    "relu": lambda y, x: np.where(x > 0, 1.0, 0.0),
    "leaky_relu": lambda y, x: np.where(x > 0, 1.0, 0.01),
    "elu": lambda y, x: np.where(x > 0, 1.0, y + 1),
}


def table(xp):
    """Name, function, its derivative."""
    return [
        ("constant", lambda x: 0.0 * x + 3.0, lambda x: 0.0 * x),
        ("x^3", lambda x: x**3, lambda x: 3 * x**2),
        ("e^x", xp.exp, np.exp),
        ("2^x", lambda x: xp.exp(x * np.log(2.0).item()), lambda x: 2.0**x * np.log(2.0)),
        ("ln x", xp.log, lambda x: 1 / x),
        ("sin x", xp.sin, np.cos),
        ("cos x", xp.cos, lambda x: -np.sin(x)),
        ("tan x", xp.tan, lambda x: 1 / np.cos(x) ** 2),
        ("sum: x^3 + sin x", lambda x: x**3 + xp.sin(x), lambda x: 3 * x**2 + np.cos(x)),
        ("product: x^3 sin x", lambda x: x**3 * xp.sin(x), lambda x: 3 * x**2 * np.sin(x) + x**3 * np.cos(x)),
        ("quotient: sin x / x", lambda x: xp.sin(x) / x, lambda x: (np.cos(x) * x - np.sin(x)) / x**2),
        ("chain: sin(x^3)", lambda x: xp.sin(x**3), lambda x: np.cos(x**3) * 3 * x**2),
    ]


def main(lesson):
    xp = lesson.xp
    points = np.asarray([0.3, 0.7, 1.2])
    lesson.title("Common functions and rules: differences against the formula, at 0.3, 0.7 and 1.2")
    for name, f, df in table(xp):
        lesson.expect(name, xn.derivative(f, lesson.array(points)), df(points), tolerance=1e-8)

    lesson.title("The chain rule over two paths: z = u v, u = x^2 + y, v = x y, so dz/dx = v 2x + u y")
    x, y = lesson.array(1.5), lesson.array(-0.5)
    u, v = x**2 + y, x * y
    numerical = xn.derivative(lambda x: (x**2 + y) * (x * y), x)
    lesson.expect("both paths added", numerical, lesson.host(v * 2 * x + u * y))
    lesson.expect("one path is not enough: what is missing", numerical - v * 2 * x, lesson.host(u * y))

    lesson.title("Activations over [-10, 10): the slope from the pullback against the formula")
    grid = np.arange(-100, 100) / 10
    for name, formula in ACTIVATIONS.items():
        op = ops.ACTIVATIONS[name]
        y = lesson.host(op(lesson.array(grid))[0])
        lesson.expect(name, ops.slope(op)(lesson.array(grid)), formula(y, grid), tolerance=1e-14)
    pairs = lesson.array(np.stack([grid, 0 * grid], axis=-1))
    first = ops.softmax(pairs)[0][:, 0]
    lesson.expect("softmax((x, 0)) is sigmoid(x)", first, lesson.host(ops.sigmoid(lesson.array(grid))[0]))

    lesson.title("The Jacobian of softmax at (1, 2, 3, 4) is diag(y) - y y^T")
    y, pullback = ops.softmax(lesson.array([1.0, 2.0, 3.0, 4.0]))
    unit = lesson.array(np.eye(4))
    jacobian = lesson.host(xp.stack([pullback(unit[i, :])[0] for i in range(4)]))
    p = lesson.host(y)
    lesson.expect("row i is the pullback of the i-th unit vector", jacobian, np.diag(p) - np.outer(p, p))

    lesson.title("The area under x^2 on [0, 1] by trapezoids: 1/3 + 1/(6 n^2)")
    areas = {n: float(trapezoids(lesson, lambda x: x**2, n)) for n in (2, 10, 100, 1000)}
    for n, area in areas.items():
        lesson.expect(f"n = {n}", area, 1 / 3 + 1 / (6 * n**2))

    lesson.title("Ten layers deep: the gradient's norm in the first layer, relative to the last one's")
    norms = {name: gradient_norms(lesson, name) for name in ("sigmoid", "relu")}
    lesson.expect("sigmoid vanishes", norms["sigmoid"][0] / norms["sigmoid"][-1], (0.0, "to", 1e-4))
    relu = norms["relu"][0] / norms["relu"][-1]
    lesson.expect("ReLU with He's initial weights does not", relu, (0.1, "to", 10.0))

    if lesson.draw:
        draw(lesson, grid, jacobian, areas, norms)


def trapezoids(lesson, f, n):
    x = lesson.array(np.arange(n + 1) / n)
    y = f(x)
    return (lesson.xp.sum(y) - (y[0] + y[n]) / 2) / n


def gradient_norms(lesson, activation, depth=10, width=50):
    """The norm of dloss/dW in each layer of a deep network at its initial weights, 100 samples."""
    initial = {"sigmoid": "glorot", "relu": "he"}[activation]
    rng = np.random.default_rng(0)
    a, pullbacks = lesson.array(rng.standard_normal((100, width))), []
    for _ in range(depth):
        w = lesson.array(xn.init.initializer(initial)(rng, (width, width), "float64"))
        z, pull_linear = ops.linear(a, w)
        a, pull_activation = ops.ACTIVATIONS[activation](z)
        pullbacks.append((pull_linear, pull_activation))
    da, norms = lesson.array(rng.standard_normal((100, width))), []
    for pull_linear, pull_activation in reversed(pullbacks):
        (dz,) = pull_activation(da)
        da, dw = pull_linear(dz)
        norms.append(float(lesson.xp.sum(dw**2)) ** 0.5)
    return norms[::-1]


def draw(lesson, grid, jacobian, areas, norms):
    axes = lesson.axes("activations", columns=3, rows=2)
    for ax, name in zip(axes, ACTIVATIONS, strict=False):
        op = ops.ACTIVATIONS[name]
        xn.plots.function(ops.value(op), (-10, 10), df=ops.slope(op), label=name, ax=ax)
    first = lambda x: ops.softmax(np.stack([x, 0 * x], axis=-1))[0][:, 0]  # noqa: E731
    xn.plots.function(first, (-10, 10), label="softmax((x, 0))", ax=axes[5])
    xn.plots.jacobian(jacobian, ax=lesson.axes("softmax-jacobian")).set_title("softmax at (1, 2, 3, 4)")

    left, right = lesson.axes("area-and-vanishing", columns=2)
    x = np.linspace(0, 1, 101)
    left.plot(x, x**2, color="black", label="x^2")
    for n, colour in zip((2, 10), xn.plots.COLOURS, strict=False):
        corners = np.arange(n + 1) / n
        left.fill_between(corners, corners**2, alpha=0.3, color=colour, label=f"n = {n}: {areas[n]:.4f}")
    left.set(
        xlabel="x", ylabel="y", title=f"the area by trapezoids tends to 1/3: n = 1000: {areas[1000]:.7f}"
    )
    left.legend()
    for (name, norm), style in zip(norms.items(), ("--o", "-s"), strict=True):
        right.semilogy(range(1, len(norm) + 1), norm, style, label=name)
    right.set(xlabel="layer", ylabel="norm of dloss/dW", title="vanishing gradient")
    right.legend()


if __name__ == "__main__":
    run(main)
