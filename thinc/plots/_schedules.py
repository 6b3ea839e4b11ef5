"""Schedules, as curves over the steps."""

from __future__ import annotations

import copy
import inspect
import itertools
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import TYPE_CHECKING, Any, Union

from .._util.series import Series
from ..schedules import of_step
from ._figure import HEIGHT, WIDTH, clean, figure_or_new, name_lines

if TYPE_CHECKING:
    from matplotlib.figure import Figure

Schedule = Union[Iterable[float], Callable[[int], float]]


def schedules(
    schedules: Schedule | Mapping[str, Schedule], steps: int = 1000, *, figure: Figure | None = None
) -> Figure:
    """Draw schedules over their steps.

    Parameters
    ----------
    schedules : schedule or dict
        One, or several by the names that the legend is to have. A schedule is what an optimizer takes: one of
        `thinc.schedules`, which is not drawn from; a list, whose last value stays; or a function of the step.
    steps : int
        How many values of each to draw.
    figure : Figure, optional
        What to draw on; by default a new one.

    Returns
    -------
    Figure
        Of matplotlib.

    Raises
    ------
    TypeError
        If a schedule is a generator that cannot be copied, so that drawing from it would use it up.
    ValueError
        If there is nothing to draw.
    ImportError
        If matplotlib is not installed.

    Examples
    --------
    >>> thinc.plots.schedules({"linear": warmup_linear(0.01, 100, 1000)}).savefig("rates.png")
    """
    named = schedules if isinstance(schedules, Mapping) else {"": schedules}
    if steps < 1 or not named:
        raise ValueError(
            f"schedules: expected at least one step of at least one schedule, got {steps} of {len(named)}"
        )
    drawn = {name: _values(schedule, steps, name) for name, schedule in named.items()}
    figure = figure_or_new(figure, 1.3 * WIDTH, HEIGHT)
    axes = figure.subplots()
    lines = {name: axes.plot(range(len(values)), values)[0] for name, values in drawn.items()}
    clean(axes, "", "step")
    name_lines(axes, lines, has_legend=any(named), has_markup=True)
    return figure


def _values(schedule: Any, steps: int, name: str) -> list[float]:
    if isinstance(schedule, (list, tuple)):
        if not schedule:
            raise ValueError(f"schedules: the list {name!r} has no values")
        return [float(schedule[min(step, len(schedule) - 1)]) for step in range(steps)]
    return [float(value) for value in itertools.islice(_apart(schedule, name), steps)]


def _apart(schedule: Any, name: str) -> Iterator[float]:
    """The values of a schedule, drawn so that it does not notice."""
    if isinstance(schedule, Series):
        return copy.copy(schedule)
    if isinstance(schedule, (int, float)):
        return itertools.repeat(float(schedule))
    if callable(schedule):
        return of_step(schedule)
    if inspect.isgenerator(schedule) or not isinstance(schedule, Iterable):
        raise TypeError(
            f"schedules: cannot draw {name or 'the schedule'}, a {type(schedule).__name__}: expected one of "
            "thinc.schedules, a list, a number or a function of the step. A generator would be used up."
        )
    return iter(copy.copy(schedule)) if isinstance(schedule, Iterator) else iter(schedule)
