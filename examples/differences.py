"""Numerical differentiation: the slope of a secant that is short, but not too short.

The forward difference's error shrinks like h, the central difference's like h^2, until the roundoff of f,
about 1e-16 / h, takes over. So neither wants the smallest h there is: 1e-8 for the one, 1e-5 for the other.
"""

import numpy as np

import xpnet as xn

from lesson import run


def f(x):
    return 0.01 * x**2 + 0.1 * x


def squares(x):
    """x0^2 + x1^2 of a point x (..., 2)."""
    return x[..., 0] ** 2 + x[..., 1] ** 2


def main(lesson):
    lesson.title("0.01 x^2 + 0.1 x by differences with h = 1e-4: its slopes are 0.2 at 5 and 0.3 at 10")
    five, ten = lesson.array(5.0), lesson.array(10.0)
    lesson.expect("central at 5", xn.derivative(f, five, h=1e-4), "0.1999999999990898")
    lesson.expect("central at 10", xn.derivative(f, ten, h=1e-4), "0.2999999999986347")
    lesson.expect("forward at 5", xn.derivative(f, five, h=1e-4, method="forward"), "0.20000099999917254")

    lesson.title("A partial derivative: one number moves, the others stay")
    by_x0 = xn.derivative(lambda x0: x0**2 + 4.0**2, lesson.array(3.0))
    by_x1 = xn.derivative(lambda x1: 3.0**2 + x1**2, lesson.array(4.0))
    lesson.expect("x0^2 + x1^2 by x0 at (3, 4)", by_x0, 6.0)
    lesson.expect("x0^2 + x1^2 by x1 at (3, 4)", by_x1, 8.0)

    lesson.title("All of them are the gradient")
    for point, gradient in (((3, 4), (6.0, 8.0)), ((0, 2), (0.0, 4.0)), ((3, 0), (6.0, 0.0))):
        lesson.expect(f"at {point}", xn.numerical_gradient(squares, lesson.array(point)), list(gradient))

    lesson.title("The error against h, for e^x at 1")
    steps = 10.0 ** -np.arange(1.0, 12.01, 0.25)
    errors = {
        method: np.asarray([abs(xn.derivative(np.exp, 1.0, h, method) - np.e) for h in steps])
        for method in ("forward", "central")
    }
    best = {method: steps[np.argmin(smooth(error))] for method, error in errors.items()}
    lesson.expect("h with the least error, forward", best["forward"], (1e-9, "to", 1e-7))
    lesson.expect("h with the least error, central", best["central"], (1e-6, "to", 1e-4))

    if axes := lesson.axes("secant-and-error", columns=2):
        xn.plots.tangent_line(f, 5.0, domain=(0, 20), ax=axes[0])
        x, slope = np.asarray([0.0, 20.0]), (f(15.0) - f(5.0)) / 10
        axes[0].plot(x, f(5.0) + slope * (x - 5), ":", color="black", label="secant, h = 10")
        axes[0].legend()
        for (method, error), style in zip(errors.items(), ("--o", "-s"), strict=True):
            axes[1].loglog(steps, error, style, markersize=4, label=method)
        axes[1].set(xlabel="h", ylabel="|difference - derivative|", title="e^x at 1")
        axes[1].legend()
        axes[1].grid(alpha=0.3)
    if ax := lesson.axes("gradient-field"):
        xn.plots.gradient_field(squares, domain=((-2, 2), (-2, 2)), ax=ax)


def smooth(error):
    """The error's trend: the largest of five neighbours, since roundoff hits zero by luck."""
    padded = np.pad(error, 2, mode="edge")
    return np.max([padded[k : k + len(error)] for k in range(5)], axis=0)


if __name__ == "__main__":
    run(main)
