"""The pytest plugin: a test that takes `xpnet_backend` runs once on every backend that is there.

A backend that is absent is a skip with its reason, and the last lines of every run name each backend: ran
(how many tests) or absent (why). XPNET_TEST_BACKENDS, names and commas, selects; XPNET_REQUIRE_BACKENDS
turns the skip of a named backend into a failure.
"""

from __future__ import annotations

import os
from collections import Counter
from typing import Any

import pytest

_KEY = "xpnet_backend"


def pytest_generate_tests(metafunc: Any) -> None:
    """One test for each backend, or a skip that says why not."""
    if _KEY in metafunc.fixturenames:
        metafunc.parametrize(_KEY, [parameter(name) for name in selected()], indirect=True)


@pytest.fixture
def xpnet_backend(request: Any, record_property: Any) -> Any:
    """A backend, by parametrisation each one in turn."""
    from ..backends import get

    record_property(_KEY, request.param)
    return get(request.param)


def selected() -> list[str]:
    """The names of the backends to test."""
    from .doubles import BUILTIN

    chosen = _listed("XPNET_TEST_BACKENDS")
    return chosen or list(BUILTIN)


def parameter(name: str) -> Any:
    """A backend's name as a parameter, with the skip where it is absent and nobody requires it."""
    reason = absence(name)
    skip = reason is not None and name not in _listed("XPNET_REQUIRE_BACKENDS")
    return pytest.param(name, marks=[pytest.mark.skip(reason=f"{name}: {reason}")] if skip else [])


def absence(name: str) -> str | None:
    """Why a backend cannot be used here; None where it can."""
    from ..backends import find
    from .doubles import register_doubles

    register_doubles()
    found = find(name).available(probe=name == "cupy")
    return None if found else found.reason


def pytest_terminal_summary(terminalreporter: Any) -> None:
    """The closing lines: what ran on which backend."""
    tests, checks = _counts(terminalreporter)
    if not tests and not _skipped(terminalreporter):
        return
    terminalreporter.section("backends")
    for name in selected():
        reason = absence(name)
        if tests[name]:
            line = f"ran ({tests[name]} tests" + (f", {checks[name]} checks)" if checks[name] else ")")
        else:
            line = "absent (no test of this run uses it)" if reason is None else f"absent ({reason})"
        terminalreporter.write_line(f"{name:16} {line}")
    if len(tests) == 1:
        terminalreporter.write_line("only one backend was tested")


def _counts(terminalreporter: Any) -> tuple[Counter[str], Counter[str]]:
    """How many tests ran on each backend, and how many of the oracle's checks passed in them."""
    tests: Counter[str] = Counter()
    checks: Counter[str] = Counter()
    for status in ("passed", "failed", "xfailed"):
        for report in terminalreporter.stats.get(status, []):
            noted = dict(getattr(report, "user_properties", ()))
            if _KEY in noted and report.when == "call":
                tests[noted[_KEY]] += 1
                checks[noted[_KEY]] += noted.get("xpnet_checks", 0)
    return tests, checks


def _skipped(terminalreporter: Any) -> bool:
    return any(_KEY in report.nodeid for report in terminalreporter.stats.get("skipped", []))


def _listed(variable: str) -> list[str]:
    return [name.strip() for name in os.environ.get(variable, "").split(",") if name.strip()]
