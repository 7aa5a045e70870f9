"""Tables as read_csv gives them, for the tests of what is learned from them."""

import pytest

pd = pytest.importorskip("pandas", reason="pandas is not installed: pip install 'xpnet[data]'")


def frame(**columns):
    """A table as read_csv gives it: text, and the lines of the file as the index."""
    table = pd.DataFrame({name: list(map(str, cells)) for name, cells in columns.items()}, dtype=object)
    return table.set_axis(pd.RangeIndex(2, len(table) + 2, name="line"))
