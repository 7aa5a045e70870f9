"""Schedules: beside optax's where it has them, at their edges, and in float32 after many steps."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from xpnet import optim
from xpnet.optim import schedules

DRAWN = settings(max_examples=25, deadline=None, database=None, derandomize=True)
PEAK = st.floats(1e-4, 10)
STEPS = st.integers(1, 60)
GAMMA = st.floats(0.01, 1.5)
FINAL = st.floats(0, 1)
T = np.arange(120.0)


def rates(schedule, t=T):
    return schedule.peak * schedule.factor(np, np.asarray(t))


@pytest.fixture(scope="module")
def optax():
    pytest.importorskip("jax", reason="JAX, which optax is written in, is not installed")
    return pytest.importorskip("optax", reason="optax, the peer to compare with, is not installed")


def close(schedule, peer):
    wanted = np.asarray([float(peer(int(t))) for t in T[::7]])  # optax on single steps, as it is used
    assert np.allclose(rates(schedule)[::7], wanted, rtol=1e-10, atol=1e-13)


@DRAWN
@given(peak=PEAK)
def test_constant(optax, peak):
    close(schedules.constant(peak), optax.constant_schedule(peak))


@DRAWN
@given(peak=PEAK, every=STEPS, gamma=GAMMA)
def test_step(optax, peak, every, gamma):
    close(schedules.step(peak, every, gamma), optax.exponential_decay(peak, every, gamma, staircase=True))


@DRAWN
@given(peak=PEAK, gamma=st.floats(0.8, 1.05))
def test_exponential(optax, peak, gamma):
    close(schedules.exponential(peak, gamma), optax.exponential_decay(peak, 1, gamma))


@DRAWN
@given(peak=PEAK, steps=STEPS, final=FINAL)
def test_cosine(optax, peak, steps, final):
    close(schedules.cosine(peak, steps, final), optax.cosine_decay_schedule(peak, steps, alpha=final))


@DRAWN
@given(peak=PEAK, rise=STEPS, steps=STEPS, final=FINAL)
def test_warmup_and_cosine(optax, peak, rise, steps, final):
    wanted = optax.join_schedules(
        [
            optax.linear_schedule(peak / (rise + 1), peak, rise),
            optax.cosine_decay_schedule(peak, steps, alpha=final),
        ],
        [rise],
    )
    close(schedules.warmup(schedules.cosine(peak, steps, final), rise), wanted)


@DRAWN
@given(peak=PEAK, steps=STEPS, power=st.floats(0.2, 3), final=FINAL)
def test_polynomial(optax, peak, steps, power, final):
    close(
        schedules.polynomial(peak, steps, power, final),
        optax.polynomial_schedule(peak, peak * final, power, steps),
    )


# Beside PyTorch


@pytest.fixture(scope="module")
def torch():
    return pytest.importorskip("torch", reason="PyTorch, the peer to compare with, is not installed")


def beside(torch, schedule, make, updates=80):
    """PyTorch's rates of a number of updates."""
    optimizer = torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], schedule.peak)
    peer, wanted = make(torch.optim.lr_scheduler, optimizer), []
    for _ in range(updates):
        wanted.append(optimizer.param_groups[0]["lr"])
        optimizer.step()
        peer.step()
    np.testing.assert_allclose(rates(schedule, T[:updates]), wanted, rtol=0, atol=1e-12 * schedule.peak)


@DRAWN
@given(peak=PEAK, steps=STEPS, power=st.floats(0.2, 3))
def test_polynomial_beside_pytorchs(torch, peak, steps, power):
    beside(torch, schedules.polynomial(peak, steps, power), lambda all, o: all.PolynomialLR(o, steps, power))


@DRAWN
@given(peak=PEAK, steps=st.integers(1, 12), longer=st.integers(1, 4), final=FINAL)
def test_cosine_restarts(torch, peak, steps, longer, final):
    beside(
        torch,
        schedules.cosine_restarts(peak, steps, longer, final),
        lambda all, o: all.CosineAnnealingWarmRestarts(o, steps, longer, peak * final),
    )


@DRAWN
@given(
    peak=PEAK,
    steps=st.integers(10, 80),
    rise=st.floats(0.15, 0.45),
    how=st.sampled_from(["cos", "linear"]),
    three=st.booleans(),
    start=st.floats(1, 50),
    end=st.floats(1, 1e5),
)
def test_one_cycle(torch, peak, steps, rise, how, three, start, end):
    beside(
        torch,
        schedules.one_cycle(peak, steps, rise, how, three, start, end),
        lambda all, o: all.OneCycleLR(
            o,
            peak,
            steps,
            pct_start=rise,
            anneal_strategy=how,
            three_phase=three,
            div_factor=start,
            final_div_factor=end,
            cycle_momentum=False,
        ),
        steps,
    )


# By definition


def test_cosine_at_its_edges():
    schedule = schedules.cosine(2.0, 40, 0.1)
    assert np.allclose(rates(schedule, [0, 20, 40, 41, 1000]), [2, 1.1, 0.2, 0.2, 0.2], rtol=1e-12)


