"""NumPy's natives: the portable bits, in force in their own steps alone, and chosen from sizes."""

import sys
import threading

import numpy as np
import pytest

import xpnet as xn
from xpnet import ops
from xpnet.backends import get
from xpnet.errors import MissingExtraError
from xpnet.namespace import with_natives
from xpnet.testing import CASES

from ...bits import same_bits

numba = pytest.importorskip("numba", reason="numba is not installed: pip install 'xpnet[fast]'")
from xpnet.backends.numpy import loading_cost, natives  # noqa: E402 - they need Numba

NUMPY = get("numpy")


def spied(dtype):
    """(the table, the names of the natives that ran)."""
    used = set()

    def entry(name, op):
        return lambda *arrays, **options: (used.add(name), op(*arrays, **options))[1]

    return {name: entry(name, op) for name, op in natives.table(dtype).items()}, used


@pytest.mark.sample(1, by=("case",))
@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("case", CASES, ids=[case.name for case in CASES])
def test_every_case_of_the_oracle_has_the_portable_bits(case, dtype):
    table, _ = spied(dtype)
    for n in (*case.rows, 33, 130):
        arrays, keywords = case.place(NUMPY, dtype, n)

        def passes(arrays=arrays, keywords=keywords, n=n):
            y, pullback = case.run(arrays, keywords)
            dy = np.random.default_rng(n).standard_normal(y.shape).astype(y.dtype)
            return [y, pullback(dy)]

        same_bits(with_natives(passes, np.ndarray, table=table)(), passes())


@pytest.mark.parametrize("strange", [0.0, np.nan, np.inf, -np.inf])
@pytest.mark.parametrize(
    ("shape", "options"),
    [
        ((5, 7, 6, 3), {"kernel_size": 2}),
        ((5, 9, 8, 3), {"kernel_size": (2, 3), "stride": (4, 3)}),
        ((5, 9, 2), {"kernel_size": 3}),
        ((5, 9, 2), {"kernel_size": 3, "stride": 2}),  # the twin's, as is the next
        ((5, 6, 6, 2), {"kernel_size": 2, "padding": 1}),
        ((0, 6, 6, 2), {"kernel_size": 2}),
    ],
)
def test_ties_in_max_pool_have_the_portable_derivative(shape, options, strange):
    rng = np.random.default_rng(0)
    x = rng.integers(-1, 2, shape).astype("float32")
    x.ravel()[::7] = strange
    (y, pullback), (wanted, wanted_pullback) = (
        op(x, **options) for op in (natives.table("float32")["max_pool"], ops.max_pool.portable)
    )
    dy = rng.standard_normal(y.shape).astype("float32")
    same_bits([y, pullback(dy), pullback(dy)], [wanted, wanted_pullback(dy), wanted_pullback(dy)])


NETWORKS = {
    "dense": xn.Sequential(xn.Dense(12, "relu"), xn.Dropout(0.3), xn.Dense(5)),
    "one by one": xn.Sequential(xn.Dense(12), xn.ReLU(), xn.Dense(12), xn.LeakyReLU(0.2), xn.Dense(5)),
    "smooth": xn.Sequential(xn.Dense(9, "tanh"), xn.Dense(9, "sigmoid"), xn.Dense(7, "elu"), xn.Dense(5)),
    "gelu and others": xn.Sequential(
        *(xn.Dense(6, name) for name in ("gelu", "silu", "mish", "softplus", "log_sigmoid", "celu", "selu")),
        xn.Dense(6, xn.Activation("gelu", approximate=True)),
        xn.Activation("softplus", beta=2.0),
        xn.GELU(),
        xn.Dense(5),
    ),
    "hard": xn.Sequential(
        xn.Dense(9, "relu6"), xn.Dense(9, "hard_swish"), xn.Dense(9, xn.HardTanh(-0.5, 2.0)), xn.Dense(5)
    ),
    "batch norm": xn.Sequential(xn.Dense(9, bias=False), xn.BatchNorm(), xn.ReLU(), xn.Dense(5)),
    "images": xn.Sequential(
        xn.Reshape((3, 2, 1)),
        xn.Conv2D(4, 2, padding=1, activation="relu"),
        xn.MaxPool2D(2),
        xn.Flatten(),
        xn.Dense(5),
    ),
    "wide": xn.Sequential(xn.Concatenate(xn.Dense(1, "relu"), xn.Residual(xn.Dense(6))), xn.Dense(5)),
}
RNG = np.random.default_rng(0)
X, Y = RNG.standard_normal((70, 6)), RNG.integers(0, 5, 70)


def trained(name, dtype, use, **options):
    model = xn.Model(
        NETWORKS[name], loss="softmax_cross_entropy", optimizer=xn.adamw(1e-2), dtype=dtype,
        backend="numpy", natives=use, **options,
    )  # fmt: skip
    model.fit(X, Y, epochs=3, batch_size=16, sample_weight=np.linspace(0.5, 2, 70))
    return model


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("name", NETWORKS)
def test_a_training_has_the_portable_bits(name, dtype):
    portable, native = trained(name, dtype, False), trained(name, dtype, True)
    assert (portable.updates, native.updates) == ("portable", "numba")
    assert portable.history == native.history
    for part in ("params", "buffers"):
        wanted, got = getattr(portable, part), getattr(native, part)
        same_bits([got[key] for key in wanted], list(wanted.values()))
    same_bits(native.forward(X), portable.forward(X))
    (step,) = native._trainer._steps.values()
    assert step.reason is None


