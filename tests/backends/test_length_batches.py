"""Batches by total length: within the limit, of similar length, every item once, resumable."""

from itertools import chain, count, islice, pairwise, repeat

import numpy
import pytest
from numpy.testing import assert_array_equal

from thinc.schedules import compounding
from thinc.types import Padded, Pairs, Ragged, SizedGenerator

LENGTHS = numpy.random.default_rng(0).integers(0, 40, size=200)
DOCS = [[i] * int(length) for i, length in enumerate(LENGTHS)]


def total(batch, padded=False):
    lengths = [len(item) for item in batch]
    return max(lengths) * len(lengths) if padded else sum(lengths)


def ids(batches):
    return [tuple(batch) for batch in batches]


@pytest.mark.parametrize("padded", [False, True])
@pytest.mark.parametrize("bucket", [1, 3, 10, 100, None])
@pytest.mark.parametrize("shuffle", [False, True])
@pytest.mark.parametrize("buffer", [1, 4])
@pytest.mark.parametrize("size", [1, 45, 200, 10**6])
def test_within_the_limit_and_every_item_once(ops, padded, bucket, shuffle, buffer, size):
    if bucket is None:
        shuffle = False
    settings = {"padded": padded, "bucket": bucket, "shuffle": shuffle, "buffer": buffer}
    batches = ops.minibatch_by_length(size, DOCS, **settings)
    assert isinstance(batches, SizedGenerator)
    for _ in range(2):
        passed = list(batches)
        assert len(passed) == len(batches)
        assert all(len(batch) == 1 or total(batch, padded) <= size for batch in passed)
        assert all(passed)
        assert sorted(item for batch in passed for item in batch) == sorted(DOCS)


def test_items_of_similar_length_come_together(ops):
    batches = list(ops.minibatch_by_length(300, DOCS, padded=True))
    flat = [len(item) for batch in batches for item in batch]
    assert flat == sorted(flat)
    shuffled = list(ops.minibatch_by_length(300, DOCS, padded=True, shuffle=True))
    assert sorted(sorted(map(len, batch)) for batch in shuffled) == sorted(
        sorted(map(len, batch)) for batch in batches
    )
    cells, plain = sum(total(batch, True) for batch in shuffled), sum(LENGTHS)
    unsorted = list(ops.minibatch_by_length(300, DOCS, padded=True, bucket=None))
    assert plain <= cells < 1.1 * plain < sum(total(batch, True) for batch in unsorted)


def test_batches_are_filled(ops):
    """The first item of the next batch would not have fitted."""
    for padded in (False, True):
        batches = list(ops.minibatch_by_length(100, DOCS, padded=padded, bucket=None))
        assert [item for batch in batches for item in batch] == DOCS
        for batch, after in pairwise(batches):
            assert total([*batch, after[0]], padded) > 100


def test_an_item_that_is_too_long_is_alone(ops):
    docs = ["ab", "abcdefgh", "abc", "a", ""]
    assert list(ops.minibatch_by_length(4, docs)) == [["", "a", "ab"], ["abc"], ["abcdefgh"]]
    assert list(ops.minibatch_by_length(4, docs, bucket=None)) == [["ab"], ["abcdefgh"], ["abc", "a", ""]]


def test_order_of_the_buckets(ops):
    docs = ["eeeee", "a", "ccc", "bb", "dddd", ""]
    assert list(ops.minibatch_by_length(100, docs, bucket=2)) == [["", "a", "bb", "ccc", "dddd", "eeeee"]]
    assert list(ops.minibatch_by_length(8, docs, bucket=2)) == [["", "a", "bb", "ccc"], ["dddd"], ["eeeee"]]


@pytest.mark.parametrize("seed", [None, 5])
def test_every_pass_is_mixed_anew(ops, seed):
    same = [str(i) for i in range(60)]
    docs = ops.minibatch_by_length(30, same, lengths=[3] * 60, shuffle=True, seed=seed)
    first, second = list(docs), list(docs)
    assert first != second
    assert all(len(batch) == 10 for batch in first + second)
    together = {frozenset(batch) for batch in first} & {frozenset(batch) for batch in second}
    assert not together
    distinct = [[0] * i for i in range(1, 30)]  # no two of one length: only the batches change places
    mixed = ops.minibatch_by_length(60, distinct, shuffle=True, seed=seed)
    passes = [list(mixed) for _ in range(3)]
    assert passes[0] != passes[1] or passes[1] != passes[2]
    assert all(sorted(batches) == sorted(passes[0]) for batches in passes)


def test_seeds(ops):
    def passes(seed):
        batches = ops.minibatch_by_length(90, range(200), lengths=LENGTHS, bucket=4, shuffle=True, seed=seed)
        return [ids(batches) for _ in range(3)]

    state = numpy.random.get_state()[1].copy()
    assert passes(1) == passes(1)
    assert passes(1) != passes(2)
    assert len({tuple(one) for one in passes(1)}) == 3
    assert_array_equal(numpy.random.get_state()[1], state)


