"""The checks that every case must pass, on every backend and in both dtypes."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from ..backends import Backend, get
from ..calculus import check_gradient
from ..layers import Pass
from ..namespace import device, namespace
from ..typing import Array
from .case import Case
from .draws import to_backend
from .spy import watched

TOLERANCES = {"float32": 2e-5, "float64": 1e-12}
"""The largest difference between two libraries on an op and its pullback, relative to the largest magnitude."""


class AbsentError(Exception):
    """The check does not apply to this case, backend or dtype; the message says why."""


def gradient(case: Case, backend: Backend, dtype: str) -> None:
    """The pullback is the derivative: every element against central differences in float64."""
    if dtype != "float64":
        raise AbsentError("central differences need float64")
    computing(backend)
    for n in _rows(case, backend):
        arrays, keywords = case.place(backend, dtype, n)
        check_gradient(lambda *xs, k=keywords: case.run(xs, k), *arrays, compile=backend.compile)


def projection(case: Case, backend: Backend, dtype: str) -> None:
    """<dy, J v> = <pullback(dy), v> for random dy and v, all inputs moved at once; J v by central differences."""
    if dtype != "float64":
        raise AbsentError("central differences need float64")
    computing(backend)
    arrays, keywords = case.place(backend, dtype, case.rows[0])
    y, pullback = case.run(arrays, keywords)
    dy = random_like(backend, y)
    directions = [random_like(backend, x, seed=1 + k) for k, x in enumerate(arrays)]
    h = 1e-5

    def shifted(sign: float) -> Array:
        return case.run([x + sign * h * v for x, v in zip(arrays, directions, strict=True)], keywords)[0]

    xp = namespace(y)
    moved = float(xp.sum(dy * (shifted(1.0) - shifted(-1.0)))) / (2 * h)
    pulled = sum(float(xp.sum(dx * v)) for dx, v in zip(pullback(dy), directions, strict=True))
    scale = max(abs(moved), abs(pulled), float(xp.sum(xp.abs(dy))) * 1e-3)
    assert abs(moved - pulled) <= 1e-6 * scale, f"<dy, J v> is {moved:.9g}, <pullback(dy), v> is {pulled:.9g}"


def formula(case: Case, backend: Backend, dtype: str) -> None:
    """The value equals the plain formula's, and the pullback the formula's derivative by the library's autodiff."""
    if case.plain is None:
        raise AbsentError("no plain formula is given for this row")
    computing(backend)
    plain, xp = case.plain, backend.xp
    for n in _rows(case, backend):
        arrays, keywords = case.place(backend, dtype, n)
        y, pullback = case.run(arrays, keywords)
        dy = random_like(backend, y)
        value, pulled = autodiff(lambda *xs, k=keywords: plain(xp, *xs, **k), arrays, dy)
        tolerance = 10 * TOLERANCES[dtype]  # the plain formula cancels where the op does not
        close(backend.to_numpy(y), backend.to_numpy(value), tolerance, "the value, and the plain formula's,")
        for k, (dx, wanted) in enumerate(zip(pullback(dy), pulled or (), strict=bool(pulled))):
            what = f"cotangent {k}, and autodiff of the plain formula,"
            close(backend.to_numpy(dx), backend.to_numpy(wanted), tolerance, what)


def kinds(case: Case, backend: Backend, dtype: str) -> None:
    """The value has its inputs' dtype, namespace and device; each input has one cotangent of its kind and shape."""
    for n in case.rows:
        arrays, keywords = case.place(backend, dtype, n)
        with watched(backend):
            y, pullback = case.run(arrays, keywords)
            same_kind(backend, y, arrays[0].dtype, f"the value for n={n}")
            if case.per_sample:
                assert tuple(y.shape) == (n,), (
                    f"a loss of {n} samples gave {tuple(y.shape)}: one value each was wanted"
                )
            cotangents = pullback(random_like(backend, y))
        assert isinstance(cotangents, tuple), (
            f"the pullback gave a {type(cotangents).__name__}, wanted a tuple"
        )
        assert len(cotangents) == len(arrays), f"{len(cotangents)} cotangents for {len(arrays)} inputs"
        for k, (x, dx) in enumerate(zip(arrays, cotangents, strict=True)):
            same_kind(backend, dx, x.dtype, f"cotangent {k} for n={n}")
            assert dx.shape == x.shape, f"cotangent {k} is {tuple(dx.shape)}, its input {tuple(x.shape)}"


