"""Training: the step that is compiled whole, the loop around it, and what happens between epochs."""

from __future__ import annotations

from .callbacks import Callback, EarlyStopping, Progress, as_callbacks, hears_steps
from .feed import Data, check_fit, hold_out, require_own, to_data, to_inputs
from .history import History
from .lbfgs import fit_lbfgs
from .plateau import ReduceLROnPlateau
from .step import gradient, make_forward, make_step
from .trainer import Trainer

__all__ = [
    "Callback",
    "Data",
    "EarlyStopping",
    "History",
    "Progress",
    "ReduceLROnPlateau",
    "Trainer",
    "as_callbacks",
    "check_fit",
    "fit_lbfgs",
    "gradient",
    "hears_steps",
    "hold_out",
    "make_forward",
    "make_step",
    "require_own",
    "to_data",
    "to_inputs",
]
