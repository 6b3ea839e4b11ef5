"""Workers find each other by a notice board, whatever else is on it or comes to the door."""

import json
import socket
import threading

import numpy
import pytest

from helpers.together import run_together
from thinc.distributed.meeting import meet
from thinc.distributed.ring import listen


class Board:
    """A notice board in this process."""

    def __init__(self, notice=None):
        self.notice = notice
        self.is_new = threading.Event()

    def put(self, value):
        self.notice = value
        self.is_new.set()

    def get(self):
        return self.notice

    def delete(self):
        self.notice = None


def assert_meet(size, board, before=lambda rank: None):
    sums = [None] * size

    def work(rank):
        before(rank)
        ring = meet(rank, size, "127.0.0.1", board, timeout=60)
        array = numpy.full(3, rank + 1.0)
        ring.allreduce_(array)
        sums[rank] = array.tolist()
        ring.close()

    run_together(*(lambda rank=rank: work(rank) for rank in range(size)))
    assert sums == [[size * (size + 1) / 2] * 3] * size
    assert board.notice is None


@pytest.mark.parametrize("size", [1, 2, 4])
def test_meeting(size):
    assert_meet(size, Board())


def test_invitation_of_a_group_that_has_failed():
    gone = listen("127.0.0.1")
    port = gone.getsockname()[1]
    gone.close()
    old = {"address": ["127.0.0.1", port], "token": "00" * 32}
    board = Board(json.dumps(old).encode())
    asked = threading.Event()
    read = board.get

    def get():
        asked.set()
        return read()

    board.get = get
    # Rank 0 comes when the other one has read the old invitation.
    assert_meet(2, board, before=lambda rank: rank or asked.wait(60))


def test_strangers_at_the_door():
    board = Board()
    strangers = []

    def visit(rank):
        if rank != 1:
            return
        assert board.is_new.wait(60)
        address = tuple(json.loads(board.notice)["address"])
        for line in (b"GET / HTTP/1.1\r\n", b'{"rank": 1, "token": "\xc3\xa9"}\n', b"[]\n"):
            strangers.append(socket.create_connection(address))
            strangers[-1].sendall(line)
        strangers.append(socket.create_connection(address))
        strangers[-1].close()

    assert_meet(2, board, before=visit)
    for stranger in strangers:
        stranger.close()


@pytest.mark.parametrize("rank", [0, 1])
def test_nobody_comes(rank):
    board = Board()
    with pytest.raises(TimeoutError, match=f"Rank {rank} has waited in vain"):
        meet(rank, 2, "127.0.0.1", board, timeout=0.2)
    assert board.notice is None
