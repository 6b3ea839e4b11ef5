"""Settings that may be schedules: how a number or the first of a series is taken, and the next ones are drawn."""

from numbers import Real
from typing import Any

import numpy

from .schedules import of_step


def start_setting(value: Any, problem: str) -> tuple[Any, Any]:
    """A number, and the schedule that gives the following ones, or None.

    Parameters
    ----------
    value
        A number, a schedule or other iterable of numbers, or a function of the step.
    problem : str
        How an error begins.

    Raises
    ------
    ValueError
        If it is something else, or the iterable is empty or starts with something else.
    """
    if is_number(value):
        return as_python_number(value), None
    if callable(value) and not hasattr(value, "__next__") and not hasattr(value, "__iter__"):
        value = of_step(value)
    try:
        # An iterator is drawn from as it is: some have no `__iter__`.
        schedule = value if hasattr(value, "__next__") else iter(value)
    except TypeError:
        schedule = None
    if schedule is None or isinstance(value, (str, bytes)):
        raise ValueError(
            f"{problem}: expected a number, or a schedule or other iterable of numbers, but got "
            f"{value!r} of type {type(value)}"
        )
    try:
        first = next(schedule)
    except StopIteration:
        raise ValueError(f"{problem}: the schedule of {type(value)} is empty") from None
    if not is_number(first):
        raise ValueError(
            f"{problem}: the schedule of {type(value)} starts with {first!r}, which is no number"
        )
    return as_python_number(first), schedule


def draw_settings(schedules: dict[str, Any], now: dict[str, Any]) -> dict[str, Any]:
    """The next value of every schedule; that of `now` where one has ended.

    Raises
    ------
    ValueError
        If one is no number.
    """
    drawn = {name: next(schedule, now[name]) for name, schedule in schedules.items()}
    for name, value in drawn.items():
        if not is_number(value):
            raise ValueError(
                f"Cannot step the schedule of the optimizer's '{name}': it gave {value!r}, expected a number"
            )
    return {name: as_python_number(value) for name, value in drawn.items()}


def is_number(value: Any) -> bool:
    """Whether a value is a real number, of Python, NumPy, or an array without dimensions."""
    if isinstance(value, (numpy.generic, numpy.ndarray)):
        return value.ndim == 0 and value.dtype.kind in "fiub"
    return isinstance(value, Real)


def as_python_number(value: Any) -> Any:
    """A number of NumPy as one of Python; others as they are."""
    return value.item() if isinstance(value, (numpy.generic, numpy.ndarray)) else value
