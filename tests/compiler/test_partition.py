"""Partitioned calls: tasks on several threads have the bits of the whole call."""

import os
import subprocess
import sys
from functools import partial

import numpy as np
import pytest

import xpnet as xn
from xpnet.backends import fused_update
from xpnet.backends.activation import specialize
from xpnet.backends.numpy import activations, blas
from xpnet.compiler import loading, threadpool
from xpnet.compiler import partition as partitioning
from xpnet.compiler.partition import partition
from xpnet.compiler.task import gather
from xpnet.compiler.threadpool import Parallelism
from xpnet.optim import update_each

from ..bits import same_bits

RNG = np.random.default_rng(0)
PARALLELISM = Parallelism(4, nogil=True)


def array(shape, dtype, order="C"):
    return np.asarray(RNG.standard_normal(shape), dtype, order=order)


def is_batch(thunk):
    return thunk.func in (threadpool.run_parallel, threadpool.run_parallel_in_python)


def is_partitioned(parallelism, *calls):
    """True if all of the calls are one batch of tasks."""
    made = partition(calls, parallelism)
    return len(made) == 1 and is_batch(made[0])


@pytest.fixture(params=["python", "numba"])
def parallelism(request):
    if request.param == "numba" and not loading.available():
        pytest.skip("numba is not installed: pip install 'xpnet[fast]'")
    return Parallelism(4, nogil=request.param == "numba")


@pytest.fixture(autouse=True)
def one_thread(monkeypatch):
    """One thread of BLAS, as in a training; products of a test's size cost enough for two tasks."""
    monkeypatch.setattr(partitioning, "MIN_TASK_MACS", 2**21)
    monkeypatch.setattr(partitioning, "MIN_PYTHON_TASK_MACS", 2**21)
    with blas.limited(1):
        yield


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("orders", ["CC", "FC", "CF"])
@pytest.mark.parametrize("shape", [(256, 512, 512), (1024, 256, 300), (500, 401, 333), (192, 700, 257)])
def test_a_tiled_product_has_the_bits_of_the_whole(shape, orders, dtype, parallelism):
    m, k, n = shape
    a, b = array((m, k), dtype, orders[0]), array((k, n), dtype, orders[1])
    for function in (np.dot, np.matmul):
        out = np.full((m, n), np.nan, dtype)
        for call in partition([(function, (a, b, out))], parallelism):
            call()
        assert np.array_equal(out, function(a, b))


def test_large_products_are_tiled_and_small_ones_are_not(parallelism):
    large, small = (tuple(array((n, n), "float32") for _ in range(3)) for n in (512, 96))
    double = tuple(array((512, 512), "float64") for _ in range(3))
    assert is_partitioned(parallelism, (np.dot, large))
    assert is_partitioned(parallelism, (np.dot, double))
    assert not is_partitioned(parallelism, (np.dot, small))
    for gaps in (array((512, 600), kind)[:, :512] for kind in ("float32", "float64")):
        full = array((512, 512), gaps.dtype)
        assert not is_partitioned(
            parallelism, (np.matmul, (gaps, full, full.copy()))
        )  # no tiling of such matrices was tried
    assert not is_partitioned(parallelism._replace(threads=1), (np.dot, large))
    assert not is_partitioned(parallelism, (np.add, large))


@pytest.mark.parametrize(
    ("shape", "threads", "count"),
    [((96, 96, 96), 4, 1), ((128, 256, 128), 4, 2), ((256, 256, 256), 4, 8), ((999, 999, 999), 3, 6)],
)
def test_there_are_two_tasks_for_each_thread_and_none_is_small(shape, threads, count, monkeypatch):
    """count = (m k n + 16 elements) / 2^21, at most twice the threads"""
    asked, (m, k, n) = [1], shape
    monkeypatch.setattr(partitioning, "_matmul_tiles", lambda *given: asked.append(given[-1]) or [])
    product = np.dot, tuple(np.empty(s, "float32") for s in ((m, k), (k, n), (m, n)))
    partition([product], Parallelism(threads, nogil=True))
    assert asked[-1] == count


