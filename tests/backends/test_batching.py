"""minibatch and multibatch: every item once per pass, whatever the sizes and the kind of data."""

from collections import deque
from itertools import count, islice

import numpy
import pytest
from numpy.testing import assert_array_equal

from thinc.types import Padded, Pairs, Ragged, SizedGenerator


def items_of(batches):
    return [int(item) for batch in batches for item in batch]


@pytest.mark.parametrize(
    "size, n, expected", [(3, 7, [3, 3, 1]), (7, 7, [7]), (9, 7, [7]), (1, 2, [1, 1]), (5, 0, [])]
)
@pytest.mark.parametrize("shuffle", [False, True])
@pytest.mark.parametrize("buffer", [1, 2, 10])
def test_sizes(ops, size, n, expected, shuffle, buffer):
    batches = ops.minibatch(size, numpy.arange(n), shuffle=shuffle, buffer=buffer)
    assert isinstance(batches, SizedGenerator)
    for _ in range(2):
        passed = list(batches)
        assert [len(batch) for batch in passed] == expected
        assert sorted(items_of(passed)) == list(range(n))
    assert len(batches) == len(expected)
    if not shuffle:
        assert items_of(batches) == list(range(n))


@pytest.mark.parametrize(
    "make",
    [numpy.arange, list, tuple, range, deque],
    ids=["array", "list", "tuple", "range", "deque"],
)
def test_kinds_of_sequences(ops, make):
    data = make(8) if make in (numpy.arange, range) else make(range(8))
    kind = {numpy.arange: numpy.ndarray, tuple: tuple}.get(make, list)
    for shuffle in (False, True):
        passed = list(ops.minibatch(3, data, shuffle=shuffle))
        assert all(isinstance(batch, kind) for batch in passed)
        assert sorted(items_of(passed)) == list(range(8))


@pytest.mark.parametrize("order", ["C", "F", "strided"])
@pytest.mark.parametrize("shuffle", [False, True])
def test_array_batches_are_contiguous_copies(ops, order, shuffle, rng):
    X = rng.normal(size=(10, 4)).astype("f")
    data = numpy.repeat(X, 2, axis=1)[:, ::2] if order == "strided" else numpy.asarray(X, order=order)
    numpy.random.seed(3)
    indices = numpy.arange(10)
    if shuffle:
        numpy.random.shuffle(indices)
    numpy.random.seed(3)
    passed = list(ops.minibatch(4, data, shuffle=shuffle))
    assert_array_equal(numpy.concatenate(passed), X[indices])
    for batch in passed:
        assert batch.flags.c_contiguous
        assert batch.dtype == "float32"
        assert not numpy.shares_memory(batch, data)


def test_shuffling_is_new_on_every_pass_and_seeded(ops):
    def passes():
        numpy.random.seed(0)
        batches = ops.minibatch(4, numpy.arange(50), shuffle=True)
        return [items_of(batches), items_of(batches)]

    first, second = passes()
    assert first != second
    assert passes() == [first, second]
    # cumulative: the second pass shuffles the order of the first
    numpy.random.seed(0)
    indices = numpy.arange(50)
    numpy.random.shuffle(indices)
    assert first == indices.tolist()
    numpy.random.shuffle(indices)
    assert second == indices.tolist()


def test_passes_do_not_disturb_each_other(ops):
    batches = ops.minibatch(4, numpy.arange(50), shuffle=True)
    running = iter(batches)
    head = list(islice(running, 3))
    list(batches)
    assert sorted(items_of(head + list(running))) == list(range(50))


def test_ragged(ops, rng):
    lengths = [2, 0, 3, 1, 4]
    X = rng.normal(size=(10, 2)).astype("f")
    data = Ragged(X, numpy.array(lengths, dtype="i"))
    sequences = numpy.split(X, numpy.cumsum(lengths)[:-1])
    for shuffle in (False, True):
        seen = []
        for batch in ops.minibatch(2, data, shuffle=shuffle):
            assert isinstance(batch, Ragged)
            assert not numpy.shares_memory(batch.data, X)
            seen.extend(numpy.split(batch.dataXd, numpy.cumsum(batch.lengths)[:-1]))
        assert sorted(x.tolist() for x in seen) == sorted(x.tolist() for x in sequences)
        if not shuffle:
            assert [len(x) for x in seen] == lengths


@pytest.mark.parametrize("shuffle", [False, True])
def test_edge_ops_4_padded(ops, shuffle, rng):
    """§17.4: batches of a Padded hold whole sequences."""
    sequences = [rng.normal(size=(n, 2)).astype("f") for n in (3, 1, 2, 5, 2)]
    seen = []
    for batch in ops.minibatch(2, ops.list2padded(sequences), shuffle=shuffle):
        assert isinstance(batch, Padded)
        lengths = batch.lengths.tolist()
        assert lengths == sorted(lengths, reverse=True)
        size_at_t = batch.size_at_t.tolist()
        assert [n for n in size_at_t if n] == [sum(n > t for n in lengths) for t in range(lengths[0])]
        seen += [batch.data[:n, k].tolist() for k, n in enumerate(lengths)]
    assert sorted(seen) == sorted(x.tolist() for x in sequences)


@pytest.mark.parametrize("shuffle", [False, True])
def test_pairs_of_arrays_and_lists(ops, shuffle):
    data = Pairs(numpy.arange(7), [str(i) for i in range(7)])
    seen = []
    for batch in ops.minibatch(3, data, shuffle=shuffle):
        assert isinstance(batch, Pairs)
        assert isinstance(batch.two, list)
        seen += list(zip(batch.one.tolist(), batch.two, strict=True))
    assert sorted(seen) == [(i, str(i)) for i in range(7)]


