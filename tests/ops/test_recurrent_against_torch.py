"""Embedding, RNN, GRU and LSTM beside PyTorch's own, in float64: outputs, gradients, and ten steps of Adam."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import xpnet as xn
from xpnet import ops
from xpnet.layers import Pass

torch = pytest.importorskip("torch", reason="PyTorch, the peer to compare with, is not installed")
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence  # noqa: E402

DRAWN = settings(max_examples=40, deadline=None, database=None, derandomize=True)
SEEDS = st.integers(0, 2**32 - 1)
KINDS = {"RNN": torch.nn.RNN, "GRU": torch.nn.GRU, "LSTM": torch.nn.LSTM}


def close(got, wanted, tolerance=1e-12):
    assert got.shape == wanted.shape
    assert np.abs(got - wanted).max(initial=0) <= tolerance * max(1, np.abs(wanted).max(initial=0))


class Theirs(torch.nn.Module):
    """PyTorch's layer, given values and lengths, with the outputs or the last state alone."""

    def __init__(self, kind, features, units, last=False, **options):
        super().__init__()
        self.inner, self.last = KINDS[kind](features, units, batch_first=True, **options).double(), last

    def forward(self, x, lengths=None):
        if lengths is not None:
            x = pack_padded_sequence(x, lengths, batch_first=True, enforce_sorted=False)
        y, end = self.inner(x)
        if self.last:
            end = end[0] if isinstance(end, tuple) else end
            return torch.cat(list(end), dim=-1)
        return y if lengths is None else pad_packed_sequence(y, batch_first=True, total_length=TIMES)[0]


TIMES = 6


@pytest.mark.parametrize("kind", KINDS)
@DRAWN
@given(data=st.data(), n=st.integers(1, 4), features=st.integers(1, 3), units=st.integers(1, 4), seed=SEEDS)
def test_recurrent_layers(kind, data, n, features, units, seed):
    flags = {name: data.draw(st.booleans(), name) for name in ("bidirectional", "last", "bias")}
    more = {"nonlinearity": data.draw(st.sampled_from(["tanh", "relu"]))} if kind == "RNN" else {}
    layer = getattr(xn, kind)(units, **flags, **more)
    peer = Theirs(kind, features, units, **flags, **more)
    lengths = data.draw(st.none() | st.lists(st.integers(1, TIMES), min_size=n, max_size=n).map(np.asarray))
    rng = np.random.default_rng(seed)
    x = rng.standard_normal((n, TIMES, features))
    model = xn.Model(layer, loss="mse", optimizer="sgd", dtype="float64").build((TIMES, features))
    params = {name: 2 * p for name, p in model.params.items()}
    model.params = params
    peer.inner.load_state_dict({name: torch.tensor(p) for name, p in xn.io.to_torch(model).items()})
    ctx = Pass(train=True, grad=True).context(wants_dx=True)
    y, pullback = layer.forward(params, x if lengths is None else (x, lengths), ctx)
    leaf = torch.tensor(x, requires_grad=True)
    wanted = peer(leaf, None if lengths is None else torch.tensor(lengths))
    close(y, wanted.detach().numpy())
    dy = rng.standard_normal(y.shape)
    dx, grads = pullback(dy)
    if lengths is not None:
        dx, none = dx
        assert none is None
    wanted.backward(torch.tensor(dy))
    close(dx, leaf.grad.numpy())
    model.params = grads
    for name, found in xn.io.to_torch(model).items():
        close(found, peer.inner.get_parameter(name).grad.numpy())


@DRAWN
@given(
    size=st.sampled_from([1, 5, 300]),
    features=st.integers(1, 4),
    shape=st.sampled_from([(3,), (2, 5), (40, 9)]),
    seed=SEEDS,
)
def test_embedding(size, features, shape, seed):
    rng = np.random.default_rng(seed)
    table, ids = rng.standard_normal((size, features)), rng.integers(0, size, shape)
    ids[ids > size // 2] = size // 2  # one id very often
    y, pullback = ops.embedding(table, ids=ids)
    leaf = torch.tensor(table, requires_grad=True)
    wanted = torch.nn.functional.embedding(torch.tensor(ids), leaf)
    close(y, wanted.detach().numpy())
    dy = rng.standard_normal(y.shape)
    wanted.backward(torch.tensor(dy))
    close(pullback(dy)[0], leaf.grad.numpy())


class Tagger(torch.nn.Module):
    """An embedding with padding, two recurrent layers, and scores for each position."""

    def __init__(self, kind):
        super().__init__()
        self.embedding = torch.nn.Embedding(11, 5, padding_idx=0)
        self.first = KINDS[kind](5, 4, batch_first=True, bidirectional=True)
        self.second = KINDS[kind](8, 6, batch_first=True)
        self.scores = torch.nn.Linear(6, 3)

    def forward(self, ids):
        lengths = (ids != 0).sum(1)
        packed = pack_padded_sequence(self.embedding(ids), lengths, batch_first=True, enforce_sorted=False)
        y, _ = pad_packed_sequence(self.second(self.first(packed)[0])[0], batch_first=True, total_length=7)
        return self.scores(y)


@pytest.mark.parametrize("kind", KINDS)
def test_ten_steps(kind):
    layer, rng = getattr(xn, kind), np.random.default_rng(0)
    x, y = rng.integers(1, 11, (8, 7)), rng.integers(0, 3, (8, 7))
    for row, length in enumerate(rng.integers(1, 8, 8)):
        x[row, length:] = 0
    network = xn.Sequential(
        ("embedding", xn.Embedding(11, 5, padding=0)), ("first", layer(4, bidirectional=True)), ("second", layer(6)),
        ("scores", xn.Dense(3)),
    )  # fmt: skip
    model = xn.Model(
        network, loss="softmax_cross_entropy", optimizer=xn.adam(0.01), dtype="float64", backend="numpy"
    ).build((7,))
    peer = Tagger(kind).double()
    peer.load_state_dict({name: torch.tensor(p) for name, p in xn.io.to_torch(model).items()})
    optimizer = torch.optim.Adam(peer.parameters(), 0.01)
    for _ in range(10):
        loss = torch.nn.functional.cross_entropy(
            peer(torch.tensor(x)).reshape(-1, 3), torch.tensor(y).reshape(-1)
        )
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        assert model.partial_fit(x, y) == pytest.approx(loss.item(), rel=1e-12)
    for name, found in xn.io.to_torch(model).items():
        close(found, peer.get_parameter(name).detach().numpy())
    back = xn.Model(network, loss="mse", optimizer="sgd", dtype="float64", seed=1, backend="numpy").build(
        (7,)
    )
    xn.io.from_torch(back, peer.state_dict())
    close(back.forward(x), peer(torch.tensor(x)).detach().numpy())