@pytest.mark.parametrize(
    ("a", "b", "tiling"),
    [
        ((256, 784), (784, 1024), (1, 8)),  # 8 x 200,704 + 802,816, as is (2, 4): 4 x 200,704 + 2 x 802,816
        ((1024, 256), (256, 1024), (2, 4)),  # 6 x 262,144; (1, 8) takes 9 of them
        ((784, 128), (128, 256), (4, 2)),  # 2 x 100,352 + 4 x 32,768; (8, 1) 100,352 + 8 x 32,768
        ((128, 784), (784, 256), (1, 4)),  # of 64 columns each: 4 x 100,352 + 200,704
        ((4096, 64), (64, 10), (4, 1)),  # ten columns are no eight
    ],
)
def test_the_tiling_comes_first_for_which_blas_packs_the_fewest_elements(a, b, tiling):
    for rows, columns in partitioning._tilings(a, b, 8, 64):
        seen = np.zeros((a[0], b[1]), int)
        for i in rows:
            for j in columns:
                seen[i, j] += 1
        assert (seen == 1).all()
        assert 4 <= len(rows) * len(columns) <= 8
    assert tuple(map(len, partitioning._tilings(a, b, 8, 64)[0])) == tiling
    assert partitioning._tilings((60, 500), (500, 60), 8, 64) == []


TILED = """
from xpnet.backends.numpy import blas
from xpnet.compiler import partition
layer = [((256, 784), (784, 1024), "CC"), ((784, 256), (256, 1024), "FC"), ((256, 1024), (1024, 784), "CF")]
odd = [((100, 784), (784, 257), "CC"), ((784, 100), (100, 257), "FC"), ((100, 257), (257, 784), "CF")]
with blas.limited(1):
    for a, b, orders in layer + odd:
        assert partition._matmul_tiles(a, b, tuple(orders), ("float32", "float32"), 4), (a, b, orders)
    few = [((32, 1024), (1024, 1024), "CC"), ((14, 1023), (1023, 1024), "CF"), ((27, 9000), (9000, 32), "FC")]
    for a, b, orders in few:  # three, two and three multiples of 12 rows
        assert partition._matmul_tiles(a, b, tuple(orders), ("float32", "float32"), 16), (a, b, orders)
    a, b = (25, 513), (513, 700)  # a third piece of one row has other bits: two pieces
    assert partition._matmul_tiles(a, b, ("C", "C"), ("float32", "float32"), 3)
"""


@pytest.mark.parametrize("kernel", ["Haswell", "Sandybridge"])
def test_each_kernel_of_openblas_has_tilings(kernel):
    """OpenBLAS reads the variable when it is loaded; other libraries ignore it."""
    env = os.environ | {"OPENBLAS_CORETYPE": kernel}
    subprocess.run([sys.executable, "-c", TILED], env=env, check=True, timeout=120)


@pytest.mark.parametrize(
    ("size", "count", "multiple"), [(784, 4, 64), (256, 4, 12), (1000, 3, 1), (60, 8, 64)]
)
def test_parts_of_a_range_differ_by_one_multiple_at_most(size, count, multiple):
    """784 = 13 multiples of 64, of which the last has 16: parts of 192, 192, 192 and 208."""
    parts = partitioning._split_range(size, count, multiple)
    assert [i for part in parts for i in range(size)[part]] == list(range(size))
    lengths = [part.stop - part.start for part in parts]
    assert max(lengths) - min(lengths[:-1]) <= multiple
    assert all(length % multiple == 0 for length in lengths[:-1])


