"""Parameters in PyTorch's names and layouts: the same outputs on both sides, whichever made them."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import xpnet as xn

RNG = np.random.default_rng(0)


def trained(network, *input_shape, **options):
    model = xn.Model(network, loss="softmax_cross_entropy", optimizer="adam", dtype="float64", **options)
    model.fit(RNG.standard_normal((12, *input_shape)) + 1, np.arange(12) % 3, epochs=2)
    return model


def test_names_and_layouts(xpnet_backend):
    if not xpnet_backend.capabilities.computes:
        pytest.skip(f"{xpnet_backend.name} holds no values")
    network = xn.Sequential(xn.Dense(5), ("norm", xn.BatchNorm()), xn.Residual(xn.LayerNorm()), xn.Dense(3))
    model = trained(network, 4, backend=xpnet_backend.name)
    state = xn.io.to_torch(model)
    arrays = {name: xpnet_backend.to_numpy(x) for name, x in {**model.params, **model.buffers}.items()}
    assert {name: x.shape for name, x in state.items()} == {
        "0.weight": (5, 4),
        "0.bias": (5,),
        "3.weight": (3, 5),
        "3.bias": (3,),
        **dict.fromkeys(("norm.weight", "norm.bias", "norm.running_mean", "norm.running_var"), (5,)),
        **dict.fromkeys(("2.0.weight", "2.0.bias"), (5,)),
    }
    assert np.array_equal(state["0.weight"], arrays["0.weight"].T)
    assert np.array_equal(state["norm.running_var"], arrays["norm.var"])
    fresh = xn.Model(
        network, loss="mse", optimizer="sgd", dtype="float64", seed=1, backend=xpnet_backend.name
    ).build((4,))
    xn.io.from_torch(fresh, state)
    for name, x in {**fresh.params, **fresh.buffers}.items():
        assert xpnet_backend.owns(x)
        assert np.array_equal(xpnet_backend.to_numpy(x), arrays[name])


def pair(torch):
    """A network of images here, and the same there."""
    t = torch.nn
    ours = xn.Sequential(
        xn.Conv2D(4, (3, 1), padding=(1, 0), groups=2), xn.GroupNorm(2), xn.BatchNorm(),
        xn.Permute((3, 1, 2)), xn.Flatten(), xn.Dense(5), xn.PReLU(shared=False),
        xn.RMSNorm(), xn.Dense(4, bias=False), xn.LayerNorm(), xn.Dense(3),
    )  # fmt: skip
    theirs = t.Sequential(
        t.Conv2d(4, 4, (3, 1), padding=(1, 0), groups=2), t.GroupNorm(2, 4), t.BatchNorm2d(4),
        t.Identity(), t.Flatten(), t.Linear(36, 5), t.PReLU(5),
        t.RMSNorm(5), t.Linear(5, 4, bias=False), t.LayerNorm(4), t.Linear(4, 3),
    )  # fmt: skip
    return ours, theirs.double()


def test_a_trained_network_gives_the_same_there():
    torch = pytest.importorskip("torch", reason="PyTorch, the peer to compare with, is not installed")
    ours, theirs = pair(torch)
    model = trained(ours, 3, 3, 4)
    theirs.load_state_dict({name: torch.tensor(x) for name, x in xn.io.to_torch(model).items()})
    x = RNG.standard_normal((7, 3, 3, 4))
    wanted = theirs.eval()(torch.tensor(x).movedim(-1, 1)).detach().numpy()
    assert np.abs(model.forward(x) - wanted).max() < 1e-12


def test_a_state_dict_gives_the_same_here():
    torch = pytest.importorskip("torch", reason="PyTorch, the peer to compare with, is not installed")
    ours, theirs = pair(torch)
    x = RNG.standard_normal((7, 3, 3, 4))
    theirs(torch.tensor(x).movedim(-1, 1))  # moves the running statistics
    model = xn.Model(ours, loss="mse", optimizer="sgd", dtype="float64").build((3, 3, 4))
    xn.io.from_torch(model, theirs.state_dict())
    wanted = theirs.eval()(torch.tensor(x).movedim(-1, 1)).detach().numpy()
    assert np.abs(model.forward(x) - wanted).max() < 1e-12


def test_layers_under_other_numbers_are_taken_in_order():
    """An activation of a Dense is a layer of its own there, also within a container."""
    torch = pytest.importorskip("torch", reason="PyTorch, the peer to compare with, is not installed")
    t = torch.nn
    theirs = t.Sequential(
        t.Flatten(),
        t.Linear(4, 5),
        t.ReLU(),
        t.Sequential(t.Linear(5, 5), t.Tanh(), t.Linear(5, 5)),
        *(t.Dropout(), t.BatchNorm1d(5), t.Linear(5, 3)),
    ).double()
    ours = xn.Sequential(
        xn.Dense(5, "relu"), xn.Sequential(xn.Dense(5, "tanh"), xn.Dense(5)), xn.BatchNorm(), xn.Dense(3)
    )
    model = xn.Model(ours, loss="mse", optimizer="sgd", dtype="float64").build((4,))
    xn.io.from_torch(model, theirs.state_dict())
    x = RNG.standard_normal((7, 4))
    assert np.abs(model.forward(x) - theirs.eval()(torch.tensor(x)).detach().numpy()).max() < 1e-12
    before = model.forward(x)
    fewer = {name: x for name, x in theirs.state_dict().items() if not name.startswith("1.")}
    with pytest.raises(ValueError, match=r"state has no '0.weight', and of what it has \['3\.0\.bias'"):
        xn.io.from_torch(model, fewer)
    assert np.array_equal(model.forward(x), before)


@st.composite
def convolutions(draw):
    """(a layer here, its peer's class, the peer's options, the features in, the sizes)."""
    axes, transposed = draw(st.integers(1, 2)), draw(st.booleans())
    kernel, stride, sizes = (
        draw(st.tuples(*[st.integers(low, high)] * axes)) for low, high in ((1, 3), (1, 2), (3, 5))
    )
    groups = draw(st.integers(1, 3))
    a, out = (groups * draw(st.integers(1, 3)) for _ in range(2))
    given = {"stride": stride, "groups": groups, "bias": draw(st.booleans())}
    kind = f"{'Transpose' * transposed}{axes}"
    ours = getattr(xn, f"Conv{kind}D")(out, kernel, **given)
    return ours, f"Conv{kind}d", {"kernel_size": kernel, **given}, (a, out), sizes


@settings(max_examples=60, deadline=None, database=None, derandomize=True)
@given(drawn=convolutions(), seed=st.integers(0, 2**32 - 1))
def test_convolutions_of_every_kind_go_there_and_back(drawn, seed):
    torch = pytest.importorskip("torch", reason="PyTorch, the peer to compare with, is not installed")
    layer, kind, options, features, sizes = drawn
    theirs = getattr(torch.nn, kind)(*features, **options).double()
    x = np.random.default_rng(seed).standard_normal((2, *sizes, features[0]))
    model = xn.Model(layer, loss="mse", optimizer="sgd", dtype="float64", seed=seed).build(x.shape[1:])
    theirs.load_state_dict({name: torch.tensor(value) for name, value in xn.io.to_torch(model).items()})
    there = xn.Model(layer, loss="mse", optimizer="sgd", dtype="float64", seed=1).build(x.shape[1:])
    xn.io.from_torch(there, theirs.state_dict())
    wanted = theirs(torch.tensor(x).movedim(-1, 1)).movedim(1, -1).detach().numpy()
    assert np.abs(model.forward(x) - wanted).max() < 1e-12
    assert np.array_equal(there.forward(x), model.forward(x))


def test_a_transposed_convolution_has_its_inputs_first_there():
    """(kernel, in / groups, out) here, (in, out / groups, kernel) there, group by group."""
    layer = xn.ConvTranspose1D(6, 5, groups=2)
    model = xn.Model(layer, loss="mse", optimizer="sgd", backend="numpy").build((4, 8))
    ours, theirs = model.params["weight"], xn.io.to_torch(model)["weight"]
    assert (ours.shape, theirs.shape) == ((5, 4, 6), (8, 3, 5))
    for k, i, o, g in np.ndindex(5, 4, 3, 2):
        assert theirs[4 * g + i, o, k] == ours[k, i, 3 * g + o]
    model.params = {name: 0 * x for name, x in model.params.items()}
    xn.io.from_torch(model, {"weight": theirs, "bias": np.ones(6)})
    assert np.array_equal(model.params["weight"], ours)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda s: s.pop("1.running_var"), "state has no '1.running_var'"),
        (lambda s: s.update({"2.weight": np.ones(3)}), "'2.weight' is not an array of this network"),
        (
            lambda s: s.update({"0.weight": np.ones((4, 5))}),
            r"'0.weight' is \(4, 5\), this network's is \(5, 4\)",
        ),
        (lambda s: s.update({"0.weight": np.ones(5)}), r"'0.weight' is \(5,\)"),
        (lambda s: s.update({"0.weight": np.full((5, 4), np.nan)}), "nan"),
        (lambda s: s.update({"1.running_mean": np.full(5, np.inf)}), "inf"),
    ],
)
def test_a_state_that_does_not_fit_changes_nothing(change, message):
    model = trained(xn.Sequential(xn.Dense(5), xn.BatchNorm(), xn.Tanh()), 4, backend="numpy")
    state = xn.io.to_torch(model)
    before = {name: x.copy() for name, x in state.items()}
    change(state)
    with pytest.raises(ValueError, match=message):
        xn.io.from_torch(model, state)
    after = xn.io.to_torch(model)
    assert all(np.array_equal(after[name], x) for name, x in before.items())
    with pytest.raises(
        TypeError, match=r"state: a dict of arrays by name was wanted, such as module.state_dict\(\)"
    ):
        xn.io.from_torch(model, "weights.pt")
