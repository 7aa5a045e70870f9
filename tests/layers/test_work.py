"""How many multiply-adds a network takes for a sample, counted by hand."""

import pytest

import xpnet as xn
from xpnet.layers import sample_work

ROWS = {
    "dense": (xn.Sequential(xn.Dense(5, "relu"), xn.Dropout(0.5), xn.Dense(3)), (4,), [4 * 5, 5 * 3]),
    "dense on a sequence": (xn.Dense(5), (7, 4), [7 * 4 * 5]),
    "convolution": (
        xn.Sequential(xn.Conv2D(8, 3), xn.Flatten(), xn.Dense(10)),
        (6, 6, 2),
        [36 * 9 * 2 * 8, 16 * 8 * 10],
    ),
    "transposed": (xn.ConvTranspose1D(3, 4, stride=2), (5, 2), [12 * 4 * 2 * 3]),
    "recurrent": (
        xn.Sequential(xn.Embedding(99, 4), xn.GRU(6, last=True), xn.Dense(2)),
        (9,),
        [9 * 4 * 18, 9 * 6 * 18, 12],
    ),
    "attention": (xn.Residual(xn.LayerNorm(), xn.MultiHeadAttention(2)), (3, 4), [3 * 4 * 12, 3 * 4 * 4]),
    "nothing to multiply": (xn.Sequential(xn.ReLU(), xn.BatchNorm()), (4,), []),
}


@pytest.mark.parametrize("row", ROWS)
def test_products(row):
    network, shape, wanted = ROWS[row]
    assert sample_work(network, shape).products == wanted


def test_elements_between_layers():
    """26 x 26 x 8 outputs and 9 window elements at 28 x 28 places, pooled to 13 x 13 x 8, flat, and 10 outputs."""
    convolution = xn.Conv2D(8, 3, activation="relu"), xn.MaxPool2D(2), xn.Flatten(), xn.Dense(10)
    wanted = 26 * 26 * 8 + 9 * 28 * 28 + 2 * 13 * 13 * 8 + 10
    assert sample_work(xn.Sequential(*convolution), (28, 28, 1)).elements == wanted
    normed = xn.Sequential(xn.Dense(5), xn.BatchNorm(), xn.ReLU())
    assert sample_work(normed, (3,)).elements == 3 * 5


def test_no_parameters_are_drawn():
    huge = xn.Sequential(xn.Dense(10**6), xn.Dense(10**6))
    assert sample_work(huge, (10**6,)).products == [10**12, 10**12]


def test_a_layer_of_several_inputs():
    assert sample_work(xn.MultiHeadAttention(1), ((2, 4), (5, 4))).products == [2 * 4 * 12, 2 * 4 * 4]