def test_inverse_scaling():
    assert np.allclose(
        rates(schedules.inverse_scaling(0.6, 0.5), [0, 3, 8, 99]), [0.6, 0.3, 0.2, 0.06], rtol=1e-14
    )


@pytest.mark.parametrize("longer", [1, 2, 3])
def test_restarts_in_float32_come_at_their_step(longer):
    """The step before a restart is nearly 0, the restart 1, over 4 million steps."""
    schedule, start, steps = schedules.cosine_restarts(1.0, 50, longer), 0, 50
    while start + steps < 2**22 and steps < 50 * 3**9:
        start, steps = start + steps, steps * longer
        before, there = schedule.factor(np, np.asarray([start - 1, start], "float32"))
        assert before < 2e-3, start
        assert there == 1, start
        if longer == 1 and start > 5000:
            break


def test_one_cycle_stays_at_its_end():
    schedule = schedules.one_cycle(1.0, 100)
    assert np.allclose(rates(schedule, [0, 29, 99, 100, 10_000]), [0.04, 1, 4e-6, 4e-6, 4e-6], rtol=1e-9)


def test_warmup_rises_to_the_peak_and_starts_above_zero():
    schedule = schedules.warmup(0.5, 4)
    assert np.allclose(rates(schedule, [0, 1, 2, 3, 4, 5, 99]), [0.1, 0.2, 0.3, 0.4, 0.5, 0.5, 0.5])
    assert schedule.peak == 0.5


def test_warmups_of_warmups_count_from_their_own_start():
    schedule = schedules.warmup(schedules.warmup(schedules.step(1.0, 2, 0.5), 1), 1)
    assert np.allclose(rates(schedule, [0, 1, 2, 3, 4, 5]), [0.5, 0.5, 1, 1, 0.5, 0.5])


@pytest.mark.parametrize("every", [1, 3, 7, 10, 49, 1000])
def test_a_drop_comes_at_its_step_in_float32(every):
    t = np.arange(200_000)
    found = schedules.step(1.0, every, 0.5).factor(np, t.astype("float32"))
    drops = t // every
    few = drops <= 100  # float32 ends at 2^-126
    assert np.allclose(np.log2(found[few].astype("float64")), -drops[few], rtol=0, atol=1e-4)


def test_a_factor_keeps_the_dtype():
    t = np.asarray(3, "float32")
    for schedule in (
        schedules.constant(1.0),
        schedules.step(1.0, 2),
        schedules.exponential(1.0, 0.9),
        schedules.cosine(1.0, 10),
        schedules.warmup(0.1, 5),
        schedules.cosine_restarts(1.0, 3, 2),
        schedules.polynomial(1.0, 10, 0.5),
        schedules.inverse_scaling(1.0),
        schedules.one_cycle(1.0, 10),
    ):
        assert schedule.factor(np, t).dtype == "float32"


def test_an_optimizer_counts_its_first_update_as_step_0():
    optimizer = optim.sgd(schedules.exponential(0.1, 0.5))
    (rate,) = optimizer.scalars(np, np.asarray(0.1), np.asarray(1.0))
    assert math.isclose(rate, 0.1)
    (rate,) = optimizer.scalars(np, np.asarray(0.3), np.asarray(3.0))  # the state's rate, not the schedule's
    assert math.isclose(rate, 0.3 * 0.25)


def test_schedules_are_equal_by_value_and_hashable():
    assert schedules.cosine(1.0, 10) == schedules.cosine(1.0, 10, 0.0)
    assert len({schedules.cosine(1.0, 10), schedules.cosine(1.0, 11), schedules.constant(1.0)}) == 3
    assert optim.adam(schedules.constant(0.1)) == optim.adam(schedules.constant(0.1))


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: schedules.step(1.0, 0), "every 0 must be more than 0"),
        (lambda: schedules.step(1.0, 5, 0.0), r"gamma 0\.0 must be more than 0"),
        (lambda: schedules.exponential(1.0, -0.5), r"gamma -0\.5 must be more than 0"),
        (lambda: schedules.cosine(1.0, 0), "steps 0 must be more than 0"),
        (lambda: schedules.warmup(0.1, 0), "steps 0 must be more than 0"),
        (lambda: schedules.cosine_restarts(1.0, 2.5), r"steps 2\.5 must be an integer, 1 or more"),
        (lambda: schedules.cosine_restarts(1.0, 2, 0), "longer 0 must be an integer"),
        (lambda: schedules.polynomial(1.0, 5, 0.0), r"power 0\.0 must be more than 0"),
        (lambda: schedules.inverse_scaling(1.0, -1), "power -1 must be more than 0"),
        (lambda: schedules.one_cycle(1.0, 3), r"pct_start 0\.3 of 3 steps leaves a phase without a step"),
        (lambda: schedules.one_cycle(1.0, 50, 0.55, three_phase=True), "less than a half"),
        (lambda: schedules.one_cycle(1.0, 50, anneal_strategy="line"), "anneal_strategy 'line' is unknown"),
        (lambda: schedules.constant(-1.0), r"lr -1\.0 must be a finite number"),
        (lambda: schedules.cosine(math.inf, 5), "lr inf must be a finite number"),
    ],
)
def test_values_that_cannot_be(make, message):
    with pytest.raises(ValueError, match=message):
        make()