def test_dependent_products_are_different_batches(parallelism, monkeypatch):
    """c = a @ b and e = a @ d are one batch; f = c @ b comes after it, and c = d @ b after f."""
    monkeypatch.setattr(
        partitioning,
        "_matmul_tiles",
        lambda *_: [(slice(None), slice(0, 256)), (slice(None), slice(256, 512))],
    )
    a, b, c, d, e, f = (array((512, 512), "float32") for _ in range(6))
    calls = [(np.dot, args) for args in [(a, b, c), (a, d, e), (c, b, f), (d, b, c)]]
    assert is_partitioned(parallelism, *calls[:2])
    made = partition(calls, parallelism)
    assert len(made) == 3
    between = partition([calls[0], (np.negative, (a, a)), calls[1]], parallelism)
    assert len(between) == 3
    for call in made:
        call()
    assert np.allclose(f, a @ b @ b, rtol=1e-3, atol=1e-2)
    assert np.allclose(e, a @ d, rtol=1e-4, atol=1e-3)
    assert np.allclose(c, d @ b, rtol=1e-4, atol=1e-3)


@pytest.mark.skipif(not loading.available(), reason="numba is not installed: pip install 'xpnet[fast]'")
def test_a_partitioned_update_has_the_bits_of_the_whole(parallelism):
    optimizer, shapes = xn.adamw(), {"w": (1025, 300), "b": (300,), "one": (1,)}
    params, grads, m = ({name: array(shape, "float64") for name, shape in shapes.items()} for _ in range(3))
    slots = {"m": m, "v": {name: x * x for name, x in m.items()}}
    scalars = tuple(float(x) for x in optimizer.scalars(np, np.float64(1e-3), np.float64(3)))
    wanted, wanted_slots = update_each(optimizer.rule, params, grads, slots, scalars)
    loop = fused_update.rule_loop(optimizer.rule, 2, len(scalars), "d", (2, 1, 1))
    arrays = [x for name in shapes for x in (params[name], grads[name], m[name], slots["v"][name])]
    (call,) = partition([(loop, (np.asarray(scalars), *arrays))], parallelism)
    assert is_batch(call)
    call()
    product = np.dot, tuple(array((512, 512), "float64") for _ in range(3))
    assert not is_partitioned(parallelism, product, (loop, (np.asarray(scalars), *arrays)))
    for name in shapes:
        assert np.array_equal(params[name], wanted[name])
        assert np.array_equal(m[name], wanted_slots["m"][name])


def run_both(function, args, parallelism):
    """The arguments after the whole call, and after the partitioned one."""
    whole, partitioned = ([x.copy("K") if isinstance(x, np.ndarray) else x for x in args] for _ in range(2))
    function(*whole)
    (call,) = partition([(function, tuple(partitioned))], parallelism)
    assert call.func is (threadpool.run_parallel if parallelism.nogil else threadpool.run_parallel_in_python)
    call()
    return whole, partitioned


@pytest.mark.skipif(not loading.available(), reason="numba is not installed: pip install 'xpnet[fast]'")
@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("shape", [(600, 1000), (3, 190_000), (3001, 129)])
@pytest.mark.parametrize(
    "activation",
    [
        None,
        "relu",
        "softsign",
        "tanh",
        "sigmoid",
        "silu",
        "gelu",
        "mish",
        "selu",
        "elu",
        "leaky_relu",
    ],
)
def test_partitioned_passes_of_a_dense_layer_have_the_bits_of_the_whole(activation, shape, dtype):
    op = activation and getattr(xn.ops, activation)
    kind = np.dtype(dtype)
    passes, numbers = specialize(op, partial(activations._dense_passes, kind=kind), kind.type)({})
    z, b = array(shape, dtype), array(shape[1], dtype)
    z.ravel()[::1001] = np.resize([np.nan, np.inf, -np.inf, 0.0, -0.0, 1e-38, -90.0, 90.0], z.size)[::1001]
    with np.errstate(all="ignore"):
        whole, partitioned = run_both(
            passes.forward, [z, *[np.zeros_like(z) for _ in passes.extra], b, *numbers], PARALLELISM
        )
    same_bits(partitioned, whole)
    given = [array(shape, dtype) for _ in passes.residuals]
    made = np.zeros_like(z), np.zeros_like(b)
    same_bits(*run_both(passes.backward, [array(shape, dtype), *given, *made, *numbers], PARALLELISM))


