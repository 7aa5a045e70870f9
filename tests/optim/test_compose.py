"""What every optimizer can be asked for: clipping, decay, averages, accumulation, groups and frozen parameters."""

import json

import numpy as np
import pytest

import xpnet as xn
from xpnet import optim
from xpnet.io import from_config, to_config
from xpnet.optim import Part, mover, scalars_after, slot_names, update_each
from xpnet.saving import CLASSES

RNG = np.random.default_rng(7)
START = {
    "0.weight": RNG.standard_normal((3, 4)),
    "0.bias": RNG.standard_normal(4),
    "1.weight": RNG.standard_normal(2),
}
GRADS = [{name: 3 * RNG.standard_normal(p.shape) for name, p in START.items()} for _ in range(10)]
FULL = optim.adam(
    xn.schedules.cosine(0.1, 20), clip_value=1.0, clip_norm=2.0, accumulate=2, average="mean", average_from=3,
    frozen=("1.*",), groups={"*.bias": {"weight_decay": 0.1, "lr": xn.schedules.exponential(0.2, 0.9)}},
)  # fmt: skip


def moved(optimizer, grads=GRADS, start=START):
    """(parameters, slots) after the updates."""
    params = dict(start)
    slots = {
        slot: {name: np.zeros_like(start[name]) for name in names}
        for slot, names in slot_names(optimizer, start).items()
    }
    move = mover(optimizer, update=update_each, scalars=scalars_after)
    for count, g in enumerate(grads, start=1):
        params, slots = move(params, g, slots, np.asarray(optimizer.peak), np.asarray([count], "int32"))
    return params, slots


def same(one, other, tolerance=1e-14):
    assert one.keys() == other.keys()
    for name, value in one.items():
        assert np.abs(value - np.asarray(other[name])).max() <= tolerance, name


# By definition


def test_clipping_by_norm_leaves_the_direction_and_takes_the_length():
    g = {"a": np.asarray([3.0, 0.0]), "b": np.asarray([[4.0]])}
    zero = {"a": np.zeros(2), "b": np.zeros((1, 1))}
    params, _ = moved(optim.sgd(1.0, clip_norm=2.5), [g], zero)
    scale = 2.5 / (5 + 1e-6)
    same(params, {"a": np.asarray([-3.0, 0.0]) * scale, "b": np.asarray([[-4.0]]) * scale})
    same(moved(optim.sgd(1.0, clip_norm=5.1), [g], zero)[0], {name: -x for name, x in g.items()})


def test_a_nan_is_not_clipped_away():
    g = {"a": np.asarray([np.nan, 9.0])}
    for options in ({"clip_norm": 1.0}, {"clip_value": 1.0}):
        params, _ = moved(optim.sgd(1.0, **options), [g], {"a": np.zeros(2)})
        assert np.isnan(params["a"][0])


def test_decay_pulls_towards_zero_and_l1_leaves_zero_alone():
    start = {"a": np.asarray([2.0, -2.0, 0.0])}
    params, _ = moved(optim.sgd(0.5, weight_decay=0.1, l1=0.3), [{"a": np.zeros(3)}], start)
    same(params, {"a": np.asarray([2 - 0.5 * (0.2 + 0.3), -2 + 0.5 * (0.2 + 0.3), 0.0])})


@pytest.mark.parametrize("first", [0, 3])
def test_the_mean_is_that_of_the_parameters_after_each_update(first):
    optimizer = optim.sgd(0.1, average="mean", average_from=first)
    after = [moved(optimizer, GRADS[:count])[0] for count in range(1, 11)]
    _, slots = moved(optimizer)
    same(slots["average"], {name: np.mean([p[name] for p in after[first:]], axis=0) for name in START})


def test_an_optimizer_asked_for_nothing_runs_its_rule_alone():
    assert Part(optim.adam()).rule is optim.adam().rule
    assert (
        Part(optim.adam(weight_decay=0.1)).rule == Part(optim.adam(weight_decay=0.2)).rule
    )  # one compilation


def test_groups_and_frozen_parameters():
    alone = {name: {name: p} for name, p in START.items()}
    grads = {name: [{name: g[name]} for g in GRADS] for name in START}
    optimizer = optim.sgd(
        0.1,
        momentum=0.5,
        weight_decay=0.2,
        frozen=("1.*",),
        groups={"*.bias": {"lr": 0.01, "weight_decay": 0.0}},
    )
    params, slots = moved(optimizer)
    assert params["1.weight"] is START["1.weight"]
    assert {slot: list(kept) for slot, kept in slots.items()} == {"v": ["0.weight", "0.bias"]}
    weight, _ = moved(optim.sgd(0.1, momentum=0.5, weight_decay=0.2), grads["0.weight"], alone["0.weight"])
    bias, _ = moved(optim.sgd(0.01, momentum=0.5), grads["0.bias"], alone["0.bias"])
    same(params, {**weight, **bias, "1.weight": START["1.weight"]})
    assert list(params) == list(START)


