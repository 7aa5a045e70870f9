"""The oracle, for xpnet's own parts and for users': cases, checks, test backends and a pytest plugin."""

from __future__ import annotations

from .case import Case, layer_case
from .cases import CASES
from .catalogue import Entry, catalogue, without_rows
from .checks import CHECKS, AbsentError, close
from .doubles import BUILTIN, register_doubles
from .draws import Draw, between, key, labels, normal, probabilities
from .oracle import DTYPES, Outcome, check_op, prove, run_check, run_table, table
from .spy import watched
from .steps import NETWORKS, STEP_CHECKS, Network

__all__ = [
    "BUILTIN",
    "CASES",
    "CHECKS",
    "DTYPES",
    "NETWORKS",
    "STEP_CHECKS",
    "AbsentError",
    "Case",
    "Draw",
    "Entry",
    "Network",
    "Outcome",
    "between",
    "catalogue",
    "check_op",
    "close",
    "key",
    "labels",
    "layer_case",
    "normal",
    "probabilities",
    "prove",
    "register_doubles",
    "run_check",
    "run_table",
    "table",
    "watched",
    "without_rows",
]


def __dir__() -> list[str]:
    return sorted(__all__)
