"""Initial parameters: their variance, and what they depend on."""

import math

import numpy as np
import pytest

from xpnet import init
from xpnet.layers import BatchNorm, Concatenate, Dense, Dropout, ReLU, Residual, Sequential, flatten

FAN_IN, FAN_OUT = 200, 300
VARIANCE = {"glorot": 2 / (FAN_IN + FAN_OUT), "he": 2 / FAN_IN, "lecun": 1 / FAN_IN}


def draw(spec, shape=(FAN_IN, FAN_OUT), dtype="float64", seed=0):
    return init.initializer(spec)(np.random.default_rng(seed), shape, dtype)


def weights(network, *input_shape, seed=0):
    return flatten(network.init(np.random.default_rng(seed), input_shape, "float64")[0])


@pytest.mark.parametrize("distribution", ["normal", "uniform"])
@pytest.mark.parametrize("name", VARIANCE)
def test_variance(name, distribution):
    """60,000 draws know a variance to 0.6 %."""
    w = draw((name, distribution))
    assert abs(w.var() / VARIANCE[name] - 1) < 0.03
    assert abs(w.mean()) < 5 * math.sqrt(VARIANCE[name] / w.size)
    largest = np.abs(w).max() / math.sqrt(VARIANCE[name])
    if distribution == "uniform":  # its limit is sqrt(3) deviations
        assert 1.73 < largest <= math.sqrt(3)
    else:
        assert 3.5 < largest < 6


def test_the_default_distributions():
    assert np.array_equal(draw("glorot"), draw(("glorot", "uniform")))
    assert np.array_equal(draw("he"), draw(("he", "normal")))
    assert np.array_equal(draw("lecun"), draw(("lecun", "normal")))


def test_plain_distributions():
    w = draw(("normal", 0.5, 3.0))
    assert abs(w.std() - 0.5) < 0.01
    assert abs(w.mean() - 3) < 0.01
    w = draw(("uniform", 2.0, 4.0))
    assert 2 <= w.min() < 2.01
    assert 3.99 < w.max() < 4
    assert (draw("zeros", (3,)) == 0).all()
    assert (draw("ones", (3,)) == 1).all()


@pytest.mark.parametrize(
    ("std", "mean", "low", "high"), [(1.0, 0.0, -2.0, 2.0), (0.5, 0.2, -0.1, 3.0), (2.0, 5.0, 6.0, 9.0)]
)
def test_a_truncated_normal_has_its_mean_and_variance(std, mean, low, high):
    """Of N(0, 1) cut to [a, b]: mean (f(a) - f(b)) / Z, variance 1 + (a f(a) - b f(b)) / Z - mean^2."""
    w = draw(("truncated_normal", std, mean, low, high))
    a, b = (low - mean) / std, (high - mean) / std
    fa, fb = (math.exp(-z * z / 2) / math.sqrt(2 * math.pi) for z in (a, b))
    z = (math.erf(b / math.sqrt(2)) - math.erf(a / math.sqrt(2))) / 2
    shift = (fa - fb) / z
    assert low <= w.min() < low + 0.01 * (high - low)
    assert w.max() <= high
    assert abs(w.mean() - mean - std * shift) < 5 * std / math.sqrt(w.size)
    assert abs(w.var() / std**2 / (1 + (a * fa - b * fb) / z - shift**2) - 1) < 0.03


@pytest.mark.parametrize("shape", [(40, 30), (30, 40), (3, 3, 4, 8), (2, 5, 40), (1, 3)])
def test_an_orthogonal_matrix(shape):
    w = draw(("orthogonal", 1.5), shape)
    matrix = w.reshape(-1, shape[-1])
    small = matrix.T @ matrix if matrix.shape[0] >= matrix.shape[1] else matrix @ matrix.T
    assert w.shape == shape
    assert np.abs(small - 1.5**2 * np.eye(len(small))).max() < 1e-13


def test_an_orthogonal_matrix_has_no_favourite_direction():
    """QR as LAPACK gives it leaves a diagonal of one sign."""
    drawn = np.stack([draw("orthogonal", (3, 3), seed=seed) for seed in range(2000)])
    assert np.abs(drawn.mean(axis=0)).max() < 5 / math.sqrt(3 * 2000)  # each element has the variance 1/3
    assert np.abs(drawn.var(axis=0) * 3 - 1).max() < 0.15


def test_the_identity_where_it_is_not_square():
    assert np.array_equal(draw("identity", (3, 2)), [[1, 0], [0, 1], [0, 0]])
    assert np.array_equal(draw(("identity", 2.0), (2, 3)), [[2, 0, 0], [0, 2, 0]])


def test_initial_values_beside_pytorchs():
    """The same sizes and the same laws; the draws themselves are each library's own."""
    torch = pytest.importorskip("torch", reason="PyTorch, the peer to compare with, is not installed")
    assert np.array_equal(draw("identity", (3, 5)), torch.nn.init.eye_(torch.empty(5, 3)).T)
    for spec, fill in (
        ("truncated_normal", torch.nn.init.trunc_normal_),
        ("orthogonal", torch.nn.init.orthogonal_),
        (("orthogonal", 2.0), lambda x: torch.nn.init.orthogonal_(x, 2.0)),
    ):
        torch.manual_seed(3)
        ours, theirs = draw(spec), fill(torch.empty(FAN_OUT, FAN_IN)).numpy().T
        assert abs(ours.std() / theirs.std() - 1) < 0.02
        assert np.allclose(
            *(np.quantile(w, [0.05, 0.25, 0.5, 0.75, 0.95]) for w in (ours, theirs)), atol=0.03
        )


