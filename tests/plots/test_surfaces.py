"""Functions of two variables: planes, arrows and paths are where the mathematics says."""

import numpy as np
import pytest

import xpnet as xn
from xpnet.plots import descent_path, gradient_field, tangent_plane


def bowl(x):
    return x[..., 0] ** 2 + x[..., 1] ** 2


def legend(ax):
    return [text.get_text() for text in ax.get_legend().get_texts()]


# The tangent plane


def corners(collection):
    """The corners of a 3-D surface's polygons, (n, 3); private, and in Matplotlib's older versions otherwise."""
    return (
        np.asarray(collection._vec)[:3].T if hasattr(collection, "_vec") else collection._faces.reshape(-1, 3)
    )


def test_the_tangent_plane_of_a_bowl():
    ax = tangent_plane(bowl, (1, 1))
    surface, plane = (corners(collection) for collection in ax.collections)
    assert np.allclose(surface[:, 2], bowl(surface[:, :2]))
    assert np.allclose(plane[:, 2], 2 + 2 * (plane[:, 0] - 1) + 2 * (plane[:, 1] - 1), atol=1e-7)
    assert surface[:, :2].min() == -5
    assert surface[:, :2].max() == 5
    assert legend(ax) == [
        "z = f(x)",
        "tangent plane: z = 2 + 2 (x₀ - 1) + 2 (x₁ - 1),\nnormal (2, 2, -1)",
        "point (1, 1, 2)",
    ]
    assert ax.get_zlabel() == "z"


def test_a_steep_plane_is_cut_where_it_would_flatten_the_surface():
    ax = tangent_plane(lambda x: np.tanh(9 * x[..., 0]), (0, 0), ((-1, 1), (-1, 1)))
    low, high = ax.get_zlim()  # the surface lies in [-1, 1], the whole plane in [-9, 9]
    assert -3.5 < low < -2
    assert 2 < high < 3.5


def test_a_plane_at_an_array_of_any_library(backend):
    point = backend.asarray(np.asarray([0.0, 2.0]))
    ax = tangent_plane(lambda x: backend.to_numpy(backend.asarray(x))[..., 1] ** 2, point)
    assert "z = 4 + 0 x₀ + 4 (x₁ - 2)" in legend(ax)[1]


def test_flat_axes_are_refused_and_given_ones_used(figures):
    with pytest.raises(TypeError, match=r"ax: 3-D axes were wanted, flat ones came.*projection"):
        tangent_plane(bowl, (1, 1), ax=figures.subplots()[1])
    solid = figures.subplots(subplot_kw={"projection": "3d"})[1]
    assert tangent_plane(bowl, (1, 1), ax=solid) is solid
    with pytest.raises(TypeError, match="ax: flat axes were wanted, 3-D ones came"):
        gradient_field(bowl, ax=solid)
    with pytest.raises(TypeError, match="ax: flat axes were wanted, polar ones came"):
        gradient_field(bowl, ax=figures.subplots(subplot_kw={"projection": "polar"})[1])


@pytest.mark.parametrize(
    ("f", "point", "domain", "said"),
    [
        (bowl, (1, 1, 1), ((-1, 1), (-1, 1)), r"point \(3,\) must be \(2,\)"),
        (bowl, (1, 1), (-1, 1), r"domain \(-1, 1\) must be \(\(low, high\)"),
        (bowl, (1, 1), ((-1, 1), (1, -1)), r"domain\[1\] \(1, -1\) must be"),
        (lambda x: np.log(x[..., 0]), (-1, 1), ((-1, 1), (-1, 1)), "no finite value and slope"),
        (
            lambda x: x,
            (1, 1),
            ((-1, 1), (-1, 1)),
            r"is \(51, 51, 2\) for x \(51, 51, 2\), \(51, 51\) was wanted",
        ),
        (lambda x: x[0], (1, 1), ((-1, 1), (-1, 1)), r"let it take points .*x\[\.\.\., 0\]"),
    ],
)
def test_planes_that_cannot_be_drawn(f, point, domain, said):
    with pytest.raises(ValueError, match=said):
        tangent_plane(f, point, domain)


# The gradient's arrows


def test_arrows_are_the_gradient():
    ax = gradient_field(bowl, ((-3, 3), (-2, 2)), steps=5)
    (arrows,) = ax.collections
    assert np.allclose(arrows.U, 2 * arrows.X, atol=1e-8)
    assert np.allclose(arrows.V, 2 * arrows.Y, atol=1e-8)
    assert sorted(set(arrows.X)) == [-3, -1.5, 0, 1.5, 3]
    assert sorted(set(arrows.Y)) == [-2, -1, 0, 1, 2]
    assert np.hypot(6, 4) / arrows.scale == pytest.approx(1)  # the longest is one step, the shorter one
    assert ax.get_title() == "gradient; the longest arrow is 7.21"
    assert ax.get_aspect() == 1  # or directions would not be those of the gradient


