"""Labels that do not count: whole trainings beside PyTorch's `ignore_index`, on every backend, and their edges."""

import numpy as np
import pytest

import xpnet as xn
from xpnet import io
from xpnet.data import shuffled

RNG = np.random.default_rng(8)
N, TIME, CLASSES, RATE = 12, 5, 3, 0.3
X = {False: RNG.standard_normal((N, 4)), True: RNG.standard_normal((N, TIME, 4))}
Y = {False: RNG.integers(0, CLASSES, N), True: RNG.integers(0, CLASSES, (N, TIME))}
HIDDEN = {key: RNG.random(y.shape) < 0.4 for key, y in Y.items()}
HIDDEN[True][3] = True  # a sample in which nothing counts
NET = xn.Sequential(xn.Dense(6, "tanh"), xn.Dense(CLASSES))


@pytest.fixture
def backend(xpnet_backend):
    if not xpnet_backend.capabilities.computes:
        pytest.skip(f"{xpnet_backend.name} holds no values")
    return xpnet_backend


def ignoring(several, label):
    """Labels of which some are the ignored one; where that is a class, all of that class."""
    return np.where(HIDDEN[several], label, Y[several])


def make(label=-100, *, backend="numpy", loss="softmax_cross_entropy", network=NET, **options):
    options = {"optimizer": xn.sgd(RATE), "dtype": "float64", "seed": 2, **options}
    named = loss if label is None else xn.Loss(loss, ignore_index=label)
    return xn.Model(network, loss=named, backend=backend, **options)


def peer(model, x, y, batches, label, *, reduction="mean", weight=None):
    """(the parameters after a step of PyTorch's on each batch, its losses before them)."""
    torch = pytest.importorskip("torch", reason="PyTorch, the peer to compare with, is not installed")
    numpy = model.backend.to_numpy
    params = {name: torch.tensor(numpy(p), requires_grad=True) for name, p in model.params.items()}
    losses = []
    for rows in batches:
        hidden = torch.tanh(torch.tensor(x[rows]) @ params["0.weight"] + params["0.bias"])
        logits = hidden @ params["1.weight"] + params["1.bias"]
        loss = torch.nn.functional.cross_entropy(
            logits.reshape(-1, CLASSES),
            torch.tensor(y[rows]).reshape(-1),
            ignore_index=-100 if label is None else label,
            reduction=reduction,
            weight=None if weight is None else torch.tensor(weight).double(),
        )
        grads = torch.autograd.grad(loss, list(params.values()))
        with torch.no_grad():
            for p, g in zip(params.values(), grads, strict=True):
                p -= RATE * g
        losses.append(loss.item())
    return {name: p.detach().numpy() for name, p in params.items()}, losses


def same(model, wanted, tolerance=1e-12):
    for name, p in model.params.items():
        assert np.abs(model.backend.to_numpy(p) - wanted[name]).max() <= tolerance, name


@pytest.mark.parametrize("reduction", ["mean", "sum"])
@pytest.mark.parametrize("label", [-100, 255, 1, None])
@pytest.mark.parametrize("several", [False, True], ids=["a label a sample", "several"])
def test_a_step_and_a_score_are_pytorchs(several, label, reduction, backend):
    x, y = X[several], Y[several] if label is None else ignoring(several, label)
    model = make(label, backend=backend, reduction=reduction).build(x.shape[1:])
    wanted, (loss,) = peer(model, x, y, [slice(None)], label, reduction=reduction)
    assert abs(model.evaluate(x, y)["loss"] - loss) <= 1e-12
    assert abs(model.partial_fit(x, y) - loss) <= 1e-12
    same(model, wanted)
    right = np.argmax(model.forward(x), axis=-1) == y
    counts = np.ones(y.shape, bool) if label is None else y != label
    assert abs(model.evaluate(x, y)["accuracy"] - right[counts].mean()) <= 1e-12


