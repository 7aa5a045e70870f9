"""The oracle: runs every check on every row, and reports an outcome for each."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Any, NamedTuple

from ..backends import Backend, get
from ..errors import require_function, shown
from .by_hand import HAND_CHECKS, HAND_ROWS
from .case import Case
from .cases import CASES
from .checks import CHECKS, AbsentError
from .draws import Draw
from .optimizers import OPTIMIZER_CHECKS, OPTIMIZERS, SCHEDULE_CHECKS, SCHEDULES
from .steps import NETWORKS, STEP_CHECKS

DTYPES = ("float32", "float64")


class Outcome(NamedTuple):
    """The outcome of one check: status is "passed", "failed" or "absent", the message says why."""

    row: str
    check: str
    dtype: str
    status: str
    message: str


def table() -> Iterator[tuple[str, Any, Callable[..., None]]]:
    """(name of the row, row, check) for every check of xpnet."""
    rooms: tuple[tuple[Any, Any], ...] = (
        (CASES, CHECKS),
        (OPTIMIZERS, OPTIMIZER_CHECKS),
        (SCHEDULES, SCHEDULE_CHECKS),
        (NETWORKS, STEP_CHECKS),
        (HAND_ROWS, HAND_CHECKS),
    )
    for rows, checks in rooms:
        for row in rows:
            for check in checks:
                yield row.name, row, check


def run_check(row: str, case: Any, check: Callable[..., None], backend: Backend, dtype: str) -> Outcome:
    """Runs one check; a failure is an outcome, never an exception."""
    if dtype == "float64" and not backend.capabilities.float64:
        return Outcome(row, check.__name__, dtype, "absent", f"no float64 on {backend.name} here")
    try:
        with backend.device_context():
            check(case, backend, dtype)
    except AbsentError as reason:
        return Outcome(row, check.__name__, dtype, "absent", str(reason))
    except Exception as error:
        # any exception of a library is a finding
        message = str(error) if isinstance(error, AssertionError) else f"{type(error).__name__}: {error}"
        return Outcome(row, check.__name__, dtype, "failed", message)
    return Outcome(row, check.__name__, dtype, "passed", "")


def run_table(name: str, device: Any = None) -> Iterator[Outcome]:
    """Every check on a registered backend, row by row."""
    backend = get(name, device)
    for row, case, check in table():
        for dtype in DTYPES:
            yield run_check(row, case, check, backend, dtype)


def check_op(
    op: Callable[..., Any],
    *arrays: Any,
    backends: Iterable[str] = ("numpy",),
    **row: Any,
) -> None:
    """Proves a user's op: every check on every backend named; AssertionError lists the failures.

    arrays: `Draw`s of its inputs, such as `normal("n", 5)`. row: the other fields of a `Case`.
    """
    require_function("op", op, *(f"x{k}" for k in range(len(arrays))))
    for x in arrays:
        if not isinstance(x, Draw):
            raise TypeError(f"arrays: draws were wanted, such as normal('n', 5), {shown(x)} came")
    prove(Case(getattr(op, "__name__", "op"), op, tuple(arrays), **row), backends=backends)


def prove(case: Case, *, backends: Iterable[str] = ("numpy",)) -> None:
    """Runs every check of one case on every backend named; AssertionError lists the failures."""
    if not isinstance(case, Case):
        raise TypeError(f"case: a Case was wanted, such as layer_case gives, {shown(case)} came")
    names = [backends] if isinstance(backends, str) else list(backends)
    if not names:
        raise ValueError("backends is empty, and nothing would be proved: name one, backends=['numpy']")
    outcomes = [
        run_check(case.name, case, check, get(name), dtype)._replace(row=f"{case.name} on {name}")
        for name in names
        for check in CHECKS
        for dtype in DTYPES
    ]
    failed = [o for o in outcomes if o.status == "failed"]
    lines = [f"{o.row}, {o.check}, {o.dtype}: {o.message}" for o in failed]
    assert not failed, "\n".join(lines)
