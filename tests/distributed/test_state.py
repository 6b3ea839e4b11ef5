"""Checkpoints of several workers: one file for the run, one for the place of each worker."""

import numpy
import pytest

from helpers.workers import Worker
from thinc.api import Adam, Linear, NumpyOps, fix_random_seed
from thinc.distributed.parameters import digest_parameters
from thinc.distributed.state import load_state, save_state


def make(seed):
    fix_random_seed(seed)
    model = Linear(2, 3).initialize()
    batches = NumpyOps().multibatch(5, numpy.arange(20), shuffle=True, seed=1)
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


@pytest.mark.parametrize("rank", range(3))
def test_another_number_of_workers(saved, rank):
    folder, digest, _ = saved
    model, optimizer, batches = make(1)
    fix_random_seed(rank)
    extra = load_state(folder, model, optimizer, batches=batches, communicator=Worker(rank, 3))
    assert extra == {"n": 3} and digest_parameters(model) == digest
    assert len(list(batches)) == 4
    drawn = numpy.random.random()
    fix_random_seed(rank)
    assert drawn == numpy.random.random()  # not that of rank 0, on all


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
