"""TwoStageRing: workers of a machine share memory, and one of each machine talks to the other machines.

Of W workers on M machines, numbers take 2 (M - 1) steps through the network instead of 2 (W - 1).
"""

import hashlib
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy

from .ring import Ring, check_root, listen
from .shared_memory import SharedRing


class TwoStageRing:
    """A `Communicator` between machines with several workers each.

    Parameters
    ----------
    rank, addresses, listener, token, timeout
        See `Ring`. Workers whose hosts have one name are on one machine.

    Raises
    ------
    ConnectionError, TimeoutError
        As `Ring`.

    Notes
    -----
    The sum of each machine goes around a ring of the machines' first workers, from which the others have the result:
    the same bits everywhere. After an error all is closed, so that the workers of all machines find out.
    """

    def __init__(
        self,
        rank: int,
        addresses: list[tuple[str, int]],
        listener: socket.socket,
        *,
        token: bytes,
        **settings: Any,
    ):
        self.rank = rank
        self.world_size = len(addresses)
        hosts = list(dict.fromkeys(host for host, _ in addresses))
        self._machines = [[r for r, (host, _) in enumerate(addresses) if host == each] for each in hosts]
        self._local: Ring | None = None
        self._between: Ring | None = None  # of the first worker of each machine
        machine, place = self._find(rank)
        everyone = Ring(rank, addresses, listener, token=token, **settings)
        doors = []
        try:
            doors = [listen(hosts[machine]) for _ in range(2)]
            ports = numpy.zeros((self.world_size, 2), dtype="int64")
            ports[rank] = [door.getsockname()[1] for door in doors]
            everyone.allreduce_(ports.reshape(-1))
            inside = [(hosts[machine], int(ports[member, 0])) for member in self._machines[machine]]
            kind = Ring if len(inside) == 1 else SharedRing
            settings["token"] = _derive(token, f"machine {machine}")
            self._local = kind(place, inside, doors[0], **settings)
            if place == 0:
                between = [
                    (host, int(ports[members[0], 1]))
                    for host, members in zip(hosts, self._machines, strict=True)
                ]
                settings["token"] = _derive(token, "between machines")
                self._between = Ring(machine, between, doors[1], **settings)
        except BaseException:
            self.close()
            raise
        finally:
            everyone.close()
            for door in doors:
                door.close()

    def allreduce_(self, array: numpy.ndarray) -> None:
        """Put the sum over all workers into the array of each; see `Communicator`."""
        with self._together("allreduce_", array) as (local, between):
            local.allreduce_(array)
            if between is not None:
                between.allreduce_(array)
            local.broadcast_(array)

    def broadcast_(self, array: numpy.ndarray, root: int = 0) -> None:
        """Put the array of the worker `root` into that of each; see `Communicator`."""
        check_root(root, self.world_size)
        machine, place = self._find(root)
        with self._together(f"broadcast {root}", array, is_changed=self.rank != root) as (local, between):
            is_here = self.rank in self._machines[machine]
            if is_here:
                local.broadcast_(array, place)
            if between is not None:
                between.broadcast_(array, machine)
            if not is_here:
                local.broadcast_(array)

    def barrier(self) -> None:
        """Wait until every worker has come here."""
        self.allreduce_(numpy.zeros(1, dtype="u1"))

    def close(self) -> None:
        """Close the connections: other workers that still wait for this one get a ConnectionError."""
        for ring in (self._local, self._between):
            if ring is not None:
                ring.close()

    def _find(self, rank: int) -> tuple[int, int]:
        """The machine of a worker, and its place there."""
        (machine,) = (number for number, members in enumerate(self._machines) if rank in members)
        return machine, self._machines[machine].index(rank)

    @contextmanager
    def _together(
        self, operation: str, array: numpy.ndarray, is_changed: bool = True
    ) -> Iterator[tuple[Ring, Ring | None]]:
        """Both rings; what fails in one closes the other too."""
        assert self._local is not None
        self._local.check(operation, array, is_changed)
        try:
            yield self._local, self._between
        except BaseException:
            self.close()
            raise


def _derive(token: bytes, purpose: str) -> bytes:
    """A secret of its own for each ring, which others cannot be taken for."""
    return hashlib.sha256(token + purpose.encode()).digest()
