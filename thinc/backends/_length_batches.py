"""Batches of items of similar length, up to a total length."""

from collections.abc import Callable, Iterator
from itertools import chain, count
from typing import Any

import numpy

from ._batches import Batches, Take


class LengthBatches(Batches):
    """Every pass visits the same numbers of items: sorted by bucket of length, then cut where a batch is full.

    Which items of a bucket come together, and the order of the batches, is drawn anew for each pass if `shuffle` is
    on. As a batch is cut by the upper ends of the buckets, the cuts are the same whichever items these are, and so
    is the number of batches. Where batches have sizes of their own, a batch keeps its size, and so does its place in
    a pass: only those of equal size change places.

    Parameters
    ----------
    make_take, buffer, in_background, seed, sizes
        As for `Batches`.
    buckets : array of int, shape ``(n_items,)``
        The upper end of each item's bucket.
    limits : iterator of int
        The total length of each batch of a pass; an item that is longer makes one of its own. Without end.
    padded : bool
        Whether the padding counts.
    shuffle : bool
    """

    def __init__(
        self,
        make_take: Callable[[], Take],
        buckets: numpy.ndarray,
        limits: Iterator[int],
        padded: bool,
        *,
        shuffle: bool,
        buffer: int,
        in_background: bool,
        seed: int | None,
        sizes: Any,
    ):
        self._buckets = buckets
        in_order = numpy.argsort(buckets, kind="stable")
        if shuffle:
            self._cuts, self._places, self._limits = _cut_for_places(buckets[in_order], limits, padded)
        else:
            self._cuts = cut_by_length(buckets[in_order], limits, padded)
        super().__init__(
            make_take,
            self._cuts,
            shuffle=shuffle,
            buffer=buffer,
            in_background=in_background,
            seed=seed if shuffle else None,
            sizes=sizes,
        )
        if not shuffle:
            self._order = in_order

    def _arrange(self, order: numpy.ndarray, random: Any) -> tuple[numpy.ndarray, list[int]]:
        order = order[numpy.argsort(self._buckets[order], kind="stable")]
        mixed = random.permutation(len(self._cuts) - 1)
        # The batches of each limit change places among themselves.
        batches = numpy.empty_like(mixed)
        batches[numpy.lexsort((mixed, self._limits))] = self._places[
            numpy.argsort(self._limits, kind="stable")
        ]
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


def cut_by_length(lengths: numpy.ndarray, limits: Iterator[int], padded: bool) -> list[int]:
    """Where batches begin and end whose total length is at most their limit, unless they have one item."""
    bounds, total, longest = [0], 0, 0
    limit = 0
    for i, length in enumerate(lengths.tolist()):
        total += length
        longest = max(longest, length)
        cost = longest * (i + 1 - bounds[-1]) if padded else total
        if i == 0:
            limit = next(limits)
        elif cost > limit:
            bounds.append(i)
            total = longest = length
            limit = next(limits)
    if len(lengths):
        bounds.append(len(lengths))
    return bounds


def _cut_for_places(
    lengths: numpy.ndarray, limits: Iterator[int], padded: bool
) -> tuple[list[int], numpy.ndarray, numpy.ndarray]:
    """Cut sorted lengths for a pass in which short and long ones come mixed.

    Returns
    -------
    cuts : list of int
        Where batches begin and end, as the lengths are sorted.
    order : array of int
        Which of these batches comes at each place of a pass.
    limits : array of int
        The limit at each place.
    """
    drawn: list[int] = []

    def limit_of(place: int) -> int:
        while len(drawn) <= place:
            drawn.append(next(limits))
        return drawn[place]

    cuts = cut_by_length(lengths, map(limit_of, count()), padded)
    places = numpy.arange(len(cuts) - 1)
    if len(set(drawn)) > 1:
        # How many batches there are, depends on their places, the number of which depends on that: fewer, until it
        # fits. If there are more batches than places, the longest come last.
        n = len(cuts)
        while len(cuts) - 1 < n:
            n = len(cuts) - 1
            some = numpy.random.RandomState(numpy.random.MT19937([n])).permutation(n)
            cuts = cut_by_length(lengths, map(limit_of, chain(some.tolist(), count(n))), padded)
        places = numpy.concatenate([some, numpy.arange(n, len(cuts) - 1)])
    return (
        cuts,
        numpy.argsort(places),
        numpy.array([limit_of(place) for place in range(len(places))], "int64"),
    )
