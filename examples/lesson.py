"""What every example needs beside its mathematics: options, numbers beside the expected ones, pictures.

An example is a file with `main(lesson)`; `lesson.run(main)` at its end gives it a command line.
"""

import argparse
import inspect
import os
import sys
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path
from typing import Any

import numpy as np

import xpnet as xn

NUMBER = 1e-9
"""The relative tolerance of an expected number; a text such as "0.2122" allows half a unit of its last digit."""


@dataclass
class Lesson:
    """One run of an example.

    backend: where it computes. draw: whether it makes pictures. brief: the shorter run that the tests make.
    `rows` collects the numbers: (what, got, expected, whether they agree).
    """

    backend: xn.backends.Backend
    draw: bool = True
    brief: bool = False
    rows: list[tuple[str, str, str, bool]] = field(default_factory=list)
    figures: dict[str, Any] = field(default_factory=dict)

    @property
    def xp(self) -> Any:
        """The backend's module of standard functions."""
        return self.backend.xp

    def array(self, values: Any, dtype: str | None = "float64") -> Any:
        """Numbers as an array of the backend; dtype None keeps integers as they are."""
        return self.backend.asarray(np.asarray(values), dtype=dtype)

    def host(self, x: Any) -> np.ndarray:
        """An array's numbers on the host."""
        return self.backend.to_numpy(x) if self.backend.owns(x) else np.asarray(x)

    def title(self, text: str) -> None:
        """A headline between the numbers."""
        print(f"\n{text}")

    def expect(self, what: str, got: Any, wanted: Any, tolerance: float = NUMBER) -> None:
        """A number or an array beside the expected one.

        wanted: a text, or texts, good to half a unit of the last digit and from ten digits on to 1e-9 of the value;
        numbers, good to `tolerance` of the largest; or a pair (low, "to", high).
        """
        got = self.host(got).astype(float)
        if isinstance(wanted, tuple) and "to" in wanted:
            low, _, high = wanted
            self._row(what, as_text(got), f"{low:g} to {high:g}", bool(np.all((low <= got) & (got <= high))))
            return
        texts = np.asarray(wanted)
        quoted = texts.dtype.kind == "U"
        values = texts.astype(float)
        largest = np.max(np.abs(values), initial=0.0)
        allowed = np.vectorize(half_a_unit, otypes=[float])(texts) if quoted else tolerance * largest
        same_shape = got.shape == values.shape
        agrees = same_shape and bool(np.all(np.abs(got - values) <= allowed))
        if values.size > 3 and same_shape:
            shown = f"{values.size} numbers, off by {np.max(np.abs(got - values)):.1g} at most"
            self._row(what, shown, f"{np.max(allowed):.1g}", agrees)
        else:
            digits = max(map(len, texts.ravel())) if quoted else 10
            self._row(what, as_text(got, digits), " ".join(texts.ravel()) if quoted else as_text(values), agrees)

    def _row(self, what: str, got: str, wanted: str, agrees: bool) -> None:
        self.rows.append((what, got, wanted, agrees))
        print(f"  {what:<52} {got:<36} expected {wanted:<26} {'ok' if agrees else 'DIFFERS'}", flush=True)

    def axes(self, name: str, columns: int = 1, rows: int = 1, **options: Any) -> Any:
        """Axes of a new picture of this name, a list where there are several; None where nothing is drawn."""
        if not self.draw:
            return None
        figure, axes = pyplot().subplots(
            rows, columns, figsize=(5.6 * columns, 4.2 * rows), layout="constrained", **options
        )
        self.figures[name] = figure
        return axes if rows * columns == 1 else list(axes.flat)

    def save(self, folder: Path, prefix: str) -> list[Path]:
        """Writes the pictures as PNG files; their paths."""
        folder.mkdir(parents=True, exist_ok=True)
        paths = []
        for name, figure in self.figures.items():
            paths.append(folder / f"{prefix}-{name}.png")
            figure.savefig(paths[-1], dpi=90)
        return paths


def half_a_unit(text: str) -> float:
    """How far a number may be from its text: half a unit of the last digit, or 1e-9 of it from ten digits on."""
    number = Decimal(text)
    _, digits, exponent = number.as_tuple()
    return float(abs(number)) * NUMBER if len(digits) >= 10 else 0.5 * 10.0**exponent


def as_text(x: np.ndarray, digits: int = 10) -> str:
    """Numbers in a line."""
    return " ".join(f"{number:.{digits}g}" for number in np.ravel(x))


def pyplot() -> Any:
    """matplotlib.pyplot, or the line that installs it."""
    try:
        from matplotlib import pyplot
    except ImportError:
        raise xn.MissingExtraError("the pictures", "matplotlib", "pip install 'xpnet[plots]'") from None
    return pyplot


def run(main: Any) -> None:
    """The command line of an example: its numbers, then its pictures in a folder or in windows."""
    file = Path(inspect.getfile(main))
    parser = argparse.ArgumentParser(
        prog=f"python {file.name}",
        description=sys.modules[main.__module__].__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--backend", default="numpy", metavar="NAME", help="numpy (the default), cupy, torch, jax, strict")
    parser.add_argument("--save", type=Path, metavar="DIR", help="write the pictures there instead of opening windows")
    parser.add_argument("--brief", action="store_true", help="the shorter run that the tests make")
    options = parser.parse_args()
    if options.save:
        pyplot().switch_backend("agg")
    os.environ.setdefault("JAX_ENABLE_X64", "1")  # before JAX loads: the numbers are those of float64
    try:
        lesson = Lesson(xn.backends.get(options.backend), brief=options.brief)
        print(f"{file.stem} on {lesson.backend.name} ({lesson.backend.place})")
        main(lesson)
        if options.save:
            print("\n" + "\n".join(f"wrote {path}" for path in lesson.save(options.save, file.stem)))
        elif pyplot().get_backend().lower() == "agg":
            print("\nno window can be opened here: give --save DIR to have the pictures as files")
        else:
            pyplot().show()
    except (xn.BackendError, ValueError, OSError) as error:
        sys.exit(f"{file.name}: {error}")
    except KeyboardInterrupt:
        sys.exit(130)
    sys.exit(0 if all(agrees for *_, agrees in lesson.rows) else 1)
