"""A rate that falls when a score no longer gets better."""

import math
from collections.abc import Callable, Generator
from typing import Any

from .config import registry


class Plateau(Generator[float, None, None]):
    """Yields the same rate until `report` lowers it; see `plateau`.

    Attributes
    ----------
    rate : float
        What is yielded.
    best : float or None
        The best score so far.
    waited : int
        How many scores have come since then, or since the rate fell last.
    """

    rate: float
    best: float | None
    waited: int

    def __init__(
        self,
        initial_rate: float,
        factor: float,
        patience: int,
        threshold: float,
        min_rate: float,
        higher_is_better: bool,
    ):
        self._factor = factor
        self._patience = patience
        self._threshold = threshold
        self._min_rate = min_rate
        self._higher_is_better = higher_is_better
        self.rate, self.best, self.waited = initial_rate, None, 0

    def send(self, value: None) -> float:
        """Draw the rate, as ``next`` does."""
        return self.rate

    def throw(self, typ: Any, val: Any = None, tb: Any = None) -> float:
        """Raise an exception."""
        raise typ if val is None else val

    def report(self, score: float) -> bool:
        """Take note of a score, such as that on the development data after an epoch.

        Parameters
        ----------
        score : float
            One that is not finite counts as no better.

        Returns
        -------
        bool
            Whether the rate has fallen. The optimizer has the new one from its next `step_schedules` on.
        """
        score = float(score)
        if math.isfinite(score) and self._is_better(score):
            self.best, self.waited = score, 0
            return False
        self.waited += 1
        if self.waited <= self._patience or self.rate <= self._min_rate:
            return False
        self.rate, self.waited = max(self._min_rate, self.rate * self._factor), 0
        return True

    def _is_better(self, score: float) -> bool:
        if self.best is None:
            return True
        gain = score - self.best if self._higher_is_better else self.best - score
        return gain > self._threshold * abs(self.best)

    def get_state(self) -> dict[str, Any]:
        """What `prepare_state` takes over: plain data."""
        return {"rate": self.rate, "best": self.best, "waited": self.waited}

    def prepare_state(self, state: Any) -> Callable[[], None]:
        """Check what `get_state` gave, and return the function that takes it over.

        Raises
        ------
        ValueError
            If it is something else.
        """
        is_valid = (
            isinstance(state, dict)
            and set(state) == {"rate", "best", "waited"}
            and isinstance(state["rate"], float)
            and (state["best"] is None or isinstance(state["best"], float))
            and isinstance(state["waited"], int)
            and state["waited"] >= 0  # more than the patience, when the rate cannot fall any further
        )
        if not is_valid:
            raise ValueError(
                f"expected rate, best score and number of scores since of a plateau, got {state!r}"
            )

        def apply() -> None:
            self.rate, self.best, self.waited = state["rate"], state["best"], state["waited"]

        return apply


@registry.schedules("plateau.v1")
def plateau(
    initial_rate: float,
    *,
    factor: float = 0.1,
    patience: int = 10,
    threshold: float = 1e-4,
    min_rate: float = 0.0,
    higher_is_better: bool = False,
) -> Plateau:
    """Yield `initial_rate`, and less when the scores that are reported no longer get better.

    Parameters
    ----------
    initial_rate : float
        Above 0.
    factor : float
        What the rate is multiplied by; from 0 to below 1.
    patience : int
        So many scores in a row may be no better than the best; at the next one the rate falls. At least 0.
    threshold : float
        The share of the best score by which another must be better to count as such; at least 0.
    min_rate : float
        The rate does not fall further; at least 0.
    higher_is_better : bool
        Whether scores are such as accuracies, not losses.

    Returns
    -------
    Plateau
        Its method `report` takes a score. An optimizer that was made with it, also from a config, has it as
        ``optimizer.schedules["learn_rate"]``, and saves its state.

    Raises
    ------
    ValueError
        If a number is not as described.

    Examples
    --------
    >>> optimizer = Adam(plateau(0.001, patience=3))
    >>> optimizer.schedules["learn_rate"].report(dev_loss)  # after each epoch
    """
    for is_valid, wanted, got in (
        (initial_rate > 0 and math.isfinite(initial_rate), "an initial_rate above 0", initial_rate),
        (0 <= factor < 1, "a factor from 0 to below 1", factor),
        (isinstance(patience, int) and patience >= 0, "a patience of at least 0", patience),
        (threshold >= 0, "a threshold of at least 0", threshold),
        (0 <= min_rate <= initial_rate, "a min_rate from 0 to the initial_rate", min_rate),
    ):
        if not is_valid:
            raise ValueError(f"plateau: expected {wanted}, got {got!r}")
    numbers = float(initial_rate), float(factor), patience, float(threshold), float(min_rate)
    return Plateau(*numbers, higher_is_better)