@pytest.mark.parametrize("shuffle", [False, True])
@pytest.mark.parametrize("seed", [None, 5])
@pytest.mark.parametrize("bucket", [1, 7, None])
@pytest.mark.parametrize("at", [0, 1, 5])
def test_resumed(ops, shuffle, seed, bucket, at):
    if bucket is None:
        shuffle = False

    def make():
        settings = {"bucket": bucket, "shuffle": shuffle, "seed": seed, "buffer": 2}
        return ops.minibatch_by_length(300, range(200), lengths=LENGTHS, **settings)

    batches = make()
    list(batches)
    running = iter(batches)
    for _ in range(at):
        next(running)
    state = batches.get_state()
    random = numpy.random.get_state()
    rest, after = ids(running) if at else [], ids(batches)
    again = make()
    again.prepare_state(state, "here")()
    numpy.random.set_state(random)
    assert len(again) == len(batches)
    if at:
        assert ids(again) == rest
    assert ids(again) == after


SIZES = {
    "growing": lambda: compounding(40, 400, 1.2),
    "falling": lambda: [400, 300, 250.9, 120, 60],
    "stepwise": lambda: [50] * 5 + [150] * 5 + [90],
    "up and down": lambda: (60 + 50 * (i % 4) for i in count()),
    "function": lambda: lambda number: 50 + 30 * number,
    "constant": lambda: [200],
}


def drawn(name, n):
    sizes = SIZES[name]()
    sizes = map(sizes, count()) if callable(sizes) else chain(sizes, repeat(60 if name == "falling" else 90))
    return [200] * n if name == "constant" else [int(size) for size in islice(sizes, n)]


@pytest.mark.parametrize("name", SIZES)
@pytest.mark.parametrize("padded", [False, True])
@pytest.mark.parametrize("bucket, shuffle", [(1, False), (10, False), (None, False), (1, True), (10, True)])
def test_a_size_for_each_batch(ops, name, padded, bucket, shuffle):
    settings = {"padded": padded, "bucket": bucket, "shuffle": shuffle, "seed": 3 if shuffle else None}
    batches = ops.minibatch_by_length(SIZES[name](), DOCS, **settings)
    for _ in range(3):
        passed = list(batches)
        assert len(passed) == len(batches)
        for batch, size in zip(passed, drawn(name, len(passed)), strict=True):
            assert len(batch) == 1 or total(batch, padded) <= size
        assert sorted(item for batch in passed for item in batch) == sorted(DOCS)
    if not shuffle and bucket != 10:  # each is full: the first item of the next batch would not have fitted
        for (batch, after), size in zip(pairwise(passed), drawn(name, len(passed)), strict=False):
            assert total([*batch, after[0]], padded) > size


def test_one_size_is_a_schedule_of_one(ops):
    for seed in (1, 2):
        one, many = (
            ops.minibatch_by_length(size, DOCS, shuffle=True, bucket=5, seed=seed) for size in (150, [150])
        )
        assert [list(one) for _ in range(2)] == [list(many) for _ in range(2)]


def test_long_and_short_items_come_mixed_though_batches_grow(ops):
    batches = ops.minibatch_by_length(compounding(40, 400, 1.1), DOCS, shuffle=True, seed=1, padded=True)
    longest = [max(map(len, batch)) for batch in batches]
    rank = numpy.argsort(numpy.argsort(longest))
    assert abs(numpy.corrcoef(rank, numpy.arange(len(rank)))[0, 1]) < 0.5
    cells = sum(total(batch, True) for batch in batches)
    assert cells < 1.1 * sum(LENGTHS)


