"""The stages of everything a change must pass: README's command first, each beside its budget."""

import importlib.util
import re
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
SPEC = importlib.util.spec_from_file_location("stages", ROOT / "ci" / "stages.py")
stages = importlib.util.module_from_spec(SPEC)
sys.modules["stages"] = stages  # dataclasses look their module up
SPEC.loader.exec_module(stages)
STAGE = stages.Stage("a stage", 1, (), ("test",))


def test_the_first_tests_are_readmes_command_word_for_word():
    first = next(stage for stage in stages.STAGES if stage.commands[0].startswith("test"))
    assert first.commands == ("test",)
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    assert re.search(r"^\$ python3 ci/dev\.py test( +#.*)?$", readme, re.MULTILINE)


def test_a_later_run_leaves_out_what_the_first_wrote():
    options = [stage.environment.get("PYTEST_ADDOPTS", "") for stage in stages.STAGES]
    assert f"--save-covered={stages.COVERED}" in options
    assert any(f"--not-covered={stages.COVERED}" in stage.commands[0] for stage in stages.STAGES)


def test_the_budgets_leave_room_for_what_is_to_come():
    assert sum(stage.minutes for stage in stages.STAGES) < stages.TOTAL_MINUTES


@pytest.mark.parametrize(
    ("seconds", "passed", "verdict", "failed"),
    [
        (59, True, "passed", False),
        (90, True, "over its budget by 50%", False),
        (181, True, "FAILED: 3.0 times its budget, 3 at most", True),
        (1, False, "FAILED", True),
    ],
)
def test_a_stage_is_held_against_its_budget(seconds, passed, verdict, failed):
    ran = stages.Ran(STAGE, seconds, passed, "")
    assert (ran.verdict, ran.failed) == (verdict, failed)


def test_the_table_ends_with_pytests_closing_lines():
    ran = [stages.Ran(STAGE, 30, True, ""), stages.Ran(STAGE, 90, True, "== 3 passed, 1 skipped in 2.00s ==")]
    head, first, second, total, closing = stages.table(ran).splitlines()
    assert head.split() == ["stage", "seconds", "budget"]
    assert first.split() == ["a", "stage", "30", "60", "passed"]
    assert second.endswith("90      60  over its budget by 50%")
    assert total.split()[-2:] == ["120", "1680"]
    assert closing == "a stage: 3 passed, 1 skipped in 2.00s"


def test_the_closing_line_is_found_in_what_is_passed_on(capsys):
    code = (
        "print('== 1 failed in 0.5s ==\\nmore\\n=== 3 passed in 75.21s (0:01:15) ==='); raise SystemExit(3)"
    )
    status, closing = stages.through([sys.executable, "-c", code], None)
    assert (status, closing) == (3, "=== 3 passed in 75.21s (0:01:15) ===")
    assert capsys.readouterr().out.splitlines()[1] == "more"


def test_a_stage_that_cannot_be_installed_fails_and_runs_nothing(monkeypatch):
    monkeypatch.setattr(stages.subprocess, "call", lambda command, cwd: 2)
    monkeypatch.setattr(stages, "through", lambda *_: pytest.fail("it ran"))
    assert stages.run(stages.Stage("x", 1, ("torch",), ("test",))).failed
