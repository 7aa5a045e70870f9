"""A layer is a frozen description: equal by value, hashable, shown as the call that makes it."""

import inspect
from dataclasses import FrozenInstanceError, dataclass

import numpy as np
import pytest

from xpnet import layers, ops
from xpnet.layers import (
    CELU,
    ELU,
    GELU,
    LAYERS,
    Activation,
    BatchNorm,
    Concatenate,
    Dense,
    Dropout,
    Flatten,
    HardTanh,
    Layer,
    LeakyReLU,
    Pass,
    PReLU,
    ReLU,
    Residual,
    Sequential,
    Softmax,
    Softplus,
    Tanh,
)
from xpnet.namespace import namespace
from xpnet.testing import layer_case, prove

SHOWN = {
    "Dense(3)": lambda: Dense(3),
    "Dense(3, activation='relu')": lambda: Dense(3, "relu"),
    "Dense(3, bias=False, initializer=('normal', 0.1))": lambda: Dense(
        3, bias=False, initializer=("normal", 0.1)
    ),
    "ReLU()": ReLU,
    "Tanh()": Tanh,
    "ELU(alpha=0.5)": lambda: ELU(0.5),
    "LeakyReLU()": lambda: LeakyReLU(0.01),
    "GELU(approximate=True)": lambda: GELU(True),
    "Softplus(threshold=5.0)": lambda: Softplus(threshold=5.0),
    "PReLU(shared=False)": lambda: PReLU(shared=False),
    "Activation('gelu')": lambda: Activation(ops.gelu),
    "Activation('elu', alpha=0.5)": lambda: Activation("elu", alpha=np.float64(0.5)),
    "Dense(3, activation=LeakyReLU(alpha=0.2))": lambda: Dense(3, LeakyReLU(0.2)),
    "Dense(3, activation='tanh')": lambda: Dense(3, ops.tanh),
    "Dropout()": lambda: Dropout(0.5),
    "Dropout(rate=0.2)": lambda: Dropout(0.2),
    "BatchNorm(eps=0.001)": lambda: BatchNorm(eps=1e-3),
    "GroupNorm(2)": lambda: layers.GroupNorm(2),
    "RMSNorm(axes=2)": lambda: layers.RMSNorm(axes=2),
    "SpatialDropout(rate=0.2)": lambda: layers.SpatialDropout(0.2),
    "Reshape((2, -1))": lambda: layers.Reshape([2, np.int64(-1)]),
    "Permute((2, 1))": lambda: layers.Permute((2, 1)),
    "MultiHeadAttention(4, features=64)": lambda: layers.MultiHeadAttention(np.int64(4), 64),
    "PositionEmbedding(9)": lambda: layers.PositionEmbedding(9),
    "TransformerBlock(2, activation='gelu', norm_first=True)": lambda: layers.TransformerBlock(
        2, activation=ops.gelu, norm_first=True
    ),
    "Repeat(Dense(2), 3)": lambda: layers.Repeat(Dense(2), 3),
    "Repeat(('again', Tanh()), 3)": lambda: layers.Repeat(("again", Tanh()), 3),
    "Upsample(factor=3, method='linear')": lambda: layers.Upsample(3, "linear"),
    "Sequential()": Sequential,
    "Sequential(Dense(2), ('out', Softmax()))": lambda: Sequential(Dense(2), ("out", Softmax())),
    "Residual(Dense(2), Tanh())": lambda: Residual(Dense(2), Tanh()),
    "Concatenate(Flatten(), Sequential(Dropout(rate=0.1)))": lambda: Concatenate(
        Flatten(), Sequential(Dropout(0.1))
    ),
}


@pytest.mark.parametrize("shown", SHOWN)
def test_a_layer_is_shown_as_the_call_that_makes_it(shown):
    layer = SHOWN[shown]()
    assert repr(layer) == shown
    assert eval(shown, vars(layers)) == layer


@pytest.mark.parametrize("shown", SHOWN)
def test_layers_are_equal_by_value_and_hashable(shown):
    one, two = SHOWN[shown](), SHOWN[shown]()
    assert one == two
    assert hash(one) == hash(two)
    assert {one: "found"}[two] == "found"
    assert [other for other, make in SHOWN.items() if make() == one] == [shown]