@pytest.mark.parametrize(
    ("spec", "shape", "message"),
    [
        (
            ("truncated_normal", 1.0, 0.0, 5.0, 6.0),
            (3, 4),
            r"N\(0\.0, 1\.0\^2\) has almost no mass in \[5",
        ),
        (("truncated_normal", 0.0), (3, 4), "almost no mass"),
        ("orthogonal", (4,), "no input and output axes"),
        ("identity", (3, 3, 4), r"identity: a weight \(3, 3, 4\) is not a matrix"),
    ],
)
def test_initial_values_that_cannot_be(spec, shape, message):
    with pytest.raises(ValueError, match=message):
        draw(spec, shape)


def test_fans_of_a_weight():
    assert init.fans((5, 7)) == (5, 7)
    assert init.fans((3, 3, 16, 32)) == (144, 288)  # a 3 x 3 kernel from 16 to 32 channels
    with pytest.raises(ValueError, match="no input and output axes"):
        init.fans((5,))


def test_unknown_names():
    with pytest.raises(ValueError, match="initializer 'golrot' is unknown: did you mean 'glorot'"):
        init.initializer("golrot")
    with pytest.raises(ValueError, match="distribution 'normla' is unknown: did you mean 'normal'"):
        draw(("he", "normla"))


@pytest.mark.parametrize("name", init.INITIALIZERS)
def test_the_same_seed_draws_the_same_in_the_dtype_asked(name):
    for dtype in ("float32", "float64"):
        w = draw(name, dtype=dtype)
        assert w.dtype == dtype
        assert w.shape == (FAN_IN, FAN_OUT)
        assert np.array_equal(w, draw(name, dtype=dtype))
    assert np.array_equal(draw(name, dtype="float32"), draw(name).astype("float32"))
    if name not in ("zeros", "ones", "identity"):
        assert not np.array_equal(draw(name), draw(name, seed=1))


# In layers


@pytest.mark.parametrize("activation", ["relu", "leaky_relu", "elu"])
def test_rectified_units_start_from_he(activation):
    w = weights(Dense(FAN_OUT, activation), FAN_IN)["weight"]
    assert abs(w.var() * FAN_IN / 2 - 1) < 0.03


@pytest.mark.parametrize("activation", [None, "tanh", "sigmoid"])
def test_other_units_start_from_glorot(activation):
    w = weights(Dense(FAN_OUT, activation), FAN_IN)["weight"]
    assert abs(w.var() * (FAN_IN + FAN_OUT) / 2 - 1) < 0.03


def test_each_activation_has_its_default():
    assert [init.default(name) for name in ("gelu", "silu", "relu6")] == ["he"] * 3
    assert init.default("selu") == "lecun"
    assert init.default(None) == init.default("softmax") == init.default(len) == "glorot"
    assert all(name in init.INITIALIZERS for name in init.DEFAULTS.values())


def test_an_initializer_asked_for_is_taken():
    assert (weights(Dense(4, "relu", initializer="ones"), 3)["weight"] == 1).all()
    w = weights(Dense(FAN_OUT, initializer=("normal", 0.01)), FAN_IN)["weight"]
    assert abs(w.std() / 0.01 - 1) < 0.02
    identity = weights(Dense(3, initializer=lambda rng, shape, dtype: np.eye(*shape, dtype=dtype)), 3)
    assert np.array_equal(identity["weight"], np.eye(3))


def test_biases_start_at_zero():
    params = weights(Sequential(Dense(4, "relu"), Residual(Dense(4)), Dense(2, bias=False)), 3)
    biases = [name for name in params if name.endswith("bias")]
    assert biases == ["0.bias", "1.0.bias"]
    assert not any(params[name].any() for name in biases)


def test_a_network_from_the_same_seed_is_the_same():
    network = Sequential(Dense(5), Concatenate(Dense(2), Dense(2)), Residual(Dense(4)))
    first, again, other = (weights(network, 3, seed=seed) for seed in (4, 4, 5))
    assert all(np.array_equal(first[name], again[name]) for name in first)
    assert not any(np.array_equal(first[name], other[name]) for name in first if name.endswith("weight"))
    drawn = [first[name].ravel()[:4].tolist() for name in first if name.endswith("weight")]
    assert len({tuple(values) for values in drawn}) == 4  # each layer has its own stream


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (Concatenate(Dense(5), Dense(4)), Concatenate(Dense(50, "relu"), Dense(4))),
        (Concatenate(Sequential(Dense(2), Dense(3)), Dense(4)), Concatenate(Dropout(0.1), Dense(4))),
        (Sequential(BatchNorm(), Dense(4)), Sequential(ReLU(), Dense(4))),
        (Sequential(Dense(3), Dense(4)), Sequential(Dense(3, "tanh", initializer="zeros"), Dense(4))),
        (Sequential(ReLU(), ("a", Dense(4))), Sequential(Residual(Dense(3)), ("b", Dense(4)))),
    ],
    ids=repr,
)
def test_a_childs_weights_do_not_depend_on_its_siblings(one, other):
    """Its generator is spawned from its place among them, whatever they draw."""
    last = [list(weights(network, 3).items())[-2] for network in (one, other)]
    assert [name.rpartition(".")[2] for name, _ in last] == ["weight", "weight"]
    assert np.array_equal(last[0][1], last[1][1])
