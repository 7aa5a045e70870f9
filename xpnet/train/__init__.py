"""Training: the step that is compiled whole, the loop around it, and what happens between epochs."""

from __future__ import annotations

from .batches import Batches, BatchSource
from .callbacks import Callback, CallbackList, EarlyStopping, Progress, hears_steps
from .history import History
from .inputs import Samples, check_validation, hold_out, require_own, to_inputs, to_samples
from .lazy import LazyRows, loaded
from .options import FitOptions
from .plan import Decision, ExecutionPlan
from .plateau import ReduceLROnPlateau
from .state import Snapshot
from .step import gradient, make_apply, make_forward, make_gradients, make_step
from .stream import Stream, check_known, check_stream
from .trainer import Trainer

__all__ = [
    "BatchSource",
    "Batches",
    "Callback",
    "CallbackList",
    "Decision",
    "EarlyStopping",
    "ExecutionPlan",
    "FitOptions",
    "History",
    "LazyRows",
    "Progress",
    "ReduceLROnPlateau",
    "Samples",
    "Snapshot",
    "Stream",
    "Trainer",
    "check_known",
    "check_stream",
    "check_validation",
    "gradient",
    "hears_steps",
    "hold_out",
    "loaded",
    "make_apply",
    "make_forward",
    "make_gradients",
    "make_step",
    "require_own",
    "to_inputs",
    "to_samples",
]


def __dir__() -> list[str]:
    return sorted(__all__)
