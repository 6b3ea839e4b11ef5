"""Generators of hyperparameter values: learning rates, batch sizes, dropout rates.

A schedule is a generator function; each call gives a fresh `Series`, to be drawn from with ``next``. In the
formulas, n counts the draws from 0. Arguments are first looked at when the first value is drawn.
"""

import itertools
from collections.abc import Iterable, Iterator

from ._util.series import resumable
from .config import registry

__all__ = [
    "compounding",
    "constant",
    "constant_then",
    "cyclic_triangular",
    "decaying",
    "slanted_triangular",
    "warmup_linear",
]


@registry.schedules("constant.v1")
@resumable
def constant(rate: float) -> Iterator[float]:
    """Yield `rate` forever."""
    while True:
        yield rate


@registry.schedules("constant_then.v1")
@resumable
def constant_then(rate: float, steps: int, schedule: Iterable[float]) -> Iterator[float]:
    """Yield `rate` for a number of steps, then what another schedule yields; ends with it."""
    yield from itertools.repeat(rate, steps)
    yield from schedule


@registry.schedules("decaying.v1")
@resumable
def decaying(base_rate: float, decay: float, *, t: int = 0) -> Iterator[float]:
    """Yield ``base_rate / (1 + decay * (t + n))``, forever."""
    for step in itertools.count(t):
        yield base_rate * (1.0 / (1.0 + decay * step))


@registry.schedules("compounding.v1")
@resumable
def compounding(start: float, stop: float, compound: float, *, t: float = 0.0) -> Iterator[float]:
    """Yield ``start * compound ** n`` until that passes `stop`, then `stop`, forever.

    Parameters
    ----------
    start, stop : float
        First value and limit; the limit is a lower one if it is below `start`. It is yielded as it was given.
    compound : float
        What each value is multiplied by to get the next.
    t : float
        Ignored, for compatibility.
    """
    limit = min if start <= stop else max
    value, factor = float(start), float(compound)
    while True:
        yield limit(stop, value)  # `stop` first: where both are equal, it is the one to yield
        value *= factor


@registry.schedules("warmup_linear.v1")
@resumable
def warmup_linear(initial_rate: float, warmup_steps: int, total_steps: int) -> Iterator[float]:
    """Yield rates that rise linearly from 0 to `initial_rate`, then fall linearly to 0 and stay there.

    Parameters
    ----------
    initial_rate : float
        The largest rate.
    warmup_steps : int
        The draw at which it is reached.
    total_steps : int
        The draw at which the rate is 0 again.
    """
    for step in itertools.count():
        if step < warmup_steps:
            factor = step / max(1, warmup_steps)
        else:
            factor = max(0.0, (total_steps - step) / max(1.0, total_steps - warmup_steps))
        yield factor * initial_rate


@registry.schedules("slanted_triangular.v1")
@resumable
def slanted_triangular(
    max_rate: float,
    num_steps: int,
    *,
    cut_frac: float = 0.1,
    ratio: int = 32,
    decay: float = 1.0,
    t: float = 0.0,
) -> Iterator[float]:
    """Yield rates that rise steeply to `max_rate`, then fall slowly (Howard & Ruder 2018, arXiv:1801.06146).

    Parameters
    ----------
    max_rate : float
        The largest rate; the smallest is ``max_rate / ratio``, which it stays at after `num_steps`.
    num_steps : int
        The length of the whole triangle.
    cut_frac : float
        The share of the steps that the rate rises for.
    ratio : int
        How many times smaller the smallest rate is.
    decay : float
        Ignored, for compatibility.
    t : float
        The number of steps to start behind the beginning.
    """
    cut = int(num_steps * cut_frac)
    falling = cut * (1 / cut_frac - 1) if cut_frac else num_steps
    step = t
    while True:
        step += 1
        if step < cut:
            p = step / cut
        elif falling > 0:
            p = max(0.0, 1 - (step - cut) / falling)
        else:  # too few steps to rise and fall in
            p = max(0.0, 1 - (step - cut) / max(1, num_steps - cut))
        yield max_rate * (1 + p * (ratio - 1)) / ratio


@registry.schedules("cyclic_triangular.v1")
@resumable
def cyclic_triangular(min_lr: float, max_lr: float, period: int) -> Iterator[float]:
    """Yield rates that rise from `min_lr` to `max_lr` and fall back, forever (Smith 2015, arXiv:1506.01186).

    Parameters
    ----------
    min_lr, max_lr : float
        The smallest and the largest rate.
    period : int
        The number of draws that the rate rises for, and falls for.
    """
    for step in itertools.count(1):
        cycle = (step / (2 * period) + 1) // 1
        x = abs(step / period - 2 * cycle + 1)
        yield min_lr + (max_lr - min_lr) * max(0.0, 1 - x)