def test_the_first_pattern_that_matches_decides():
    optimizer = optim.sgd(0.1, groups={"0.bias": {"lr": 0.2}, "0.*": {"lr": 0.0}})
    params, _ = moved(optimizer, GRADS[:1])
    same(
        params,
        {
            name: p - rate * GRADS[0][name]
            for (name, p), rate in zip(START.items(), (0, 0.2, 0.1), strict=True)
        },
    )


def test_a_groups_rate_follows_the_schedule_of_the_whole_or_its_own():
    halving, tenth = xn.schedules.exponential(0.4, 0.5), xn.schedules.exponential(0.2, 0.1)
    optimizer = optim.sgd(halving, groups={"0.bias": {"lr": 0.2}, "1.*": {"lr": tenth}})
    ones = [{name: np.ones_like(p) for name, p in START.items()}] * 3
    found = {name: float((START[name] - p).ravel()[0]) for name, p in moved(optimizer, ones)[0].items()}
    assert found == pytest.approx({"0.weight": 0.7, "0.bias": 0.35, "1.weight": 0.222}, rel=1e-12)


def test_frozen_parameters_have_no_part_in_the_norm():
    optimizer = optim.sgd(0.1, clip_norm=1.0, frozen=("0.*",))
    alone, _ = moved(
        optim.sgd(0.1, clip_norm=1.0),
        [{"1.weight": g["1.weight"]} for g in GRADS],
        {"1.weight": START["1.weight"]},
    )
    same({"1.weight": moved(optimizer)[0]["1.weight"]}, alone)


def test_a_description_is_hashable_and_its_own_json():
    again = from_config(json.loads(json.dumps(to_config(FULL))), CLASSES)
    assert again == FULL
    assert hash(again) == hash(FULL)
    assert eval(repr(FULL), vars(optim.schedules) | vars(optim)) == FULL  # the call that makes it


@pytest.mark.parametrize(
    ("make", "error", "message"),
    [
        (lambda: optim.sgd(frozen=3), TypeError, r"frozen: a tuple of patterns was wanted, such as \('0.\*',\), 3"),
        (lambda: optim.sgd(groups=["*.bias"]), TypeError, r"groups: \{'\*.bias': .* was wanted"),
        (lambda: optim.sgd(groups={"a": {"rate": 1}}), ValueError, "groups: what 'a' gives, 'rate' is unknown"),
        (lambda: optim.sgd(groups={"a": {"clip_norm": 1}}), ValueError, "'clip_norm' is for all parameters"),
        (lambda: optim.sgd(groups={"a": {"momentum": 2}}), ValueError, r"groups: 'a': momentum 2 is not in \[0, 1\)"),
        (lambda: optim.sgd(0.0, groups={"a": {"lr": 1}}), ValueError, "a multiple of lr 0 is none"),
        (lambda: slot_names(optim.sgd(frozen="2.*"), START), ValueError, r"frozen: '2.\*' matches no parameter"),
        (lambda: slot_names(optim.sgd(groups={"b": {}}), START), ValueError, "groups: 'b' matches no parameter"),
    ],
)  # fmt: skip
def test_what_cannot_be(make, error, message):
    with pytest.raises(error, match=message):
        make()


# In a model


def model(optimizer, **options):
    network = xn.Sequential(xn.Dense(6, "tanh"), xn.Dense(3))
    return xn.Model(
        network,
        loss="softmax_cross_entropy",
        optimizer=optimizer,
        backend="numpy",
        dtype="float64",
        **options,
    )


X = np.random.default_rng(1).standard_normal((40, 5))
Y = np.argmax(X[:, :3], axis=1)


@pytest.mark.parametrize("n", [40, 37])
def test_accumulated_batches_are_one_big_batch(n):
    weight = np.linspace(0.5, 2, n)
    found = model(xn.adam(0.05, accumulate=4))
    found.fit(X[:n], Y[:n], epochs=3, batch_size=4, sample_weight=weight)
    wanted = model(xn.adam(0.05))
    wanted.fit(X[:n], Y[:n], epochs=3, batch_size=16, sample_weight=weight)
    same(found.params, wanted.params, 1e-12)
    assert found.history["loss"] == pytest.approx(wanted.history["loss"], rel=1e-12)
    again = model(xn.adam(0.05, accumulate=4))
    again.fit(X[:n], Y[:n], epochs=3, batch_size=4, sample_weight=weight)
    assert all(np.array_equal(p, again.params[name]) for name, p in found.params.items())


