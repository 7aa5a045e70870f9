"""Optimizer rules on NumPy arrays as one compiled loop, in place, through Numba (the extra `fast`).

The rule is the very function that every other backend calls on whole arrays; here Numba compiles it for
single elements, with this module's `scalar` namespace for `xp`. Without `fastmath` LLVM may not reorder or
contract, and vectorises all the same once `error_model="numpy"` has lifted the check of each division: so
the loop gives the portable update's bits, at 7 to 8 times its speed (`ci/benchmarks/update.py`).
"""

from __future__ import annotations

import hashlib
import warnings
from collections.abc import Callable
from functools import cache
from importlib.util import find_spec
from types import FunctionType, ModuleType
from typing import Any

import numpy as np

from ..optim import update_each
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
    """The rule applied to every parameter, written into the arrays of `params` and `slots`.

    A rule that Numba cannot compile runs portably, with the same bits, and a warning says so.
    """
    new_params: Flat = {}
    new_slots: dict[str, Flat] = {slot: {} for slot in slots}
    for name, given in params.items():
        p = new_params[name] = _writable(given)
        loop = _loop(rule, len(slots), len(scalars), p.dtype)
        if loop is None:
            return update_each(rule, params, grads, slots, scalars)
        for slot, values in slots.items():
            new_slots[slot][name] = _writable(values[name])
        kept = [values[name].reshape(-1) for values in new_slots.values()]
        loop(p.reshape(-1), _writable(grads[name]).reshape(-1), *kept, *map(p.dtype.type, scalars))
    return new_params, new_slots


def _writable(x: Any) -> np.ndarray:
    """The array itself, or a copy where it is no contiguous array: a 0-d result of NumPy's is a number."""
    return np.require(x, requirements=("C", "W"))


@cache
def _loop(rule: Any, slots: int, scalars: int, dtype: np.dtype) -> Callable[..., None] | None:
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
    empty, numbers = np.zeros(0, dtype), [dtype.type(0)] * scalars
    try:
        try:
            loop = _jit(scope[name], cache=True)
        except RuntimeError:  # no folder to keep it in can be written
            loop = _jit(scope[name])
        loop(*[empty] * (2 + slots), *numbers)  # compiles
    except Exception as error:
        # whatever stops Numba, the rule itself still runs
        reason = str(error).strip().partition("\n")[0]
        warnings.warn(f"Numba cannot compile {rule.__name__}, which runs uncompiled: {reason}", stacklevel=2)
        return None
    return loop


def _compiled(function: Any) -> Any:
    """A plain function, and the plain functions it calls, compiled for scalars."""
    called = {name: _compiled(inner) for name, inner in _inner(function)}
    scope = {**function.__globals__, **called}
    parts = function.__name__, function.__defaults__, function.__closure__
    return _jit(FunctionType(function.__code__, scope, *parts))


def _inner(function: Any) -> list[tuple[str, Any]]:
    found = ((name, function.__globals__.get(name)) for name in function.__code__.co_names)
    return [(name, value) for name, value in found if isinstance(value, FunctionType)]


def _fingerprint(function: Any) -> str:
    code = function.__code__
    parts = [code.co_code, repr((code.co_consts, code.co_names, code.co_varnames)).encode()]
    parts += [_fingerprint(inner).encode() for _, inner in _inner(function)]
    found = {name: function.__globals__.get(name) for name in code.co_names}
    numbers = {name: value for name, value in found.items() if not isinstance(value, FunctionType)}
    cells = [cell.cell_contents for cell in function.__closure__ or ()]
    parts.append(repr((numbers, function.__defaults__, cells)).encode())
    return hashlib.sha256(b"\0".join(parts)).hexdigest()


@cache
def scalar() -> ModuleType:
    """The standard's elementwise functions for single numbers, under their standard names."""
    xp = ModuleType("scalar")
    functions: dict[str, Callable[..., Any]] = {
        "sqrt": lambda x: np.sqrt(x),
        "exp": lambda x: np.exp(x),
        "log": lambda x: np.log(x),
        "expm1": lambda x: np.expm1(x),
        "log1p": lambda x: np.log1p(x),
        "tanh": lambda x: np.tanh(x),
        "square": lambda x: x * x,
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
