"""The table of cases: a row for every op, loss and layer of xpnet, with a plain formula where there is one."""

from __future__ import annotations

from .activations import ACTIVATIONS
from .attention import ATTENTION
from .layers import LAYERS
from .losses import LOSSES
from .ops import OPS
from .sequence import SEQUENCE
from .space import SPACE

CASES = (*OPS, *ACTIVATIONS, *LOSSES, *LAYERS, *SPACE, *SEQUENCE, *ATTENTION)

__all__ = ["ACTIVATIONS", "ATTENTION", "CASES", "LAYERS", "LOSSES", "OPS", "SEQUENCE", "SPACE"]


def __dir__() -> list[str]:
    return sorted(__all__)