@pytest.mark.skipif(not loading.available(), reason="numba is not installed: pip install 'xpnet[fast]'")
@pytest.mark.parametrize("activation", ["relu", "silu", "gelu"])
@pytest.mark.parametrize("shape", [(500_000,), (7, 90_000), (16, 30, 40, 25)])
def test_partitioned_activations_have_the_bits_of_the_whole(shape, activation):
    passes = activations._passes(getattr(xn.ops, activation), kind=np.dtype("float32"))
    x = array(shape, "float32")
    left = 1 + len(passes.extra)
    for function, count, made in [(passes.forward, 1, left), (passes.backward, 1 + len(passes.residuals), 1)]:
        arrays = [array(shape, "float32") for _ in range(count)] + [np.full_like(x, np.nan)] * made
        same_bits(*run_both(function, arrays, PARALLELISM))


@pytest.mark.parametrize("dtype", ["float32", "uint8"])
@pytest.mark.parametrize("shape", [(300, 784), (300, 28, 28, 3), (300, 5000)])
def test_gathered_rows_are_those_of_indexing(shape, dtype, parallelism):
    x = (RNG.standard_normal(shape) * 50).astype(dtype)
    rows, out = RNG.integers(0, 300, 257), np.zeros((257, *shape[1:]), dtype)
    (call,) = partition([gather(x, rows, out)], parallelism)
    call()
    assert np.array_equal(out, x[rows])
    (call,) = partition([gather(x[::-1], rows, out)], parallelism)
    assert not is_batch(call)  # x is not contiguous
    call()
    assert np.array_equal(out, x[::-1][rows])


@pytest.mark.parametrize(("samples", "batch"), [(1, 1), (300, 1), (1, 5), (2, 3)])
def test_a_few_long_rows_are_gathered(samples, batch, parallelism, capfd):
    x, rows = array((samples, 300_000), "float32"), RNG.integers(0, samples, batch)
    out = np.zeros((batch, 300_000), "float32")
    for call in partition([gather(x, rows, out)], parallelism):
        call()
    assert np.array_equal(out, x[rows])
    assert capfd.readouterr().err == ""


def test_row_numbers_out_of_range_read_the_nearest_row(parallelism):
    x, rows = array((300, 5000), "float32"), np.array([0, 299, 300, -1, 10**12, -(10**12)] * 20)
    out = np.zeros((len(rows), 5000), "float32")
    (call,) = partition([gather(x, rows, out)], parallelism)
    assert is_batch(call)
    call()
    assert np.array_equal(out, x[np.clip(rows, 0, 299)])


@pytest.mark.parametrize("natives", ["auto", True])
def test_a_training_on_several_threads_has_the_bits_of_one(natives, monkeypatch):
    """So short a training runs natives only with natives=True."""
    if natives is True and not loading.available():
        pytest.skip("numba is not installed: pip install 'xpnet[fast]'")
    if not blas._libraries():
        pytest.skip("threadpoolctl is not installed: pip install 'xpnet[fast]'")
    x, y = array((512, 300), "float32"), np.arange(512) % 10
    found = []
    for cores in (1, 4):
        monkeypatch.setattr(blas.machine, "cores", lambda cores=cores: cores)
        monkeypatch.setattr(blas, "given", lambda: None)
        net = xn.Sequential(xn.Dense(320, "relu"), xn.Dense(10))
        model = xn.Model(
            net, loss="softmax_cross_entropy", optimizer="adam", backend="numpy", natives=natives
        )
        model.fit(x, y, epochs=3, batch_size=256)
        (step,) = model._trainer._steps.values()
        (program,) = step._programs.values()
        ways = {thunk.func for thunk in program._thunks if is_batch(thunk)}
        assert cores > 1 or not ways
        assert ways <= {threadpool.run_parallel if natives is True else threadpool.run_parallel_in_python}
        assert ways or cores == 1 or natives == "auto"  # the update at least is partitioned
        found.append((model.history["loss"], {name: p.tobytes() for name, p in model.params.items()}))
    assert found[0] == found[1]
