"""Batches that a thread prepares ahead: the same ones, whatever happens to either side."""

import gc
import os
import threading
from collections.abc import Sequence

import numpy
import pytest
from numpy.testing import assert_array_equal

from helpers.process import run_python
from thinc.backends import NumpyOps
from thinc.backends._prefetch import NAME, prefetch

SECONDS = 60  # more than anything here takes; reached only by what hangs


def workers():
    return [thread for thread in threading.enumerate() if thread.name == NAME]


@pytest.fixture(autouse=True)
def no_thread_is_left():
    yield
    gc.collect()
    for thread in workers():
        thread.join(SECONDS)
        assert not thread.is_alive()


class Recording(Sequence):
    """Numbers, of which some cannot be read; knows which threads read."""

    def __init__(self, n, bad=None):
        self.n, self.bad, self.readers, self.read = n, bad, set(), 0

    def __len__(self):
        return self.n

    def __getitem__(self, i):
        self.readers.add(threading.current_thread().name)
        self.read += 1
        if i == self.bad:
            raise OSError(f"cannot read item {i}")
        return i


@pytest.mark.parametrize("buffer", [2, 3, 7, 500])
@pytest.mark.parametrize("settings", [{}, {"shuffle": True, "seed": 3}])
def test_the_same_batches_in_the_same_order(ops, buffer, settings):
    X, y = numpy.random.default_rng(0).normal(size=(100, 3)), list(range(100))
    plain = ops.multibatch(7, X, y, **settings)
    ahead = ops.multibatch(7, X, y, buffer=buffer, **settings)
    assert len(plain) == len(ahead)
    for _ in range(3):
        for (a, b), (c, d) in zip(plain, ahead, strict=True):
            assert_array_equal(a, c)
            assert b == d


def test_a_thread_reads_the_data_ahead():
    data = Recording(100)
    batches = iter(NumpyOps().minibatch(10, data, buffer=3))
    assert not data.read  # not before the first one is asked for
    assert next(batches) == list(range(10))
    assert data.readers == {NAME}
    assert len(list(batches)) == 9
    without = Recording(20)
    list(NumpyOps().minibatch(10, without))
    assert without.readers == {threading.current_thread().name}


def test_it_does_not_run_further_ahead():
    drawn, enough = [], threading.Event()

    def numbers():
        for i in range(100):
            drawn.append(i)
            if i == 4:  # one taken, three ready, one at hand
                enough.set()
            yield i

    items = prefetch(numbers(), 3)
    assert next(items) == 0
    assert enough.wait(SECONDS)
    assert len(drawn) == 5
    assert list(items) == list(range(1, 100))


@pytest.mark.parametrize("bad", [0, 15, 39])
def test_exceptions_arrive_where_they_belong(bad):
    batches = NumpyOps().minibatch(10, Recording(40, bad=bad), buffer=3)
    for _ in range(2):
        passed = []
        with pytest.raises(OSError, match=f"cannot read item {bad}"):
            for batch in batches:
                passed.append(batch)
        assert len(passed) == bad // 10


@pytest.mark.parametrize("error", [KeyboardInterrupt, SystemExit, MemoryError])
def test_exceptions_of_every_kind(error):
    def items():
        yield 1
        raise error("stop")

    ahead = prefetch(items(), 4)
    assert next(ahead) == 1
    with pytest.raises(error, match="stop"):
        next(ahead)
    assert list(ahead) == []


def test_what_is_abandoned_ends():
    batches = NumpyOps().minibatch(1, Recording(10_000), buffer=2)
    for batch in batches:
        assert batch == [0]
        break
    half = iter(batches)
    next(half)
    half.close()
    other = iter(batches)
    next(other)
    del other
    gc.collect()
    for thread in workers():
        thread.join(SECONDS)
    assert workers() == []
    assert sum(len(batch) for batch in batches) == 10_000  # a new pass


def test_two_passes_at_a_time():
    batches = NumpyOps().minibatch(3, range(30), shuffle=True, buffer=4, seed=1)
    alone = [list(batches), list(batches)]
    again = NumpyOps().minibatch(3, range(30), shuffle=True, buffer=4, seed=1)
    first, second = iter(again), iter(again)
    together = [[next(first)], [next(second)]]
    for passed, rest in zip(together, (first, second), strict=True):
        passed += rest
    assert together == alone


def test_a_position_counts_what_was_handed_out():
    plain = NumpyOps().minibatch(3, range(30), shuffle=True, seed=1)
    expected = list(plain)
    ahead = NumpyOps().minibatch(3, range(30), shuffle=True, seed=1, buffer=5)
    running = iter(ahead)
    assert [next(running) for _ in range(4)] == expected[:4]
    state = ahead.get_state()
    assert state["position"] == 4
    resumed = NumpyOps().minibatch(3, range(30), shuffle=True, seed=1, buffer=2)
    resumed.prepare_state(state, "here")()
    assert list(resumed) == expected[4:]
    assert list(resumed) == list(plain)


def test_settings_of_the_context_hold_in_the_thread():
    class Dividing(Recording):
        def __getitem__(self, i):
            return numpy.float64(1) / numpy.float64(super().__getitem__(i))

    with numpy.errstate(divide="ignore"):
        passed = list(NumpyOps().minibatch(2, Dividing(4), buffer=2))
    assert passed[0][0] == numpy.inf
    with numpy.errstate(divide="raise"), pytest.raises(FloatingPointError):
        list(NumpyOps().minibatch(2, Dividing(4), buffer=2))


UNFINISHED = """
from thinc.api import NumpyOps

class Slow:
    def __len__(self):
        return 10**6
    def __getitem__(self, key):
        return list(range(5))

batches = iter(NumpyOps().minibatch(5, Slow(), buffer=4))
print(len(next(batches)))
"""


def test_the_process_ends_while_batches_are_prepared():
    assert run_python("-c", UNFINISHED, timeout=SECONDS).stdout.split() == ["5"]


BLOCKED = """
import threading
from thinc.backends._prefetch import prefetch

def items():
    yield 1
    threading.Event().wait()

batches = [prefetch(items(), 4) for _ in range({n})]
print(sum(map(next, batches)))
"""


@pytest.mark.parametrize("n", [1, 100])
def test_the_process_ends_while_the_data_blocks(n):
    assert run_python("-c", BLOCKED.format(n=n), timeout=SECONDS).stdout.split() == [str(n)]


@pytest.mark.skipif(not hasattr(os, "fork"), reason="the system has no fork")
def test_a_fork_is_told_and_ends():
    code = """
import os
import warnings
from thinc.api import NumpyOps

warnings.simplefilter("ignore")  # of threads and forks
batches = NumpyOps().minibatch(2, range(1000), buffer=3)
running = iter(batches)
next(running)
child = os.fork()
if child == 0:
    try:
        next(running)
    except RuntimeError as err:
        print("refused" if "another process" in str(err) else err)
    print(sum(len(batch) for batch in batches), flush=True)
else:
    assert os.waitpid(child, 0)[1] == 0
    print(sum(len(batch) for batch in running))
"""
    assert run_python("-c", code, timeout=SECONDS).stdout.split() == ["refused", "1000", "998"]