def test_each_variable_has_its_own_derivative():
    (arrows,) = gradient_field(lambda x: 3 * x[..., 0] + x[..., 1] ** 3).collections
    assert np.allclose(arrows.U, 3)
    assert np.allclose(arrows.V, 3 * arrows.Y**2, atol=1e-6)


def test_gaps_have_no_arrows_and_flat_functions_short_ones():
    (arrows,) = gradient_field(lambda x: np.sqrt(x[..., 0])).collections
    assert arrows.X.min() > 0
    (flat,) = gradient_field(lambda x: 1.0).collections
    assert not flat.U.any()
    with pytest.raises(ValueError, match="no finite value"):
        gradient_field(lambda x: np.nan * x[..., 0])


@pytest.mark.parametrize("steps", [1, 2.5, True])
def test_steps_must_be_a_number_of_arrows(steps):
    with pytest.raises(ValueError, match=r"steps .* must be a number of arrows"):
        gradient_field(bowl, steps=steps)


def test_steps_may_be_a_number_of_numpy():
    assert len(gradient_field(bowl, steps=np.int64(3)).collections[0].X) == 9


# Paths


def test_a_descent_over_contours(backend):
    _, path = xn.gradient_descent(
        lambda x: backend.xp.sum(x**2), backend.asarray(np.asarray([-3.0, 4.0])), steps=9
    )
    ax = descent_path(bowl, path)
    (line,) = ax.lines
    assert np.allclose(line.get_xydata(), backend.to_numpy(path))
    contours, start, end = ax.collections
    heights = [
        bowl(segment) for part in contours.get_paths() for segment in part.to_polygons(closed_only=False)
    ]
    assert len(heights) >= 5
    assert all(np.ptp(height) < 0.2 for height in heights)  # along a contour the height stays
    assert np.allclose(start.get_offsets(), [[-3, 4]])
    assert np.allclose(end.get_offsets(), [line.get_xydata()[-1]])
    assert legend(ax) == ["path", "start", "end"]
    assert ax.get_aspect() == 1  # or gradients would not look perpendicular to contours


def test_a_second_path_without_contours_of_its_own():
    ax = descent_path(bowl, [[1, 2], [0, 1]], ((-3, 3), (-4, 4)), label="lr 0.1")
    before = len(ax.collections)
    assert descent_path(None, [np.asarray([2.0, 2.0]), np.asarray([1.0, 1.0])], label="lr 0.5", ax=ax) is ax
    assert len(ax.collections) == before + 2  # its start and its end
    assert sorted(legend(ax)) == ["end", "lr 0.1", "lr 0.5", "start"]
    assert (ax.get_xlim(), ax.get_ylim()) == ((-3, 3), (-4, 4))


def test_a_domain_holds_without_contours_too():
    ax = descent_path(None, [[0, 0], [1, 1]], ((-3, 3), (-4, 4)))
    assert (ax.get_xlim(), ax.get_ylim()) == ((-3, 3), (-4, 4))


def test_steps_are_marked_while_they_can_be_told_apart():
    (few,), (many,) = (descent_path(None, np.ones((n, 2))).lines for n in (200, 201))
    assert (few.get_marker(), many.get_marker()) == (".", "")


def test_odd_paths():
    assert descent_path(bowl, [[1, 2]]).get_xlim() == (0, 2)
    assert len(descent_path(lambda x: 0, [[1, 2], [0, 0]]).collections) == 2  # no contours
    descent_path(lambda x: np.log(x[..., 0]), [[1, 2], [-1, 0]])


@pytest.mark.parametrize(
    ("path", "said"),
    [
        (np.ones((0, 2)), "path is empty"),
        ([1, 2], r"path \(2,\) must be \(n, 2\)"),
        (np.ones((3, 3)), r"path \(3, 3\) must be \(n, 2\)"),
        ([[0, 1], [np.inf, 1]], "path holds inf at row 1, column 0"),
    ],
)
def test_paths_that_cannot_be_drawn(path, said):
    with pytest.raises(ValueError, match=said):
        descent_path(bowl, path)


def test_an_end_and_its_path_are_not_a_path():
    with pytest.raises(TypeError, match=r"gradient_descent gives \(end, path\), take path"):
        descent_path(bowl, xn.gradient_descent(bowl, np.ones(2)))
    descent_path(bowl, ((0, 0), (1, 1)))


def test_a_function_of_two_arguments_is_told_of_points():
    with pytest.raises(TypeError, match=r"let it take points \(\.\.\., 2\)"):
        gradient_field(lambda a, b: a + b)