def test_layers_of_the_same_fields_differ_by_their_kind():
    assert ReLU() != Tanh()
    assert ELU(0.01) != LeakyReLU(0.01)
    assert Sequential(Dense(2)) != Residual(Dense(2))
    assert Sequential(Dense(2)) != Sequential(("a", Dense(2)))


def test_layers_are_frozen():
    with pytest.raises(FrozenInstanceError):
        Dense(3).units = 4
    with pytest.raises(FrozenInstanceError):
        Sequential(Dense(3)).children = ()


def test_the_table_holds_every_layer():
    """A model file may name these; what is missing could be saved and not loaded."""
    kinds = {
        value
        for value in vars(layers).values()
        if isinstance(value, type) and issubclass(value, Layer) and value.forward is not Layer.forward
    }
    assert set(LAYERS.values()) == kinds - {layers.Stateless, layers.Container}


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Dense(0), "Dense: units 0 must be a positive integer"),
        (lambda: Dense(True), "Dense: units True"),
        (lambda: Dense(2.0), r"Dense: units 2\.0"),
        (lambda: Dense(2, "rleu"), "activation 'rleu' is unknown: did you mean 'relu'"),
        (lambda: Dense(2, initializer="hee"), "initializer 'hee' is unknown: did you mean 'he'"),
        (lambda: Dropout(1), r"Dropout: rate 1 is not in \[0, 1\)"),
        (lambda: Dropout("0.5"), "Dropout: rate '0.5'"),
        (lambda: BatchNorm(-0.1), r"BatchNorm: momentum -0\.1 is not in \[0, 1\]"),
        (lambda: BatchNorm(1.1), r"BatchNorm: momentum 1\.1"),
        (lambda: BatchNorm(eps=0), "BatchNorm: eps 0 must be a finite number above 0"),
        (lambda: BatchNorm(eps=-1.0), r"BatchNorm: eps -1\.0"),
        (lambda: Dense(2, ReLU), "activation the class ReLU is unknown"),
        (lambda: Dense(2, PReLU()), r"activation PReLU\(\) has parameters or a mode: put it after the layer"),
        (lambda: Activation("gelo"), "Activation 'gelo' is unknown: did you mean 'gelu'"),
        (lambda: Activation("elu", alhpa=1.0), "elu: option 'alhpa' is unknown: did you mean 'alpha'"),
        (lambda: Activation("elu", alpha="1"), "elu: alpha '1' must be a finite number"),
        (lambda: Activation("relu", alpha=1.0), r"relu has no options: alpha=1\.0 cannot be given"),
        (lambda: GELU("tanh"), "GELU: approximate 'tanh' must be True or False"),
        (lambda: Softmax(1.0), r"Softmax: axis 1\.0 must be an integer"),
        (lambda: HardTanh(1, -1), "HardTanh: min_val 1 must be below max_val -1"),
        (lambda: CELU(0), "CELU: alpha 0 must not be 0"),
        (lambda: Softplus(0.0), r"Softplus: beta 0\.0 must not be 0"),
        (lambda: PReLU(float("inf")), "PReLU: start inf must be a finite number"),
        (lambda: PReLU(shared=1), "PReLU: shared 1 must be True or False"),
        (lambda: LeakyReLU(float("nan")), "LeakyReLU: alpha nan must be a finite number"),
        (lambda: ELU("1"), "ELU: alpha '1'"),
    ],
)
def test_fields_that_cannot_be(make, message):
    with pytest.raises(ValueError, match=message):
        make()


