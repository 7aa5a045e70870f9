"""How many multiply-adds a network takes for a sample, counted by hand."""

import pytest

import xpnet as xn
from xpnet.layers import products

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
    assert products(network, shape) == wanted


def test_no_parameters_are_drawn():
    huge = xn.Sequential(xn.Dense(10**6), xn.Dense(10**6))
    assert products(huge, (10**6,)) == [10**12, 10**12]


def test_a_layer_of_several_inputs():
    assert products(xn.MultiHeadAttention(1), ((2, 4), (5, 4))) == [2 * 4 * 12, 2 * 4 * 4]
