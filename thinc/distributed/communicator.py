"""Communicator: what workers need to talk to each other, and the one that this worker uses."""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Protocol, runtime_checkable

import numpy


@runtime_checkable
class Communicator(Protocol):
    """A group of workers that call the same methods in the same order.

    Attributes
    ----------
    rank : int
        The number of this worker, from 0.
    world_size : int
        How many workers there are.

    Notes
    -----
    One that has an attribute ``takes_device_arrays = True`` gets CuPy arrays too, the gradients of layers on a GPU.
    Others get copies of them in main memory.
    """

    @property
    def rank(self) -> int:
        """The number of this worker."""

    @property
    def world_size(self) -> int:
        """The number of workers."""

    def allreduce_(self, array: numpy.ndarray) -> None:
        """Put the sum over all workers into the array of each, the same bits everywhere.

        Parameters
        ----------
        array : 1-d, C-contiguous array of numbers
            Of the same size and type on every worker; changed in place.
        """

    def broadcast_(self, array: numpy.ndarray, root: int = 0) -> None:
        """Put the array of the worker `root` into that of each; parameters as for `allreduce_`."""

    def barrier(self) -> None:
        """Wait until every worker has come here."""


class Alone:
    """The communicator of a single worker: there is nobody to talk to."""

    rank = 0
    world_size = 1

    def allreduce_(self, array: numpy.ndarray) -> None:
        """Leave the array as it is: it is the sum."""

    def broadcast_(self, array: numpy.ndarray, root: int = 0) -> None:
        """Leave the array as it is."""

    def barrier(self) -> None:
        """Return at once: everyone is here."""


_current: ContextVar[Communicator] = ContextVar("communicator", default=Alone())  # noqa: B039  # no state


def get_communicator() -> Communicator:
    """The communicator of this worker: that of the training loop on Ray, or `Alone` outside of it."""
    return _current.get()


@contextmanager
def use_communicator(communicator: Communicator) -> Iterator[Communicator]:
    """Use a communicator for a block, in this thread: it is the default of all functions here."""
    token = _current.set(communicator)
    try:
        yield communicator
    finally:
        _current.reset(token)
