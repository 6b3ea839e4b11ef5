"""open_ring: connect workers in the way that suits the machines they are on."""

import socket
from collections.abc import Iterable
from typing import Any, Literal, Union

from .ring import Ring
from .shared_memory import SharedRing
from .two_stages import TwoStageRing

Backend = Literal["auto", "tcp", "shared_memory"]
BACKENDS = ("auto", "tcp", "shared_memory")


def open_ring(
    rank: int,
    addresses: list[tuple[str, int]],
    listener: socket.socket,
    *,
    token: bytes,
    timeout: float = 300.0,
    backend: Backend = "auto",
) -> Union[Ring, TwoStageRing]:
    """Connect the workers in the way that suits them.

    Parameters
    ----------
    rank, addresses, listener, token, timeout
        See `Ring`.
    backend : {"auto", "tcp", "shared_memory"}
        "auto" takes shared memory if all workers are on one machine that offers it (Linux); if several are on each of
        several machines, shared memory within them and TCP between them, see `TwoStageRing`; else TCP.

    Raises
    ------
    ValueError
        If there is no such backend.
    OSError
        On every worker, if the workers cannot share memory and `backend` asks for that.
    ConnectionError, TimeoutError
        As `Ring`.
    """
    check_backend(backend)
    settings: dict[str, Any] = {"token": token, "timeout": timeout}
    n_machines = len({host for host, _ in addresses})
    if backend == "auto" and 1 < n_machines < len(addresses):
        return TwoStageRing(rank, addresses, listener, **settings)
    if backend == "tcp" or (backend == "auto" and n_machines > 1) or len(addresses) == 1:
        return Ring(rank, addresses, listener, **settings)
    ring = SharedRing(rank, addresses, listener, **settings)
    if not ring.shares_memory and backend == "shared_memory":
        ring.close()
        raise OSError(
            f"The {len(addresses)} workers cannot share memory: not all of them are on one machine, or in one "
            "container, that runs Linux and has memory left. Use backend='auto' or 'tcp'."
        )
    return ring


def check_backend(backend: str, backends: Iterable[str] = BACKENDS) -> None:
    """Raise ValueError unless there is such a backend."""
    if backend not in backends:
        raise ValueError(f"There is no backend {backend!r} between workers; expected one of {list(backends)}")
