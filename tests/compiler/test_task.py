"""Tasks: calls by the addresses of C functions and arrays, in tables that keep their arrays alive."""

import gc
import weakref

import numpy as np
import pytest

from xpnet.compiler import codegen, loading, task
from xpnet.compiler.kernel import Kernel
from xpnet.compiler.task import Task, TaskBatch, gather

RNG = np.random.default_rng(0)
needs_numba = pytest.mark.skipif(
    not loading.available(), reason="numba is not installed: pip install 'xpnet[fast]'"
)


def test_a_task_has_the_fields_of_numbas_struct():
    assert Task._fields == ("function", "args", "dims", "steps", "data")
    a, b, out = (RNG.standard_normal(shape) for shape in ((3, 4), (4, 5), (3, 5)))
    batch = TaskBatch.of([(np.matmul, (a, b, out))])
    (product,) = batch.tasks
    assert product.args.tolist() == [x.ctypes.data for x in (a, b, out)]
    assert product.dims.tolist() == [1, 3, 4, 5]
    assert product.steps.tolist() == [0, 0, 0, *a.strides, *b.strides, *out.strides]
    assert batch.table.tolist() == [[product.function, *(x.ctypes.data for x in product[1:])]]


@needs_numba
def test_a_batch_keeps_its_arrays_alive_and_runs():
    from xpnet.compiler import workqueue

    def add(x, y, c):
        y[:] = x + c

    lines = {"x": (np.dtype("f8"), 1), "y": (np.dtype("f8"), 1), "c": (np.dtype("f8"), 1)}
    kernel = Kernel(add, (0, 0, None), lambda: codegen.cfunc(lines, ["y[:] = x + c[0]"]))
    x, y = np.arange(5.0), np.zeros(5)
    batch = TaskBatch.of([(kernel, (x[:2], y[:2], np.float64(1))), (kernel, (x[2:], y[2:], np.float64(2)))])
    assert batch.count == 2
    assert batch.tasks[0].dims.tolist() == [3, 3, 1]  # the last call is the first row
    alive = weakref.ref(x)
    del x
    gc.collect()
    assert alive() is not None
    workqueue.run_all(batch.address, batch.count)
    assert y.tolist() == [1, 2, 4, 5, 6]
    del batch
    gc.collect()
    assert alive() is None


def test_rows_are_gathered_without_a_copy_of_the_array():
    x, rows, out = RNG.standard_normal((6, 3)), np.array([5, 0, 5]), np.zeros((3, 3))
    for source in (x, x[::-1]):
        function, args = gather(source, rows, out)
        assert (function is task.GATHER) == source.flags.c_contiguous
        function(*args)
        assert np.array_equal(out, source[rows])


def test_there_is_no_batch_if_one_call_has_no_c_function():
    a, b, out = (RNG.standard_normal((64, 64)) for _ in range(3))
    product = np.matmul, (a, b, out)
    assert TaskBatch.of([product]).count == 1
    for other in (np.negative, (a, out)), (np.matmul, (a.astype("int64"), b.astype("int64"), out)):
        assert TaskBatch.of([product, other]) is None
    whole = np.matmul, (a.astype("int64"), b.astype("int64"), np.zeros((64, 64), "int64"))
    assert TaskBatch.of([whole]) is not None  # NumPy has loops for every dtype


@pytest.mark.parametrize("change", [{"nin": 3}, {"ntypes": 1}], ids=["nin", "ntypes"])
def test_a_ufunc_whose_fields_do_not_check_has_no_inner_loop(change, monkeypatch):
    """The address is used only if the fields beside it are what Python says of the ufunc."""

    class Other(task._Ufunc):
        @classmethod
        def from_address(cls, address):
            found = task.ctypes.Structure.__class__.from_address(task._Ufunc, address)
            return type("Read", (), {"nin": 2, "nout": 1, "nargs": 3, "ntypes": found.ntypes, **change})

    assert task.ufunc_loop.__wrapped__(np.matmul, np.dtype("f")) is not None
    monkeypatch.setattr(task, "_Ufunc", Other)
    assert task.ufunc_loop.__wrapped__(np.matmul, np.dtype("f")) is None
