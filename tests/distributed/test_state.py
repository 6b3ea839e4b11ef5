"""Checkpoints of several workers: one file for the run, one for the place of each worker."""

import numpy
import pytest

from helpers.workers import Worker
from thinc.api import Adam, Linear, NumpyOps, fix_random_seed
from thinc.distributed import shard
from thinc.distributed.parameters import digest_parameters
from thinc.distributed.state import load_state, save_state


def make(seed, n=20):
    fix_random_seed(seed)
    model = Linear(2, 3).initialize()
    batches = NumpyOps().multibatch(5, numpy.arange(n), shuffle=True, seed=1)
    return model, Adam(0.01), batches


@pytest.fixture
def saved(tmp_path):
    """A checkpoint of two workers after three of four batches; the model, and what each would draw next."""
    next_numbers = []
    for rank in range(2):
        model, optimizer, batches = make(0)
        fix_random_seed(100 + rank)
        passing = iter(batches)
        for _ in range(3):
            next(passing)
        _, backprop = model.begin_update(numpy.ones((1, 3), dtype="f"))
        backprop(numpy.ones((1, 2), dtype="f"))
        model.finish_update(optimizer)
        save_state(tmp_path, model, optimizer, batches=batches, extra={"n": 3}, communicator=Worker(rank, 2))
        next_numbers.append(numpy.random.random())
    return tmp_path, digest_parameters(model), next_numbers


def test_every_worker_goes_on_where_it_was(saved):
    folder, digest, next_numbers = saved
    assert sorted(path.name for path in folder.iterdir()) == ["run.thinc", "worker-0.thinc", "worker-1.thinc"]
    for rank in range(2):
        model, optimizer, batches = make(1)
        extra = load_state(folder, model, optimizer, batches=batches, communicator=Worker(rank, 2))
        assert extra == {"n": 3} and digest_parameters(model) == digest
        assert list(optimizer.nr_update.values()) == [1, 1]
        assert len(list(batches)) == 1
        assert numpy.random.random() == next_numbers[rank]


@pytest.mark.parametrize("rank, size", [(0, 1), (0, 3), (1, 3), (2, 3)])
def test_another_number_of_workers(saved, rank, size):
    folder, digest, next_numbers = saved
    model, optimizer, batches = make(1, n=24)
    fix_random_seed(rank)
    next_numbers.append(numpy.random.random())  # of the worker that has joined: not that of rank 0, on all
    fix_random_seed(rank)
    extra = load_state(folder, model, optimizer, batches=batches, communicator=Worker(rank, size))
    assert extra == {"n": 3} and digest_parameters(model) == digest
    assert numpy.random.random() == next_numbers[rank]
    assert len(list(batches)) == 2  # three of four are done, so three of five
    assert len(list(batches)) == 5


@pytest.mark.parametrize("shuffle", [False, True])
@pytest.mark.parametrize("sizes", [(2, 1), (1, 3), (3, 2)])
def test_change_of_number_in_mid_pass(tmp_path, sizes, shuffle):
    """In order, every row comes once; shuffled, as many updates remain."""
    data = numpy.arange(36)
    seen = []
    for rank in range(sizes[0]):
        (share,) = shard(data, communicator=Worker(rank, sizes[0]))
        batches = NumpyOps().multibatch(6 // sizes[0], share, shuffle=shuffle, seed=0)
        passing = iter(batches)
        seen += [next(passing)[0] for _ in range(4)]
        model = Linear(2, 3).initialize()
        save_state(tmp_path, model, None, batches=batches, extra=None, communicator=Worker(rank, sizes[0]))
    for rank in range(sizes[1]):
        (share,) = shard(data, communicator=Worker(rank, sizes[1]))
        batches = NumpyOps().multibatch(6 // sizes[1], share, shuffle=shuffle, seed=0)
        load_state(tmp_path, model, None, batches=batches, communicator=Worker(rank, sizes[1]))
        rest = list(batches)
        assert len(rest) == 2 and len(list(batches)) == 6
        seen += [batch for (batch,) in rest]
    rows = numpy.concatenate(seen)
    assert len(rows) == 36
    assert shuffle or sorted(rows) == list(data)


def test_worker_without_its_file(saved):
    folder, *_ = saved
    (folder / "worker-1.thinc").unlink()
    model, optimizer, batches = make(1)
    with pytest.raises(FileNotFoundError, match=r"that of 2 workers, but worker-1\.thinc is missing"):
        load_state(folder, model, optimizer, batches=batches, communicator=Worker(1, 2))


@pytest.mark.parametrize("name", ["worker-1.thinc", "run.thinc"])
def test_damaged_file(saved, name):
    folder, *_ = saved
    data = bytearray((folder / name).read_bytes())
    data[-10] ^= 1
    (folder / name).write_bytes(data)
    model, optimizer, batches = make(1)
    before, state = digest_parameters(model), numpy.random.get_state()[1].tolist()
    with pytest.raises(ValueError, match=name):
        load_state(folder, model, optimizer, batches=batches, communicator=Worker(1, 2))
    assert digest_parameters(model) == before and not optimizer.nr_update
    assert len(list(batches)) == 4
    assert numpy.random.get_state()[1].tolist() == state


def test_saved_without_batches(tmp_path):
    model, optimizer, batches = make(0)
    save_state(tmp_path, model, optimizer, batches=None, extra=None, communicator=Worker(0, 2))
    with pytest.raises(ValueError, match="saved without batches"):
        load_state(tmp_path, model, optimizer, batches=batches, communicator=Worker(0, 2))
    with pytest.raises(TypeError, match=r"minibatch or ops\.multibatch"):
        save_state(tmp_path, model, optimizer, batches=[1], extra=None, communicator=Worker(1, 2))