def purity(case: Case, backend: Backend, dtype: str) -> None:
    """Inputs are not changed; a repeated pullback returns the same; an op's pullback may be called twice."""
    computing(backend)
    arrays, keywords = case.place(backend, dtype, case.rows[0])
    before = [backend.to_numpy(x) for x in arrays]
    y, pullback = case.run(arrays, keywords)
    dy = random_like(backend, y)
    value, dy_before = backend.to_numpy(y), backend.to_numpy(dy)
    first = [backend.to_numpy(dx) for dx in pullback(dy)]
    if case.once:
        pullback = case.run(arrays, keywords)[1]
    second = [backend.to_numpy(dx) for dx in pullback(dy)]
    for k, (old, x) in enumerate(zip(before, arrays, strict=True)):
        assert np.array_equal(old, backend.to_numpy(x)), f"input {k} was changed in place"
    assert np.array_equal(dy_before, backend.to_numpy(dy)), "the pullback changed dy in place"
    assert np.array_equal(value, backend.to_numpy(y)), "the pullback changed y in place"
    for k, (one, two) in enumerate(zip(first, second, strict=True)):
        assert np.array_equal(one, two), f"cotangent {k} differs when the pullback is called again"


def linearity(case: Case, backend: Backend, dtype: str) -> None:
    """pullback(2 dy + dy') = 2 pullback(dy) + pullback(dy')."""
    computing(backend)
    arrays, keywords = case.place(backend, dtype, case.rows[0])
    y, _ = case.run(arrays, keywords)
    dy, other = random_like(backend, y), random_like(backend, y, seed=1)
    pulled = [case.run(arrays, keywords)[1](d) for d in (2.0 * dy + other, dy, other)]
    for k, (both, one, two) in enumerate(zip(*pulled, strict=True)):
        wanted = 2.0 * backend.to_numpy(one) + backend.to_numpy(two)
        close(
            backend.to_numpy(both),
            wanted,
            TOLERANCES[dtype],
            f"cotangent {k} of 2 dy + dy', and the sum of the parts,",
        )


def values(case: Case, backend: Backend, dtype: str) -> None:
    """Value and cotangents equal NumPy's in float64, to a stated tolerance."""
    computing(backend)
    reference = get("numpy")
    for n in case.rows:
        found = [_results(case, b, d, n) for b, d in ((backend, dtype), (reference, "float64"))]
        for k, (here, there) in enumerate(zip(*found, strict=True)):
            what = "the value" if k == 0 else f"cotangent {k - 1}"
            close(here, there, TOLERANCES[dtype], f"{what} for n={n}, and NumPy's in float64,")


def samples(case: Case, backend: Backend, dtype: str) -> None:
    """A loss of one sample depends on that sample alone."""
    if not case.per_sample:
        raise AbsentError("the row is not a loss")
    computing(backend)
    arrays, keywords = case.place(backend, dtype, case.rows[0])
    before = backend.to_numpy(case.run(arrays, keywords)[0])
    first = [backend.to_numpy(x) for x in arrays]
    for x in first:
        x[0] = 0.5 * x[0] + 0.1
    changed = [backend.asarray(x) for x in first]
    after = backend.to_numpy(case.run(changed, keywords)[0])
    assert np.array_equal(before[1:], after[1:]), "changing sample 0 changed the loss of another"
    assert before[0] != after[0], "changing sample 0 did not change its loss"


def keys(case: Case, backend: Backend, dtype: str) -> None:
    """No random key is used twice within a pass."""
    if "words" not in case.keywords:
        raise AbsentError("the row is not a layer")
    used: list[int] = []
    plain = Pass.key
    arrays, keywords = case.place(backend, dtype, case.rows[0])

    def spied(self: Pass, salt: int) -> Any:
        return CountedKey(*plain(self, salt), used)

    Pass.key = spied  # type: ignore[method-assign]
    try:
        case.run(arrays, keywords)
    finally:
        Pass.key = plain  # type: ignore[method-assign]
    twice = sorted({salt for salt in used if used.count(salt) > 1})
    assert not twice, f"the random key of salt {twice[0]} was used {used.count(twice[0])} times in one pass"


def tracing(case: Case, backend: Backend, dtype: str) -> None:
    """A compiler traces the case once for a shape, as a whole: no read of values, no graph break, no second trace."""
    trace = tracer(backend)
    arrays, keywords = case.place(backend, dtype, case.rows[0])
    dy = random_like(backend, case.run(arrays, keywords)[0])

    def both(arrays: Any, keywords: Any, dy: Array) -> Any:
        y, pullback = case.run(arrays, keywords)
        return y, *pullback(dy)

    traced = trace(both, arrays, keywords, dy)
    for k, (got, wanted) in enumerate(zip(traced, both(arrays, keywords, dy), strict=True)):
        close(
            backend.to_numpy(got),
            backend.to_numpy(wanted),
            TOLERANCES[dtype],
            f"result {k}, and the untraced one,",
        )


