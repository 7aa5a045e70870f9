"""The frame of every example: options, numbers beside the expected ones, pictures.

An example is a file with `main(lesson)`; `lesson.run(main)` at its end gives it a command line.
"""

import argparse
import inspect
import os
import sys
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

import xpnet as xn
from xpnet.plots.style import pyplot, write

NUMBER = 1e-9
"""The relative tolerance of an expected number; a text such as "0.2122" allows half a unit of its last digit."""

LENGTHS = ("full", "brief", "least")
"""The lengths of a long example: all of it, the part that a test runs on NumPy, the part it runs elsewhere."""

FILES_ONLY = ("agg", "cairo", "pdf", "pgf", "ps", "svg", "template")
"""The matplotlib backends without a window."""


class Row(NamedTuple):
    """A number or an array beside the expected one; agrees: True where they are equal within the tolerance."""

    what: str
    value: np.ndarray
    got: str
    wanted: str
    agrees: bool
    tolerance: float


@dataclass
class Lesson:
    """One run of an example.

    backend: the backend that computes.
    draw: True for a run with pictures.
    length: the part that runs, one of LENGTHS.
    """

    backend: xn.backends.Backend
    draw: bool = True
    length: str = "full"
    rows: list[Row] = field(default_factory=list)
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
            within = bool(np.all((low <= got) & (got <= high)))
            self._add(Row(what, got, as_text(got), f"{low:g} to {high:g}", within, tolerance))
            return
        texts = np.asarray(wanted)
        quoted, values = texts.dtype.kind == "U", texts.astype(float)
        largest = np.max(np.abs(values), initial=0.0)
        allowed = np.vectorize(half_a_unit, otypes=[float])(texts) if quoted else tolerance * largest
        same_shape = got.shape == values.shape
        with np.errstate(invalid="ignore"):  # infinity less infinity is NaN, which agrees with nothing
            off = np.abs(got - values) if same_shape else np.asarray(np.nan)
        agrees = bool(np.all(off <= allowed))
        if values.size > 3 and same_shape:
            shown = f"off by {np.max(off):.1g} at most"
            self._add(Row(what, got, shown, f"{values.size} numbers", agrees, tolerance))
            return
        digits = max(map(len, texts.ravel())) if quoted else 10
        expected = " ".join(texts.ravel()) if quoted else as_text(values)
        self._add(Row(what, got, as_text(got, digits), expected, agrees, tolerance))

    def _add(self, row: Row) -> None:
        self.rows.append(row)
        print(f"  {row.what:<52} {row.got:<36} expected {row.wanted}{'' if row.agrees else '  <-- DIFFERS'}")

    def axes(
        self,
        name: str,
        columns: int = 1,
        rows: int = 1,
        size: tuple[float, float] = (5.6, 4.2),
        **options: Any,
    ) -> Any:
        """Axes of a new picture of this name, a list where there are several; None where nothing is drawn.

        size: of each of the axes, in inches. options: those of matplotlib.pyplot.subplots.
        """
        if not self.draw:
            return None
        whole = (size[0] * columns, size[1] * rows)
        figure, axes = pyplot().subplots(rows, columns, figsize=whole, layout="constrained", **options)
        self.figures[name] = figure
        several = np.ravel(axes)
        for ax in several:
            ax.set_prop_cycle(color=xn.plots.COLOURS)  # colours that colour-blind readers tell apart
        return axes if len(several) == 1 else list(several)

    def save(self, folder: Path, prefix: str) -> list[Path]:
        """Writes the pictures as PNG files and closes them; their paths."""
        folder.mkdir(parents=True, exist_ok=True)
        paths = []
        for name, figure in self.figures.items():
            paths.append(folder / f"{prefix}-{name}.png")
            write(figure, paths[-1], dpi=90)
        self.figures.clear()
        return paths


def half_a_unit(text: str) -> float:
    """The tolerance of a number given as text: half a unit of its last digit, or 1e-9 of it from ten digits on."""
    number = Decimal(text)
    _, digits, exponent = number.as_tuple()
    return float(abs(number)) * NUMBER if len(digits) >= 10 else 0.5 * 10.0**exponent


def as_text(x: np.ndarray, digits: int = 10) -> str:
    """Numbers in a line."""
    return " ".join(f"{number:.{digits}g}" for number in np.ravel(x))


def run(main: Any) -> None:
    """The command line of an example: its numbers, then its pictures in a folder or in windows."""
    file = Path(inspect.getfile(main))
    parser = argparse.ArgumentParser(
        prog=f"python {file.name}",
        description=sys.modules[main.__module__].__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument(
        "--backend", default="numpy", metavar="NAME", help="numpy (the default), cupy, torch, jax, strict"
    )
    parser.add_argument(
        "--save", type=Path, metavar="DIR", help="write the pictures there instead of opening windows"
    )
    parser.add_argument("--length", choices=LENGTHS, default="full", help="how much of a long example runs")
    options = parser.parse_args()
    os.environ["JAX_ENABLE_X64"] = "1"  # before JAX loads: the numbers are those of float64
    try:
        lesson = Lesson(xn.backends.get(options.backend), draw=can_draw(options.save), length=options.length)
        print(f"{file.stem} on {lesson.backend.name} ({lesson.backend.device_name})")
        main(lesson)
        if options.save:
            print("\n" + "\n".join(f"wrote {path}" for path in lesson.save(options.save, file.stem)))
        elif not lesson.draw:
            print("\nthe pictures need matplotlib: pip install 'xpnet[plots]'")
        elif pyplot().get_backend().lower() in FILES_ONLY:
            print("\nno window can be opened here: give --save DIR to have the pictures as files")
        else:
            pyplot().show()
    except (xn.BackendError, ArithmeticError, ValueError, OSError) as error:
        sys.exit(f"{file.name}: {error}")
    except KeyboardInterrupt:
        sys.exit(130)
    sys.exit(0 if all(row.agrees for row in lesson.rows) else 1)


def can_draw(folder: Path | None) -> bool:
    """True if pictures can be drawn; an error if they cannot be written to the folder that is asked for."""
    try:
        plt = pyplot()
    except xn.MissingExtraError:
        if folder is None:
            return False
        raise
    if folder is not None:
        plt.switch_backend("agg")
        try:
            folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise OSError(f"--save {folder}: no folder can be made there ({error.strerror})") from None
        if not os.access(folder, os.W_OK):
            raise OSError(f"--save {folder}: nothing can be written there, name another folder")
    return True
