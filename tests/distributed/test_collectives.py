"""Groups of ray.util.collective over our ring, and communicators over such groups; Ray itself is in test_ray.py."""

from enum import Enum
from types import SimpleNamespace

import numpy
import pytest

from helpers.device import use_as_cupy
from helpers.workers import run_all, run_workers
from thinc.distributed import Communicator
from thinc.distributed.buckets import average_
from thinc.distributed.collectives import DeviceCommunicator, GroupCommunicator, RingOperations

Op = Enum("Op", ["SUM", "PRODUCT", "MIN", "MAX"])
REDUCTIONS = {"SUM": numpy.sum, "PRODUCT": numpy.prod, "MIN": numpy.min, "MAX": numpy.max}
SIZE = 3


class Group(RingOperations):
    """What Ray makes of it, and the functions of its module that lead there."""

    def __init__(self, ring):
        self.communicator = ring

    def get_rank(self, name):
        return self.communicator.rank

    def get_collective_group_size(self, name):
        return self.communicator.world_size

    def destroy_collective_group(self, name):
        self.destroy_group()


class Module(Group):
    """A stand-in for ray.util.collective with one group, whose arrays must be of one kind."""

    def __init__(self, ring, kind=numpy.ndarray):
        super().__init__(ring)
        self.kind = kind

    def allreduce(self, tensor, group_name):
        assert isinstance(tensor, self.kind) and group_name == "ours"
        super().allreduce([tensor])

    def broadcast(self, tensor, src_rank, group_name):
        assert isinstance(tensor, self.kind) and group_name == "ours"
        super().broadcast([tensor], SimpleNamespace(root_rank=src_rank))

    def barrier(self, group_name):
        super().barrier()


def make_data(shape=(2, 3)):
    return numpy.random.default_rng(0).normal(size=(SIZE, *shape))


def layouts(array):
    """The same numbers, laid out in other ways."""
    yield array.copy()
    yield numpy.asfortranarray(array)
    yield numpy.repeat(array, 2, axis=-1)[..., ::2]


@pytest.mark.parametrize("name", REDUCTIONS)
def test_reductions(name):
    data = make_data()
    expected = REDUCTIONS[name](data, axis=0)

    def work(ring):
        group = Group(ring)
        for array in layouts(data[ring.rank]):
            group.allreduce([array], SimpleNamespace(reduceOp=Op[name]))
            numpy.testing.assert_allclose(array, expected, rtol=1e-12)
        for array in layouts(data[ring.rank]):
            group.reduce([array], SimpleNamespace(reduceOp=Op[name], root_rank=1))
            own = expected if ring.rank == 1 else data[ring.rank]
            numpy.testing.assert_allclose(array, own, rtol=1e-12)
        array = numpy.empty((2, 3))
        parts = [data[ring.rank] * (i + 1) for i in range(SIZE)]
        group.reducescatter([array], [parts], SimpleNamespace(reduceOp=Op[name]))
        scaled = REDUCTIONS[name](data * (ring.rank + 1), axis=0)
        numpy.testing.assert_allclose(array, scaled, rtol=1e-12)

    run_all(SIZE, work)


def test_copies():
    data = make_data()

    def work(ring):
        group = Group(ring)
        for array in layouts(data[ring.rank]):
            group.broadcast([array], SimpleNamespace(root_rank=2))
            assert (array == data[2]).all()
        places = [numpy.empty((2, 3)) for _ in range(SIZE)]
        group.allgather([places], [data[ring.rank]])
        assert (numpy.array(places) == data).all()
        group.barrier()

    run_all(SIZE, work)


def test_what_a_ring_cannot_do():
    def work(ring):
        group = Group(ring)
        for operation in (group.send, group.recv):
            with pytest.raises(NotImplementedError, match=r"ray\.put"):
                operation([numpy.ones(2)], None)
        with pytest.raises(TypeError, match="main memory"):
            group.allreduce([[1, 2]])

    run_all(2, work)


def test_a_communicator_by_a_group():
    def work(ring):
        communicator = GroupCommunicator(Module(ring), "ours")
        assert isinstance(communicator, Communicator)
        assert (communicator.rank, communicator.world_size) == (ring.rank, SIZE)
        array = numpy.full(5, ring.rank, dtype="f")
        communicator.allreduce_(array)
        assert (array == 3).all()
        array[:] = ring.rank
        communicator.broadcast_(array, 2)
        assert (array == 2).all()
        communicator.barrier()
        communicator.close()
        with pytest.raises(ConnectionError):
            ring.barrier()

    run_all(SIZE, work)


def test_errors_of_other_backends_are_connection_errors():
    def work(ring):
        module = Module(ring)
        communicator = GroupCommunicator(module, "ours")

        def fail(*arguments, **settings):
            raise RuntimeError("[gloo/transport/tcp/pair.cc] Connection closed by peer")

        module.allreduce = fail
        communicator.allreduce_(numpy.zeros(3))

    for err in run_workers(2, work):
        assert isinstance(err, ConnectionError) and "Connection closed by peer" in str(err)


@pytest.mark.parametrize("bucket_bytes", [1, 40, 2**20])
def test_gradients_on_a_device_stay_there(monkeypatch, bucket_bytes):
    cupy = use_as_cupy(monkeypatch)
    shapes = [(2, 3), (4,), (1, 1), (5, 2)]
    on_device = [True, False, True, True]
    data = [
        numpy.random.default_rng(i).normal(size=(2, *shape)).astype("f") for i, shape in enumerate(shapes)
    ]

    def work(ring):
        communicator = DeviceCommunicator(ring, GroupCommunicator(Module(ring, cupy.ndarray), "ours"))
        assert isinstance(communicator, Communicator)
        own = [array[ring.rank].copy() for array in data]
        arrays = [
            cupy.asarray(array) if there else array for array, there in zip(own, on_device, strict=True)
        ]
        average_(arrays, communicator, bucket_bytes)
        for array, there, expected in zip(arrays, on_device, data, strict=True):
            assert isinstance(array, cupy.ndarray) == there
            result = array.get() if there else array
            numpy.testing.assert_allclose(result, expected.mean(axis=0), rtol=1e-6)
        root = cupy.asarray(numpy.full(3, float(ring.rank)))
        communicator.broadcast_(root, 1)
        assert (root.get() == 1).all()
        communicator.barrier()
        # A ring takes copies of them.
        arrays = [cupy.asarray(array[ring.rank]) for array in data]
        average_(arrays, ring, bucket_bytes)
        for array, expected in zip(arrays, data, strict=True):
            numpy.testing.assert_allclose(array.get(), expected.mean(axis=0), rtol=1e-6)

    run_all(2, work)
