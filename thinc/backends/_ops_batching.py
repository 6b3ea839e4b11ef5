"""Minibatches: one pass over a data set, in order or shuffled."""

from collections.abc import Callable, Iterable, Sequence
from numbers import Integral, Real
from typing import Any

import numpy

from .._util.arrays import to_numpy
from ..types import Padded, Pairs, Ragged, SizedGenerator
from ._batch_sizes import batch_sizes, is_schedule
from ._batches import Batches, Take
from ._length_batches import LengthBatches, cut_by_length
from ._ops_arrays import ArrayOps


class BatchingOps(ArrayOps):
    """Iterate over data sets in batches."""

    def minibatch(
        self,
        size: Any,
        sequence: Any,
        *,
        shuffle: bool = False,
        buffer: int = 1,
        seed: int | None = None,
    ) -> SizedGenerator:
        """Iterate over a data set in batches.

        Parameters
        ----------
        size
            The batch size, or an iterable of batch sizes such as a schedule, or a function of the number of the
            batch. It is drawn from at once, until the sizes add up to the data set; if it ends before, its last
            size is repeated. Fractions are cut off.
        sequence
            The data: array, list, tuple, range, `Ragged`, `Padded` or `Pairs` of these.
        shuffle
            Visit the items in a new random order on every pass.
        buffer
            Above 1: prepare up to this many batches ahead, in a thread, while those before are used. The data is
            read in that thread then. What it raises arrives with the batch that it was raised for. On a GPU there
            is no thread, and so many batches are prepared at a time.
        seed
            A whole number, at least 0: draw the orders from a stream of their own, which this starts. Without
            it they are drawn from ``numpy.random``.

        Returns
        -------
        SizedGenerator
            ``len()`` is the number of batches; every ``iter()`` is a new pass. A batch has the type of the
            data; an array comes as a contiguous copy on the device of this backend. A checkpoint can hold the
            position within the pass, see `thinc.checkpoint`.

        Raises
        ------
        ValueError
            If the data has no length, a batch size is less than 1 or not finite, or the seed is negative.
        TypeError
            If the size or the seed is not a number; on iteration, if the data cannot be cut into batches.
        """
        (length,) = _lengths("minibatch", [sequence])
        return self._batches(
            size, length, lambda: self._batch_taker("minibatch", sequence), shuffle, buffer, seed
        )

    def multibatch(
        self,
        size: Any,
        sequence: Any,
        *others: Any,
        shuffle: bool = False,
        buffer: int = 1,
        seed: int | None = None,
    ) -> SizedGenerator:
        """Iterate over several data sets of the same length side by side.

        Parameters
        ----------
        size, shuffle, buffer, seed
            As for `minibatch`.
        sequence, *others
            The data sets. The first one sets the length; the others may be longer.

        Returns
        -------
        SizedGenerator
            Each batch is a list of one sub-batch per data set, of corresponding items.

        Raises
        ------
        ValueError, TypeError
            As for `minibatch`.
        IndexError
            On iteration, if another data set is shorter than the first.
        """
        sequences = [sequence, *others]
        length, *other_lengths = _lengths("multibatch", sequences)
        make_take = self._side_by_side("multibatch", sequences, length, other_lengths)
        return self._batches(size, length, make_take, shuffle, buffer, seed)

    def minibatch_by_length(
        self,
        size: Any,
        sequence: Any,
        *,
        lengths: Any = None,
        padded: bool = False,
        bucket: int | None = 1,
        shuffle: bool = False,
        buffer: int = 1,
        seed: int | None = None,
    ) -> SizedGenerator:
        """Iterate over a data set in batches of about the same total length, of items of similar length.

        Parameters
        ----------
        size
            The largest total length of a batch, such as its number of tokens, or one for each batch of a pass: an
            iterable, or a function of the number of the batch, drawn from at once as by `minibatch`. An item that is
            longer makes a batch of its own.
        sequence
            The data, as for `minibatch`.
        lengths
            The length of each item; by default, `Ragged` and `Padded` tell, and items of other data have ``len()``.
        padded
            Count cells, padding included: the longest item of a batch times the number of its items.
        bucket
            The width of the buckets by which items are sorted, shortest first: with 10, items of 1 to 10 count as
            equally long, those of 11 to 20, and so on, and have the length of the longest that the bucket can have.
            The wider, the more is shuffled, and the more space is left in the batches. None keeps the order of the
            data, which cannot be shuffled then.
        shuffle
            On every pass, mix the items within each bucket, and the batches; if they have sizes of their own, those
            of equal size: which lengths come when is random for others, and the same on every pass.
        buffer, seed
            As for `minibatch`.

        Returns
        -------
        SizedGenerator
            As from `minibatch`. Every pass has the same number of batches.

        Raises
        ------
        ValueError
            If the data has no length, there are no lengths or as many, a number is out of range, or ``bucket=None``
            is to be shuffled.
        TypeError
            If a number is none; on iteration, if the data cannot be cut into batches.

        Examples
        --------
        >>> for docs in ops.minibatch_by_length(2000, tokenized, padded=True, shuffle=True, seed=1):
        ...     ...
        """
        (n,) = _lengths("minibatch_by_length", [sequence])
        lengths = _item_lengths("minibatch_by_length", sequence, lengths, n)

        def make_take() -> Take:
            return self._batch_taker("minibatch_by_length", sequence)

        return self._length_batches(size, lengths, make_take, padded, bucket, shuffle, buffer, seed)

    def multibatch_by_length(
        self,
        size: Any,
        sequence: Any,
        *others: Any,
        lengths: Any = None,
        padded: bool = False,
        bucket: int | None = 1,
        shuffle: bool = False,
        buffer: int = 1,
        seed: int | None = None,
    ) -> SizedGenerator:
        """Iterate over several data sets side by side, in batches of about the same total length.

        Parameters
        ----------
        sequence, *others
            The data sets. The first one sets number and lengths of the items, unless `lengths` does.
        size, lengths, padded, bucket, shuffle, buffer, seed
            As for `minibatch_by_length`.

        Returns
        -------
        SizedGenerator
            Each batch is a list of one sub-batch per data set, of corresponding items.

        Raises
        ------
        ValueError, TypeError
            As for `minibatch_by_length`.
        IndexError
            On iteration, if another data set is shorter than the first.
        """
        sequences = [sequence, *others]
        n, *other_lengths = _lengths("multibatch_by_length", sequences)
        lengths = _item_lengths("multibatch_by_length", sequence, lengths, n)
        make_take = self._side_by_side("multibatch_by_length", sequences, n, other_lengths)
        return self._length_batches(size, lengths, make_take, padded, bucket, shuffle, buffer, seed)

    def _side_by_side(
        self, operation: str, sequences: list[Any], length: int, other_lengths: list[int]
    ) -> Callable[[], Take]:
        def make_take() -> Take:
            shortest = min(other_lengths, default=length)
            if shortest < length:
                raise IndexError(
                    f"{operation}: the first data set has {length} items but another one only {shortest}; "
                    "each must have at least as many as the first"
                )
            takers = [self._batch_taker(operation, data) for data in sequences]
            return lambda key: [take(key) for take in takers]

        return make_take

    def _length_batches(
        self,
        size: Any,
        lengths: numpy.ndarray,
        make_take: Callable[[], Take],
        padded: bool,
        bucket: Any,
        shuffle: bool,
        buffer: int,
        seed: int | None,
    ) -> SizedGenerator:
        sizes = batch_sizes(size)
        settings: dict[str, Any] = {**self._pass_settings(shuffle, buffer, seed), "sizes": size}
        if bucket is None:
            if shuffle:
                raise ValueError("bucket=None keeps the order of the data: set shuffle=False, or a bucket")
            return Batches(make_take, cut_by_length(lengths, sizes, padded), **settings)
        if not isinstance(bucket, Integral):
            raise TypeError(f"The width of the buckets must be a whole number or None, got {bucket!r}")
        if bucket < 1:
            raise ValueError(f"The width of the buckets must be at least 1, got {bucket}")
        buckets = -(-lengths // int(bucket)) * int(bucket)
        return LengthBatches(make_take, buckets, sizes, padded, **settings)

    def _pass_settings(self, shuffle: bool, buffer: int, seed: int | None) -> dict[str, Any]:
        """What is common to all kinds of batches."""
        if not isinstance(buffer, Real):
            raise TypeError(f"The buffer must be a number of batches, got {buffer!r} of type {type(buffer)}")
        return {
            "shuffle": bool(shuffle),
            "buffer": buffer,
            "in_background": self.xp is numpy,  # CuPy's current device is that of a thread
            "seed": None if seed is None else _check_seed(seed),
        }

    def _batches(
        self,
        size: Any,
        length: int,
        make_take: Callable[[], Take],
        shuffle: bool,
        buffer: int,
        seed: int | None,
    ) -> SizedGenerator:
        settings = self._pass_settings(shuffle, buffer, seed)
        return Batches(make_take, _batch_bounds(size, length), sizes=size, **settings)

    def _batch_taker(self, operation: str, data: Any) -> Take:
        """Decide once per pass, not once per batch, how to cut batches out of `data`."""
        xp = self.xp
        if isinstance(data, xp.ndarray):
            return lambda key: data[key].copy() if isinstance(key, slice) else self._take_rows(data, key)
        if isinstance(data, numpy.ndarray):  # the data is in main memory, the batches go to the device
            return lambda key: xp.asarray(data[key], order="C")
        if isinstance(data, Pairs):
            if len(data.two) < len(data.one):
                raise IndexError(
                    f"{operation}: the Pairs have {len(data.one)} items, but their second ones are only {len(data.two)}"
                )
            take_one = self._batch_taker(operation, data.one)
            take_two = self._batch_taker(operation, data.two)
            return lambda key: Pairs(take_one(key), take_two(key))
        if isinstance(data, (str, bytes, dict)) or not hasattr(data, "__getitem__"):
            raise TypeError(
                f"{operation}: cannot cut {type(data)} into batches; expected an array, list, tuple, range, "
                "Ragged, Padded or Pairs. Try list(data)."
            )
        if isinstance(data, tuple):
            return lambda key: (
                data[key] if isinstance(key, slice) else tuple(map(data.__getitem__, key.tolist()))
            )
        if isinstance(data, list):
            return lambda key: data[key] if isinstance(key, slice) else [data[i] for i in key.tolist()]
        if isinstance(data, Sequence):  # range, deque and the like know no index arrays
            return lambda key: [data[i] for i in _as_range(key)]
        return lambda key: self._as_batch(data[_as_indices(key)])

    def _take_rows(self, array: Any, index: Any) -> Any:
        """The rows of `array` at the positions `index`, as a new contiguous array."""
        return array.take(index, axis=0)

    def _as_batch(self, batch: Any) -> Any:
        return self.as_contig(self.asarray(batch)) if isinstance(batch, numpy.ndarray) else batch


def _as_range(key: Any) -> Iterable[int]:
    return range(key.start, key.stop) if isinstance(key, slice) else key.tolist()


def _as_indices(key: Any) -> numpy.ndarray:
    return numpy.arange(key.start, key.stop) if isinstance(key, slice) else key


def _lengths(operation: str, sequences: list[Any]) -> list[int]:
    try:
        return [len(sequence) for sequence in sequences]
    except TypeError as err:
        types = ", ".join(str(type(sequence)) for sequence in sequences)
        raise ValueError(
            f"{operation}: cannot batch data without a length ({types}): {err}. "
            "Generators have none; make a list."
        ) from None


def _item_lengths(operation: str, data: Any, lengths: Any, n: int) -> numpy.ndarray:
    """The lengths of the items of a data set, of which there may be a list already."""
    if lengths is None:
        if isinstance(data, (Ragged, Padded)):
            lengths = data.lengths
        elif isinstance(data, Pairs) or hasattr(data, "ndim"):
            raise ValueError(
                f"{operation}: the items of {type(data)} have no length of their own; pass lengths="
            )
        else:
            try:
                lengths = [len(item) for item in data]
            except TypeError as err:
                raise ValueError(f"{operation}: the items have no length ({err}); pass lengths=") from None
    array = to_numpy(lengths)
    if array.shape != (n,) or (n and array.dtype.kind not in "iu") or (array < 0).any():
        raise ValueError(
            f"{operation}: expected as lengths {n} whole numbers of at least 0, got shape {array.shape} of "
            f"{array.dtype}"
        )
    return array.astype("int64")


def _batch_bounds(size: Any, length: int) -> list[int]:
    """Where batches begin and end: 0, first size, first two sizes, ..., `length`."""
    sizes = batch_sizes(size)
    if not is_schedule(size):
        return [*range(0, length, next(sizes)), length] if length else [0]
    bounds = [0]
    while bounds[-1] < length:
        bounds.append(min(bounds[-1] + next(sizes), length))
    return bounds


def _check_seed(seed: Any) -> int:
    if not isinstance(seed, Integral):
        raise TypeError(f"The seed of the order must be a whole number, got {seed!r} of type {type(seed)}")
    if seed < 0:
        raise ValueError(f"The seed of the order must be at least 0, got {seed}")
    return int(seed)
