"""Networks: as many circles and lines as units and weights, in the colours of their signs."""

import numpy as np
import pytest

import xpnet as xn
from xpnet.plots import network

collections = pytest.importorskip(
    "matplotlib.collections", reason="matplotlib is not installed: pip install 'xpnet[plots]'"
)
BLUE, RED = (0, 0x72 / 255, 0xB2 / 255, 1), (0xD5 / 255, 0x5E / 255, 0, 1)


def built(*layers, shape, backend="numpy"):
    model = xn.Model(xn.Sequential(*layers), loss="mse", optimizer="sgd", backend=backend, dtype="float64")
    return model.build(shape)


def columns(ax):
    """The circles of each column, (units drawn, 2), left to right."""
    return [c.get_offsets() for c in ax.collections if isinstance(c, collections.PathCollection)]


def lines(ax):
    """(start, end, colour, width) of each weight's line."""
    return [
        (*map(tuple, segment), tuple(colour), float(width))
        for c in ax.collections
        if isinstance(c, collections.LineCollection)
        for segment, colour, width in zip(c.get_segments(), c.get_colors(), c.get_linewidths(), strict=True)
    ]


def texts(ax):
    return [text.get_text() for text in ax.texts]


def test_a_tiny_network_with_its_numbers(backend):
    model = built(xn.Dense(2, "sigmoid"), xn.Dense(1, bias=False), shape=(1,), backend=backend)
    model.params = {
        "0.weight": backend.asarray(np.asarray([[0.5, -2.0]])),
        "0.bias": backend.asarray(np.asarray([0.0, 3.0])),
        "1.weight": backend.asarray(np.asarray([[-1.0], [1.5]])),
    }
    ax = network(model)
    assert [len(column) for column in columns(ax)] == [1, 2, 1]
    drawn = lines(ax)
    assert [line[:2] for line in drawn] == [
        ((0, 0), (1, 0.5)), ((0, 0), (1, -0.5)), ((1, 0.5), (2, 0)), ((1, -0.5), (2, 0)),
    ]  # fmt: skip
    assert [line[2] for line in drawn] == [BLUE, RED, RED, BLUE]
    widths = [line[3] for line in drawn]
    assert np.argsort(widths).tolist() == [0, 2, 3, 1]  # as the magnitudes
    assert {"0.5", "-2", "-1", "1.5", "b 0", "b 3"} <= set(texts(ax))
    assert {"input\n1 unit", "hidden 1\n2 units\nsigmoid", "output\n1 unit"} <= set(texts(ax))
    legend = ax.get_legend()
    assert legend.get_title().get_text() == "thickest line: |w| = 2, fullest unit: |b| = 3"
    assert [text.get_text() for text in legend.get_texts()] == [
        "weight > 0",
        "weight < 0",
        "bias > 0",
        "bias < 0",
    ]
    fills = [c.get_facecolors() for c in ax.collections if isinstance(c, collections.PathCollection)]
    assert np.allclose(fills[1][0], 1)  # no bias, no colour
    assert fills[1][1][2] > fills[1][1][0]  # a positive one is blue


def test_negative_weights_are_dashed_too():
    model = built(xn.Dense(1), shape=(2,))
    model.params = {**model.params, "0.weight": np.asarray([[1.0], [-1.0]])}
    (collection,) = (c for c in network(model).collections if isinstance(c, collections.LineCollection))
    solid, dashed = (dashes for _, dashes in collection.get_linestyles())
    assert solid is None
    assert dashed is not None


def test_large_layers_show_their_ends_and_their_size():
    model = built(xn.Dense(100), xn.ReLU(), xn.Dense(10), shape=(11,))
    ax = network(model)
    assert [len(column) for column in columns(ax)] == [9, 9, 10]
    assert texts(ax).count("⋮") == 2
    assert "hidden 1\n100 units\nReLU" in texts(ax)
    assert not any(text.startswith("b ") for text in texts(ax))
    weight = model.params["0.weight"]
    first, last = lines(ax)[0], lines(ax)[80]
    assert first[2] == (BLUE if weight[0, 0] > 0 else RED)
    assert last[2] == (BLUE if weight[10, 99] > 0 else RED)
    largest = max(np.abs(p).max() for name, p in model.params.items() if name.endswith("weight"))
    assert last[3] == pytest.approx(0.3 + 3.7 * abs(weight[10, 99]) / largest)


def test_layers_without_lines_are_named_between_columns():
    model = built(
        xn.Flatten(),
        xn.Sequential(xn.Dense(3), xn.Dropout(0.2), xn.Tanh()),
        xn.Concatenate(xn.Dense(2), xn.Dense(4)),
        xn.Dense(1),
        shape=(2, 2),
    )
    ax = network(model)
    assert [len(column) for column in columns(ax)] == [4, 3, 6, 1]
    assert len(lines(ax)) == 4 * 3 + 6  # none into what Concatenate makes
    assert "input\n2 x 2" in texts(ax)
    assert "Flatten" in texts(ax)
    assert "Dropout(rate=0.2)\nTanh\nConcatenate" in texts(ax)


def test_one_dense_layer_and_zeros_only(figures):
    model = xn.Model(xn.Dense(1), loss="mse", optimizer="sgd", backend="numpy").build((1,))
    model.params = {"weight": np.zeros((1, 1), "float32"), "bias": np.zeros(1, "float32")}
    given = figures.subplots()[1]
    assert network(model, ax=given) is given
    assert len(lines(given)) == 1


def test_models_that_cannot_be_drawn():
    unbuilt = xn.Model(xn.Dense(1), loss="mse", optimizer="sgd")
    with pytest.raises(ValueError, match=r"model has no parameters to draw yet: call fit, or build"):
        network(unbuilt)
    with pytest.raises(ValueError, match="no Dense layer to draw"):
        network(built(xn.Flatten(), shape=(2, 2)))
    with pytest.raises(TypeError, match=r"model: an xn\.Model was wanted, a Sequential came"):
        network(xn.Sequential(xn.Dense(1)))
