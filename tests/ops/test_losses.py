"""Losses: one sample or a batch, targets that do not fit, and the chain rule through softmax."""

import math

import numpy as np
import pytest

from xpnet import ops
from xpnet.namespace import namespace
from xpnet.ops import LOSSES

CLASSES = tuple(name for name, op in LOSSES.items() if getattr(op, "kind", "") == "classes")
VECTORS = ("gaussian_nll", "cosine_distance")
VALUES = tuple(name for name in LOSSES if name not in (*CLASSES, *VECTORS))


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_cross_entropy_of_one_sample_or_a_batch(dtype, array, agree):
    p = [0.2, 0.3, 0.5]
    for target in (array(2), array([0.0, 0.0, 1.0], dtype), array([0, 0, 1])):
        loss, pullback = ops.cross_entropy(array(p, dtype), target=target)
        agree(loss, math.log(2), 1e-6)
        agree(*pullback(array(3.0, dtype)), [0, 0, -6], 1e-6)
    loss, pullback = ops.cross_entropy(array([p, p], dtype), target=array([2, 0]))
    agree(loss, [math.log(2), math.log(5)], 1e-6)
    agree(*pullback(array([1.0, 2.0], dtype)), [[0, 0, -2], [-10, 0, 0]], 1e-6)
    loss, pullback = ops.cross_entropy(array([[p, p]], dtype), target=array([[2, 0]]))
    agree(loss, [math.log(10) / 2], 1e-6)
    agree(*pullback(array([2.0], dtype)), [[[0, 0, -2], [-5, 0, 0]]], 1e-6)
    loss, pullback = ops.cross_entropy(array([[p, p]], dtype), target=array([[7, 0]]), ignore_index=7)
    agree(loss, [math.log(5)], 1e-6)
    agree(*pullback(array([2.0], dtype)), [[[0, 0, 0], [-10, 0, 0]]], 1e-6)


@pytest.mark.parametrize("hot", ["integer", "one-hot"])
def test_softmax_jacobian_contracted_with_cross_entropy_is_y_minus_t(hot, array, agree):
    z = np.random.default_rng(0).standard_normal((6, 4)) * 3
    numbers = np.asarray([0, 1, 2, 3, 0, 2])
    e = np.exp(z)
    y, pull_softmax = ops.softmax(array(z))
    target = array(numbers if hot == "integer" else np.eye(4)[numbers])
    losses, pull_loss = ops.cross_entropy(y, target=target)
    weights = np.linspace(0.5, 1.5, 6)
    (dz,) = pull_softmax(*pull_loss(array(weights)))
    wanted = (e / e.sum(axis=1, keepdims=True) - np.eye(4)[numbers]) * weights[:, None]
    agree(dz, wanted, 1e-12)
    fused, pull_fused = ops.softmax_cross_entropy(array(z), target=target)
    agree(losses - fused, np.zeros(6), 1e-12)
    agree(*pull_fused(array(weights)), wanted, 1e-12)


def test_probabilities_that_do_not_sum_to_one_count_with_their_sum(array, agree):
    """The derivative of -sum t log softmax(z) is softmax(z) sum t - t, whatever the sum of t is."""
    losses, pullback = ops.softmax_cross_entropy(array([[0.0, 0.0]]), target=array([[3.0, 1.0]]))
    agree(losses, [4 * math.log(2)], 1e-12)
    agree(*pullback(array([1.0])), [[-1, 1]], 1e-12)


@pytest.mark.parametrize("name", VALUES)
@pytest.mark.parametrize(
    ("outputs", "target"), [((3, 1), (3,)), ((3,), (3, 1)), ((3, 2), (2, 3)), ((3,), (1,))]
)
def test_a_target_of_another_shape_is_an_error(name, outputs, target, xpnet_backend):
    """(n, 1) less (n,) is (n, n) by broadcasting, and a loss that looks like one."""
    y, t = (xpnet_backend.asarray(np.full(shape, 0.5)) for shape in (outputs, target))
    with pytest.raises(ValueError, match=rf"{name}: target .*{target[0]}.* must have the outputs' shape"):
        LOSSES[name](y, target=t)


@pytest.mark.parametrize("name", CLASSES)
@pytest.mark.parametrize("target", [(4,), (2,), (3, 1), (3, 5), (1,), ()])
def test_class_targets_of_another_shape_are_an_error(name, target, xpnet_backend):
    y, t = xpnet_backend.asarray(np.full((3, 4), 0.25)), xpnet_backend.asarray(np.zeros(target, "int64"))
    with pytest.raises(ValueError, match=f"{name}: target"):
        LOSSES[name](y, target=t)


