"""fit: weights, reductions, splits and random streams do what mathematics says they do."""

import numpy as np
import pytest

import xpnet as xn
from xpnet import data

from ..bits import host, same_models

RNG = np.random.default_rng(1)
X = RNG.standard_normal((37, 3))
Y = np.arange(37) % 3
R = X @ [1.0, 2.0, -1.0] + 0.5


def make(backend="numpy", loss="softmax_cross_entropy", **options):
    net = xn.Sequential(xn.Dense(6, "tanh"), xn.Dense(3 if loss == "softmax_cross_entropy" else 1))
    return xn.Model(
        net, loss=loss, backend=backend, **{"optimizer": xn.sgd(0.1), "dtype": "float64", **options}
    )


def regular(backend, **options):
    net = xn.Sequential(xn.Dense(6), xn.BatchNorm(), xn.Tanh(), xn.Dropout(0.3), xn.Dense(3))
    options = {"optimizer": xn.adamw(xn.schedules.cosine(0.02, 60)), "seed": 4, **options}
    return xn.Model(net, loss="softmax_cross_entropy", backend=backend, **options)


def close(a, b, tolerance=1e-12):
    a, b = host(a), host(b)
    for name in a:
        np.testing.assert_allclose(a[name], b[name], rtol=0, atol=tolerance, err_msg=name)


def differ(a, b):
    a, b = host(a), host(b)
    return any((a[name] != b[name]).any() for name in a)


# Random streams


def test_five_epochs_and_five_are_ten(backend):
    """With dropout, batch norm, a schedule, a last batch that is not full, and the history going on."""
    whole, parts = regular(backend), regular(backend)
    whole.fit(X, Y, epochs=10, batch_size=8)
    parts.fit(X, Y, epochs=5, batch_size=8)
    assert differ(whole, parts)
    history = parts.fit(X, Y, epochs=5, batch_size=8)
    same_models(whole, parts)
    assert history is parts.history
    assert history == whole.history
    assert history["epoch"] == list(range(1, 11))
    assert parts.reset().history.epochs == 0
    parts.fit(X, Y, epochs=10, batch_size=8)
    same_models(whole, parts)


def test_a_seed_gives_the_same_bits_and_another_others(backend):
    a, b, other = regular(backend), regular(backend), regular(backend, seed=5)
    for model in (a, b, other):
        model.fit(X[:32], Y[:32], epochs=2, batch_size=16)
    same_models(a, b)
    assert differ(a, other)


def test_natives_may_take_over_between_two_fits(monkeypatch):
    pytest.importorskip("numba")
    portable, mixed = regular("numpy"), regular("numpy")
    portable.fit(X, Y, epochs=4, batch_size=8)
    mixed.fit(X, Y, epochs=1, batch_size=8)
    assert mixed.updates == "portable"
    monkeypatch.setattr("xpnet.backends.numpy.backend.loading_seconds", lambda: 0.0)
    mixed.fit(X, Y, epochs=3, batch_size=8)
    assert mixed.updates == "numba"
    same_models(portable, mixed)


def test_partial_fit_is_an_epoch_of_one_batch(backend):
    by_epoch, by_step = regular(backend), regular(backend)
    history = by_epoch.fit(X, Y, epochs=3, batch_size=10**30)
    losses = [by_step.partial_fit(X, Y) for _ in range(3)]
    same_models(by_epoch, by_step)
    assert losses == history["loss"]


def test_each_epoch_and_each_seed_has_an_order_of_its_own():
    orders = [data.shuffled(50, seed=seed, epoch=epoch).tolist() for seed in (0, 1) for epoch in (0, 1)]
    assert all(sorted(order) == list(range(50)) for order in orders)
    assert len({tuple(order) for order in orders}) == 4


def test_a_schedule_counts_the_steps(backend):
    """A rate of 0.1, and from the second step on 1e-14 of it."""
    model = make(backend, optimizer=xn.sgd(xn.schedules.step(0.1, every=1, gamma=1e-14))).build((3,))
    first = host(model)
    model.partial_fit(X, Y)
    second = host(model)
    model.partial_fit(X, Y)
    third = host(model)
    assert max(np.abs(second[name] - first[name]).max() for name in first) > 1e-3
    assert max(np.abs(third[name] - second[name]).max() for name in first) < 1e-12


# The loss


@pytest.mark.parametrize("reduction", ["mean", "sum"])
def test_the_loss_of_an_epoch_is_the_loss_of_the_data(backend, reduction):
    """At rate 0 nothing moves, so that every batch is seen with the same weights."""
    weight = RNG.uniform(0, 2, 37)
    model = make(backend, "mse", optimizer=xn.sgd(0.0), reduction=reduction)
    for batch_size in (8, 37, 100):
        model.fit(X, R, epochs=2, batch_size=batch_size, sample_weight=weight)
    errors = weight * (model.predict(X) - R) ** 2
    wanted = errors.sum() / (weight.sum() if reduction == "mean" else 1)
    assert model.history["loss"] == pytest.approx([wanted] * 6, rel=1e-12)
    assert model.evaluate(X, R, weight)["loss"] == pytest.approx(wanted, rel=1e-12)


