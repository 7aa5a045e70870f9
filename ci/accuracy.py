"""Writes the table of docs/accuracy.md, the worst errors of activations and losses of three libraries: ci/accuracy.py

Every value and slope at 1e-30 to 1e30, on both sides, beside its definition to 50 digits, `tests/ops/accuracy.py`. An
error is in units of the last place of the terms of a sum, else of the result.
"""

from __future__ import annotations

import math
import re
import sys
from collections.abc import Callable
from datetime import date
from functools import partial
from pathlib import Path
from typing import Any

import jax
import numpy as np
import torch
from jax import nn

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))
from tests.ops import accuracy, accuracy_of_losses  # noqa: E402
from xpnet import ops  # noqa: E402

PAGE = ROOT / "docs" / "accuracy.md"
BETWEEN = re.compile(r"(?<=<!-- table -->\n).*(?=<!-- end of the table -->)", re.DOTALL)
F = torch.nn.functional
Pair = tuple[np.ndarray, np.ndarray]

TORCHS: dict[str, Callable[..., Any]] = {
    **{name: getattr(F, name) for name in ("celu", "elu", "gelu", "leaky_relu", "mish", "relu", "relu6", "selu", "silu",
       "softplus", "softsign", "tanh", "sigmoid")},
    "gelu by tanh": partial(F.gelu, approximate="tanh"),
    "hard_sigmoid": F.hardsigmoid, "hard_swish": F.hardswish, "hard_tanh": F.hardtanh, "log_sigmoid": F.logsigmoid,
    "mse": F.mse_loss, "mae": F.l1_loss, "huber": F.huber_loss, "smooth_l1": F.smooth_l1_loss,
    "poisson_nll": F.poisson_nll_loss, "binary_cross_entropy": F.binary_cross_entropy,
    "sigmoid_cross_entropy": F.binary_cross_entropy_with_logits,
}  # fmt: skip
JAXS: dict[str, Callable[..., Any]] = {
    **{name: getattr(nn, name) for name in ("celu", "elu", "leaky_relu", "mish", "relu", "relu6", "selu", "silu",
       "softplus", "sigmoid", "hard_sigmoid", "hard_tanh", "log_sigmoid", "tanh")},
    "gelu": partial(nn.gelu, approximate=False), "gelu by tanh": nn.gelu, "softsign": nn.soft_sign,
    "hard_swish": nn.hard_swish,
}  # fmt: skip


def of_xpnet(name: str, x: np.ndarray, row: accuracy_of_losses.Row | None) -> Pair:
    """Values and slopes at x on NumPy."""
    if row is None:
        op = ops.ACTIVATIONS[name.partition(" ")[0]]
        y, pullback = op(x, approximate=True) if name == "gelu by tanh" else op(x)
        return y, pullback(np.ones_like(x))[0]
    y, pullback = ops.LOSSES[name](
        x[:, None], target=np.full((len(x), 1), row.target, x.dtype), **row.options
    )
    return y, pullback(np.ones_like(y))[0][:, 0]


def of_torch(name: str, x: np.ndarray, row: accuracy_of_losses.Row | None) -> Pair | None:
    """The same by PyTorch and autograd; None where it has no such function."""
    if name not in TORCHS:
        return None
    given = torch.tensor(x, requires_grad=True)
    if row is None:
        y = TORCHS[name](given)
    else:
        target = torch.full_like(given, row.target).detach()
        y = TORCHS[name](given, target, reduction="none", **row.options)
    y.backward(torch.ones_like(y))
    return y.detach().numpy(), given.grad.numpy()


def of_jax(name: str, x: np.ndarray, row: accuracy_of_losses.Row | None) -> Pair | None:
    """The same by `jax.nn` and `jax.grad`; None where it has no such function."""
    if name not in JAXS:
        return None
    return tuple(np.asarray(jax.vmap(f)(x)) for f in (JAXS[name], jax.grad(JAXS[name])))


LIBRARIES = {"xpnet": of_xpnet, "PyTorch": of_torch, "JAX": of_jax}


def worst(name: str, dtype: str, rows: list[accuracy_of_losses.Row]) -> list[str]:
    """The worst error of value and slope of each library, as cells."""
    cells = []
    for find in LIBRARIES.values():
        found = [0.0, 0.0]
        for row in rows or [None]:
            points = accuracy_of_losses.PROBABILITIES if name == "binary_cross_entropy" else accuracy.POINTS
            x = np.array(points, dtype)
            x = x[(x > 0) & (x < 1)] if name == "binary_cross_entropy" else x
            with np.errstate(all="ignore"):
                pair = find(name, x, row)
            if pair is None:
                break
            if row is None:
                _, values, slopes, terms = accuracy.wanted(name, dtype)
                exact = (values, values), (slopes, terms)
            else:
                exact = accuracy_of_losses.wanted(row, x)
            found = [
                max(e, accuracy.errors(y, *of, dtype).max())
                for e, y, of in zip(found, pair, exact, strict=True)
            ]
        cells.append(" / ".join(map(written, found)) if pair is not None else "")
    return cells


def written(units: float) -> str:
    """Units with two digits."""
    return "NaN or infinite" if math.isinf(units) else f"{units:.1f}" if units < 100 else f"{units:.0e}"


def main() -> None:
    """Computes and writes the table."""
    jax.config.update("jax_enable_x64", True)
    torch.set_num_threads(1)
    losses: dict[str, list] = {}
    for name, row in accuracy_of_losses.ROWS:
        losses.setdefault(name, []).append(row)
    torchs, today = torch.__version__.partition("+")[0], date.today()
    versions = f"numpy {np.__version__}, PyTorch {torchs} and JAX {jax.__version__}"
    lines = [f"Written by `ci/accuracy.py` with {versions} ({today}), on a CPU."]
    for dtype in ("float32", "float64"):
        lines += ["", f"| {dtype} | {' | '.join(LIBRARIES)} |", "|---|---|---|---|"]
        for name in (*accuracy.FUNCTIONS, *losses):
            lines.append(f"| `{name}` | {' | '.join(worst(name, dtype, losses.get(name, [])))} |")
    text = "\n".join(lines) + "\n"
    PAGE.write_text(BETWEEN.sub(lambda _: text, PAGE.read_text(encoding="utf-8")), encoding="utf-8")
    print(text)


if __name__ == "__main__":
    main()