def test_batches_of_one_size_change_places(ops):
    docs = [[i] * (1 + i // 20) for i in range(100)]
    batches = ops.minibatch_by_length([10] * 3 + [30], docs, shuffle=True, seed=4)
    passes = [[max(map(len, batch)) for batch in batches] for _ in range(6)]
    for place in (slice(3), slice(3, None)):
        orders = {tuple(one[place]) for one in passes}
        assert len({tuple(sorted(order)) for order in orders}) == 1
    assert len({tuple(one[3:]) for one in passes}) > 1


@pytest.mark.parametrize("shuffle", [False, True])
@pytest.mark.parametrize("seed", [None, 5])
def test_resumed_with_sizes(ops, shuffle, seed):
    def make(sizes):
        settings = {"bucket": 3, "shuffle": shuffle, "seed": seed}
        return ops.multibatch_by_length(sizes, range(200), DOCS, lengths=LENGTHS, **settings)

    sizes = compounding(40, 400, 1.2)
    batches = make(sizes)
    assert sizes.position >= len(batches)  # drawn from at once
    list(batches)
    running = iter(batches)
    for _ in range(5):
        next(running)
    state = batches.get_state()
    random = numpy.random.get_state()
    rest, after = list(running), list(batches)
    other = compounding(40, 400, 1.2)
    again = make(other)
    again.prepare_state(state, "here")()
    numpy.random.set_state(random)
    assert other.position == sizes.position
    assert list(again) == rest
    assert list(again) == after
    with pytest.raises(ValueError, match="other lengths, size, padded or bucket"):
        make([100, 200]).prepare_state(state, "here")


@pytest.mark.parametrize("seed", [None, 5])
def test_a_position_among_other_batches_is_refused(ops, seed):
    def make(size=300, **settings):
        settings = {"lengths": LENGTHS, "shuffle": True, "seed": seed, **settings}
        return ops.minibatch_by_length(size, range(200), **settings)

    batches = make()
    next(iter(batches))
    state = batches.get_state()
    for other in (make(200), make(bucket=10), make(padded=True), make(lengths=LENGTHS[::-1] + 1)):
        with pytest.raises(ValueError, match="other lengths, size, padded or bucket"):
            other.prepare_state(state, "here")
    make().prepare_state(state, "here")()


def test_kinds_of_data(ops):
    lengths = numpy.array([3, 1, 2, 2], dtype="int32")
    rows = numpy.arange(16.0, dtype="f").reshape(8, 2)
    ragged = Ragged(rows, lengths)
    passed = list(ops.minibatch_by_length(4, ragged))
    assert all(isinstance(batch, Ragged) for batch in passed)
    assert [batch.lengths.tolist() for batch in passed] == [[1, 2], [2], [3]]
    assert_array_equal(passed[0].data, rows[[3, 4, 5]])
    padded = ops.list2padded([rows[:3], rows[3:4], rows[4:6], rows[6:]])
    passed = list(ops.minibatch_by_length(4, padded, padded=True))
    assert all(isinstance(batch, Padded) for batch in passed)
    assert [sorted(batch.lengths.tolist()) for batch in passed] == [[1, 2], [2], [3]]
    pairs = Pairs(["ab", "c"], ["x", "y"])
    passed = list(ops.minibatch_by_length(2, pairs, lengths=[2, 1]))
    assert [(batch.one, batch.two) for batch in passed] == [(["c"], ["y"]), (["ab"], ["x"])]
    X = numpy.arange(6.0).reshape(3, 2)
    first, second = ops.minibatch_by_length(3, X, lengths=[3, 1, 2])
    assert_array_equal(first, X[[1, 2]])
    assert_array_equal(second, X[[0]])
    assert list(ops.minibatch_by_length(3, [])) == []
    assert list(ops.minibatch_by_length(3, [], shuffle=True, seed=1)) == []


@pytest.mark.parametrize("shuffle", [False, True])
def test_side_by_side(ops, shuffle):
    tags, numbers = [[str(i)] * len(doc) for i, doc in enumerate(DOCS)], numpy.arange(200)
    batches = ops.multibatch_by_length(100, DOCS, tags, numbers, shuffle=shuffle, bucket=4)
    seen = []
    for docs, names, rows in batches:
        assert [(len(doc), len(name)) for doc, name in zip(docs, names, strict=True)] == [
            (LENGTHS[i], LENGTHS[i]) for i in rows
        ]
        assert isinstance(rows, numpy.ndarray)
        seen += rows.tolist()
    assert sorted(seen) == list(range(200))
    own = ops.multibatch_by_length(2, numbers[:4], DOCS, lengths=[1, 1, 1, 1])
    assert [rows.tolist() for rows, _ in own] == [[0, 1], [2, 3]]
    with pytest.raises(IndexError, match=r"multibatch_by_length.*first data set has 200"):
        list(ops.multibatch_by_length(10, DOCS, tags[:5]))


REFUSED = [
    ({"size": 0}, ValueError, "at least 1"),
    ({"size": "x"}, TypeError, "batch size"),
    ({"size": [1, "x", 2]}, TypeError, "batch size"),
    ({"size": []}, ValueError, "schedule of batch sizes is empty"),
    ({"size": [1, 0]}, ValueError, "at least 1"),
    ({"size": lambda number: -number}, ValueError, "at least 1"),
    ({"bucket": 0}, ValueError, "at least 1"),
    ({"bucket": 1.5}, TypeError, "whole number"),
    ({"bucket": None, "shuffle": True}, ValueError, "keeps the order"),
    ({"seed": -1, "shuffle": True}, ValueError, "seed"),
    ({"lengths": [1, 2]}, ValueError, "expected as lengths 3 whole numbers"),
    ({"lengths": [1, 2, -1]}, ValueError, "at least 0"),
    ({"lengths": [1.0, 2, 3]}, ValueError, "whole numbers"),
    ({"lengths": ["a", "b", "c"]}, ValueError, "whole numbers"),
    ({"sequence": [1, 2, 3]}, ValueError, "pass lengths="),
    ({"sequence": numpy.zeros((3, 2))}, ValueError, "pass lengths="),
    ({"sequence": Pairs(["a"], ["b"])}, ValueError, "pass lengths="),
    ({"sequence": iter("abc")}, ValueError, "without a length"),
]


@pytest.mark.parametrize(("settings", "error", "match"), REFUSED)
def test_refused_at_once(ops, settings, error, match):
    settings = {"size": 3, "sequence": ["a", "b", "c"], **settings}
    with pytest.raises(error, match=match):
        ops.minibatch_by_length(**settings)
