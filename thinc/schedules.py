"""Generators of hyperparameter values: learning rates, batch sizes, dropout rates.

Each call of a schedule gives a fresh `Series`, to be drawn from with ``next``. In the formulas, n counts the draws
from 0. The schedules of the 8.3 line look at their arguments when the first value is drawn, the newer ones at once.
"""

import itertools
from collections.abc import Callable, Iterable, Iterator, Sequence
from math import cos, pi

from ._schedule_plateau import Plateau, plateau
from ._util.series import resumable
from .config import registry

__all__ = [
    "compounding",
    "constant",
    "constant_then",
    "cyclic_triangular",
    "decaying",
    "exponential",
    "of_step",
    "one_cycle",
    "plateau",
    "polynomial",
    "sequence",
    "slanted_triangular",
    "warmup_cosine",
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


@registry.schedules("of_step.v1")
@resumable
def of_step(function: Callable[[int], float]) -> Iterator[float]:
    """Yield ``function(n)``, forever. An optimizer makes one of these of any function it is given.

    Parameters
    ----------
    function : callable
        Takes the number of the step, from 0, and returns the rate. To pickle the schedule, it must be one that
        can be imported.

    Raises
    ------
    TypeError
        If it cannot be called.
    """
    if not callable(function):
        raise TypeError(
            f"of_step: expected a function of the step, got {function!r} of type {type(function)}"
        )
    return (function(n) for n in itertools.count())


@registry.schedules("exponential.v1")
@resumable
def exponential(
    initial_rate: float, decay: float, *, steps: int = 1, final_rate: float = 0.0
) -> Iterator[float]:
    """Yield ``max(final_rate, initial_rate * decay ** (n / steps))``, forever.

    Parameters
    ----------
    initial_rate, final_rate : float
        The largest rate and the smallest.
    decay : float
        What the rate is multiplied by in so many `steps`: more than 0 and at most 1.
    steps : int
        At least 1.

    Raises
    ------
    ValueError
        If a number is not as described.
    """
    _check("exponential", 0 < decay <= 1, "a decay in (0, 1]", decay)
    _check("exponential", steps >= 1, "at least 1 as steps", steps)
    _check_fall("exponential", initial_rate, final_rate)
    return (max(final_rate, initial_rate * decay ** (n / steps)) for n in itertools.count())


@registry.schedules("polynomial.v1")
@resumable
def polynomial(
    initial_rate: float, total_steps: int, *, power: float = 1.0, final_rate: float = 0.0
) -> Iterator[float]:
    """Yield ``final_rate + (initial_rate - final_rate) * (1 - n / total_steps) ** power``, then `final_rate`.

    Parameters
    ----------
    initial_rate, final_rate : float
        The largest rate and the smallest.
    total_steps : int
        The draw at which `final_rate` is reached, at least 1.
    power : float
        1 for a straight line, 2 for one that falls steeply at first. More than 0.

    Raises
    ------
    ValueError
        If a number is not as described.
    """
    _check("polynomial", total_steps >= 1, "at least 1 as total_steps", total_steps)
    _check("polynomial", power > 0, "a positive power", power)
    _check_fall("polynomial", initial_rate, final_rate)
    fall = initial_rate - final_rate
    return (final_rate + fall * max(0.0, 1 - n / total_steps) ** power for n in itertools.count())


@registry.schedules("warmup_cosine.v1")
@resumable
def warmup_cosine(
    initial_rate: float, warmup_steps: int, total_steps: int, *, final_rate: float = 0.0
) -> Iterator[float]:
    """Yield rates that rise linearly from 0, then fall along half a cosine (Loshchilov & Hutter 2017,
    arXiv:1608.03983).

    Parameters
    ----------
    initial_rate, final_rate : float
        The largest rate, and the one that is stayed at in the end.
    warmup_steps : int
        The draw at which `initial_rate` is reached: from 0 to less than `total_steps`.
    total_steps : int
        The draw at which `final_rate` is reached.

    Raises
    ------
    ValueError
        If a number is not as described.
    """
    _check(
        "warmup_cosine",
        0 <= warmup_steps < total_steps,
        "0 <= warmup_steps < total_steps",
        (warmup_steps, total_steps),
    )
    _check_fall("warmup_cosine", initial_rate, final_rate)

    def rate(n: int) -> float:
        if n < warmup_steps:
            return initial_rate * n / warmup_steps
        return _half_wave(initial_rate, final_rate, (n - warmup_steps) / (total_steps - warmup_steps))

    return (rate(n) for n in itertools.count())


@registry.schedules("one_cycle.v1")
@resumable
def one_cycle(
    max_rate: float,
    total_steps: int,
    *,
    rising: float = 0.3,
    start_factor: float = 25.0,
    final_factor: float = 1e4,
) -> Iterator[float]:
    """Yield rates that rise to `max_rate` and fall far below the first one, both along half a cosine (Smith & Topin
    2018, arXiv:1708.07120).

    Parameters
    ----------
    max_rate : float
        The largest rate. The first is ``max_rate / start_factor``, the last that divided by `final_factor`, which
        is stayed at.
    total_steps : int
        The number of draws of the whole cycle.
    rising : float
        The share of them that the rate rises for, between 0 and 1.
    start_factor, final_factor : float
        At least 1.

    Raises
    ------
    ValueError
        If a number is not as described, or there are too few steps to rise and fall in.
    """
    _check("one_cycle", 0 < rising < 1, "a share between 0 and 1 as rising", rising)
    _check(
        "one_cycle",
        min(start_factor, final_factor) >= 1,
        "at least 1 as start_factor and final_factor",
        (start_factor, final_factor),
    )
    top, last = rising * total_steps - 1, total_steps - 1
    _check("one_cycle", top > 0, "more total_steps, to rise and fall in", total_steps)
    first = max_rate / start_factor

    def rate(n: int) -> float:
        if n <= top:
            return _half_wave(first, max_rate, n / top)
        return _half_wave(max_rate, first / final_factor, (n - top) / (last - top))

    return (rate(n) for n in itertools.count())


@registry.schedules("sequence.v1")
@resumable
def sequence(*schedules: Iterable[float], steps: Sequence[int]) -> Iterator[float]:
    """Yield what the first schedule yields for its number of steps, then what the second yields, and so on.

    Parameters
    ----------
    *schedules : iterables of float
        The last one is drawn from until it ends.
    steps : sequence of int
        How many values to take from each but the last.

    Raises
    ------
    ValueError
        If there are not as many numbers as schedules less one, or one is negative.
    """
    _check(
        "sequence",
        len(schedules) >= 1 and len(steps) == len(schedules) - 1,
        "a number of steps for each schedule but the last",
        f"{len(steps)} for {len(schedules)} schedules",
    )
    _check("sequence", all(n >= 0 for n in steps), "numbers of steps from 0", list(steps))
    _check(
        "sequence",
        not any(isinstance(schedule, Plateau) for schedule in schedules),
        "schedules that know their place by the number of steps; give a plateau to the optimizer itself",
        "a plateau",
    )
    parts = [itertools.islice(schedule, n) for schedule, n in zip(schedules, steps, strict=False)]
    return (rate for part in (*parts, schedules[-1]) for rate in part)


def _half_wave(start: float, stop: float, share: float) -> float:
    """From `start` to `stop` along half a cosine; stays there."""
    return stop + (start - stop) * (1 + cos(pi * min(1.0, share))) / 2


def _check_fall(name: str, initial_rate: float, final_rate: float) -> None:
    _check(
        name, initial_rate >= final_rate, "an initial_rate not below final_rate", (initial_rate, final_rate)
    )


def _check(name: str, is_valid: bool, wanted: str, got: object) -> None:
    if not is_valid:
        raise ValueError(f"{name}: expected {wanted}, got {got}")
