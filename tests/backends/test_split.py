"""Every operation that is split over threads gives the same bits, however many there are."""

import os
from multiprocessing import get_context

import numpy
import pytest

import thinc
from helpers.split_table import SPLIT
from helpers.together import run_together
from thinc.kernels import _threads
from thinc.kernels._dispatch import available_isas, use_isa

# 700 rows of 48 are more than one chunk of a loss, a norm, a sum over rows.
ROWS = [1, 2, 3, 7, 64, 65, 700, 1500]


@pytest.fixture(autouse=True)
def one_thread_afterwards():
    yield
    thinc.set_num_threads(1)


@pytest.fixture
def split_everything():
    least = _threads._set_least(1)
    yield
    _threads._set_least(least)


def bits(results):
    return [numpy.asarray(result).tobytes() for result in results]


@pytest.mark.parametrize("isa", available_isas())
@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("name", SPLIT)
def test_same_bits(name, dtype, isa, split_everything):
    with use_isa(isa):
        for rows in ROWS:
            run = SPLIT[name](numpy.random.default_rng(rows), rows, dtype)
            thinc.set_num_threads(1)
            expected = bits(run())
            for number in (2, 3, 5):
                thinc.set_num_threads(number)
                assert bits(run()) == expected, f"{rows} rows, {number} threads"


@pytest.mark.parametrize("name", SPLIT)
def test_same_bits_where_splitting_begins(name):
    # the thresholds as they are: some of these sizes are split, others are not
    for rows in (300, 1000, 3000):
        run = SPLIT[name](numpy.random.default_rng(rows), rows, "float32")
        thinc.set_num_threads(1)
        expected = bits(run())
        thinc.set_num_threads(3)
        assert bits(run()) == expected


@pytest.mark.skipif(
    not os.path.isdir("/proc/self/task"), reason="the system does not list a process's threads"
)
@pytest.mark.parametrize("name", SPLIT)
def test_large_work_is_split(name):
    run = SPLIT[name](numpy.random.default_rng(0), 5000, "float32")
    before = len(os.listdir("/proc/self/task"))
    thinc.set_num_threads(3)
    run()
    assert len(os.listdir("/proc/self/task")) == before + 2  # they start with the first work that is split


def test_first_bad_index_is_reported(split_everything):
    ops = thinc.api.NumpyOps()
    indices, which = numpy.zeros((900, 4), "int32"), numpy.zeros((900, 48), "int32")
    lengths, E = numpy.full(300, 3, "int32"), numpy.zeros((5, 48), "f")
    for row in (200, 500, 899):
        indices[row, 1] = which[row, 2] = 7
    found = {}
    for number in (1, 3):
        thinc.set_num_threads(number)
        errors = []
        for call in (
            lambda: ops.gather_add(E, indices),
            lambda: ops.scatter_add(E, indices[:, 1].copy(), numpy.ones((900, 48), "f")),
            lambda: ops.backprop_maxout(numpy.ones((900, 48), "f"), which, 3),
            lambda: ops.backprop_reduce_max(numpy.ones((300, 48), "f"), which[:300], lengths),
            lambda: ops._take_rows(E, indices[:, 1]),
        ):
            with pytest.raises(IndexError) as error:
                call()
            errors.append(str(error.value))
        found[number] = errors
        assert not E.any()
    assert found[1] == found[3]


def test_tied_weights_are_updated_in_order(split_everything):
    # the second parameter finds a gradient of zero, as it does with one thread
    expected = None
    for number in (1, 4):
        thinc.set_num_threads(number)
        W, dW = numpy.ones((300, 100), "f"), numpy.full((300, 100), 0.5, "f")
        optimizer = thinc.api.Adam(0.1, grad_clip=1.0)
        optimizer.update_many([1, 2, 3], [W, W, W[100:]], [dW, dW, dW[100:]])
        expected = W.copy() if expected is None else expected
        assert (expected == W).all()


def test_several_threads_of_the_interpreter(split_everything):
    runs = {name: SPLIT[name](numpy.random.default_rng(1), 200, "float32") for name in SPLIT}
    del runs["dropout_mask"]  # draws from a generator that is everybody's
    expected = {name: bits(run()) for name, run in runs.items()}
    thinc.set_num_threads(3)
    wrong = []

    def work():
        wrong.extend(name for name, run in runs.items() if bits(run()) != expected[name])

    run_together(*[work] * 4)
    assert not wrong


def _run_all(connection):
    runs = {name: SPLIT[name](numpy.random.default_rng(1), 700, "float32") for name in SPLIT}
    connection.send({name: bits(run()) for name, run in runs.items()})
    connection.close()


@pytest.mark.filterwarnings("ignore:.*multi-threaded:DeprecationWarning")
@pytest.mark.skipif(not hasattr(os, "fork"), reason="there are no forks on this system")
def test_forked(split_everything):
    expected = {
        name: bits(make(numpy.random.default_rng(1), 700, "float32")()) for name, make in SPLIT.items()
    }
    thinc.set_num_threads(3)
    thinc.api.NumpyOps().gelu(numpy.zeros((500, 700), "f"))
    context = get_context("fork")
    ours, theirs = context.Pipe(duplex=False)
    child = context.Process(target=_run_all, args=(theirs,))
    child.start()
    assert ours.poll(60), "the child hangs"
    assert ours.recv() == expected
    child.join(60)
    assert child.exitcode == 0
