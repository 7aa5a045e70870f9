"""One layer several times: values and gradients by hand, buffers, and what cannot be repeated."""

import numpy as np
import pytest

from xpnet.errors import PullbackSpentError
from xpnet.layers import BatchNorm, Dense, Pass, Repeat, Sequential

WORDS = (np.asarray([1, 2], "int32"), np.asarray([0], "int32"))


def test_a_repeated_layer_by_hand():
    """w (w (w x)): the derivative by w is 3 w^2 x."""
    network, ctx = Repeat(Dense(1, bias=False), 3), Pass(grad=True).context(wants_dx=True)
    y, pullback = network.forward({"0": {"weight": np.asarray([[2.0]])}}, np.asarray([[5.0]]), ctx)
    dx, grads = pullback(np.ones((1, 1)))
    assert (y.item(), dx.item(), grads["0"]["weight"].item()) == (40, 8, 60)


def test_a_repeated_batch_norms_statistics_move_with_every_use():
    """The second use sees what the first one left; Repeat within Repeat, too."""
    layer = Sequential(BatchNorm(momentum=0.5), Dense(1))
    x = np.asarray([[1.0], [3.0]])  # normalised to -1 and 1, on to 6 + 4 z, that is 2 and 10
    flat = {"weight": np.asarray([1.0]), "bias": np.asarray([0.0]), "mean": np.zeros(1), "var": np.ones(1)}
    arrays = {"0": flat, "1": {"weight": np.asarray([[4.0]]), "bias": np.asarray([6.0])}}
    for network, nested in (
        (Repeat(layer, 3), {"0": arrays}),
        (Repeat(("a", Repeat(layer, 3)), 1), {"a": {"0": arrays}}),
        (Repeat(Repeat(layer, 1), 3), {"0": {"0": arrays}}),
    ):
        passed = Pass(train=True, grad=True, words=WORDS)
        network.forward(nested, x, passed.context())
        (mean,) = (value for name, value in passed.updates.items() if name.endswith("0.mean"))
        assert abs(mean.item() - (2 / 8 + 6 / 4 + 6 / 2)) < 1e-3  # the means are 2, 6 and 6
        assert len(passed.updates) == 2


def test_what_cannot_be_repeated():
    with pytest.raises(ValueError, match="Repeat: times 0 must be an integer from 1 to 10000"):
        Repeat(Dense(3), 0)
    with pytest.raises(ValueError, match="Repeat: times 1000000000 must be an integer from 1 to 10000"):
        Repeat(Dense(3), 10**9)
    with pytest.raises(TypeError, match=r'Repeat: a layer or a \("name", layer\) pair was wanted, 3 came'):
        Repeat(3, 3)
    wanted = r"Repeat\(Dense\(3\), 2\) .* the shapes \(n, 4\) and \(n, 3\) must be the same"
    with pytest.raises(ValueError, match=wanted):
        Repeat(Dense(3), 2).init(np.random.default_rng(0), (4,), "float64")


def test_a_repeated_layers_pullback_is_spent():
    network, ctx = Repeat(Dense(1, bias=False), 2), Pass(grad=True).context()
    y, pullback = network.forward({"0": {"weight": np.ones((1, 1))}}, np.ones((1, 1)), ctx)
    assert pullback(y)[0] is None  # it was not asked for
    with pytest.raises(PullbackSpentError, match="the pullback of Repeat was called again"):
        pullback(y)
