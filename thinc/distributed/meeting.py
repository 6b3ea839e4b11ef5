"""meet: workers that share nothing but a notice board find each other and form a ring.

Rank 0 puts its address on the board; the others come to it, and it tells each where all of them listen. An invitation
that a group has left behind which failed leads to a port where nobody answers: they look again.
"""

import hmac
import json
import secrets
import socket
import time
from typing import Any, Protocol

from .opening import open_ring
from .ring import Ring, listen
from .two_stages import TwoStageRing

MOST_BYTES = 1 << 20  # of a line: the addresses of thousands of workers
PATIENCE = 5.0  # seconds for a line of one who has connected
PAUSE = 0.05


class Board(Protocol):
    """One entry of a key-value store that all workers see."""

    def put(self, value: bytes) -> None:
        """Write the entry."""

    def get(self) -> bytes | None:
        """Read the entry, if there is one."""

    def delete(self) -> None:
        """Remove the entry."""


def meet(
    rank: int, world_size: int, host: str, board: Board, *, timeout: float = 300.0
) -> Ring | TwoStageRing:
    """Form a ring of workers that know the name of a board and their own ranks.

    Parameters
    ----------
    rank, world_size : int
    host : str
        Under which the other workers reach this one.
    board : Board
        Whoever can read it can join: it holds the secret of the ring.
    timeout : float
        How long to wait for the others, now and later, in seconds.

    Raises
    ------
    TimeoutError
        If not all workers come.
    ConnectionError
        If one is gone before the ring is complete.
    """
    listener = listen(host)
    own = (host, listener.getsockname()[1])
    deadline = time.monotonic() + timeout
    try:
        if rank == 0:
            addresses, token = _invite(own, world_size, board, deadline)
        else:
            addresses, token = _join(rank, own, board, deadline)
    except BaseException:
        listener.close()
        raise
    return open_ring(rank, addresses, listener, token=token, timeout=timeout)


def _invite(
    own: tuple[str, int], world_size: int, board: Board, deadline: float
) -> tuple[list[tuple[str, int]], bytes]:
    token = secrets.token_bytes(32)
    guests: dict[int, tuple[socket.socket, tuple[str, int]]] = {}
    door = listen(own[0])
    try:
        invitation = {"address": [own[0], door.getsockname()[1]], "token": token.hex()}
        board.put(json.dumps(invitation).encode())
        while len(guests) < world_size - 1:
            missing = sorted(set(range(1, world_size)) - set(guests))
            door.settimeout(max(0.01, deadline - time.monotonic()))
            try:
                connection, _ = door.accept()
            except TimeoutError:
                raise TimeoutError(
                    f"Rank 0 has waited in vain for ranks {missing} to join the group"
                ) from None
            guest = _read_line(connection, PATIENCE)
            if not hmac.compare_digest(str(guest.get("token")).encode(), token.hex().encode()):
                connection.close()  # somebody who tried the port
                continue
            rank = guest["rank"]
            if rank in guests:  # started again
                guests[rank][0].close()
            guests[rank] = connection, tuple(guest["address"])
        addresses = [own, *(guests[rank][1] for rank in range(1, world_size))]
        for connection, _ in guests.values():
            _write_line(connection, {"addresses": addresses})
    finally:
        board.delete()
        door.close()
        for connection, _ in guests.values():
            connection.close()
    return addresses, token


def _join(
    rank: int, own: tuple[str, int], board: Board, deadline: float
) -> tuple[list[tuple[str, int]], bytes]:
    while (left := deadline - time.monotonic()) > 0:
        notice = board.get()
        if notice is not None:
            invitation = json.loads(notice)
            token = invitation["token"]
            try:
                with socket.create_connection(tuple(invitation["address"]), timeout=left) as connection:
                    _write_line(connection, {"rank": rank, "token": token, "address": own})
                    answer = _read_line(connection, left)
            except OSError:  # of a group that has failed
                answer = {}
            if "addresses" in answer:
                return [(host, port) for host, port in answer["addresses"]], bytes.fromhex(token)
        time.sleep(PAUSE)
    raise TimeoutError(f"Rank {rank} has waited in vain for rank 0 to form the group")


def _write_line(connection: socket.socket, content: Any) -> None:
    connection.sendall(json.dumps(content).encode() + b"\n")


def _read_line(connection: socket.socket, timeout: float) -> dict[str, Any]:
    """A line of JSON, or an empty dict if something else comes, or nothing."""
    connection.settimeout(timeout)
    try:
        with connection.makefile("rb") as lines:
            content = json.loads(lines.readline(MOST_BYTES))
    except (OSError, ValueError):
        return {}
    return content if isinstance(content, dict) else {}
