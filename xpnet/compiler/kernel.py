"""Kernels: compiled functions, with the facts that tracing, partition and tasks need about them.

Code generation knows how a function may be split and run, and four other parts must learn it. A `Kernel` is their one
contract. A trace records a call of it, partition splits its arguments along `axes`, a task takes the address of its
`c_function`. A replayed step binds `call` itself, so that a run pays nothing for the other fields.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from .tracing import NotTraceableError, Tracer, map_arrays


@dataclass(frozen=True, slots=True, eq=False)
class Kernel:
    """A function of arrays and numbers that writes into some of the arrays and returns nothing.

    call: the function, called from Python.
    axes: for each argument the axis along which it may be partitioned, None if every part takes all of it. Empty if
    the kernel cannot be partitioned.
    c_function: compiles the same computation as a C function, of the form of NumPy's inner loops, when first called;
    returns it, an object with an `address`. None if there is no such function.
    inner_loops: the addresses of the NumPy inner loops that the C function calls, each followed by that of its data.
    consumes: the kernel writes into the state of a training step, so a trace records it without running it.
    """

    call: Callable[..., Any]
    axes: tuple[int | None, ...] = ()
    c_function: Callable[[], Any] | None = None
    inner_loops: tuple[int, ...] = ()
    consumes: bool = False

    def __call__(self, *args: Any) -> None:
        """Runs the function; on tracers, also records the call."""
        x = args[0]
        if type(x) is not Tracer:
            self.call(*args)
            return
        if any(isinstance(arg, np.ndarray) for arg in args):
            raise NotTraceableError("a kernel is given an array that is no part of the trace")
        x.trace.add(self, *args)
        if not self.consumes:
            self.call(*map_arrays(args, lambda traced: traced.value))


def unwrapped(function: Callable[..., Any]) -> Callable[..., Any]:
    """The function to bind in a replayed step: a kernel's `call`, any other function itself."""
    return function.call if isinstance(function, Kernel) else function