def test_an_outlier_is_no_divergence():
    """The same with heavy tails: at rate 0 nothing can diverge, whichever sample comes first."""
    y = np.where(np.arange(37) == 5, 1e5, 0.0)
    for seed in range(3):
        model = make("numpy", "mse", optimizer=xn.sgd(0.0), seed=seed)
        history = model.fit(X, y, epochs=1, batch_size=4)
        assert history["loss"][0] == pytest.approx(np.mean((model.predict(X) - y) ** 2), rel=1e-12)


def test_a_sum_is_a_mean_at_a_rate_n_times_as_large(backend):
    mean = make(backend, optimizer=xn.sgd(0.1))
    total = make(backend, optimizer=xn.sgd(0.1 / 37), reduction="sum")
    a = mean.fit(X, Y, epochs=3, batch_size=37)
    b = total.fit(X, Y, epochs=3, batch_size=37)
    close(mean, total)
    assert b["loss"] == pytest.approx([37 * value for value in a["loss"]], rel=1e-12)


# Weights


def test_weight_0_leaves_a_sample_out(backend):
    weight = (np.arange(37) % 5 > 0).astype(float)
    weighted, fewer = make(backend), make(backend)
    weighted.fit(X, Y, epochs=3, batch_size=37, sample_weight=weight)
    fewer.fit(X[weight > 0], Y[weight > 0], epochs=3, batch_size=37)
    close(weighted, fewer)
    assert weighted.evaluate(X, Y, weight) == pytest.approx(
        weighted.evaluate(X[weight > 0], Y[weight > 0]), rel=1e-12
    )


def test_weight_2_is_the_sample_twice(backend):
    weight = np.where(np.arange(37) < 9, 2.0, 1.0)
    weighted, twice = make(backend), make(backend)
    weighted.fit(X, Y, epochs=3, batch_size=100, sample_weight=backend.asarray(weight))
    twice.fit(np.r_[X, X[:9]], np.r_[Y, Y[:9]], epochs=3, batch_size=100)
    close(weighted, twice)


def test_the_scale_of_weights_is_of_no_account_to_a_mean():
    a, b = make(), make()
    weight = RNG.uniform(0.1, 1, 37)
    a.fit(X, Y, epochs=2, batch_size=8, sample_weight=weight)
    b.fit(X, Y, epochs=2, batch_size=8, sample_weight=1e6 * weight)
    close(a, b, 1e-13)


@pytest.mark.parametrize("labels", [[0, 1, 2], ["a", "b", "c"]])
def test_class_weights_are_sample_weights(labels):
    y = np.array(labels)[Y]
    by_class, by_sample = make(), make()
    by_class.fit(X, y, epochs=2, batch_size=8, class_weight={labels[0]: 3.0, labels[2]: 0.5})
    by_sample.fit(X, y, epochs=2, batch_size=8, sample_weight=np.array([3.0, 1.0, 0.5])[Y])
    same_models(by_class, by_sample)


def test_balanced_classes_weigh_the_same():
    y = np.repeat([0, 1, 2], [25, 10, 2])
    balanced, by_hand = make(), make()
    balanced.fit(X, y, epochs=2, batch_size=37, class_weight="balanced")
    by_hand.fit(X, y, epochs=2, batch_size=37, sample_weight=37 / (3 * np.array([25, 10, 2]))[y])
    close(balanced, by_hand)


def test_class_weights_of_yes_and_no():
    def binary():
        return xn.Model(xn.Dense(1), loss="sigmoid_cross_entropy", optimizer="sgd", backend="numpy")

    a, b = binary(), binary()
    a.fit(X, Y > 0, epochs=2, class_weight={True: 2.0, False: 0.0})
    b.fit(X, Y > 0, epochs=2, sample_weight=2.0 * (Y > 0))
    same_models(a, b)


# Splits


def test_the_split_is_fixed_and_fair():
    strata = np.repeat([0, 1, 2], [40, 20, 8])
    kept, held = data.split(68, 0.25, seed=3, strata=strata)
    assert sorted([*kept, *held]) == list(range(68))
    assert np.bincount(strata[held]).tolist() == [10, 5, 2]
    again = data.split(68, 0.25, seed=3, strata=strata)
    assert held.tolist() == again[1].tolist()
    assert held.tolist() != data.split(68, 0.25, seed=4, strata=strata)[1].tolist()


