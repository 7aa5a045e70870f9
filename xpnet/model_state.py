"""The state of a model: its place and plan, its shapes and targets, its parameters."""

from __future__ import annotations

from typing import Any

import numpy as np

from .backends import Backend
from .calls import checked
from .data import Targets
from .layers import summary
from .placement import Placement
from .spec import check_rate
from .train import ExecutionPlan, Trainer
from .typing import Flat, Shape


class ModelState:
    """The properties of a `Model`, read from its placement, and its summary."""

    network: Any
    dtype: str
    _placement: Placement

    @checked
    def summary(self) -> str:
        """The layers with their output shapes and numbers of parameters, as a table."""
        if self.input_shape is None:
            return f"{self.network!r}, not built yet: its shapes are known once it has seen data"
        return summary(self.network, self.input_shape, self.dtype)

    @property
    def lr(self) -> float:
        """The learning rate, or the peak rate of its schedule; may be set, also by a callback."""
        return float(self._placement.require_built().state["lr"])

    @lr.setter
    def lr(self, rate: float) -> None:
        trainer = self._placement.require_built()
        new = np.asarray(check_rate(rate, self.dtype))
        trainer.state["lr"] = trainer.backend.asarray(new, dtype=self.dtype)

    @property
    def backend(self) -> Backend | None:
        """The backend that the model is on; None before it has seen data, if none was named."""
        return None if self._trainer is None else self._trainer.backend

    @property
    def plan(self) -> ExecutionPlan | None:
        """The plan of the last `fit` or `partial_fit`, with the reason of each decision; None before the first."""
        return None if self._trainer is None else self._trainer.plan

    @property
    def updates(self) -> str:
        """The natives of the last run, such as "numba" or "torch.compile"; "portable" for none."""
        return "portable" if self.plan is None else self.plan.natives.value

    @property
    def steps_per_call(self) -> int:
        """Steps in one call of the backend in the last `fit` or `partial_fit`: 1 where each call is one step."""
        return 1 if self.plan is None else self.plan.steps_per_call.value

    @property
    def input_shape(self) -> Shape | None:
        """The shape of one sample; None before the model is built."""
        return self._placement.decided.input_shape

    @property
    def output_shape(self) -> Shape:
        """The shape of one sample's outputs; () before the model is built."""
        return self._placement.decided.output_shape

    @property
    def feature_names(self) -> tuple[str, ...] | None:
        """The names of x's columns, where the model was trained on a table: later tables must have them in this order.

        None where it was trained on arrays, which have no names and are taken as they come, later ones too.
        """
        return self._placement.decided.feature_names

    @property
    def targets(self) -> Targets:
        """The targets as the loss and the data so far define them: kind, labels, the label to ignore."""
        return self._placement.decided.targets

    @property
    def loss_op(self) -> Any:
        """The op that computes the loss."""
        return self._placement.spec.loss_op

    @property
    def params(self) -> Flat:
        """The parameters by name, on the backend: copies, which training leaves alone; assign to change them."""
        return self._placement.snapshot("params")

    @params.setter
    def params(self, new: Flat) -> None:
        self._placement.require_built().replace("params", new)

    @property
    def averaged(self) -> Flat:
        """The running averages of the parameters, copies: `model.params = model.averaged` takes them over.

        ValueError where the optimizer keeps none. Batch norm's statistics are those of the last step.
        """
        return self._placement.averaged()

    @property
    def buffers(self) -> Flat:
        """The buffers by name, such as running means: copies, as `params`."""
        return self._placement.snapshot("buffers")

    @buffers.setter
    def buffers(self, new: Flat) -> None:
        self._placement.require_built().replace("buffers", new)

    @property
    def _trainer(self) -> Trainer | None:
        return self._placement.decided.trainer