@pytest.mark.parametrize(("n", "fan_in", "units"), [(43, 7, 1), (55, 1, 2), (59, 4, 1), (52, 1, 3)])
def test_a_strided_cotangent_has_the_portable_bits(n, fan_in, units):
    """As below a Concatenate: BLAS's kernel, and so the last bits, depends on the strides."""
    for dtype in ("float32", "float64"):
        sizes = (n, fan_in), (fan_in, units), (units,), (n, units + 4)
        x, w, b, wide = (RNG.standard_normal(size).astype(dtype) for size in sizes)
        ways = natives.table(dtype)["linear"], ops.linear.portable
        same_bits(*(op(x, w, b)[1](wide[:, :units]) for op in ways))


@pytest.mark.parametrize(
    ("n", "fan_in", "units"), [(3, 5, 1), (43, 32, 1), (20, 2, 1), (1, 40, 3), (1300, 4, 3), (1300, 4, 1)]
)
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_a_strided_x_has_the_portable_bits(n, fan_in, units, dtype):
    for _ in range(20):
        wide, w, b, dy = (
            RNG.standard_normal(size).astype(dtype)
            for size in ((2 * n, fan_in + 3), (fan_in, units), (units,), (n, units))
        )
        for x in (wide[:n, :fan_in], wide[::2, :fan_in], wide[:n, fan_in - 1 :: -1]):
            (y, pull), (wanted, pull_wanted) = (
                natives.table(dtype)["linear"](x, w, b),
                ops.linear.portable(x, w, b),
            )
            same_bits(y, wanted)
            same_bits(pull(dy), pull_wanted(dy))


def test_natives_run_in_a_training():
    """Otherwise the tests above would compare portable code with itself."""
    table, used = spied("float32")
    x, key = (
        RNG.standard_normal((4, 3)).astype("float32"),
        ops.make_key(np.ones(2, "int32"), np.ones(1, "int32")),
    )

    def run():
        ops.make_key(np.ones(2, "int32"), np.ones(1, "int32"))
        ops.linear(x, np.ones((3, 2), "float32"), np.ones(2, "float32"))
        ops.softmax_cross_entropy(x, target=np.zeros(4, "int64"))
        ops.dropout(x, rate=0.5, key=key)
        ops.max_pool(x[:, :, None], kernel_size=2)
        ops.embedding(np.ones((300, 2)), ids=np.zeros(4, "int64"))[1](x[:, :2])
        for op in ops.ACTIVATIONS.values():
            op(x[:, :2])

    with_natives(run, np.ndarray, table=table)()
    assert used == set(table)
    assert {"linear", "relu", "softmax_cross_entropy"} <= used


def test_unsupported_arguments_go_to_the_twin():
    f32, f64 = natives.table("float32"), RNG.standard_normal((4, 3))
    target = np.zeros(4, "int64")
    odd = [
        (ops.relu, (f64,), {}),
        (ops.relu, (f64.astype("float32").T,), {}),
        (ops.relu, (np.float32(1.5) * np.ones((), "float32"),), {}),
        (ops.linear, (f64, f64.T.copy(), np.ones(4)), {"activation": ops.relu}),
        (ops.linear, (np.ones((2, 4, 3), "float32"), np.ones((3, 2), "float32"), np.ones(2, "float32")), {}),
        (ops.softmax_cross_entropy, (f64,), {"target": target}),
        (ops.softmax_cross_entropy, (f64.astype("float32"),), {"target": np.full((4, 3), 1 / 3, "float32")}),
        (ops.softmax_cross_entropy, (f64.astype("float32"),), {"target": target.astype("int32")}),
        (ops.softmax_cross_entropy, (np.zeros((0, 3), "float32"),), {"target": target[:0]}),
    ]
    for op, arrays, options in odd:

        def passes(op=op, arrays=arrays, options=options):
            y, pullback = op(*arrays, **options)
            return [np.asarray(y), [np.asarray(dx) for dx in pullback(np.ones_like(y))]]

        same_bits(with_natives(passes, np.ndarray, table=f32)(), passes())
    with pytest.raises(ValueError, match="has 3 features"):
        with_natives(lambda: ops.linear(f64, f64), np.ndarray, table=f32)()


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("classes", [1, 2, 7, 8, 9, 15, 16, 17, 33, 127, 128, 129, 136, 300])
def test_the_sums_of_cross_entropy_run_in_the_order_of_numpy(classes, dtype):
    rng = np.random.default_rng(classes)
    z = np.asarray(5 * rng.standard_normal((400, classes)), dtype)
    target = rng.integers(0, classes, len(z))

    def passes():
        y, pullback = ops.softmax_cross_entropy(z, target=target)
        return [y, *pullback(np.ones_like(y))]

    same_bits(with_natives(passes, np.ndarray, table=natives.table(dtype))(), passes())
    if classes > 1:
        assert len(np.unique(passes()[0])) > 100


