"""The ring: sums and broadcasts of any size, the same bits everywhere, and errors instead of hanging."""

import os
import signal
import socket
import threading

import numpy
import pytest

from helpers.process import start_python
from helpers.workers import TOKEN, run_all, run_workers
from thinc.distributed import (
    Alone,
    Communicator,
    Ring,
    get_communicator,
    open_ring,
    shared_memory,
    use_communicator,
)
from thinc.distributed.ring import listen

BACKENDS = ["tcp", "auto"]
if hasattr(os, "memfd_create"):
    BACKENDS[1] = "shared_memory"


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("world_size", [1, 2, 3, 5])
@pytest.mark.parametrize("size", [0, 1, 2, 7, 1000, 700_001])
@pytest.mark.parametrize("dtype", ["float32", "float64", "int64", "uint8"])
def test_sum(world_size, size, dtype, backend):
    rng = numpy.random.default_rng(0)
    data = (rng.normal(size=(world_size, size)) * 10).astype(dtype)

    def work(ring):
        array = data[ring.rank].copy()
        ring.allreduce_(array)
        return array

    results = run_all(world_size, work, backend=backend)
    assert len({result.tobytes() for result in results}) == 1
    if dtype == "uint8":
        assert (results[0] == data.sum(axis=0, dtype=dtype)).all()
    else:
        numpy.testing.assert_allclose(results[0], data.astype("float64").sum(axis=0), rtol=1e-5, atol=1e-4)


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("world_size", [1, 2, 4])
@pytest.mark.parametrize("size", [0, 3, 200_000])
def test_broadcast(world_size, size, backend):
    def work(ring):
        arrays = []
        for root in range(world_size):
            array = numpy.full(size, ring.rank, dtype="float32")
            ring.broadcast_(array, root)
            arrays.append(array)
        ring.barrier()
        return arrays

    for arrays in run_all(world_size, work, backend=backend):
        for root, array in enumerate(arrays):
            assert (array == root).all()


@pytest.mark.parametrize("backend", BACKENDS)
def test_barrier_waits_for_all(backend):
    arrived = []

    def work(ring):
        for turn in range(20):
            arrived.append(turn)
            ring.barrier()
            assert arrived.count(turn) == 3
            ring.barrier()

    run_all(3, work, backend=backend)


@pytest.mark.parametrize("backend", BACKENDS)
def test_worker_that_raises_is_noticed_by_all(backend):
    def work(ring):
        if ring.rank == 1:
            raise KeyError("a bug in the training loop")
        ring.allreduce_(numpy.zeros(10))

    first, *others = sorted(
        run_workers(4, work, backend=backend), key=lambda err: isinstance(err, ConnectionError)
    )
    assert isinstance(first, KeyError)
    for err in others:
        assert isinstance(err, ConnectionError) and "lost the connection" in str(err)


@pytest.mark.parametrize("backend", BACKENDS)
def test_killed_process_is_noticed(backend):
    listener = listen("127.0.0.1")
    port = listener.getsockname()[1]
    program = f"""
import time
from thinc.distributed.ring import listen
from thinc.distributed import open_ring
listener = listen("127.0.0.1")
print(listener.getsockname()[1], flush=True)
addresses = [("127.0.0.1", {port}), listener.getsockname()]
open_ring(1, addresses, listener, token={TOKEN!r}, timeout=30, backend={backend!r})
time.sleep(60)
"""
    other = start_python("-c", program)
    try:
        addresses = [("127.0.0.1", port), ("127.0.0.1", int(other.stdout.readline()))]
        ring = open_ring(0, addresses, listener, token=TOKEN, timeout=30, backend=backend)
        other.send_signal(signal.SIGKILL)
        with pytest.raises(ConnectionError, match="lost the connection"):
            ring.allreduce_(numpy.ones(1_000_000))
    finally:
        other.kill()
        other.communicate()


@pytest.mark.parametrize("backend", BACKENDS)
def test_worker_that_does_not_take_part_is_not_waited_for_forever(backend):
    has_given_up = threading.Event()

    def work(ring):
        if ring.rank == 0:
            with pytest.raises(TimeoutError, match="does not take part"):
                ring.allreduce_(numpy.zeros(3))
            has_given_up.set()
        else:
            assert has_given_up.wait(30)
            with pytest.raises(ConnectionError):
                for _ in range(2):  # what the other one has sent before may be all that the first one needs
                    ring.allreduce_(numpy.zeros(3))

    run_all(2, work, timeout=2, backend=backend)


@pytest.mark.parametrize("backend", BACKENDS)
def test_different_steps_are_an_error(backend):
    def sizes(ring):
        ring.allreduce_(numpy.zeros(3 + ring.rank))

    def types(ring):
        ring.allreduce_(numpy.zeros(3, dtype=["float32", "float64"][ring.rank]))

    def operations(ring):
        if ring.rank:
            ring.broadcast_(numpy.zeros(3))
        else:
            ring.allreduce_(numpy.zeros(3))

    for work in (sizes, types, operations):
        for err in run_workers(2, work, backend=backend):
            assert isinstance(err, ValueError) and "the same steps in the same order" in str(err)


def test_strangers_are_refused():
    strangers = []

    def visit(address):
        strangers.extend(socket.create_connection(address) for _ in range(3))
        strangers[0].sendall(b"GET / HTTP/1.1\r\n" * 10)
        strangers[1].sendall(bytes(36))
        strangers[2].close()

    def work(ring):
        array = numpy.ones(5)
        ring.allreduce_(array)
        return array.sum()

    assert run_all(2, work, before=visit) == [10, 10]
    for stranger in strangers:
        stranger.close()


