"""Which units drop out: other ones in every layer, at every step, however deep the nesting."""

import numpy as np
import pytest

from xpnet.layers import Concatenate, Dropout, Pass, Residual, Sequential

SEED = np.asarray([12, -34], "int32")
N = 1000


def dropped(network, *, count=0, seed=SEED, train=True):
    """The network's outputs for ones."""
    run = Pass(train=train, words=(seed, np.asarray([count], "int32")))
    return network.forward({}, np.ones((1, N)), run.context())[0][0]


def unlike(masks):
    """No two agree in much more or less than half of their elements: the deviation is 16 of 1000."""
    for k, one in enumerate(masks):
        for other in masks[k + 1 :]:
            assert 400 < (one == other).sum() < 600


def test_layers_side_by_side_and_nested():
    network = Concatenate(
        Dropout(0.5),
        Dropout(0.5),
        Sequential(Dropout(0.5)),
        Sequential(Sequential(), Dropout(0.5)),
        Concatenate(Dropout(0.5), Sequential(Sequential(Dropout(0.5)))),
    )
    unlike(list(dropped(network).reshape(-1, N) > 0))


def test_layers_one_after_another():
    """Of two masks of 1/2 a quarter is left, and half of them if they were the same."""
    y = dropped(Sequential(Dropout(0.5), Dropout(0.5)))
    assert 180 < (y == 4).sum() < 320
    y = dropped(Residual(Dropout(0.5)))
    assert set(np.unique(y)) == {1, 3}


def test_steps_and_seeds():
    draws = [dropped(Dropout(0.5), count=count) for count in range(20)]
    unlike([draw > 0 for draw in draws])
    unlike([dropped(Dropout(0.5), seed=seed) > 0 for seed in (SEED, SEED[::-1], SEED + 1, SEED * [1, 3])])


def test_the_same_step_drops_the_same():
    network = Sequential(Dropout(0.3), Residual(Dropout(0.3)))
    assert np.array_equal(dropped(network, count=7), dropped(network, count=7))


def test_a_name_does_not_change_what_drops():
    assert np.array_equal(dropped(Sequential(Dropout(0.5))), dropped(Sequential(("drop", Dropout(0.5)))))


def test_prediction_drops_nothing():
    assert (dropped(Sequential(Dropout(0.9)), train=False) == 1).all()


def test_salts_of_all_paths_differ():
    """Every path of up to three child numbers below 64, 266,305 in all, has a salt of its own."""
    empty = np.zeros(0, "int32")
    outermost = Pass(words=(empty, empty)).context()
    level, salts = [outermost], [outermost.key.salt]
    for _ in range(3):
        level = [ctx.child(index, "x") for ctx in level for index in range(64)]
        salts += [ctx.key.salt for ctx in level]
    assert len(salts) == 1 + 64 + 64**2 + 64**3
    assert len(set(salts)) == len(salts)
    assert all(0 <= salt < 2**32 for salt in salts[::1000])


def test_a_pass_without_random_words_says_so():
    with pytest.raises(ValueError, match=r"no random words: give Pass\(words=\(seed words, count\)\)"):
        Dropout(0.5).forward({}, np.ones((1, 3)), Pass(train=True).context())
    Dropout(0.0).forward({}, np.ones((1, 3)), Pass(train=True).context())  # needs none
