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


@pytest.hookimpl(wrapper=True, tryfirst=True)  # outermost: these lines come after pytest's own summary
def pytest_terminal_summary(terminalreporter: Any) -> Any:
    """The closing lines: what ran on which backend."""
    result = yield
    tests, checks = _counts(terminalreporter)
    if tests or _skipped(terminalreporter):
        terminalreporter.section("backends")
        for name in selected():
            terminalreporter.write_line(f"{name:16} {_fate(name, tests[name], checks[name])}")
        if len(tests) == 1:
            terminalreporter.write_line("only one backend was tested")
    return result


def _fate(name: str, tests: int, checks: int) -> str:
    if tests:
        return f"ran ({tests} tests" + (f", {checks} checks)" if checks else ")")
    return f"absent ({absence(name) or 'no test of this run uses it'})"


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
