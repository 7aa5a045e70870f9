"""Runs every example and writes its pictures and the table of results: python examples/results.py

On NumPy in full length, then on the other backends that are here, to say on how many numbers they agree.
"""

import os
import re
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path

import xpnet as xn

from lesson import Lesson, pyplot

HERE = Path(__file__).parent
EXAMPLES = (
    "derivatives",
    "tangents",
    "differences",
    "descent",
    "small_gradient",
    "images",
    "convolution",
    "batches",
    "clothing",
    "backpropagation",
    "deep",
    "nonlinearity",
    "text",
    "tabular",
)
OTHERS = ("strict", "torch", "jax", "cupy")
BETWEEN = re.compile(r"(?<=<!-- results -->\n).*(?=<!-- end of results -->)", re.DOTALL)


def taught(name: str, backend: str, **options: object) -> Lesson:
    """One example's run."""
    lesson = Lesson(xn.backends.get(backend), **options)
    print(f"\n=== {name} on {backend}")
    import_module(name).main(lesson)
    return lesson


def table(runs: dict[str, Lesson], elsewhere: dict[str, dict[str, Lesson]]) -> Iterator[str]:
    """Markdown: how many numbers agree on each backend, then each number on NumPy."""
    yield "| example | " + " | ".join(["numpy", *elsewhere]) + " |"
    yield "|---" * (2 + len(elsewhere)) + "|"
    for name, lesson in runs.items():
        cells = [agreeing(lesson), *(agreeing(found[name]) for found in elsewhere.values())]
        yield f"| [{name}]({name}.py) | " + " | ".join(cells) + " |"
    for name, lesson in runs.items():
        yield f"\n**{name}**\n\n| | on NumPy | expected |\n|---|---|---|"
        for row in lesson.rows:
            yield f"| {row.what.replace('|', '&#124;')} | {row.got} | {row.wanted} |"


def agreeing(lesson: Lesson) -> str:
    return f"{sum(row.agrees for row in lesson.rows)} of {len(lesson.rows)}"


def main() -> None:
    os.environ["JAX_ENABLE_X64"] = "1"  # before JAX loads
    pyplot().switch_backend("agg")
    runs, elsewhere = {}, {}
    for name in EXAMPLES:
        runs[name] = taught(name, "numpy")
        runs[name].save(HERE / "pictures", name)
    for backend in OTHERS:
        if xn.backends.find(backend).available(probe=True):
            elsewhere[backend] = {
                name: taught(name, backend, draw=False, length="least") for name in EXAMPLES
            }
    page = HERE / "README.md"
    text = "\n".join(table(runs, elsewhere)) + "\n"
    page.write_text(BETWEEN.sub(lambda _: text, page.read_text(encoding="utf-8")), encoding="utf-8")


if __name__ == "__main__":
    main()
