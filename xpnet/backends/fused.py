"""Optimizer rules on NumPy arrays as one compiled loop, in place, through Numba (the extra `fast`).

The rule is the very function that every other backend calls on whole arrays; here Numba compiles it for
single elements, with this module's `scalar` namespace for `xp`. Without `fastmath` LLVM may not reorder or
contract, and vectorises all the same once `error_model="numpy"` has lifted the check of each division: so
the loop gives the portable update's bits, at 7 to 8 times its speed (`ci/benchmarks/update.py`).
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from functools import cache
from importlib.util import find_spec
from types import FunctionType, ModuleType
from typing import Any

import numpy as np

from ..typing import Flat

IMPORT_SECONDS = 1.0
"""What Numba's import and reading or compiling the loop cost, rounded up."""
SAVED_PER_ELEMENT, SAVED_PER_ARRAY = 1.3e-9, 12e-6
"""Seconds that one fused update saves per parameter element and per parameter array."""


def available() -> bool:
    """Whether Numba is installed."""
    return find_spec("numba") is not None


def repays(*, elements: int, arrays: int, steps: int) -> bool:
    """Whether a run of so many updates saves more than Numba's import costs; from sizes alone."""
    return steps * (elements * SAVED_PER_ELEMENT + arrays * SAVED_PER_ARRAY) > IMPORT_SECONDS


def update(
    rule: Any, params: Flat, grads: Flat, slots: dict[str, Flat], scalars: tuple[Any, ...]
) -> tuple[Flat, dict[str, Flat]]:
    """The rule applied to every parameter, written into `params` and `slots`."""
    loop = _loop(rule, len(slots), len(scalars))
    for name, p in params.items():
        kept = [values[name].reshape(-1) for values in slots.values()]
        loop(p.reshape(-1), np.ascontiguousarray(grads[name]).reshape(-1), *kept, *map(p.dtype.type, scalars))
    return params, slots


@cache
def _loop(rule: Any, slots: int, scalars: int) -> Callable[..., None]:
    """The compiled loop over one parameter; `p[i], s0[i] = rule(xp, p[i], g[i], s0[i], c0, c1)`.

    Its results go to the inputs' own names: Numba then knows that nothing else aliases them. The name holds
    a hash of the rule's code, so that Numba's cache on disk never serves an older rule.
    """
    kept = [f"s{i}" for i in range(slots)]
    constants = [f"c{i}" for i in range(scalars)]
    name = f"{rule.__name__}_{_fingerprint(rule)[:16]}"
    places = ", ".join(f"{array}[i]" for array in ("p", *kept))
    source = (
        f"def {name}({', '.join(['p', 'g', *kept, *constants])}):\n"
        f"    for i in range(p.size):\n"
        f"        {places}{',' if not kept else ''} = "
        f"rule(xp, p[i], g[i], {', '.join([*(f'{array}[i]' for array in kept), *constants])})\n"
    )
    scope: dict[str, Any] = {"__name__": __name__, "rule": _compiled(rule), "xp": scalar()}
    exec(compile(source, __file__, "exec"), scope)
    return _jit(scope[name], cache=True)


def _compiled(function: Any) -> Any:
    """A plain function, and the plain functions it calls, compiled for scalars."""
    called = {name: _compiled(inner) for name, inner in _inner(function)}
    return _jit(FunctionType(function.__code__, {**function.__globals__, **called}, function.__name__))


def _inner(function: Any) -> list[tuple[str, Any]]:
    found = ((name, function.__globals__.get(name)) for name in function.__code__.co_names)
    return [(name, value) for name, value in found if isinstance(value, FunctionType)]


def _fingerprint(function: Any) -> str:
    code = function.__code__
    parts = [code.co_code, repr((code.co_consts, code.co_names, code.co_varnames)).encode()]
    parts += [_fingerprint(inner).encode() for _, inner in _inner(function)]
    return hashlib.sha256(b"\0".join(parts)).hexdigest()


@cache
def scalar() -> ModuleType:
    """The standard's elementwise functions for single numbers, under their standard names."""
    xp = ModuleType("scalar")
    functions: dict[str, Callable[..., Any]] = {
        "sqrt": lambda x: np.sqrt(x),
        "exp": lambda x: np.exp(x),
        "log": lambda x: np.log(x),
        "abs": lambda x: np.abs(x),
        "sign": lambda x: np.sign(x),
        "where": lambda condition, x, y: x if condition else y,
        "maximum": lambda x, y: x if x > y else y,
        "minimum": lambda x, y: x if x < y else y,
    }
    for name, function in functions.items():
        setattr(xp, name, _jit(function))
    return xp


def _jit(function: Any, *, cache: bool = False) -> Any:
    import numba

    return numba.njit(function, cache=cache, error_model="numpy")
