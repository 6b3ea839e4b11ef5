"""The loop of training that estimators share."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy

from ..model import Model
from ..optimizers import Optimizer

Arrays = tuple[Any, Any]


def run_epoch(
    model: Model[Any, Any], optimizer: Optimizer, loss: Any, batch_size: Any, data: Arrays, shuffle: bool
) -> float:
    """Make one pass over the data; return the mean of the loss, over the rows."""
    total = 0.0
    for X, Y in model.ops.multibatch(batch_size, *data, shuffle=shuffle):
        guesses, backprop = model.begin_update(X, input_gradient=False)
        gradient, value = loss(guesses, Y)
        backprop(gradient)
        model.finish_update(optimizer)
        optimizer.step_schedules()
        total += float(value) * len(X)
    return total / len(data[0])


class EarlyStopping:
    """Watches a score, and keeps the parameters of the best."""

    def __init__(self, model: Model[Any, Any], score: Callable[[], float], patience: int, tol: float):
        self.scores: list[float] = []
        self.best = -numpy.inf
        self._model, self._score, self._patience, self._tol = model, score, patience, tol
        self._waited = 0
        self._kept: bytes | None = None

    def is_enough(self) -> bool:
        """Look at the score of the model as it is now; tell whether it has stopped rising."""
        score = self._score()
        self.scores.append(score)
        self._waited = 0 if score > self.best + self._tol else self._waited + 1
        if self._kept is None or score > self.best:
            self.best, self._kept = max(self.best, score), self._model.to_bytes()
        return self._waited >= self._patience

    def restore(self) -> None:
        """Go back to the best parameters."""
        if self._kept is not None:
            self._model.from_bytes(self._kept)
