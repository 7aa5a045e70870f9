"""Every row of the table, by every check, on every backend, in both dtypes."""

import pytest

from xpnet.testing import DTYPES, run_check, table

ROWS: dict = {}
for row, case, check in table():
    ROWS.setdefault(row, []).append((case, check))


@pytest.mark.sample(1, by=("row", "numpy"))
@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("row", ROWS)
def test_row(row, dtype, xpnet_backend, record_property):
    outcomes = [run_check(row, case, check, xpnet_backend, dtype) for case, check in ROWS[row]]
    record_property("xpnet_checks", sum(outcome.status == "passed" for outcome in outcomes))
    failed = [f"{outcome.check}: {outcome.message}" for outcome in outcomes if outcome.status == "failed"]
    assert not failed, "\n".join(failed)
