"""The pytest plugin: a test that takes `xpnet_backend` runs once on every available backend.

An absent backend is a skip with its reason. The last lines of every run list each backend as ran, with the number of
tests, or absent, with the reason. XPNET_TEST_BACKENDS, names separated by commas, selects backends;
XPNET_REQUIRE_BACKENDS turns the skip of a named backend into a failure.
"""

from __future__ import annotations

import os
from collections import Counter
from typing import Any

import pytest

_KEY = "xpnet_backend"


def pytest_generate_tests(metafunc: Any) -> None:
    """Generates one test for each backend, or a skip with the reason."""
    if _KEY in metafunc.fixturenames:
        metafunc.parametrize(_KEY, [parameter(name) for name in selected()], indirect=True)


@pytest.fixture
def xpnet_backend(request: Any, record_property: Any) -> Any:
    """A backend, each in turn by parametrisation."""
    from ..backends import get

    record_property(_KEY, request.param)
    return get(request.param)


def selected() -> list[str]:
    """The names of the backends to test."""
    from .doubles import BUILTIN

    chosen = _listed("XPNET_TEST_BACKENDS")
    return chosen or list(BUILTIN)


def parameter(name: str) -> Any:
    """A backend's name as a parameter, with a skip mark if it is absent and not required."""
    reason = absence(name)
    skip = reason is not None and name not in _listed("XPNET_REQUIRE_BACKENDS")
    return pytest.param(name, marks=[pytest.mark.skip(reason=f"{name}: {reason}")] if skip else [])


def absence(name: str) -> str | None:
    """The reason why a backend cannot be used here; None if it can."""
    from ..backends import find
    from .doubles import register_doubles

    register_doubles()
    found = find(name).available(probe=name == "cupy")
    return None if found else found.reason


@pytest.hookimpl(wrapper=True, tryfirst=True)  # outermost: these lines come after pytest's own summary
def pytest_terminal_summary(terminalreporter: Any) -> Any:
    """Writes the closing lines: the tests that ran on each backend."""
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
    """(tests that ran, oracle checks that passed in them), by backend."""
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
