"""Tangents: the straight line, or the plane, that a curve or a surface is when you look closely enough.

A derivative is the slope of the tangent. Everything that learns by gradients trusts the tangent a little way
around the point where it touches; how little is what a learning rate says.
"""

import xpnet as xn

from lesson import run


def parabola(x):
    return x**2


def bowl(x):
    """z = x0^2 + x1^2 of a point x (..., 2)."""
    return x[..., 0] ** 2 + x[..., 1] ** 2


def gentle(x):
    return 0.01 * x**2 + 0.1 * x


def main(lesson):
    lesson.title("The tangent of x^2 at x = 1")
    line = xn.tangent(parabola, lesson.array(1.0))
    lesson.expect("slope", line.gradient, 2.0)
    lesson.expect("its height at 1, where it touches", line(lesson.array(1.0)), 1.0)
    lesson.expect("its height at 3, where the curve is 9", line(lesson.array(3.0)), 5.0)

    lesson.title("The tangent plane of x0^2 + x1^2 at (1, 1)")
    plane = xn.tangent(bowl, lesson.array([1.0, 1.0]))
    lesson.expect("height", plane.value, 2.0)
    lesson.expect("slopes along x0 and x1", plane.gradient, [2.0, 2.0])
    lesson.expect("normal", plane.normal, [2.0, 2.0, -1.0])
    lesson.expect("2 + 2 (x0 - 1) + 2 (x1 - 1) at (2, 0)", plane(lesson.array([2.0, 0.0])), 2.0)

    lesson.title("The tangents of 0.01 x^2 + 0.1 x")
    for at, slope in ((5.0, 0.2), (10.0, 0.3)):
        lesson.expect(f"slope at {at:g}", xn.tangent(gentle, lesson.array(at)).gradient, slope)

    if axes := lesson.axes("lines", columns=2):
        xn.plots.tangent_line(parabola, 1.0, domain=(-3, 3), ax=axes[0])
        for at in (5.0, 10.0):
            xn.plots.tangent_line(gentle, at, domain=(0, 20), ax=axes[1])
    if ax := lesson.axes("plane", size=(7, 6.4), subplot_kw={"projection": "3d"}):
        xn.plots.tangent_plane(bowl, (1.0, 1.0), domain=((-5, 5), (-5, 5)), ax=ax)


if __name__ == "__main__":
    run(main)
