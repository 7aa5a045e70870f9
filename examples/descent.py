"""Gradient descent: stand on a slope, take a step downhill, and again.

    x <- x - lr df/dx

A learning rate too large overshoots further each time, one too small gets nowhere; and the gradient sees only
the ground underfoot, so that it stops on any flat spot and finds the valley that is nearest.
"""

import numpy as np

import xpnet as xn

from lesson import run


def bowl(x):
    return x[..., 0] ** 2 + x[..., 1] ** 2


def saddle(x):
    return x[..., 0] ** 2 - x[..., 1] ** 2


def two_valleys(x):
    """Minima near x = -1.04, the deeper one, and x = 0.96."""
    return (x**2 - 1) ** 2 + 0.3 * x


def main(lesson):
    start = lesson.array([-3.0, 4.0])

    lesson.title("x0^2 + x1^2 from (-3, 4), 100 steps")
    end, path = xn.gradient_descent(bowl, start, lr=0.1, steps=100)
    lesson.expect("lr 0.1", end, [-6.11110793e-10, 8.14814391e-10], tolerance=1e-6)
    wild, _ = xn.gradient_descent(bowl, start, lr=10.0, steps=100)
    lesson.expect("lr 10 diverges: magnitudes", lesson.xp.abs(wild), (1e11, "to", np.inf))
    timid, _ = xn.gradient_descent(bowl, start, lr=1e-10, steps=100)
    lesson.expect("lr 1e-10 hardly moves", timid, ["-2.99999994", "3.99999992"])
    top, _ = xn.gradient_ascent(lambda x: -bowl(x), start, lr=0.1, steps=100)
    lesson.expect("ascent on -f takes the same way: difference", lesson.xp.abs(top - end), (0.0, "to", 1e-15))

    lesson.title("x0^2 - x1^2: a saddle")
    stuck, on_ridge = xn.gradient_descent(saddle, lesson.array([1.0, 0.0]), lr=0.1, steps=60)
    lesson.expect("from (1, 0) it stops at (0, 0)", lesson.xp.abs(stuck), (0.0, "to", 1e-5))
    gone, off_ridge = xn.gradient_descent(saddle, lesson.array([1.0, 1e-6]), lr=0.1, steps=80)
    lesson.expect("from (1, 1e-6) it leaves: x1 = 1e-6 * 1.2^80", gone[1], 1e-6 * 1.2**80, tolerance=1e-4)

    lesson.title("(x^2 - 1)^2 + 0.3 x: the start decides")
    minima = sorted(root.real for root in np.roots([4.0, 0.0, -4.0, 0.3]) if abs(root.real) > 0.5)
    walks = {}
    for x0, valley in ((-0.5, minima[0]), (0.5, minima[1])):
        x, walks[x0] = xn.gradient_descent(two_valleys, lesson.array(x0), lr=0.05, steps=200)
        lesson.expect(f"from {x0:g}", x, valley, tolerance=1e-7)

    if axes := lesson.axes("paths", columns=3):
        xn.plots.descent_path(bowl, path, domain=((-5, 5), (-5, 5)), label="lr 0.1", ax=axes[0])
        axes[0].set_title("a bowl")
        box = ((-1.5, 1.5), (-1.5, 1.5))
        xn.plots.descent_path(saddle, off_ridge, domain=box, label="from (1, 1e-6)", ax=axes[1])
        xn.plots.descent_path(None, on_ridge, domain=box, label="from (1, 0)", ax=axes[1])
        axes[1].set_title("a saddle")
        xn.plots.function(two_valleys, domain=(-1.5, 1.4), df=False, label="f", ax=axes[2])
        for (x0, walk), marker, colour in zip(walks.items(), "os", xn.plots.COLOURS[1:], strict=False):
            x = lesson.host(walk)
            axes[2].plot(x, two_valleys(x), ":", marker=marker, color=colour, label=f"from {x0:g}")
        axes[2].set_title("two valleys")
        axes[2].legend()


if __name__ == "__main__":
    run(main)