@pytest.mark.parametrize("backend", BACKENDS)
def test_sums_that_overflow(backend):
    def work(ring):
        array = numpy.array([3e38, [numpy.inf, -numpy.inf, 1][ring.rank], 1.0], dtype="f4")
        ring.allreduce_(array)
        return array

    for array in run_all(3, work, backend=backend):
        assert numpy.array_equal(array, numpy.array([numpy.inf, numpy.nan, 3], dtype="f4"), equal_nan=True)


def test_bad_arrays_and_tokens():
    def work(ring):
        for bad in (numpy.zeros((2, 2)), numpy.zeros(10)[::2], [1.0], 3):
            with pytest.raises(ValueError, match="expected a contiguous NumPy array"):
                ring.allreduce_(bad)

    for backend in BACKENDS:
        run_all(2, work, backend=backend)
    with pytest.raises(ValueError, match="expected 32"):
        Ring(0, [], listen("127.0.0.1"), token=b"short")


def read_only(array):
    array.setflags(write=False)
    return array


@pytest.mark.parametrize("backend", BACKENDS)
def test_arrays_of_no_numbers_are_refused_by_each_worker(backend):
    """Objects above all: they are addresses, which another process would take for its own."""

    def work(ring):
        for bad in (
            numpy.ones(3, object),
            numpy.array(["a"]),
            numpy.ones(2, "m8[s]"),
            numpy.ones(2, [("a", "f4")]),
        ):
            for operation in (ring.allreduce_, ring.broadcast_):
                with pytest.raises(ValueError, match=r"expected an array of numbers, got one of"):
                    operation(bad)
        with pytest.raises(
            ValueError, match="expected an array to change in place, got one that is read-only"
        ):
            ring.allreduce_(read_only(numpy.ones(3)))
        array = numpy.full(2, ring.rank)
        ring.allreduce_(array)
        return array.tolist()

    assert run_all(2, work, backend=backend) == [[1, 1]] * 2


@pytest.mark.parametrize(
    "settings", [*({"backend": name} for name in BACKENDS), {"backend": "auto", "machines": (1, 2, 2)}]
)
def test_the_root_may_have_an_array_that_is_read_only(settings):
    def work(ring):
        with pytest.raises(ValueError, match="expected an array to change in place"):
            ring.broadcast_(read_only(numpy.ones(3)), (ring.rank + 1) % 3)
        array = numpy.full(2, ring.rank)
        ring.broadcast_(read_only(array) if ring.rank == 2 else array, 2)
        return array.tolist()

    assert run_all(3, work, **settings) == [[2, 2]] * 3


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("root", [3, -1, 1.5, "a", None])
def test_there_must_be_a_root(backend, root):
    def work(ring):
        array = numpy.full(2, float(ring.rank))
        with pytest.raises(
            ValueError, match=r"broadcast_: there is no worker of rank .*; expected a root from 0 to 2"
        ):
            ring.broadcast_(array, root)
        assert (array == ring.rank).all()
        ring.broadcast_(array, numpy.int64(2))
        return array.tolist()

    assert run_all(3, work, backend=backend) == [[2, 2]] * 3


def test_worker_that_cannot_be_reached():
    listener = listen("127.0.0.1")
    gone = listen("127.0.0.1")
    addresses = [listener.getsockname(), gone.getsockname()]
    gone.close()
    with pytest.raises(ConnectionError):
        Ring(0, addresses, listener, token=TOKEN, timeout=5)


def test_communicator_of_this_thread():
    assert get_communicator().world_size == 1
    other = Alone()
    with use_communicator(other):
        assert get_communicator() is other
    assert get_communicator() is not other
    assert isinstance(other, Communicator)
    array = numpy.arange(3.0)
    other.allreduce_(array)
    other.broadcast_(array)
    other.barrier()
    assert (array == [0, 1, 2]).all()


def test_ring_is_a_communicator():
    assert all(run_all(2, lambda ring: isinstance(ring, Communicator)))


@pytest.mark.skipif("shared_memory" not in BACKENDS, reason="needs a system with memfd_create")
def test_memory_is_shared_where_it_can_be(monkeypatch):
    def place(ring):
        array = numpy.arange(300_000, dtype="f8")  # more than a slot
        ring.allreduce_(array)
        assert (array == 3 * numpy.arange(300_000)).all()
        return type(ring).__name__, getattr(ring, "shares_memory", None)

    assert run_all(3, place, backend="auto") == [("SharedRing", True)] * 3
    assert run_all(3, place, backend="tcp") == [("Ring", None)] * 3
    opened = []

    def open_once(path, size):
        opened.append(path)
        return shared_memory_open(path, size) if len(opened) == 1 else (-1, None)

    shared_memory_open = shared_memory._open
    monkeypatch.setattr(shared_memory, "_open", open_once)
    assert run_all(3, place, backend="auto") == [("SharedRing", False)] * 3  # one of them could not
    for err in run_workers(3, place, backend="shared_memory"):
        assert isinstance(err, OSError) and "cannot share memory" in str(err)
    monkeypatch.setattr(shared_memory, "_create", lambda size: -1)
    assert run_all(3, place, backend="auto") == [("SharedRing", False)] * 3


@pytest.mark.skipif("shared_memory" not in BACKENDS, reason="needs a system with memfd_create")
def test_memory_of_another_process_is_not_used(tmp_path):
    other = tmp_path / "other"
    other.write_bytes(bytes(100))
    assert shared_memory._open(bytes(other), 200)[1] is None
    assert shared_memory._open(bytes(tmp_path / "none"), 200) == (-1, None)


def test_unknown_backend():
    with pytest.raises(ValueError, match=r"expected one of \['auto', 'tcp', 'shared_memory'\]"):
        open_ring(0, [], None, token=TOKEN, backend="smoke signals")