@pytest.mark.parametrize(
    ("sizes", "share"),
    [
        ([4] * 10, 0.1),
        ([2] * 100, 0.25),
        ([3] * 50, 0.2),
        ([2] * 100, 0.3),
        ([5] * 20, 0.3),
        ([1, 1, 30], 0.5),
    ],
)
def test_a_stratified_share_is_right_in_all(sizes, share):
    """Each class is within a sample of its share, and none is used up."""
    strata = np.repeat(np.arange(len(sizes)), sizes)
    kept, held = data.split(len(strata), share, seed=1, strata=strata)
    assert sorted([*kept, *held]) == list(range(len(strata)))
    assert len(held) == round(share * len(strata))
    counts = np.bincount(strata[held], minlength=len(sizes))
    assert (np.abs(counts - share * np.array(sizes)) <= 1).all()
    assert (np.bincount(strata[kept], minlength=len(sizes)) >= 1).all()


def test_a_share_that_holds_out_nothing_is_refused():
    with pytest.raises(ValueError, match=r"0\.3 of 4 samples holds out none \(each class has one sample\)"):
        data.split(4, 0.3, seed=0, strata=np.arange(4))
    with pytest.raises(ValueError, match=r"0\.1 of 3 samples holds out none \(0\.1 of 3 rounds to 0\)"):
        data.split(3, 0.1, seed=0)


def test_a_binary_loss_holds_out_each_class_alike():
    y = np.arange(40) % 10 == 0
    seen = []
    model = xn.Model(xn.Dense(1), loss="sigmoid_cross_entropy", optimizer="adam", backend="numpy")
    model.fit(np.c_[y, y], y, epochs=1, validation_split=0.25, callbacks=[lambda m, r: seen.append(r)])
    kept, held = data.split(40, 0.25, seed=0, strata=y)
    other = xn.Model(xn.Dense(1), loss="sigmoid_cross_entropy", optimizer="adam", backend="numpy")
    other.fit(np.c_[y, y][kept], y[kept], epochs=1, validation_data=(np.c_[y, y][held], y[held]))
    assert seen[0]["val_loss"] == other.history["val_loss"][0]
    assert y[held].sum() == 1


@pytest.mark.parametrize("loss", ["softmax_cross_entropy", "mse"])
def test_a_split_is_validation_data_taken_from_the_data(backend, loss):
    y = Y if loss == "softmax_cross_entropy" else R
    kept, held = data.split(37, 0.3, seed=0, strata=Y if loss == "softmax_cross_entropy" else None)
    by_share, by_hand = make(backend, loss), make(backend, loss)
    first = by_share.fit(X, y, epochs=2, batch_size=13, validation_split=0.3)
    second = by_hand.fit(X[kept], y[kept], epochs=2, batch_size=13, validation_data=(X[held], y[held]))
    same_models(by_share, by_hand)
    assert first == second
    assert set(first) == {"epoch", "loss", "val_loss"} | ({"val_accuracy"} if loss != "mse" else set())
    assert first["val_loss"][-1] == pytest.approx(by_share.evaluate(X[held], y[held])["loss"], rel=1e-12)


def test_class_weights_shape_the_training_and_not_its_validation():
    """val_accuracy is the share of held-out samples that are right, however the share was held out."""
    kept, held = data.split(37, 0.3, seed=0, strata=Y)
    weight = {0: 10.0, 1: 1.0, 2: 0.1}
    by_share, by_hand = make(), make()
    first = by_share.fit(X, Y, epochs=2, class_weight=weight, validation_split=0.3)
    second = by_hand.fit(X[kept], Y[kept], epochs=2, class_weight=weight, validation_data=(X[held], Y[held]))
    assert first["loss"] == pytest.approx(second["loss"], rel=1e-12)
    assert first["val_accuracy"] == pytest.approx(second["val_accuracy"], rel=1e-12)
    assert first["val_loss"] == pytest.approx(second["val_loss"], rel=1e-12)


def test_validation_data_may_have_other_dtypes_and_weights():
    a, b = make(), make()
    x = np.round(X)
    a.fit(X, Y, epochs=1, validation_data=(x, Y, np.arange(37.0)))
    b.fit(X, Y, epochs=1, validation_data=(x.astype("int16"), Y.astype("float32"), np.arange(37)))
    assert a.history == b.history
    same_models(a, b)


def test_a_column_that_comes_late_is_filled():
    model = make()
    model.fit(X, Y, epochs=1)
    model.fit(X, Y, epochs=1, validation_data=(X, Y))
    model.fit(X, Y, epochs=1)
    history = model.history
    assert [value is None for value in history["val_loss"]] == [True, False, True]
    assert history.epochs == 3
    assert history.last() == {"epoch": 3, "loss": history["loss"][2], "val_loss": None, "val_accuracy": None}