@pytest.mark.parametrize(
    "layer",
    [
        Dropout(np.float64(0.5)),
        LeakyReLU(np.float64(0.1)),
        ELU(np.float64(0.1)),
        BatchNorm(np.float64(0.1), np.float64(1e-5)),
        layers.LayerNorm(np.float64(1e-5)),
        layers.RMSNorm(np.float64(1e-5)),
        layers.GroupNorm(np.int64(1), np.float64(1e-5)),
        layers.SpatialDropout(np.float64(0.5)),
    ],
    ids=lambda layer: type(layer).__name__,
)
def test_fields_from_numpy_leave_the_dtype_as_it_is(layer):
    """np.float64(0.1), as np.linspace gives it, times a float32 array is float64."""
    params, buffers, _ = layer.init(np.random.default_rng(0), (3,), "float32")
    run = Pass(train=True, grad=True, words=(np.zeros(2, "int32"), np.zeros(1, "int32")))
    y, pullback = layer.forward({**params, **buffers}, np.ones((4, 3), "float32"), run.context(wants_dx=True))
    dx, grads = pullback(np.ones((4, 3), "float32"))
    for array in (y, dx, *grads.values(), *run.updates.values()):
        assert array.dtype == "float32"


@pytest.mark.parametrize("layer", [Dense(2), BatchNorm(), PReLU()], ids=repr)
def test_inputs_without_features_are_an_error(layer):
    with pytest.raises(ValueError, match=r"takes inputs \(n, \.\.\., features\), these are \(n,\)"):
        layer.init(np.random.default_rng(0), (), "float64")


# A layer of one's own


@dataclass(frozen=True)
class Scale(Layer):
    """y = x scale: one factor for each feature."""

    start: float = 1.0

    def init(self, rng, input_shape, dtype):
        return {"scale": np.full(input_shape[-1], self.start, dtype)}, {}, input_shape

    def forward(self, params, x, ctx):
        scale, xp = params["scale"], namespace(x)
        return x * scale, lambda dy: (dy * scale, {"scale": xp.sum(dy * x, axis=0)})


def test_a_layer_of_ones_own_takes_few_lines_and_passes_every_check(xpnet_backend):
    assert len(inspect.getsource(Scale).splitlines()) < 15
    prove(layer_case("Scale", Scale(2.0), 3, rows=(2, 0)), backends=[xpnet_backend.name])


def test_a_layer_of_ones_own_is_a_description_too():
    assert repr(Sequential(Scale(2.0), Scale())) == "Sequential(Scale(start=2.0), Scale())"
    assert {Scale(2.0): 1}[Scale(2.0)] == 1


def test_an_op_of_ones_own_is_an_activation():
    def square(x, /):
        return x * x, lambda dy: (2.0 * x * dy,)

    network = Sequential(Dense(2, square), Dense(2, ops.tanh))
    prove(layer_case("square", network, 3))
    assert hash(network) == hash(Sequential(Dense(2, square), Dense(2, ops.tanh)))


@pytest.mark.parametrize("axis", [0, 3, -3])
def test_softmax_stays_within_a_sample(axis):
    with pytest.raises(ValueError, match=f"axis {axis} is not one of a sample's, 1 to 2 or -2 to -1"):
        Softmax(axis).init(np.random.default_rng(0), (4, 5), "float64")


def test_the_gated_ones_halve_the_features():
    for layer in (layers.GLU(), layers.SwiGLU(), Activation("swiglu"), Dense(4, "glu")):
        assert layer.output_shape((3, 4)) == (3, 2)
    with pytest.raises(ValueError, match="'glu' halves the features, and takes an even number"):
        Dense(3, "glu").init(np.random.default_rng(0), (4,), "float64")


@pytest.mark.parametrize(
    ("activation", "initializer"),
    [
        ("gelu", "he"),
        (ops.relu, "he"),
        (LeakyReLU(0.2), "he"),
        (Activation("silu"), "he"),
        ("selu", "lecun"),
        ("tanh", "glorot"),
        (lambda x: (x, None), "glorot"),
    ],
)
def test_the_initialiser_follows_the_activation(activation, initializer):
    weights = [
        dense.init(np.random.default_rng(0), (5,), "float64")[0]["weight"]
        for dense in (Dense(4, activation), Dense(4, activation, initializer=initializer))
    ]
    assert np.array_equal(*weights)


def test_a_layer_without_forward_says_what_it_needs():
    with pytest.raises(TypeError, match=r"Layer must define forward\(params, x, ctx\) -> \(y, pullback\)"):
        Layer().forward({}, np.ones(1), None)
