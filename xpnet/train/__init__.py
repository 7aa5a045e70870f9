"""Training: the step that is compiled whole, the loop around it, and what happens between epochs."""

from __future__ import annotations

from .batches import Batches, BatchSource
from .callbacks import Callback, EarlyStopping, Progress, as_callbacks, hears_steps
from .history import History
from .inputs import Samples, check_fit, hold_out, require_own, to_inputs, to_samples
from .lazy import LazyRows
from .lbfgs import fit_lbfgs
from .plateau import ReduceLROnPlateau
from .step import gradient, make_apply, make_forward, make_gradients, make_step
from .stream import Stream, check_known, check_stream
from .trainer import Trainer

__all__ = [
    "BatchSource",
    "Batches",
    "Callback",
    "EarlyStopping",
    "History",
    "LazyRows",
    "Progress",
    "ReduceLROnPlateau",
    "Samples",
    "Stream",
    "Trainer",
    "as_callbacks",
    "check_fit",
    "check_known",
    "check_stream",
    "fit_lbfgs",
    "gradient",
    "hears_steps",
    "hold_out",
    "make_apply",
    "make_forward",
    "make_gradients",
    "make_step",
    "require_own",
    "to_inputs",
    "to_samples",
]
