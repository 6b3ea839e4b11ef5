"""Several workers on each of several machines, which are addresses of the loopback interface here."""

import signal
import sys

import numpy
import pytest

from helpers.process import start_python
from helpers.together import run_together
from helpers.workers import TOKEN, run_all, run_workers
from thinc.distributed import Communicator, TwoStageRing, open_ring
from thinc.distributed.buckets import average_
from thinc.distributed.ring import listen

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="other systems have one loopback address")
MACHINES = [(1, 1, 2, 2), (1, 2, 1, 2), (1, 2, 2, 2, 3), (1, 2, 3, 3)]


def run_on(machines, work, **settings):
    return run_all(len(machines), work, backend="auto", machines=machines, **settings)


@pytest.mark.parametrize("machines", MACHINES)
@pytest.mark.parametrize("size", [0, 1, 7, 700_001])
@pytest.mark.parametrize("dtype", ["float32", "int64"])
def test_sum(machines, size, dtype):
    data = (numpy.random.default_rng(0).normal(size=(len(machines), size)) * 10).astype(dtype)

    def work(ring):
        assert type(ring) is TwoStageRing and isinstance(ring, Communicator)
        array = data[ring.rank].copy()
        ring.allreduce_(array)
        return array

    results = run_on(machines, work)
    assert len({result.tobytes() for result in results}) == 1
    numpy.testing.assert_allclose(results[0], data.astype("float64").sum(axis=0), rtol=1e-5, atol=1e-4)


@pytest.mark.parametrize("machines", MACHINES)
@pytest.mark.parametrize("size", [0, 3, 200_000])
def test_broadcast(machines, size):
    def work(ring):
        arrays = []
        for root in range(len(machines)):
            array = numpy.full(size, ring.rank, dtype="float32")
            ring.broadcast_(array, root)
            arrays.append(array)
        return arrays

    for arrays in run_on(machines, work):
        for root, array in enumerate(arrays):
            assert (array == root).all()


@pytest.mark.parametrize("machines", MACHINES)
def test_barrier_waits_for_all(machines):
    arrived = []

    def work(ring):
        for turn in range(20):
            arrived.append(turn)
            ring.barrier()
            assert arrived.count(turn) == len(machines)
            ring.barrier()

    run_on(machines, work)


@pytest.mark.parametrize("machines", MACHINES)
def test_gradients_are_averaged(machines):
    shapes = [(3, 4), (5,), (), (2, 3, 4)]
    rng = numpy.random.default_rng(1)
    data = [[rng.normal(size=shape) for shape in shapes] for _ in machines]

    def work(ring):
        arrays = [array.copy() for array in data[ring.rank]]
        average_(arrays, ring, 64)
        return arrays

    for arrays in run_on(machines, work):
        for i, array in enumerate(arrays):
            expected = numpy.mean([own[i] for own in data], axis=0)
            numpy.testing.assert_allclose(array, expected, rtol=1e-12, atol=1e-12)


def test_which_workers_share_memory():
    def work(ring):
        return getattr(ring._local, "shares_memory", None), ring._between is not None

    results = run_on((1, 2, 2, 3, 2), work)
    assert results == [(None, True), (True, True), (True, False), (None, True), (True, False)]


@pytest.mark.parametrize("bad", range(4))
def test_worker_that_raises_is_noticed_by_all(bad):
    def work(ring):
        if ring.rank == bad:
            raise KeyError("a bug in the training loop")
        ring.allreduce_(numpy.zeros(10))

    errors = run_workers(4, work, backend="auto", machines=(1, 1, 2, 2))
    assert isinstance(errors.pop(bad), KeyError)
    for err in errors:
        assert isinstance(err, ConnectionError) and "lost the connection" in str(err)


def test_different_steps_are_an_error():
    def work(ring):
        ring.allreduce_(numpy.zeros(3 + (ring.rank == 2)))

    errors = run_workers(4, work, backend="auto", machines=(1, 1, 2, 2))
    assert {type(err) for err in errors} <= {ValueError, ConnectionError}
    assert any("the same steps in the same order" in str(err) for err in errors)


def test_bad_arrays_leave_it_open():
    def work(ring):
        for bad in (numpy.zeros((2, 2)), [1.0]):
            with pytest.raises(ValueError, match="expected a contiguous NumPy array"):
                ring.allreduce_(bad)
        with pytest.raises(ValueError, match="no worker of rank 7"):
            ring.broadcast_(numpy.zeros(2), 7)
        ring.barrier()

    run_on((1, 1, 2), work)


def test_killed_process_is_noticed():
    """Rank 2, the second of the second machine, is another process; the others are told by their machines' first."""
    program = f"""
import sys, time
from thinc.distributed import open_ring
from thinc.distributed.ring import listen
listener = listen("127.0.0.2")
print(listener.getsockname()[1], flush=True)
addresses = [("127.0.0.1", int(sys.argv[1])), ("127.0.0.2", int(sys.argv[2])), listener.getsockname()]
open_ring(2, addresses, listener, token={TOKEN!r}, timeout=60)
print("ready", flush=True)
time.sleep(600)
"""
    listeners = [listen("127.0.0.1"), listen("127.0.0.2")]
    ports = [listener.getsockname()[1] for listener in listeners]
    other = start_python("-c", program, *ports)
    try:
        addresses = [*(listener.getsockname() for listener in listeners)]
        addresses.append(("127.0.0.2", int(other.stdout.readline())))
        noticed = []

        def work(rank):
            ring = open_ring(rank, addresses, listeners[rank], token=TOKEN, timeout=60)
            if rank == 1:
                assert other.stdout.readline() == "ready\n"
                other.send_signal(signal.SIGKILL)
            with pytest.raises(ConnectionError, match="lost the connection"):
                ring.allreduce_(numpy.ones(1_000_000))
            noticed.append(rank)

        run_together(lambda: work(0), lambda: work(1))
        assert sorted(noticed) == [0, 1]
    finally:
        other.kill()
        other.communicate()