@pytest.mark.parametrize("several", [False, True], ids=["a label a sample", "several"])
@pytest.mark.parametrize("way", ["arrays", "accumulated", "stream", "file"])
def test_all_ways_to_train_are_pytorchs(several, way, backend, tmp_path):
    x, y = X[several], ignoring(several, -1)
    optimizer = xn.sgd(RATE, accumulate=2 if way == "accumulated" else 1)
    model = make(-1, backend=backend, optimizer=optimizer).build(x.shape[1:])
    order = np.arange(N) if way == "stream" else shuffled(N, seed=2, epoch=0)
    batches = [order[:8], order[8:]]
    wanted, losses = peer(model, x, y, batches, -1)
    if way == "stream":
        history = model.fit(lambda: ((x[rows], y[rows]) for rows in batches), epochs=1)
    else:
        np.save(tmp_path / "x.npy", x)
        given = np.load(tmp_path / "x.npy", mmap_mode="r") if way == "file" else x
        history = model.fit(given, y, epochs=1, batch_size=4 if way == "accumulated" else 8)
    same(model, wanted)
    counts = [np.count_nonzero(y[rows] != -1) for rows in batches]
    assert abs(history["loss"][0] - np.average(losses, weights=counts)) <= 1e-12


@pytest.mark.parametrize("loss", ["cross_entropy", "nll", "softmax_focal"])
@pytest.mark.parametrize("several", [False, True], ids=["a label a sample", "several"])
def test_what_is_ignored_does_not_change_a_step(loss, several):
    """Its labels may be any: a step is that on the positions that count, each a sample of its own."""
    last = {"cross_entropy": [xn.Softmax()], "nll": [xn.LogSoftmax()]}.get(loss, [])
    network, x, y = xn.Sequential(*NET.children, *last), X[several], ignoring(several, -1)
    counts = y != -1
    whole = make(-1, loss=loss, network=network)
    alone = make(None, loss=loss, network=network)
    assert whole.partial_fit(x, y) == pytest.approx(alone.partial_fit(x[counts], y[counts]), rel=1e-12)
    same(whole, alone.params)


def test_weights_of_classes_and_of_samples_go_along():
    x, y, weight = X[False], ignoring(False, -1), RNG.uniform(0.5, 2.0, N)
    counts = y != -1
    model, alone = make(-1), make(None)
    by_class = {0: 2.0, 2: 0.25}
    model.build((4,))
    wanted, _ = peer(model, x, y, [slice(None)], -1, weight=[2.0, 1.0, 0.25])
    model.fit(x, y, epochs=1, batch_size=N, class_weight=by_class)
    same(model, wanted)
    for options in ({"class_weight": "balanced"}, {"class_weight": by_class}, {}):
        for made, rows in ((model.reset(), slice(None)), (alone.reset(), counts)):
            made.fit(x[rows], y[rows], epochs=1, batch_size=N, sample_weight=weight[rows], **options)
        same(model, alone.params)


def test_a_batch_in_which_nothing_counts_leaves_the_model_alone():
    x, y = X[True], np.where(np.arange(N)[:, None] < 4, -1, Y[True])
    model = make(-1).build(x.shape[1:])
    order = shuffled(N, seed=2, epoch=0)
    batches = [rows for rows in order[:, None] if (y[rows] != -1).any()]
    wanted, _ = peer(model, x, y, batches, -1)
    model.fit(x, y, epochs=1, batch_size=1)
    same(model, wanted)


def test_images_whose_border_is_255():
    """Labels of one byte, two axes of them, and a network that a file keeps."""
    x, y = RNG.standard_normal((6, 3, 3, 2)), RNG.integers(0, 3, (6, 3, 3)).astype("uint8")
    y[:, 0, :] = 255
    model = make(255, network=xn.Dense(3))
    model.fit(x, y, epochs=1)
    found = model.predict(x)
    assert found.dtype == np.uint8
    right = found[:, 1:] == y[:, 1:]
    assert model.evaluate(x, y)["accuracy"] == pytest.approx(right.mean(), rel=1e-12)


def test_a_file_keeps_what_is_ignored(tmp_path):
    model = make(-1)
    model.fit(X[True], ignoring(True, -1), epochs=1)
    model.save(tmp_path / "m")
    y = ignoring(True, -1)
    assert xn.load(tmp_path / "m", backend="numpy").evaluate(X[True], y) == model.evaluate(X[True], y)
    arrays, config = io.read(tmp_path / "m")
    for ignored in (7, None, "a", 1.5):
        io.write(tmp_path / "m", arrays, {**config, "targets": {**config["targets"], "ignored": ignored}})
        with pytest.raises(xn.ModelFileError, match=r"targets|ignored"):
            xn.load(tmp_path / "m", backend="numpy")
