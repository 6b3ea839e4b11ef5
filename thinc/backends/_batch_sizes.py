"""Sizes of batches: one for all, or drawn from a schedule."""

from collections.abc import Iterable, Iterator
from itertools import count, repeat
from typing import Any


def batch_sizes(size: Any) -> Iterator[int]:
    """Sizes without end: of a number, an iterable of them, whose last one is repeated, or a function of 0, 1, …

    Raises
    ------
    ValueError, TypeError
        When a size is drawn that is none, or there is not a single one.
    """
    if _is_series(size) and not isinstance(size, (str, bytes)):
        return _checked(size)
    if callable(size):
        return map(batch_size, map(size, count()))
    return repeat(batch_size(size))


def is_schedule(size: Any) -> bool:
    """Whether batches may have sizes of their own."""
    return _is_series(size) or callable(size)


def _is_series(size: Any) -> bool:
    # an array without dimensions is a number
    return isinstance(size, Iterable) and getattr(size, "ndim", 1) > 0


def _checked(sizes: Iterable[Any]) -> Iterator[int]:
    size = 0
    for drawn in sizes:
        size = batch_size(drawn)
        yield size
    if not size:
        raise ValueError("The schedule of batch sizes is empty: it must give at least one size")
    yield from repeat(size)


def batch_size(value: Any) -> int:
    """The whole number of at least 1 that a size is; fractions are cut off."""
    problem = f"Cannot use {value!r} as a batch size: expected a finite number or an iterable of such numbers"
    if isinstance(value, (str, bytes)):
        raise TypeError(problem)
    try:
        size = int(value)
    except TypeError:
        raise TypeError(problem) from None
    except (ValueError, OverflowError):  # NaN, infinity
        raise ValueError(problem) from None
    if size < 1:
        raise ValueError(f"The batch size must be at least 1, got {value!r}")
    return size
