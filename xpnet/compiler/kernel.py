"""A compiled function and all that is known of it: the one contract between code generation and what runs it.

Code generation returns a `Kernel`. Tracing records a call of it, partition cuts its arguments along `axes`, a task
takes the address of its C function. A replayed step binds `call` itself, so that no field costs it anything.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from .tracing import NotTraceableError, Tracer, map_arrays


@dataclass(frozen=True, slots=True, eq=False)
class Kernel:
    """A function that writes into some of its arguments, all of them arrays or numbers, and returns nothing.

    call: the function in Python.
    axes: for each argument the axis along which it may be partitioned, None where every part takes all of it; empty
    for a kernel that runs on whole arrays only.
    c_function: compiles, at its first call, the same loop as a C function of the form of NumPy's inner loops and
    returns it, its `address` beside it. None where there is none.
    inner_loops: for each NumPy function that the C function calls, the address of its inner loop and that of the
    loop's data.
    consumes: it writes into the state of a training step, so tracing records it without running it.
    """

    call: Callable[..., Any]
    axes: tuple[int | None, ...] = ()
    c_function: Callable[[], Any] | None = None
    inner_loops: tuple[int, ...] = ()
    consumes: bool = False

    def __call__(self, *args: Any) -> None:
        """Runs it; on traced arrays it also records the call."""
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
