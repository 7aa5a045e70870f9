"""Contracts of all plots: axes given and returned, labels, no global settings, and a clear error without matplotlib."""

import inspect
import subprocess
import sys

import numpy as np
import pytest

import xpnet as xn
from xpnet import plots


def bowl(x):
    return x[..., 0] ** 2 + x[..., 1] ** 2


X = np.asarray([[-1.0, 0.0], [1.0, 0.5], [2.0, -1.0]])

DRAW = {
    "confusion_matrix": lambda **ax: plots.confusion_matrix([0, 1], [0, 0], **ax),
    "decision_regions": lambda **ax: plots.decision_regions(
        lambda x: x[:, 0] > 0, X, [False, True, True], **ax
    ),
    "descent_path": lambda **ax: plots.descent_path(bowl, X, **ax),
    "fitted_curve": lambda **ax: plots.fitted_curve([1, 2], [3, 4], lambda x: x, **ax),
    "function": lambda **ax: plots.function(np.tanh, **ax),
    "gradient_field": lambda **ax: plots.gradient_field(bowl, **ax),
    "jacobian": lambda **ax: plots.jacobian(np.eye(2), **ax),
    "learning_curves": lambda **ax: plots.learning_curves({"loss": [1, 0.5]}, **ax),
    "network": lambda **ax: plots.network(
        xn.Model(xn.Dense(2), loss="mse", optimizer="sgd", backend="numpy").build((2,)), **ax
    ),
    "tangent_line": lambda **ax: plots.tangent_line(np.tanh, 1, **ax),
    "tangent_plane": lambda **ax: plots.tangent_plane(bowl, (1, 1), **ax),
    "weight_histograms": lambda **ax: plots.weight_histograms({"weight": X}, **ax),
}
SOLID = {"tangent_plane"}


def test_every_picture_is_here():
    assert {*DRAW, "Live", "COLOURS"} == set(plots.__all__)
    for name in DRAW:
        parameter = inspect.signature(getattr(plots, name)).parameters["ax"]
        assert (parameter.default, parameter.kind) == (None, inspect.Parameter.KEYWORD_ONLY)


@pytest.mark.parametrize("name", DRAW)
def test_axes_of_a_new_figure_are_labelled(name, figures):
    before = dict(figures.rcParams)
    ax = DRAW[name]()
    assert len(figures.get_fignums()) == 1
    assert ax.figure.get_layout_engine().__class__.__name__ == "ConstrainedLayoutEngine"
    assert dict(figures.rcParams) == before
    if name == "network":  # its captions are texts
        assert not ax.axison
    else:
        assert ax.get_xlabel()
        assert ax.get_ylabel()
        sizes = [label.get_fontsize() for label in (ax.xaxis.label, ax.yaxis.label, *ax.get_xticklabels())]
        assert min(sizes) >= 10
    if name not in ("confusion_matrix", "gradient_field", "jacobian", "weight_histograms"):
        assert ax.get_legend() is not None


@pytest.mark.parametrize("name", DRAW)
def test_axes_given_are_drawn_on_and_returned(name, figures):
    kind = {"projection": "3d"} if name in SOLID else {}
    ax = figures.subplots(subplot_kw=kind)[1]
    assert DRAW[name](ax=ax) is ax
    assert len(figures.get_fignums()) == 1
    assert ax.has_data() or ax.images


@pytest.mark.parametrize("name", DRAW)
def test_other_objects_than_axes_are_refused(name, figures):
    several = figures.subplots(1, 2)[1]
    with pytest.raises(TypeError, match=r"ax: one Axes was wanted, such as plt\.subplots.* a ndarray came"):
        DRAW[name](ax=several)


@pytest.mark.parametrize("name", [*DRAW, "Live"])
def test_without_matplotlib_the_error_says_what_to_install(name, monkeypatch):
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    with pytest.raises(xn.MissingExtraError, match=r"xpnet\.plots .*: pip install 'xpnet\[plots\]'"):
        plots.Live(print) if name == "Live" else DRAW[name]()


def test_the_room_opens_without_matplotlib():
    code = "import sys; sys.modules['matplotlib'] = None; import xpnet as xn; print(len(xn.plots.__all__))"
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", code], capture_output=True, text=True, check=False
    )
    assert (done.stdout.strip(), done.stderr) == (str(len(plots.__all__)), "")
