"""The memory of large arrays: it is used again, aligned, and behaves as any other when NumPy asks for more."""

import os
import pickle
import threading
import tracemalloc

import numpy
import pytest
from numpy.testing import assert_array_equal

from thinc.backends import NumpyOps
from thinc.kernels import _memory

SIZES = [4096, 5000, 16384, 100_001, 1 << 20]  # of floats


@pytest.fixture(autouse=True)
def empty_cache():
    _memory.clear_cache()
    yield
    _memory.clear_cache()


def address(array):
    return array.ctypes.data


@pytest.mark.parametrize("size", SIZES)
def test_blocks_are_used_again(size):
    first = _memory.uninitialized(size, "float32")
    first[:] = 7
    where = address(first)
    assert where % 64 == 0
    assert first.flags.owndata
    del first
    assert _memory.cached_bytes() >= 4 * size
    again = _memory.zeros(size, "float32")
    assert address(again) == where
    assert not again.any()  # also in a block that held something else
    assert _memory.cached_bytes() == 0


@pytest.mark.parametrize("size", SIZES)
def test_new_zeros(size):
    assert not _memory.zeros((2, size), "float64").any()


def test_cache_is_bounded():
    arrays = [_memory.uninitialized(1 << 24, "float32") for _ in range(6)]  # 384 MiB that nobody touches
    del arrays
    assert 0 < _memory.cached_bytes() <= 256 * 1024 * 1024
    _memory.clear_cache()
    assert _memory.cached_bytes() == 0


def test_arrays_can_be_resized():
    X = _memory.uninitialized(5000, "float32")
    X[:] = numpy.arange(5000)
    for size in (5001, 50_000, 10, 100_000):
        kept = min(size, len(X))
        expected = numpy.concatenate([X[:kept].copy(), numpy.zeros(size - kept, dtype="f")])
        X.resize(size, refcheck=False)
        assert_array_equal(X, expected)


def test_other_arrays_are_left_alone():
    from numpy._core.multiarray import get_handler_name

    assert get_handler_name(NumpyOps().alloc((300, 300))) == "thinc_blocks"
    for shape in [(-1, 10**6), (2**40, 2**40)]:
        with pytest.raises((ValueError, MemoryError)):
            _memory.zeros(shape, "float32")
    assert get_handler_name(numpy.zeros(10**5)) == "default_allocator"


def test_views_copies_and_objects():
    view = _memory.zeros((200, 200), "float32")[3:5]
    view += 1
    assert_array_equal(pickle.loads(pickle.dumps(view)), numpy.ones((2, 200)))
    objects = _memory.zeros((100, 100), object)
    objects[:] = "x"
    assert objects[99, 99] == "x"


def test_tracemalloc_sees_them():
    tracemalloc.start()
    try:
        before = tracemalloc.get_traced_memory()[0]
        array = _memory.uninitialized(10**6, "float32")
        assert tracemalloc.get_traced_memory()[0] - before >= 4 * 10**6
        del array
        assert tracemalloc.get_traced_memory()[0] - before < 10**6
    finally:
        tracemalloc.stop()


def test_threads():
    failures = []

    def work(seed):
        rng = numpy.random.default_rng(seed)
        alive = []
        for i in range(300):
            zeros = i % 2 == 0
            array = (_memory.zeros if zeros else _memory.uninitialized)(int(rng.choice(SIZES[:4])), "float32")
            if zeros and array.any():
                failures.append("not zero")
            array[:] = seed
            alive.append(array)
            if len(alive) > 5 and (alive.pop(int(rng.integers(5))) != seed).any():
                failures.append("shared")

    threads = [threading.Thread(target=work, args=(seed,)) for seed in range(1, 9)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not failures


@pytest.mark.skipif(not hasattr(os, "fork"), reason="the system cannot fork")
@pytest.mark.filterwarnings("ignore:.*fork:DeprecationWarning")
def test_fork():
    del_me = _memory.uninitialized(100_000, "float32")
    del_me[:] = 1
    del del_me
    child = os.fork()
    if child == 0:
        ok = not _memory.zeros(100_000, "float32").any()
        os._exit(0 if ok else 1)
    assert os.waitpid(child, 0)[1] == 0


def test_what_is_in_use_now_displaces_what_has_not_been_used_for_long():
    _memory.clear_cache()
    n_bytes = 16 * 2**20
    old = [_memory.uninitialized((n_bytes,), "u1") for _ in range(20)]
    del old  # fills the cache
    assert 200 * 2**20 < _memory.cached_bytes() <= 256 * 2**20
    for size in (3 * 2**20, 40 * 2**20):
        first = _memory.uninitialized((size,), "u1")
        address = first.ctypes.data
        del first
        again = _memory.uninitialized((size,), "u1")
        assert again.ctypes.data == address
        del again
        assert _memory.cached_bytes() <= 256 * 2**20
    _memory.clear_cache()
    assert _memory.cached_bytes() == 0
