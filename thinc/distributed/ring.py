"""Ring: a communicator over TCP, in which every worker sends to the next and receives from the one before.

The sum over W workers takes 2 (W - 1) steps, in each of which every worker sends 1/W of the array: bandwidth is used
equally everywhere (Patarasuk and Yuan, 2009, Bandwidth optimal all-reduce algorithms for clusters of workstations).
"""

import hmac
import select
import socket
import struct
from typing import Any

import numpy

HEADER = struct.Struct("<12sQ8s")  # operation, number of items, their type
HELLO = struct.Struct("<32sI")  # token, rank
# What is sent at a time, so that it stays in the cache between receiving and adding.
BLOCK_BYTES = 512 * 1024
KEEPALIVE = (("TCP_KEEPIDLE", 5), ("TCP_KEEPINTVL", 2), ("TCP_KEEPCNT", 3), ("TCP_USER_TIMEOUT", 15_000))


def listen(host: str) -> socket.socket:
    """Open a socket for the worker before this one; its address goes to all workers, which then make a `Ring`."""
    return socket.create_server((host, 0), backlog=16)


class Ring:
    """A `Communicator` over TCP connections between neighbours.

    Parameters
    ----------
    rank : int
    addresses : list of (str, int)
        Where each worker listens, by rank.
    listener : socket
        Of this worker, from `listen`; closed when the ring is complete.
    token : bytes
        A secret of 32 bytes that the workers share: connections from others are refused.
    timeout : float
        How long to wait for the other workers, in seconds.

    Raises
    ------
    ConnectionError
        If a worker cannot be reached. So do all methods, when a worker is gone.
    TimeoutError
        If a worker takes longer than `timeout`.

    Notes
    -----
    After an error the ring is closed, so that the neighbours find out too. A process that dies is noticed at once,
    a machine that vanishes after about 15 seconds.
    """

    def __init__(
        self,
        rank: int,
        addresses: list[tuple[str, int]],
        listener: socket.socket,
        *,
        token: bytes,
        timeout: float = 300.0,
    ):
        self.rank = rank
        self.world_size = len(addresses)
        self._timeout = timeout
        self._right: Any = None
        self._left: Any = None
        try:
            if len(token) != 32:
                raise ValueError(f"Ring: the token has {len(token)} bytes; expected 32")
            if self.world_size > 1:
                self._connect(addresses, listener, token)
        except BaseException:
            self.close()
            raise
        finally:
            listener.close()

    def allreduce_(self, array: numpy.ndarray) -> None:
        """Put the sum over all workers into the array of each; see `Communicator`."""
        if not self._begin("allreduce_", array):
            return
        block = max(1, BLOCK_BYTES // array.itemsize) * self.world_size
        for start in range(0, array.size, block):
            self._sum_block(array[start : start + block])

    def _sum_block(self, array: numpy.ndarray) -> None:
        size = self.world_size
        parts = numpy.array_split(array, size)  # views
        received = numpy.empty_like(parts[0])  # the first is a largest one
        for step in range(size - 1):
            mine = parts[(self.rank - step) % size]
            target = parts[(self.rank - step - 1) % size]
            self._exchange(mine, received[: len(target)])
            with numpy.errstate(all="ignore"):  # what is infinite stays so
                target += received[: len(target)]
        for step in range(size - 1):  # part r + 1 is complete here
            self._exchange(parts[(self.rank - step + 1) % size], parts[(self.rank - step) % size])

    def broadcast_(self, array: numpy.ndarray, root: int = 0) -> None:
        """Put the array of the worker `root` into that of each; see `Communicator`."""
        check_root(root, self.world_size)
        if not self._begin(f"broadcast {root}", array, is_changed=self.rank != root):
            return
        distance = (self.rank - root) % self.world_size
        for start in range(0, len(array), 1 << 16):  # passed on while the rest is still coming
            piece = array[start : start + (1 << 16)]
            if distance:
                self._exchange(None, piece)
            if distance < self.world_size - 1:
                self._exchange(piece, None)

    def barrier(self) -> None:
        """Wait until every worker has come here."""
        self.allreduce_(numpy.zeros(self.world_size, dtype="u1"))

    def close(self) -> None:
        """Close the connections: other workers that still wait for this one get a ConnectionError."""
        for connection in (self._right, self._left):
            if connection is not None:
                connection.close()

    def _connect(self, addresses: list[tuple[str, int]], listener: socket.socket, token: bytes) -> None:
        right = (self.rank + 1) % self.world_size
        left = (self.rank - 1) % self.world_size
        try:
            self._right = socket.create_connection(addresses[right], timeout=self._timeout)
            self._right.sendall(HELLO.pack(token, self.rank))
        except OSError as err:
            raise ConnectionError(
                f"Rank {self.rank} cannot reach rank {right} at {addresses[right]}: {err}"
            ) from err
        listener.settimeout(self._timeout)
        while self._left is None:
            try:
                connection, _ = listener.accept()
            except TimeoutError:
                raise TimeoutError(
                    f"Rank {self.rank} has waited {self._timeout:g} seconds for rank {left} to connect"
                ) from None
            hello = _receive_hello(connection)
            if hello is not None and hmac.compare_digest(hello[0], token) and hello[1] == left:
                self._left = connection
            else:  # somebody who tried the port
                connection.close()
        for connection in (self._right, self._left):
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
            for name, value in KEEPALIVE:
                if hasattr(socket, name):  # they differ between systems
                    connection.setsockopt(socket.IPPROTO_TCP, getattr(socket, name), value)
            connection.setblocking(False)

    def _begin(self, operation: str, array: numpy.ndarray, is_changed: bool = True) -> bool:
        """Check the array, and that the neighbour does the same; tell whether there is anything to do."""
        self.check(operation, array, is_changed)
        if self.world_size == 1:
            return False
        self._agree(operation, array)
        return array.size > 0

    def check(self, operation: str, array: numpy.ndarray, is_changed: bool) -> None:
        """Raise ValueError unless it is an array that can be sent and, if so, be changed in place."""
        if not isinstance(array, numpy.ndarray) or array.ndim != 1 or not array.flags.c_contiguous:
            raise ValueError(
                f"{operation}: expected a contiguous NumPy array of one dimension, got {type(array)} "
                f"of shape {getattr(array, 'shape', None)}"
            )
        if array.dtype.kind not in "biufc":  # objects are addresses, of no use in another process
            raise ValueError(f"{operation}: expected an array of numbers, got one of {array.dtype}")
        if is_changed and not array.flags.writeable:
            raise ValueError(f"{operation}: expected an array to change in place, got one that is read-only")

    def _agree(self, operation: str, array: numpy.ndarray) -> None:
        """Wait until the worker before this one has come to the same step."""
        own = HEADER.pack(operation.encode(), array.size, array.dtype.str.encode())
        header = numpy.frombuffer(own, dtype="u1")
        other = numpy.empty_like(header)
        self._exchange(header, other)
        if other.tobytes() != own:
            self.close()
            name, size, dtype = HEADER.unpack(other.tobytes())
            raise ValueError(
                f"Rank {self.rank} does {operation} with {array.size} items of {array.dtype.str}, rank "
                f"{(self.rank - 1) % self.world_size} {name.rstrip(bytes(1)).decode()} with {size} of "
                f"{dtype.rstrip(bytes(1)).decode()}: all workers must take the same steps in the same order. "
                "Look for a different number of batches, see shard()."
            )

    def _exchange(self, outgoing: numpy.ndarray | None, incoming: numpy.ndarray | None) -> None:
        """Send to the right and receive from the left at the same time, or do one of both."""
        to_send = memoryview(b"") if outgoing is None else outgoing.data.cast("B")
        to_fill = memoryview(b"") if incoming is None else incoming.data.cast("B")
        try:
            while to_send or to_fill:
                n_sent = _try(self._right.send, to_send) if to_send else 0
                to_send = to_send[n_sent:]
                n_received = _try(self._left.recv_into, to_fill) if to_fill else 0
                to_fill = to_fill[n_received:]
                if not n_sent and not n_received:
                    self._wait(bool(to_send), bool(to_fill))
        except OSError as err:
            self.close()
            if isinstance(err, TimeoutError):
                raise
            raise ConnectionError(
                f"Rank {self.rank} lost the connection to another worker: {err}. That worker has failed; see what "
                "it reported. Training goes on from the last checkpoint if the run allows for failures."
            ) from err

    def _wait(self, is_sending: bool, is_receiving: bool) -> None:
        poll = select.poll()  # select() knows the first 1024 descriptors only
        if is_receiving:
            poll.register(self._left, select.POLLIN)
        if is_sending:
            poll.register(self._right, select.POLLOUT)
        if not poll.poll(self._timeout * 1000):
            raise TimeoutError(
                f"Rank {self.rank} has waited {self._timeout:g} seconds for another worker, which is alive but "
                "does not take part. Look for a different number of updates on it, or allow for more time."
            )


def check_root(root: Any, world_size: int) -> None:
    """Raise ValueError unless there is a worker of this rank."""
    if not isinstance(root, (int, numpy.integer)) or not 0 <= root < world_size:
        raise ValueError(
            f"broadcast_: there is no worker of rank {root!r}; expected a root from 0 to {world_size - 1}"
        )


def _try(operation: Any, buffer: memoryview) -> int:
    """How many bytes went over the line at once."""
    try:
        n: int = operation(buffer)
    except BlockingIOError:
        return 0
    if n == 0:
        raise ConnectionResetError("it has closed the connection")
    return n


def _receive_hello(connection: socket.socket) -> tuple[bytes, int] | None:
    data = b""
    connection.settimeout(5)  # it was sent with the connection
    try:
        while len(data) < HELLO.size:
            piece = connection.recv(HELLO.size - len(data))
            if not piece:
                return None
            data += piece
    except OSError:
        return None
    token, rank = HELLO.unpack(data)
    return token, rank
