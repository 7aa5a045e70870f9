"""Kernels: recorded on traced arrays, run on others, and bound without a cost."""

import numpy as np
import pytest

from xpnet.compiler.kernel import Kernel, unwrapped
from xpnet.compiler.tracing import NotTraceableError, Trace


def test_a_kernel_is_recorded_with_its_arguments_and_runs():
    ran = []
    kernel, trace = Kernel(lambda *args: ran.append(args)), Trace()
    x = trace.new_buffer(np.ones(3))
    kernel(x, x, np.float64(2))
    assert trace.calls == [(kernel, (x.as_view, x.as_view, np.float64(2)), None)]
    assert ran[0][0] is x.value


def test_a_kernel_that_consumes_the_state_is_recorded_without_running():
    ran, trace = [], Trace()
    kernel = Kernel(lambda *args: ran.append(args), consumes=True)
    kernel(trace.new_buffer(np.ones(3)))
    assert not ran
    assert [call.function for call in trace.calls] == [kernel]
    kernel(np.ones(3))
    assert len(ran) == 1


def test_a_kernel_takes_no_array_from_outside_the_trace():
    with pytest.raises(NotTraceableError, match="no part of the trace"):
        Kernel(print)(Trace().new_buffer(np.ones(3)), np.ones(3))


def test_what_is_bound_is_the_function_in_a_kernel():
    assert unwrapped(Kernel(np.exp)) is np.exp
    assert unwrapped(np.dot) is np.dot
