"""Batches of items of similar length, up to a total length."""

from collections.abc import Callable
from typing import Any

import numpy

from ._batches import Batches, Take


class LengthBatches(Batches):
    """Every pass visits the same numbers of items: sorted by bucket of length, then cut where a batch is full.

    Which items of a bucket come together, and the order of the batches, is drawn anew for each pass if `shuffle` is
    on. As a batch is cut by the upper ends of the buckets, the cuts are the same whichever items these are, and so
    is the number of batches.

    Parameters
    ----------
    make_take, buffer, in_background, seed
        As for `Batches`.
    buckets : array of int, shape ``(n_items,)``
        The upper end of each item's bucket.
    size : int
        The total length of a batch; an item that is longer makes one of its own.
    padded : bool
        Whether the padding counts.
    shuffle : bool
    """

    def __init__(
        self,
        make_take: Callable[[], Take],
        buckets: numpy.ndarray,
        size: int,
        padded: bool,
        *,
        shuffle: bool,
        buffer: int,
        in_background: bool,
        seed: int | None,
    ):
        self._buckets = buckets
        in_order = numpy.argsort(buckets, kind="stable")
        self._cuts = cut_by_length(buckets[in_order], size, padded)
        super().__init__(
            make_take,
            self._cuts,
            shuffle=shuffle,
            buffer=buffer,
            in_background=in_background,
            seed=seed if shuffle else None,
            sizes=size,
        )
        if not shuffle:
            self._order = in_order

    def _arrange(self, order: numpy.ndarray, random: Any) -> tuple[numpy.ndarray, list[int]]:
        order = order[numpy.argsort(self._buckets[order], kind="stable")]
        batches = random.permutation(len(self._cuts) - 1)
        cuts = numpy.asarray(self._cuts)
        starts, sizes = cuts[:-1][batches], numpy.diff(cuts)[batches]
        bounds = numpy.concatenate([[0], numpy.cumsum(sizes)])
        index = numpy.repeat(starts - bounds[:-1], sizes) + numpy.arange(len(order))
        return order[index], bounds.tolist()

    def _find_different(self, state: dict[str, Any]) -> str | None:
        problem = super()._find_different(state)
        if problem is None and sorted(numpy.diff(state["bounds"])) != sorted(numpy.diff(self._cuts)):
            return (
                "its batches are of other sizes, so it was saved with other lengths, size, padded or bucket"
            )
        return problem


def cut_by_length(lengths: numpy.ndarray, size: int, padded: bool) -> list[int]:
    """Where batches begin and end whose total length is at most `size`, unless they have one item."""
    bounds, total, longest = [0], 0, 0
    for i, length in enumerate(lengths.tolist()):
        total += length
        longest = max(longest, length)
        cost = longest * (i + 1 - bounds[-1]) if padded else total
        if cost > size and i > bounds[-1]:
            bounds.append(i)
            total = longest = length
    if len(lengths):
        bounds.append(len(lengths))
    return bounds
