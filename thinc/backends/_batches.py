"""The batches of a data set as an iterable that knows how far it got."""

from collections.abc import Callable, Iterator
from contextlib import closing
from itertools import pairwise
from typing import Any

import numpy

from .._util.series import LAST_POSITION, Series
from ..types import SizedGenerator
from ._prefetch import prefetch, together

# Cuts a batch out of a data set, given a slice or an array of indices.
Take = Callable[[Any], Any]


class Batches(SizedGenerator):
    """Every ``iter()`` is a pass over all batches, in order or shuffled.

    `get_state` tells the position in the present pass. `prepare_state` returns a function that takes such a
    position over: the next ``iter()`` then goes on from there; the one after that is a new pass. `prepare_share`
    takes over how far batches of other items had come.

    Parameters
    ----------
    make_take : callable
        Called at the beginning of every pass, returns what cuts a batch out of the data.
    bounds : list of int
        Where batches begin and end: 0, first size, first two sizes, ..., number of items.
    shuffle : bool
        Whether each pass has an order of its own.
    buffer : int
        How many batches are prepared ahead.
    in_background : bool
        Whether a thread does that.
    seed : int, optional
        The order of a pass is drawn from a generator seeded by this and the number of the pass; without it,
        from ``numpy.random``.
    sizes
        What the sizes were drawn from.
    """

    def __init__(
        self,
        make_take: Callable[[], Take],
        bounds: list[int],
        *,
        shuffle: bool,
        buffer: int,
        in_background: bool,
        seed: int | None,
        sizes: Any,
    ):
        self._make_take = make_take
        self._bounds = bounds
        self._shuffle = shuffle
        self._buffer = buffer
        self._in_background = in_background
        self._seed = seed
        self._sizes = sizes if isinstance(sizes, Series) else None
        self._order: Any = None
        self._passes = 0
        self._latest: Any = None  # stands for the iterator whose position counts
        self._position: int | None = None  # batches handed out in this pass; None between passes
        self._is_resumed = False

    @property
    def length(self) -> int:  # type: ignore[override]
        return len(self._bounds) - 1

    def get_items(self) -> Iterator[Any]:  # type: ignore[override]
        take = self._make_take()
        if self._is_resumed:
            start = self._position or 0
            self._is_resumed = False
        else:
            start = 0
            self._begin_pass()
        self._latest = object()
        return self._buffered(self._cut(take, start), start, self._latest)

    def _begin_pass(self) -> None:
        if self._shuffle:
            if self._seed is not None:
                self._order, self._bounds = self._seeded(self._seed, self._passes)
            else:
                # A new array: an earlier pass may still run. Every order is a shuffle of the one before.
                order = numpy.arange(self._bounds[-1]) if self._order is None else self._order.copy()
                numpy.random.shuffle(order)
                self._order, self._bounds = self._arrange(order, numpy.random)
        self._passes += 1
        self._position = 0

    def _seeded(self, seed: int, number: int) -> tuple[numpy.ndarray, list[int]]:
        """Order and bounds of the pass of this number."""
        # NumPy keeps the stream of `RandomState` the same in all its releases, unlike that of `Generator`.
        random = numpy.random.RandomState(numpy.random.MT19937([seed, number]))
        return self._arrange(random.permutation(self._bounds[-1]), random)

    def _arrange(self, order: numpy.ndarray, random: Any) -> tuple[numpy.ndarray, list[int]]:
        """Order and bounds of a pass, given a random order and whatever draws more numbers."""
        return order, self._bounds

    def _cut(self, take: Take, start: int) -> Iterator[Any]:
        bounds = pairwise(self._bounds[start:])
        if self._order is None:
            return (take(slice(begin, end)) for begin, end in bounds)
        order = self._order
        return (take(order[begin:end]) for begin, end in bounds)

    def _buffered(self, batches: Iterator[Any], start: int, this_one: Any) -> Iterator[Any]:
        position = start
        if self._buffer > 1:
            batches = (prefetch if self._in_background else together)(batches, self._buffer)
        with closing(batches):  # type: ignore[type-var]  # a generator
            for batch in batches:
                position += 1
                if this_one is self._latest:  # else a newer pass has begun, whose position counts
                    self._position = position
                yield batch
        if this_one is self._latest:
            self._position = None

    def get_state(self) -> dict[str, Any]:
        """The position as plain data: numbers and arrays of them."""
        order = self._order if self._seed is None else None
        return {
            "bounds": _compact(numpy.asarray(self._bounds)),
            "shuffle": self._shuffle,
            "seed": self._seed,
            "passes": self._passes,
            "position": self._position,
            "order": None if order is None else _compact(order),
            "sizes": None if self._sizes is None else self._sizes.position,
        }

    def prepare_state(self, state: Any, what: str) -> Callable[[], None]:
        """Check what `get_state` gave, and return the function that takes it over.

        Raises
        ------
        ValueError
            If it is malformed, or that of another data set or another kind of batches.
        """
        problem = _find_malformed(state) or self._find_different(state)
        if problem is not None:
            raise ValueError(f"Cannot load the position in the batches from {what}: {problem}")
        bounds = [int(bound) for bound in state["bounds"]]
        order = state["order"]
        if self._shuffle and self._seed is not None and state["passes"]:
            order, _ = self._seeded(self._seed, state["passes"] - 1)
        if self._sizes is not None and state["sizes"] is not None and state["sizes"] < self._sizes.position:
            self._sizes.check_repeatable()

        def apply() -> None:
            self._bounds, self._latest = bounds, None
            self._passes, self._position = state["passes"], state["position"]
            self._order = None if order is None else order.astype(numpy.int64)
            self._is_resumed = self._position is not None
            if self._sizes is not None and state["sizes"] is not None:
                self._sizes.seek(state["sizes"])

        return apply

    def prepare_share(self, state: Any, what: str) -> Callable[[], None]:
        """As `prepare_state`, for the position in batches of other items, such as another share of a data set.

        The next ``iter()`` goes on in the same pass, after the same fraction of its batches.

        Raises
        ------
        ValueError
            If it is malformed, or that of batches that were shuffled otherwise.
        """
        problem = _find_malformed(state) or self._find_other_order(state)
        if problem is not None:
            raise ValueError(f"Cannot load the position in the batches from {what}: {problem}")
        done, total = state["position"], len(state["bounds"]) - 1

        def apply() -> None:
            self._passes, self._position, self._latest = state["passes"], None, None
            self._is_resumed = done is not None
            if done is not None:
                self._passes = max(0, self._passes - 1)
                self._begin_pass()
                self._position = done * self.length // max(1, total)

        return apply

    def _find_different(self, state: dict[str, Any]) -> str | None:
        n, saved = self._bounds[-1], int(state["bounds"][-1])
        if saved != n:
            return f"it was saved with {saved} items, the data set now has {n}"
        return self._find_other_order(state)

    def _find_other_order(self, state: dict[str, Any]) -> str | None:
        for name, now in (("shuffle", self._shuffle), ("seed", self._seed)):
            if state[name] != now:
                return f"it was saved with {name}={state[name]}, the batches now have {name}={now}"
        return None


