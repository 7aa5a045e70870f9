"""Code generation: kernels have the bits of NumPy's operations, and say how they may be partitioned."""

import numpy as np
import pytest

from xpnet.compiler.expression import SYMBOL_NAMESPACE, Expression

from ..bits import same_bits

numba = pytest.importorskip("numba", reason="numba is not installed: pip install 'xpnet[fast]'")
from xpnet.compiler import blocked, codegen  # noqa: E402 - they need Numba
from xpnet.compiler.task import TaskBatch  # noqa: E402
from xpnet.compiler.threadpool import run_parallel  # noqa: E402

RNG = np.random.default_rng(0)
DTYPES = ["float32", "float64"]


def formula(xp, x, w, c):
    return xp.where(x > 0, x * w - c / x, xp.sqrt(xp.abs(w)) + c)


def kernel_of(function, names, dtype, make=codegen.elementwise_kernel, **options):
    """The kernel that writes y = function(xp, *names)."""
    expression = Expression()
    y = function(SYMBOL_NAMESPACE, *map(expression.input, names))
    arrays = tuple(name for name in names if name not in ("c", options.get("row")))
    return make(expression, arrays, {"y": y}, np.dtype(dtype), ("c",) if "c" in names else (), **options)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("shape", [(1000,), (30, 40), (2, 3, 5), (0,)])
def test_an_elementwise_kernel_has_the_bits_of_numpy(shape, dtype):
    x, w = (RNG.standard_normal(shape).astype(dtype) for _ in range(2))
    y, c = np.empty_like(x), np.dtype(dtype).type(0.7)
    kernel_of(formula, ("x", "w", "c"), dtype)(x, w, y, c)
    same_bits([y], [formula(np, x, w, c)])


@pytest.mark.parametrize("dtype", DTYPES)
def test_a_row_is_used_for_each_row_of_the_matrices(dtype):
    z, b = RNG.standard_normal((7, 5)).astype(dtype), RNG.standard_normal(5).astype(dtype)
    y = np.empty_like(z)
    kernel = kernel_of(lambda xp, z, b: xp.maximum(z + b, 0.0), ("z", "b"), dtype, row="b")
    assert kernel.axes == (0, 0, None)
    kernel(z, y, b)
    same_bits([y], [np.maximum(z + b, 0)])


def test_a_result_that_is_an_input_is_written_in_place():
    expression = Expression()
    p, g = map(expression.input, "pg")
    kernel = codegen.elementwise_kernel(expression, ("p", "g"), {"p": p - 0.5 * g}, np.dtype("float64"))
    p, g = np.ones(4), np.arange(4.0)
    kernel(p, g)
    assert p.tolist() == [1, 0.5, 0, -0.5]


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("make", [codegen.elementwise_kernel, blocked.blocked_kernel])
def test_the_c_function_of_a_kernel_has_the_bits_of_its_call(make, dtype):
    def function(xp, x, c):
        return (
            c * x / (1.0 + xp.abs(x)) if make is codegen.elementwise_kernel else xp.tanh(c * x) * xp.exp(-x)
        )

    kernel = kernel_of(function, ("x", "c"), dtype, make)
    assert kernel.axes == (0, 0, None)
    x, c = RNG.standard_normal((300, 70)).astype(dtype), np.dtype(dtype).type(1.3)
    wanted, found = np.empty_like(x), np.full_like(x, np.nan)
    kernel.call(x, wanted, c)
    batch = TaskBatch.of([(kernel, (x[rows], found[rows], c)) for rows in (slice(0, 64), slice(64, 300))])
    assert batch.count == 2
    run_parallel(batch, 0, 1)
    same_bits([found], [wanted])


def test_a_blocked_kernel_without_transcendental_functions_is_one_loop():
    kernel = kernel_of(formula, ("x", "w", "c"), "float32", blocked.blocked_kernel)
    assert kernel.inner_loops == ()
    assert hasattr(kernel.call, "py_func")


def test_a_blocked_kernel_names_an_inner_loop_for_each_transcendental_function():
    kernel = kernel_of(lambda xp, x: xp.tanh(xp.exp(x) + 1.0), ("x",), "float32", blocked.blocked_kernel)
    assert len(kernel.inner_loops) == 2 * 2
    assert kernel.axes == (0, 0)


def test_numpys_function_alone_is_no_loop_of_ours():
    kernel = kernel_of(lambda xp, x: xp.exp(x), ("x",), "float32", blocked.blocked_kernel)
    assert kernel.call is np.exp
    assert (kernel.axes, kernel.c_function) == ((), None)


def test_functions_are_named_by_their_text_and_constants():
    """Numba's cache on disk goes by the name."""
    one, again, other, constant = (
        codegen.define(["x"], [line], {"k": value})
        for line, value in [
            ("return x + k", np.float32(1)),
            ("return x + k", np.float32(1)),
            ("return x - k", np.float32(1)),
            ("return x + k", np.float32(2)),
        ]
    )
    assert one(1) == 2
    assert one.__name__ == again.__name__
    assert len({one.__name__, other.__name__, constant.__name__}) == 3
