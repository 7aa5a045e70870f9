"""Live plots, drawn anew while a model trains."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ..calls import checked_constructor
from ..train import Callback
from . import style
from .inputs import count


@checked_constructor
class Live(Callback):
    """A callback that calls `draw(model)` after epoch 1, after each `every` epochs and at the end of a training.

    `draw` clears axes of its own and draws on them; an open window is refreshed. `drawn` lists the epochs after which
    `draw` was called.

    >>> live = xn.plots.Live(lambda model: xn.plots.learning_curves(model.history), every=10)
    >>> model = xn.Model(xn.Dense(1), loss="mse", optimizer="sgd")
    >>> history = model.fit(np.ones((8, 2)), np.ones(8), epochs=20, callbacks=[live])
    >>> live.drawn
    [1, 10, 20]
    """

    def __init__(self, draw: Callable[[Any], Any], *, every: int = 100) -> None:
        if not callable(draw):
            raise TypeError(f"Live: draw: a function of the model was wanted, {draw!r} came")
        style.pyplot()  # without matplotlib it should fail here, and not after an epoch
        self.draw, self.every = draw, count("Live: every", every, 1, "epochs")
        self.drawn: list[int] = []
        self._behind = False

    def on_epoch(self, model: Any, record: dict[str, Any]) -> None:
        self._behind = record["epoch"] != 1 and record["epoch"] % self.every != 0
        if not self._behind:
            self._show(model)

    def on_end(self, model: Any) -> None:
        if self._behind:
            self._behind = False
            self._show(model)

    def _show(self, model: Any) -> None:
        self.draw(model)
        self.drawn.append(model.history.epochs)
        plt = style.pyplot()
        if not plt.get_fignums() or plt.gcf().canvas.required_interactive_framework is None:
            return  # files, notebooks and tests have no window to refresh
        with plt.rc_context({"figure.raise_window": False}):  # training must not take the focus every time
            plt.pause(0.001)
