"""Where the time of a model goes: each node's share, forward and backward."""

from __future__ import annotations

import copy
import functools
from collections.abc import Callable
from dataclasses import dataclass
from time import perf_counter
from typing import Any, NamedTuple

import numpy

from ._model_places import places_of
from ._model_summary import AS_ABOVE, short_name
from ._model_tree import nodes_of
from ._util.random_state import get_random_state, prepare_random_state
from ._util.table import html_table, text_table
from .backends import CupyOps
from .model import Model

HEADINGS = ("layer", "calls", "forward", "backward", "share", "own share")
ALIGN = "<>>>>>"
FORWARD, BACKWARD = 0, 1


class Row(NamedTuple):
    """A node of the tree. Times are seconds per pass, and include those of its children.

    Attributes
    ----------
    branch, depth, name
        Where it stands, and what it is called.
    calls : int
        How often its forward function ran in a pass.
    forward, backward : float
        Seconds.
    share : float
        Of the time of the whole model, from 0 to 1.
    own_share : float
        That of the node without its children; these add up to 1.
    is_first : bool
        False for a node that stands in another place above: its numbers are there.
    """

    branch: str
    depth: int
    name: str
    calls: int
    forward: float
    backward: float
    share: float
    own_share: float
    is_first: bool

    def cells(self) -> tuple[str, ...]:
        if not self.is_first:
            return self.name, AS_ABOVE, "", "", "", ""
        return (
            self.name,
            str(self.calls),
            seconds(self.forward),
            seconds(self.backward),
            f"{self.share:.1%}",
            f"{self.own_share:.1%}",
        )


@dataclass(frozen=True, eq=False)
class Profile:
    """What `thinc.profile` returns: text where it is printed, a table where a notebook shows it.

    Attributes
    ----------
    rows : list of Row
        The nodes, depth first, as in ``Model.summary``.
    forward, backward : float
        Seconds that a pass of the whole model took.
    repeats : int
        The number of passes that were measured.
    """

    rows: list[Row]
    forward: float
    backward: float
    repeats: int

    @property
    def total(self) -> str:
        """The last line."""
        return (
            f"forward {seconds(self.forward)}, backward {seconds(self.backward)}: "
            f"the median of {self.repeats} passes"
        )

    def __str__(self) -> str:
        rows = [(row.branch + row.name, *row.cells()[1:]) for row in self.rows]
        return f"{text_table([HEADINGS, *rows], ALIGN)}\n{self.total}"

    __repr__ = __str__

    def _repr_html_(self) -> str:
        return html_table(HEADINGS, [(row.depth, row.cells()) for row in self.rows], self.total)


def measure(model: Model[Any, Any], X: Any, Y: Any = None, *, repeats: int, input_gradient: bool) -> Profile:
    """Do what `thinc.profile` is for, on a copy of the model: neither threads nor errors see it half changed."""
    if repeats < 1:
        raise ValueError(f"profile: expected repeats to be at least 1, but got {repeats}")
    put_back = prepare_random_state(get_random_state(), "this process")
    try:
        tried = model.copy()
        if any(node.has_param(name) is None for node in nodes_of(tried) for name in node.param_names):
            tried.initialize(X=X, Y=Y)
        nodes = nodes_of(tried)
        clock = _Clock(len(nodes), _waiter(nodes))
        for number, node in enumerate(nodes):
            node._func = _timed(node._func, number, clock)
        passes = []
        for _ in range(repeats + 1):
            clock.clear()
            guesses, backprop = tried.begin_update(X, input_gradient=input_gradient)
            backprop(copy.deepcopy(guesses))  # layers may keep the output itself for their way back
            passes.append((clock.whole.copy(), clock.own.copy(), clock.calls.copy()))
    finally:
        put_back()
    # The numbers of one pass, not a median for each node, so that they add up.
    whole, own, calls = sorted(passes[1:], key=lambda times: times[1].sum())[repeats // 2]
    index = {id(node): number for number, node in enumerate(nodes)}
    total = own.sum() or 1.0
    rows = [
        Row(
            place.branch,
            place.depth,
            short_name(place.node),
            int(calls[i]),
            float(whole[i, FORWARD]),
            float(whole[i, BACKWARD]),
            float(whole[i].sum() / total),
            float(own[i].sum() / total),
            place.is_first,
        )
        for place in places_of(tried)
        for i in [index[id(place.node)]]
    ]
    forward, backward = own.sum(axis=0)
    return Profile(rows, float(forward), float(backward), repeats)


class _Clock:
    """Adds up the seconds of nodes, ``(node, direction)``, where calls are nested."""

    def __init__(self, size: int, wait: Callable[[], Any]):
        self.whole = numpy.zeros((size, 2))
        self.own = numpy.zeros((size, 2))
        self.calls = numpy.zeros(size, dtype="int64")
        self._inner: list[float] = []  # of each call that is running: seconds spent in those it made
        self._wait = wait

    def clear(self) -> None:
        for numbers in (self.whole, self.own, self.calls):
            numbers[...] = 0

    def run(self, key: tuple[int, int], function: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
        self._inner.append(0.0)
        start = perf_counter()
        try:
            result = function(*args, **kwargs)
            self._wait()
            return result
        finally:  # also where a layer catches what another raises
            taken = perf_counter() - start
            inner = self._inner.pop()
            if self._inner:
                self._inner[-1] += taken
            self.whole[key] += taken
            self.own[key] += taken - inner


def _timed(forward: Callable[..., Any], number: int, clock: _Clock) -> Callable[..., Any]:
    @functools.wraps(forward)  # what a function is, the package tells by its name
    def timed_forward(*args: Any, **kwargs: Any) -> Any:
        clock.calls[number] += 1
        Y, backprop = clock.run((number, FORWARD), forward, *args, **kwargs)
        return Y, functools.partial(clock.run, (number, BACKWARD), backprop)

    return timed_forward


def _waiter(nodes: list[Model[Any, Any]]) -> Callable[[], Any]:
    """What waits for the work that a GPU was given: calls return before it is done."""
    if any(isinstance(node.ops, CupyOps) for node in nodes):
        import cupy

        return lambda: cupy.cuda.get_current_stream().synchronize()
    return lambda: None


def seconds(value: float) -> str:
    """A time in a unit that suits it."""
    for limit, factor, unit in ((1e-3, 1e6, "µs"), (1.0, 1e3, "ms")):
        if value < limit:
            return f"{value * factor:.1f} {unit}"
    return f"{value:.2f} s"
