"""SharedRing: a ring between workers of one machine, in which numbers go through memory that all of them see.

What goes over the connections is one byte at a time, that says how far each worker is; so that a worker that dies is
noticed as in any `Ring`, and the processors' order of writes is that of the system calls.
"""

import mmap
import os
import secrets
import socket
import stat
from typing import Any

import numpy

from .ring import Ring, check_root

# What a worker writes before the others read it: in the cache still.
SLOT_BYTES = 512 * 1024
# Up to here every worker adds up everything, which saves a meeting; above it, each a part.
SMALL_BYTES = 16 * 1024
KEY_BYTES = 32
PATH_BYTES = 64


class SharedRing(Ring):
    """A `Ring` whose workers share memory. Where they cannot, it is as any other.

    Attributes
    ----------
    shares_memory : bool
        The same on every worker.

    Notes
    -----
    Each worker has two slots, which take turns: when all have come to the next meeting, all have read the slots of
    the last but one. The memory has no name and goes away with the processes, however they end.
    """

    _slots: numpy.ndarray  # (2, world_size, SLOT_BYTES)
    shares_memory: bool

    def __init__(self, rank: int, addresses: list[tuple[str, int]], listener: socket.socket, **settings: Any):
        super().__init__(rank, addresses, listener, **settings)
        self.shares_memory = False
        self._turn = 0
        try:
            memory = self._map_memory()
            is_mapped = numpy.array([memory is not None], dtype="int64")
            self.allreduce_(is_mapped)
            if memory is not None and is_mapped[0] == self.world_size:
                self._slots = memory[: -mmap.PAGESIZE].reshape(2, self.world_size, SLOT_BYTES)
                self.shares_memory = True
        except BaseException:
            self.close()
            raise

    def allreduce_(self, array: numpy.ndarray) -> None:
        """Put the sum over all workers into the array of each; see `Communicator`."""
        if not self.shares_memory:
            super().allreduce_(array)
            return
        self.check("allreduce_", array, is_changed=True)
        for i, (piece, slots) in enumerate(self._pieces(array)):
            slots[self.rank] = piece
            self._meet("allreduce_" if i == 0 else "", array)
            if self.world_size == 2 or piece.nbytes <= SMALL_BYTES:
                _add_up(slots, piece)
                continue
            bounds = numpy.linspace(0, len(piece), self.world_size + 1).astype("int64")
            parts = [slice(*bounds[r : r + 2]) for r in range(self.world_size)]
            mine = parts[self.rank]
            _add_up(slots[:, mine], piece[mine])
            slots[self.rank, mine] = piece[mine]  # nobody else reads this part
            self._meet("", array)
            for rank, part in enumerate(parts):
                piece[part] = slots[rank, part]

    def broadcast_(self, array: numpy.ndarray, root: int = 0) -> None:
        """Put the array of the worker `root` into that of each; see `Communicator`."""
        if not self.shares_memory:
            super().broadcast_(array, root)
            return
        check_root(root, self.world_size)
        operation = f"broadcast {root}"
        self.check(operation, array, is_changed=self.rank != root)
        for i, (piece, slots) in enumerate(self._pieces(array)):
            if self.rank == root:
                slots[root] = piece
            self._meet(operation if i == 0 else "", array)
            if self.rank != root:
                piece[:] = slots[root]

    def _pieces(self, array: numpy.ndarray) -> Any:
        """The parts of an array that fit a slot, each with the slots of all workers."""
        size = SLOT_BYTES // array.itemsize
        for start in range(0, max(1, array.size), size):  # one of no size, if there is nothing: all must meet
            piece = array[start : start + size]
            self._turn ^= 1
            yield piece, self._slots[self._turn, :, : piece.nbytes].view(array.dtype)

    def _meet(self, operation: str, array: numpy.ndarray) -> None:
        """Wait until all workers have come here; the first time in an operation, see that they do the same.

        After n steps a worker knows of n workers before it.
        """
        done = 0
        if operation:
            self._agree(operation, array)
            done = 1
        for _ in range(done, self.world_size - 1):
            sign = numpy.zeros(1, dtype="u1")
            self._exchange(sign, numpy.empty_like(sign))

    def _map_memory(self) -> numpy.ndarray | None:
        """Memory that rank 0 makes, or None where it cannot be mapped."""
        size = 2 * self.world_size * SLOT_BYTES + mmap.PAGESIZE
        note = numpy.zeros(PATH_BYTES + KEY_BYTES, dtype="u1")
        fd = -1
        memory = None
        try:
            if self.rank == 0:
                fd, key = _create(size), secrets.token_bytes(KEY_BYTES)
                if fd >= 0:
                    memory = _map(fd, size)
                    memory[-KEY_BYTES:] = numpy.frombuffer(key, dtype="u1")
                    path = f"/proc/{os.getpid()}/fd/{fd}".encode().ljust(PATH_BYTES, b"\0")
                    note[:] = numpy.frombuffer(path + key, dtype="u1")
            self.broadcast_(note)
            if self.rank and note.any():
                fd, memory = _open(note[:PATH_BYTES].tobytes().rstrip(b"\0"), size)
                if memory is not None and not numpy.array_equal(memory[-KEY_BYTES:], note[PATH_BYTES:]):
                    memory = None  # that process is another one, on another machine
            self.barrier()  # then rank 0 may close it
        finally:
            if fd >= 0:
                os.close(fd)
        return memory


def _add_up(slots: numpy.ndarray, target: numpy.ndarray) -> None:
    """Write the sum of rows, added in their order, so that it is the same bits wherever it is computed."""
    with numpy.errstate(all="ignore"):  # what is infinite stays so
        numpy.add(slots[0], slots[1], out=target)
        for row in slots[2:]:
            target += row


def _create(size: int) -> int:
    """A file in memory without a name, or -1."""
    if not hasattr(os, "memfd_create"):
        return -1
    try:
        fd = os.memfd_create("thinc-ring")
    except OSError:
        return -1
    try:
        os.posix_fallocate(fd, 0, size)  # fails here, rather than at the first write
    except OSError:
        os.close(fd)
        return -1
    return fd


def _open(path: bytes, size: int) -> tuple[int, numpy.ndarray | None]:
    try:
        fd = os.open(path, os.O_RDWR | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError:
        return -1, None
    status = os.fstat(fd)
    if not stat.S_ISREG(status.st_mode) or status.st_size != size:
        return fd, None
    return fd, _map(fd, size)


def _map(fd: int, size: int) -> numpy.ndarray:
    return numpy.frombuffer(mmap.mmap(fd, size), dtype="u1")
