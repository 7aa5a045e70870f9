"""Pictures are drawn into memory, and really drawn: a glyph that is missing or a scale that breaks shows only then."""

import pytest

ABSENT = "matplotlib is not installed: pip install 'xpnet[plots]'"


@pytest.fixture(autouse=True)
def figures():
    plt = pytest.importorskip("matplotlib.pyplot", reason=ABSENT)
    plt.switch_backend("agg")
    yield plt
    for number in plt.get_fignums():
        plt.figure(number).canvas.draw()
    plt.close("all")