def test_special_values_have_the_portable_bits():
    z = np.asarray(
        [[np.nan, 1, 2], [np.inf, 1, 2], [-np.inf, 1, 2], [-np.inf] * 3, [1e30, -1e30, 0], [-0.0, 0, 0]]
    )
    for dtype in ("float32", "float64"):
        for label in (0, 1, 2, -1, 3):
            given = z.astype(dtype), np.full(6, label)

            def passes(x=given[0], target=given[1]):
                y, pullback = ops.softmax_cross_entropy(x, target=target)
                dys = [np.ones_like(y), np.full_like(y, np.inf)]
                found = [op(x) for name, op in ops.ACTIVATIONS.items() if "glu" not in name]
                return [y, *(pullback(dy)[0] for dy in dys), *((y, *pull(x)) for y, pull in found)]

            with np.errstate(all="ignore"):
                same_bits(with_natives(passes, np.ndarray, table=natives.table(dtype))(), passes())


def test_a_bias_of_another_shape_is_refused_before_a_loop_runs_over_its_end():
    linear = natives.table("float64")["linear"]
    for b in (np.ones(1), np.ones(4), np.ones((1, 5))):
        with pytest.raises(ValueError, match=r"linear: b .* must be \(5,\)"):
            linear(np.ones((3, 2)), np.ones((2, 5)), b)


def test_natives_are_in_force_in_their_own_step_and_thread_alone():
    x = np.ones((2, 2), "float32")
    seen, inside, go_on = {}, threading.Event(), threading.Event()

    def marked(x, /):
        return "native", None

    def other():
        inside.wait(5)
        seen["other thread"] = ops.relu(x)[0]
        go_on.set()

    thread = threading.Thread(target=other)
    thread.start()

    def run():
        seen["inside"] = ops.relu(x)[0]
        inside.set()
        go_on.wait(5)
        with_natives(lambda: seen.update(nested=ops.relu(x)[0]), np.ndarray, table={})()
        seen["again"] = ops.relu(x)[0]
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        with_natives(run, np.ndarray, table={"relu": marked})()
    thread.join()
    seen["after"] = ops.relu(x)[0]
    assert seen["inside"] == seen["again"] == "native"
    for name in ("other thread", "nested", "after"):
        same_bits(seen[name], x)


def test_arrays_of_other_libraries_stay_portable():
    strict = get("strict")
    x = strict.asarray(np.ones((2, 2)))
    y = with_natives(lambda: ops.relu(x)[0], np.ndarray, table={"relu": None})()
    assert strict.owns(y)


# Which run


def chosen(use, seconds):
    return NUMPY.natives(use, dtype="float32", seconds=seconds).name


def test_auto_uses_natives_for_long_trainings():
    assert [chosen("auto", seconds) for seconds in (0.1, 0.49, 0.51, 100)] == ["portable"] * 2 + ["numba"] * 2
    assert chosen(True, 0.0) == "numba"
    assert chosen(False, 100.0) == "portable"


@pytest.mark.parametrize(
    ("loaded", "cached", "seconds"),
    [(("xpnet.backends.numpy.natives", "numba"), False, 0), (("numba",), True, 0), (("numba",), False, 4),
     ((), True, 0.5), ((), False, 4.5)],
)  # fmt: skip
def test_loading_takes_what_is_not_loaded_and_not_compiled(loaded, cached, seconds, monkeypatch):
    monkeypatch.setattr(loading_cost.sys, "modules", dict.fromkeys(loaded, True))
    monkeypatch.setattr(loading_cost, "_cached", lambda: cached)
    assert loading_cost.loading_seconds() == seconds


def test_loaded_natives_are_used_at_once(monkeypatch):
    monkeypatch.setattr("xpnet.backends.numpy.backend.loading_seconds", loading_cost.loading_seconds)
    assert chosen("auto", 0.0) == "numba"


def test_a_later_fit_keeps_the_natives():
    model = xn.Model(NETWORKS["dense"], loss="softmax_cross_entropy", optimizer="adam", backend="numpy")
    model.fit(X, Y, epochs=1)
    assert model.updates == "portable"
    model.fit(X, Y, epochs=2000, batch_size=16, callbacks=[lambda model, record: True])
    assert model.updates == "numba"
    model.fit(X, Y, epochs=1)
    assert model.updates == "numba"


def test_without_numba_auto_is_portable_and_true_raises(monkeypatch):
    monkeypatch.setitem(sys.modules, "numba", None)
    assert chosen("auto", 100.0) == "portable"
    with pytest.raises(
        MissingExtraError, match=r"natives=True on NumPy .*numba.*pip install 'xpnet\[fast\]'"
    ):
        chosen(True, 100.0)


@pytest.mark.parametrize("use", [None, "on", 2])
def test_an_invalid_choice_raises(use):
    with pytest.raises(ValueError, match=r"natives .* must be True, False, 'auto' or 'compile'"):
        xn.Model(NETWORKS["dense"], loss="mse", optimizer="sgd", natives=use)
