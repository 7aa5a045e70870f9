"""The table: every op, loss and layer that xpnet has, a row each, and a plain formula where there is one."""

from __future__ import annotations

from .activations import ACTIVATIONS
from .layers import LAYERS
from .losses import LOSSES
from .ops import OPS
from .space import SPACE

CASES = (*OPS, *ACTIVATIONS, *LOSSES, *LAYERS, *SPACE)

__all__ = ["ACTIVATIONS", "CASES", "LAYERS", "LOSSES", "OPS", "SPACE"]
