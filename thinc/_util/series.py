"""Generators that can be copied, pickled and set to a position."""

import collections
import copy
import functools
import itertools
import warnings
from collections.abc import Callable, Generator, Iterator
from typing import Any, ParamSpec

P = ParamSpec("P")


class Series(Generator[float, None, None]):
    """A generator that knows its position, and can be copied, pickled and set back.

    Attributes
    ----------
    position : int
        The number of values drawn so far.
    """

    __slots__ = ("_args", "_kwargs", "_schedule", "_values", "position")

    position: int
    _values: Generator[float, None, None]

    def __init__(self, schedule: Callable[..., "Series"], args: tuple[Any, ...], kwargs: dict[str, Any]):
        # An argument may be drawn from, such as another series: what it was is kept, to begin again from.
        self._args = tuple(_before_drawing(value) for value in args)
        self._kwargs = {name: _before_drawing(value) for name, value in kwargs.items()}
        self._schedule = schedule
        self._values = schedule.__wrapped__(*args, **kwargs)  # type: ignore[attr-defined]
        self.position = 0

    def __next__(self) -> float:
        drawn = next(self._values)
        self.position += 1
        return drawn

    def send(self, value: None) -> float:
        """Draw the next value, as ``next`` does."""
        drawn = self._values.send(value)
        self.position += 1
        return drawn

    def throw(self, typ: Any, val: Any = None, tb: Any = None) -> float:
        """Raise an exception where the generator stands."""
        return self._values.throw(typ if val is None else val)

    def seek(self, position: int) -> None:
        """Go to a position, forwards or back, by drawing the values before it.

        Parameters
        ----------
        position : int
            The number of values that are to count as drawn.

        Raises
        ------
        ValueError
            If the position is negative.
        TypeError
            If that means going back, and the series draws from a generator which cannot be copied.
        """
        if position < 0:
            raise ValueError(f"Cannot go to position {position} of a schedule: it must be at least 0")
        if position < self.position:
            self._values, self.position = self._from_start()._values, 0
        exhaust(itertools.islice(self._values, position - self.position))
        self.position = position

    def check_repeatable(self) -> None:
        """Raise the TypeError of `seek` if the series cannot be copied, pickled or set back."""
        for value in (*self._args, *self._kwargs.values()):
            if isinstance(value, _Unrepeatable):
                raise TypeError(
                    f"Cannot copy, pickle or set back the schedule '{self._schedule.__name__}': it draws from "
                    f"a {value.type_name}, which cannot be copied. Use a list or a built-in schedule there."
                )

    def _from_start(self) -> "Series":
        self.check_repeatable()
        args = tuple(_before_drawing(value) for value in self._args)
        kwargs = {name: _before_drawing(value) for name, value in self._kwargs.items()}
        return self._schedule(*args, **kwargs)

    def __copy__(self) -> "Series":
        """A series of its own, at the same position."""
        copied = self._from_start()
        copied.seek(self.position)
        return copied

    def __deepcopy__(self, memo: dict[int, Any]) -> "Series":
        return self.__copy__()

    def __reduce__(self) -> tuple[Any, ...]:
        self.check_repeatable()
        return _restore, (self._schedule, self._args, self._kwargs, self.position)


def exhaust(values: Iterator[Any]) -> None:
    """Draw all values of a finite iterator, and drop them."""
    collections.deque(values, maxlen=0)


class _Unrepeatable:
    """Stands for an iterator that can be drawn from only once."""

    def __init__(self, value: Any):
        self.type_name = type(value).__name__


def _before_drawing(value: Any) -> Any:
    if isinstance(value, (list, tuple)):
        kept = [_before_drawing(item) for item in value]
        unrepeatable = [item for item in kept if isinstance(item, _Unrepeatable)]
        return unrepeatable[0] if unrepeatable else kept
    if not isinstance(value, Iterator):
        return value
    try:
        # A shallow copy of `map` and its like, or of an iterator of a user, draws from what the original draws from.
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DeprecationWarning)  # itertools, from Python 3.12 on
            return copy.deepcopy(value)
    except Exception:  # an iterator of a user may raise anything
        return _Unrepeatable(value)


def _restore(
    schedule: Callable[..., Series], args: tuple[Any, ...], kwargs: dict[str, Any], position: int
) -> Series:
    series = schedule(*args, **kwargs)
    series.seek(position)
    return series


def resumable(function: Callable[P, Iterator[float]]) -> Callable[P, Series]:
    """Make a generator function return a `Series`."""

    @functools.wraps(function)
    def schedule(*args: P.args, **kwargs: P.kwargs) -> Series:
        return Series(schedule, args, kwargs)

    return schedule