def _compact(numbers: numpy.ndarray) -> numpy.ndarray:
    largest = int(numbers.max(initial=0))
    return numbers.astype("<u4" if largest < 2**32 else "<i8")


_KEYS = {"bounds", "shuffle", "seed", "passes", "position", "order", "sizes"}


def _find_malformed(state: Any) -> str | None:
    if not isinstance(state, dict):
        return f"expected a dict, got {type(state)}"
    missing = _KEYS - set(state)
    if missing:
        return f"it has no {sorted(missing)}"
    bounds: Any = state["bounds"]
    order: Any = state["order"]
    if not _is_ints(bounds) or not len(bounds) or bounds[0] != 0:
        return "it has no bounds of batches"
    if not (numpy.diff(bounds.astype(numpy.int64)) > 0).all():
        return "the bounds of its batches do not increase"
    if not isinstance(state["shuffle"], bool) or not _is_count(state["passes"]):
        return "its number of passes is missing"
    for name in ("position", "seed", "sizes"):
        if state[name] is not None and not _is_count(state[name]):
            return f"expected a number as '{name}', got {state[name]!r}"
    if (state["sizes"] or 0) > LAST_POSITION:
        return f"{state['sizes']} of its sizes have been drawn, expected up to {LAST_POSITION}"
    if (state["position"] or 0) >= len(bounds):
        return f"its position is {state['position']}, but it has {len(bounds) - 1} batches"
    if order is not None:
        n = int(bounds[-1])
        if (
            not _is_ints(order)
            or len(order) != n
            or not numpy.array_equal(numpy.sort(order), numpy.arange(n))
        ):
            return f"its order is not one of {n} items"
    elif state["shuffle"] and state["seed"] is None and state["passes"]:
        return "its order is missing"
    return None


def _is_ints(value: Any) -> bool:
    return isinstance(value, numpy.ndarray) and value.ndim == 1 and value.dtype.kind in "iu"


def _is_count(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and 0 <= value < 2**63