@pytest.mark.parametrize("name", LOSSES)
def test_a_target_of_another_float_dtype_follows_the_outputs(name, array, xpnet_backend):
    for outputs, target in (("float32", "float64"), ("float64", "float32")):
        y, t = array([[0.25, 0.75]], outputs), array([[0.5, 0.5]], target)
        t = t[:, 1:] if name == "gaussian_nll" else t
        losses, pullback = LOSSES[name](y, target=t)
        assert losses.dtype == y.dtype
        assert pullback(losses)[0].dtype == y.dtype


@pytest.mark.parametrize("name", VALUES)
def test_a_loss_is_the_mean_over_a_samples_outputs(name, array, agree):
    y, t = np.random.default_rng(1).uniform(0.1, 0.9, (2, 4, 2, 3))
    together, _ = LOSSES[name](array(y), target=array(t))
    singly, _ = LOSSES[name](array(y.ravel()), target=array(t.ravel()))
    wanted = namespace(singly).mean(namespace(singly).reshape(singly, (4, 6)), axis=1)
    agree(together - wanted, np.zeros(4), 1e-12)


def test_the_minimum_of_quantile_is_the_quantile():
    target = np.random.default_rng(2).exponential(size=(1001, 1))
    for q in (0.1, 0.5, 0.9):
        guesses = np.quantile(target, q) + np.linspace(-0.5, 0.5, 11)
        means = [ops.quantile(np.full_like(target, guess), target=target, q=q)[0].mean() for guess in guesses]
        assert np.argmin(means) == 5


def test_hinge_counts_the_margin(array, agree):
    y, target = array([[2.0], [0.5], [-1.5], [1.0]]), array([[1.0], [1.0], [1.0], [0.0]])
    losses, pullback = ops.hinge(y, target=target)
    agree(losses, [0, 0.5, 2.5, 2])
    agree(*pullback(array([1.0] * 4)), [[0], [-1], [-1], [1]])
    losses, pullback = ops.squared_hinge(y, target=target)
    agree(losses, [0, 0.25, 6.25, 4])
    agree(*pullback(array([1.0] * 4)), [[0], [-1], [-5], [4]])


def test_smoothing_of_a_yes_or_no_target(array, agree):
    """(1 - e) t + e / 2: at logit 0 every target costs log 2, and pulls by sigmoid - t."""
    losses, pullback = ops.sigmoid_cross_entropy(
        array([[0.0, 0.0]]), target=array([[1.0, 0.0]]), label_smoothing=0.2
    )
    agree(losses, [math.log(2)], 1e-15)
    agree(*pullback(array([1.0])), [[-0.2, 0.2]], 1e-15)


def test_focal_without_focus_is_the_cross_entropy(array, agree):
    z, t = array([[0.3, -2.0, 1.0]]), array([[0.0, 1.0, 1.0]])
    focal, _ = ops.sigmoid_focal(z, target=t, gamma=0.0, alpha=-1.0)
    agree(focal - ops.sigmoid_cross_entropy(z, target=t)[0], [0], 1e-15)
    focal, _ = ops.softmax_focal(z, target=array([2]), gamma=0.0)
    agree(focal - ops.softmax_cross_entropy(z, target=array([2]))[0], [0], 1e-15)


@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("quantile", {"q": 0.0}),
        ("quantile", {"q": 1.0}),
        ("smooth_l1", {"beta": 0.0}),
        ("huber", {"delta": 0.0}),
        ("poisson_nll", {"eps": -1.0}),
        ("softmax_focal", {"gamma": -1.0}),
        ("sigmoid_focal", {"alpha": 1.5}),
        ("cosine_distance", {"eps": 0.0}),
        ("softmax_cross_entropy", {"label_smoothing": 1.5}),
        ("sigmoid_cross_entropy", {"label_smoothing": -0.1}),
    ],
)
def test_options_out_of_range_are_an_error(name, options):
    y = np.full((1, 2), 0.5)
    with pytest.raises(ValueError, match=rf"{name}: {next(iter(options))} "):
        LOSSES[name](y, target=y, **options)


def test_outputs_that_hold_too_little_are_an_error():
    with pytest.raises(ValueError, match=r"gaussian_nll: y \(2, 3\) must be \(n, ..., 2 c\)"):
        ops.gaussian_nll(np.ones((2, 3)), target=np.ones((2, 1)))
    with pytest.raises(ValueError, match=r"cosine_distance: y \(3,\) must be"):
        ops.cosine_distance(np.ones(3), target=np.ones(3))