@pytest.mark.parametrize("shuffle", [False, True])
@pytest.mark.parametrize("buffer", [1, 3])
def test_multibatch_keeps_items_together(ops, shuffle, buffer):
    X = numpy.arange(20, dtype="f").reshape(10, 2)
    data = [X, [f"{i}" for i in range(10)], tuple(range(12))]  # a longer one is fine
    batches = ops.multibatch(4, *data, shuffle=shuffle, buffer=buffer)
    assert len(batches) == 3
    seen = []
    for batch in batches:
        assert isinstance(batch, list)
        x, y, z = batch
        assert isinstance(z, tuple)
        assert_array_equal(x[:, 0], [2 * int(i) for i in y])
        assert [int(i) for i in y] == list(z)
        seen += z
    assert sorted(seen) == list(range(10))
    assert [type(batch) for batch in ops.multibatch(4, X)] == [list] * 3


def test_multibatch_with_a_short_companion(ops):
    batches = ops.multibatch(4, numpy.arange(10), list(range(9)))
    assert len(batches) == 3
    with pytest.raises(IndexError, match="10 items but another one only 9"):
        next(iter(batches))


@pytest.mark.parametrize("shuffle", [False, True])
@pytest.mark.parametrize("make", [list, numpy.array])
def test_pairs_that_do_not_pair(ops, make, shuffle):
    """Not a last batch with fewer of one than of the other."""
    pairs = Pairs(make([1, 2, 3]), make([4, 5]))
    with pytest.raises(IndexError, match="3 items, but their second ones are only 2"):
        list(ops.minibatch(2, pairs, shuffle=shuffle))


@pytest.mark.parametrize("buffer", ["2", None, [2]])
def test_a_buffer_is_a_number(ops, buffer):
    with pytest.raises(TypeError, match="buffer must be a number"):
        ops.minibatch(2, [1, 2, 3], buffer=buffer)


@pytest.mark.parametrize("data", [count(), (i for i in range(3)), 5, None, numpy.array(3)])
def test_data_without_length(ops, data):
    with pytest.raises(ValueError, match="without a length"):
        ops.minibatch(2, data)
    with pytest.raises(ValueError, match="without a length"):
        ops.multibatch(2, [1, 2], data)


@pytest.mark.parametrize("data", [{0: 1}, "abc", b"abc", {1, 2}])
def test_data_that_is_no_sequence(ops, data):
    batches = ops.minibatch(2, data)
    with pytest.raises(TypeError, match="cannot cut"):
        next(iter(batches))


@pytest.mark.parametrize("size", [0, -1, 0.5, [0], [1, 0], [2, 0.9]])
def test_edge_ops_1_sizes_below_one(ops, size):
    """§17.1: never an endless loop."""
    with pytest.raises(ValueError, match="at least 1"):
        ops.minibatch(size, numpy.arange(10))


@pytest.mark.parametrize(
    "sizes, n, expected",
    [
        ([1.5, 1.5, 1.5], 4, [1, 1, 1, 1]),
        ((2.9, 3.999, 1), 7, [2, 3, 1, 1]),
        ([4.0], 10, [4, 4, 2]),
    ],
)
def test_edge_ops_2_training_18_fractional_sizes(ops, sizes, n, expected):
    """§17.2, training §9.18: fractions are cut off, and every item appears exactly once."""
    passed = list(ops.minibatch(sizes, numpy.arange(n)))
    assert [len(batch) for batch in passed] == expected
    assert items_of(passed) == list(range(n))


def test_compounding_sizes_lose_nothing(ops):
    def compounding():
        size = 1.0
        while True:
            yield min(size, 16.0)
            size *= 1.001

    batches = ops.multibatch(compounding(), numpy.arange(2000), list(range(2000)), shuffle=True)
    seen = [i for _, batch in batches for i in batch]
    assert sorted(seen) == list(range(2000))
    assert len(batches) == len(list(batches))


@pytest.mark.parametrize("size", [numpy.int64(4), numpy.uint8(4), 4.7, numpy.float32(4), numpy.array(4)])
def test_edge_ops_3_training_19_numbers(ops, size):
    """§17.3: any number will do."""
    assert [len(batch) for batch in ops.minibatch(size, list(range(10)))] == [4, 4, 2]


@pytest.mark.parametrize("make", [list, tuple, iter, numpy.array])
def test_edge_ops_3_training_19_schedules_that_end(ops, make):
    """§17.3, training §9.19: iterables are accepted, and the last size is repeated."""
    assert [len(batch) for batch in ops.minibatch(make([4, 2]), list(range(11)))] == [4, 2, 2, 2, 1]


def test_edge_ops_3_training_19_empty_schedule(ops):
    """§17.3"""
    with pytest.raises(ValueError, match="empty"):
        ops.minibatch([], [1, 2])
    assert list(ops.minibatch([], [])) == []


@pytest.mark.parametrize("size", [None, "x", "12", [None], [1, None], [[2]]])
def test_sizes_that_are_no_numbers(ops, size):
    with pytest.raises(TypeError, match="as a batch size"):
        ops.minibatch(size, [1, 2, 3])


@pytest.mark.parametrize("size", [float("nan"), float("inf"), [2, float("nan")], numpy.float32("inf")])
def test_sizes_that_are_not_finite(ops, size):
    with pytest.raises(ValueError, match="as a batch size"):
        ops.minibatch(size, [1, 2, 3])


def test_true_is_one(ops):
    assert len(ops.minibatch(True, [1, 2])) == 2


def test_edge_training_19_schedule_is_drawn_from_at_the_call(ops):
    sizes = iter([3, 3, 3, 5, 6])
    batches = ops.minibatch(sizes, list(range(8)))
    assert next(sizes) == 5
    assert [len(batch) for batch in batches] == [len(batch) for batch in batches] == [3, 3, 2]