def test_accumulation_keeps_the_batches_that_are_asked_for():
    """18 = 2 x 8 + 2: batch norm sees 8, 8 and then 2, never a single sample."""
    network = xn.Sequential(xn.Dense(4, bias=False), xn.BatchNorm(), xn.Dense(3))
    found = xn.Model(
        network, loss="softmax_cross_entropy", optimizer=xn.sgd(0.1, accumulate=2), backend="numpy"
    )
    found.fit(X[:18], Y[:18], epochs=2, batch_size=8)
    found.partial_fit(X[:2], Y[:2])  # one batch
    with pytest.raises(ValueError, match=r"batch_norm: x .* has 1 value"):
        found.fit(X[:17], Y[:17], epochs=1, batch_size=8)


@pytest.mark.parametrize("accumulate", [5, 10**9, 10**12])
def test_more_batches_than_there_are_make_one_update_an_epoch(accumulate):
    found, wanted = model(xn.adam(0.05, accumulate=accumulate)), model(xn.adam(0.05, accumulate=5))
    for each in (found, wanted):
        each.fit(X, Y, epochs=3, batch_size=8)
    assert all(np.array_equal(p, wanted.params[name]) for name, p in found.params.items())
    whole = model(xn.adam(0.05))
    whole.fit(X, Y, epochs=3, batch_size=40)
    same(found.params, whole.params, 1e-12)


def test_a_model_goes_on_from_its_file_with_all_that_was_asked(tmp_path):
    one = model(FULL)
    one.fit(X, Y, epochs=2, batch_size=8)
    one.save(tmp_path / "model.xpnet")
    other = xn.load(tmp_path / "model.xpnet", backend="numpy")
    assert other.optimizer == FULL
    for each in (one, other):
        each.fit(X, Y, epochs=2, batch_size=8)
    for part in ("params", "averaged"):
        assert all(np.array_equal(p, getattr(other, part)[name]) for name, p in getattr(one, part).items())
    assert not np.array_equal(one.averaged["0.weight"], one.params["0.weight"])
    assert np.array_equal(one.averaged["1.weight"], one.params["1.weight"])  # frozen


def test_averages_are_taken_over():
    found = model(xn.sgd(0.1, average=0.9)).build((5,))
    same(found.averaged, found.params, 0)
    found.fit(X, Y, epochs=1, batch_size=10)
    averaged = found.averaged
    found.params = averaged
    same(found.params, averaged, 0)
    with pytest.raises(ValueError, match=r"keeps no averages: give it one, such as average=0\.999"):
        _ = model(xn.sgd(0.1)).build((5,)).averaged


def test_a_pattern_of_no_parameter_is_an_error_where_the_model_is_built():
    with pytest.raises(
        ValueError, match=r"frozen: '7\.\*' matches no parameter: there are 0\.weight, 0\.bias"
    ):
        model(xn.adam(frozen=("7.*",))).build((5,))


# Beside PyTorch


@pytest.fixture(scope="module")
def torch():
    return pytest.importorskip("torch", reason="PyTorch, the peer to compare with, is not installed")


def test_clipping_groups_and_averages_beside_pytorchs(torch):
    params = {name: torch.nn.Parameter(torch.tensor(p)) for name, p in START.items()}
    weights, bias = [params["0.weight"], params["1.weight"]], [params["0.bias"]]
    peer = torch.optim.Adam(
        [{"params": weights}, {"params": bias, "lr": 0.02, "weight_decay": 0.0}], 0.1, weight_decay=0.3
    )
    module = torch.nn.ParameterList(params.values())
    swa = torch.optim.swa_utils.AveragedModel(module)
    ema = torch.optim.swa_utils.AveragedModel(
        module, multi_avg_fn=torch.optim.swa_utils.get_ema_multi_avg_fn(0.8)
    )
    for grads in GRADS:
        for name, p in params.items():
            p.grad = torch.tensor(grads[name])
        torch.nn.utils.clip_grad_value_(params.values(), 2.0)
        torch.nn.utils.clip_grad_norm_(params.values(), 4.0)
        peer.step()
        swa.update_parameters(module)
        ema.update_parameters(module)
    for average, averaged in (("mean", swa), (0.8, ema)):
        found, slots = moved(
            optim.adam(
                0.1,
                weight_decay=0.3,
                clip_value=2.0,
                clip_norm=4.0,
                average=average,
                groups={"*.bias": {"lr": 0.02, "weight_decay": 0.0}},
            )
        )
        same(found, {name: p.detach().numpy() for name, p in params.items()}, 1e-12)
        wanted = dict(zip(START, averaged.module.parameters(), strict=True))
        same(slots["average"], {name: p.detach().numpy() for name, p in wanted.items()}, 1e-12)