def _trace_jax(function: Callable[..., Any], *args: Any) -> Any:
    import jax

    traces = []

    def counted(*args: Any) -> Any:
        traces.append(1)
        return function(*args)

    jitted = jax.jit(counted)
    jitted(*args)
    result = jitted(*args)
    assert len(traces) == 1, f"{len(traces)} traces for one shape"
    return result


def _trace_torch(function: Callable[..., Any], *args: Any) -> Any:
    import torch

    torch._dynamo.reset()
    torch._dynamo.utils.counters.clear()
    compiled = torch.compile(function, backend="eager", fullgraph=True, dynamic=False)
    with torch.no_grad():
        compiled(*args)
        result = compiled(*args)
    graphs = torch._dynamo.utils.counters["stats"]["unique_graphs"]
    assert graphs <= 1, f"{graphs} graphs for one shape"
    return result


def tracer(backend: Backend) -> Callable[..., Any]:
    """Runs a function twice through the backend's compiler, and fails unless one whole trace served both."""
    found = {"jax.numpy": _trace_jax, "array_api_compat.torch": _trace_torch}.get(backend.xp.__name__)
    if found is None or not backend.capabilities.computes:
        raise AbsentError("this backend has no tracing compiler")
    return found


CHECKS = (gradient, projection, formula, kinds, purity, linearity, values, samples, keys, tracing)


class CountedKey:
    """A key that notes each use of it in a draw."""

    def __init__(self, first: Array, second: Array, salt: int, used: list[int]) -> None:
        self.first, self.second, self._salt, self._used = first, second, salt, used

    @property
    def salt(self) -> int:
        self._used.append(self._salt)
        return self._salt


def close(got: np.ndarray, wanted: np.ndarray, tolerance: float, what: str) -> None:
    """Asserts equality up to `tolerance` times the largest magnitude in `wanted`; NaN is never close."""
    assert got.shape == wanted.shape, f"{what} have shapes {got.shape} and {wanted.shape}"
    if not wanted.size:
        return
    error = np.abs(got.astype("float64") - wanted)
    scale = max(float(np.abs(wanted).max()), 1e-30)
    place = np.unravel_index(int(np.argmax(np.where(np.isnan(error), np.inf, error))), got.shape)
    assert error[place] <= tolerance * scale, (
        f"{what} differ at {tuple(map(int, place))}: {got[place]:.9g} and {wanted[place]:.9g}, "
        f"{error[place] / scale:.1e} of the largest, allowed {tolerance:.0e}"
    )


def same_kind(backend: Backend, x: Any, dtype: Any, what: str) -> None:
    """Asserts that an array is of the backend's namespace, on its device, and of a dtype."""
    assert backend.owns(x), f"{what} is a {type(x).__module__}.{type(x).__name__}, no array of {backend.name}"
    assert x.dtype == dtype, f"{what} is {x.dtype}, wanted {dtype}"
    here = device(x)
    assert here is None or here == backend.selected, f"{what} is on {here}, wanted {backend.selected}"


def random_like(backend: Backend, y: Array, *, seed: int = 0) -> Array:
    """Standard normal numbers of an array's shape and dtype."""
    drawn = np.random.default_rng([99, seed]).standard_normal(tuple(y.shape))
    return to_backend(backend, np.asarray(drawn), str(y.dtype).rpartition(".")[2])


def autodiff(
    f: Callable[..., Array], arrays: list[Array], dy: Array
) -> tuple[Array, tuple[Array, ...] | None]:
    """(value, cotangents by the library's own autodiff, None if it has none)."""
    xp = namespace(dy).__name__
    if xp == "jax.numpy":
        import jax

        value, vjp = jax.vjp(jax.jit(f), *arrays)
        return value, vjp(dy)
    if xp == "array_api_compat.torch":
        import torch

        inputs = [x.clone().requires_grad_() for x in arrays]
        with torch.enable_grad():
            value = f(*inputs)
            return value.detach(), torch.autograd.grad(value, inputs, dy)
    return f(*arrays), None


def _results(case: Case, backend: Backend, dtype: str, n: int) -> list[np.ndarray]:
    arrays, keywords = case.place(backend, dtype, n)
    y, pullback = case.run(arrays, keywords)
    return [backend.to_numpy(x) for x in (y, *pullback(random_like(backend, y)))]


def _rows(case: Case, backend: Backend) -> tuple[int, ...]:
    """The batch sizes of a long check: one on a library that compiles each operation for each shape."""
    return case.rows[:1] if backend.capabilities.traces else case.rows


def computing(backend: Backend) -> None:
    """AbsentError on a backend that has shapes without values."""
    if not backend.capabilities.computes:
        raise AbsentError("this backend has shapes and no values")
