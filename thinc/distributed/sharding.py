"""shard: the part of a data set that a worker trains on."""

from typing import Any, Literal

import numpy

from ..backends import NumpyOps
from .communicator import Communicator, get_communicator


def shard(
    *data: Any, remainder: Literal["repeat", "drop"] = "repeat", communicator: Communicator | None = None
) -> tuple[Any, ...]:
    """Take this worker's part of data sets that lie side by side: of W workers, rank r has rows r, r + W, ...

    The parts are disjoint and of the same length, so that batches of any size are the same number on every
    worker. Without shuffling, batches of B/W rows on each worker are together the batches of B rows of one.

    Parameters
    ----------
    *data
        What `ops.multibatch` takes: arrays, lists, tuples, ranges, `Ragged`, `Padded`, `Pairs`. The first sets the
        length.
    remainder : {"repeat", "drop"}
        What to do where the length is no multiple of W: give some workers, at most W - 1 of them, one of the
        first rows once more, so that every row is used; or leave the last rows out, so that none is used twice.
    communicator : Communicator, optional
        By default that of the training loop.

    Returns
    -------
    tuple
        One part for each data set, of its type.

    Raises
    ------
    ValueError
        If there are fewer rows than workers, or the data has no length.
    IndexError
        If a data set is shorter than the first.
    TypeError
        If data cannot be cut into batches.
    """
    communicator = communicator or get_communicator()
    rank, size = communicator.rank, communicator.world_size
    if remainder not in ("repeat", "drop"):
        raise ValueError(f"shard: remainder is {remainder!r}; expected 'repeat' or 'drop'")
    if not data:
        raise ValueError("shard: expected at least one data set, got none")
    for item in data:
        if not hasattr(item, "__len__"):
            raise ValueError(f"shard: {type(item)} has no length. Generators have none; make a list.")
    n = len(data[0])
    shortest = min(len(item) for item in data)
    if shortest < n:
        raise IndexError(f"shard: the first data set has {n} items but another one only {shortest}")
    if n < size:
        raise ValueError(
            f"shard: {n} rows cannot be divided among {size} workers; use fewer workers or more data"
        )
    n_each = n // size if remainder == "drop" else -(-n // size)
    rows = (rank + size * numpy.arange(n_each)) % n
    ops = NumpyOps()
    return tuple(ops._batch_taker("shard", item)(rows) for item in data)
