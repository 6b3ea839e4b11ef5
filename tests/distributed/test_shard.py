"""shard: disjoint parts of the same length that cover everything."""

from collections import deque

import numpy
import pytest

from helpers.workers import Worker
from thinc.api import NumpyOps, Padded, Ragged
from thinc.distributed import shard
from thinc.types import Pairs

N = 23


def parts_of(*data, n_workers, **settings):
    return [shard(*data, communicator=Worker(rank, n_workers), **settings) for rank in range(n_workers)]


@pytest.mark.parametrize("n_workers", [1, 2, 3, 7, 23])
@pytest.mark.parametrize("size", [1, 4, 100])
def test_parts(n_workers, size):
    data = list(range(N))
    ops = NumpyOps()
    for remainder in ("repeat", "drop"):
        parts = [part for (part,) in parts_of(data, n_workers=n_workers, remainder=remainder)]
        assert len({len(ops.minibatch(size, part)) for part in parts}) == 1
        rows = sorted(row for part in parts for row in part)
        if remainder == "drop":
            assert rows == data[: N // n_workers * n_workers]  # each once
        else:
            assert sorted(set(rows)) == data and len(rows) - N < n_workers
        if N % n_workers == 0:
            assert rows == data


def test_batches_are_shares_of_those_of_one_worker():
    data = numpy.arange(24)
    parts = [part for (part,) in parts_of(data, n_workers=3)]
    batches = zip(*(NumpyOps().minibatch(2, part) for part in parts), strict=True)
    whole = NumpyOps().minibatch(6, data)
    assert [sorted(numpy.concatenate(batch)) for batch in batches] == [list(batch) for batch in whole]


def test_everything_that_can_be_batched():
    X = numpy.arange(N * 2, dtype="f").reshape(N, 2)
    ragged = Ragged(X, numpy.ones(N, dtype="i"))
    padded = NumpyOps().list2padded([X[i : i + 1] for i in range(N)])
    everything = X, X.tolist(), tuple(X.tolist()), range(N), deque(range(N)), ragged, padded, Pairs(X, ragged)
    for rank, parts in enumerate(parts_of(*everything, n_workers=4)):
        rows = [(rank + 4 * i) % N for i in range(6)]
        assert (parts[0] == X[rows]).all()
        assert parts[1] == X[rows].tolist() and parts[2] == tuple(X[rows].tolist())
        assert list(parts[3]) == list(parts[4]) == rows
        assert isinstance(parts[5], Ragged) and (parts[5].data == X[rows]).all()
        assert isinstance(parts[6], Padded) and isinstance(parts[7], Pairs)
        assert (parts[7].one == X[rows]).all() and (parts[7].two.data == X[rows]).all()
        assert [len(part) for part in parts[:6]] == [6] * 6
        list(NumpyOps().multibatch(4, *parts))


def test_bad_use():
    with pytest.raises(ValueError, match="2 rows cannot be divided among 3 workers"):
        shard([1, 2], communicator=Worker(0, 3))
    with pytest.raises(IndexError, match="another one only 2"):
        shard([1, 2, 3], [1, 2], communicator=Worker(0, 2))
    with pytest.raises(ValueError, match="make a list"):
        shard((i for i in range(3)), communicator=Worker(0, 2))
    with pytest.raises(ValueError, match="at least one"):
        shard()
    with pytest.raises(ValueError, match="'repeat' or 'drop'"):
        shard([1], remainder="keep")
    with pytest.raises(TypeError, match="cannot cut"):
        shard("abc", communicator=Worker(0, 2))
