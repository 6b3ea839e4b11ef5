"""Compiled copies of sequences against the readable reference, and what falls back to it."""

import numpy
import pytest
from numpy.testing import assert_array_equal

from thinc.backends import NumpyOps, Ops
from thinc.kernels._dispatch import available_isas, use_isa
from thinc.kernels.idmap import group
from thinc.types import Padded

COMPILED, REFERENCE = NumpyOps(), Ops()
LENGTHS = [[3], [1, 1], [2, 0, 3, 2], [0, 0], [0], [5, 4, 3, 2, 1], list(range(20)), [7] * 19]


def sequences(lengths, trailing=(4,), dtype="float32"):
    rng = numpy.random.default_rng(0)
    return [(9 * rng.normal(size=(n, *trailing))).astype(dtype) for n in lengths]


def variants(Xs):
    """The same arrays as they are, strided, in Fortran order, and read-only."""
    yield Xs
    yield [numpy.repeat(X, 2, axis=0)[::2] for X in Xs]
    yield [numpy.asarray(X, order="F") for X in Xs]
    for X in Xs:
        X.flags.writeable = False
    yield tuple(Xs)


def assert_same(found, expected):
    if isinstance(expected, Padded):
        names = ("data", "size_at_t", "lengths", "indices")
        found, expected = ([getattr(padded, name) for name in names] for padded in (found, expected))
    if isinstance(expected, (list, tuple)):
        assert len(found) == len(expected)
        for x, y in zip(found, expected, strict=True):
            assert_same(x, y)
        return
    assert found.dtype == expected.dtype
    assert_array_equal(found, expected)


@pytest.mark.parametrize("lengths", LENGTHS)
@pytest.mark.parametrize("trailing", [(), (1,), (4,), (2, 3), (0,)])
@pytest.mark.parametrize("dtype", ["float32", "float64", "int64", "uint8", "bool"])
def test_lists_become_the_same_arrays(lengths, trailing, dtype):
    for Xs in variants(sequences(lengths, trailing, dtype)):
        assert_same(COMPILED.pad(Xs, round_to=3), REFERENCE.pad(Xs, round_to=3))
        assert_same(COMPILED.list2padded(Xs), REFERENCE.list2padded(Xs))
        for pad in (0, 2):
            flat = COMPILED.flatten(Xs, pad=pad)
            assert_same(flat, REFERENCE.flatten(Xs, pad=pad))
            assert_same(
                COMPILED.unflatten(flat, lengths, pad=pad), REFERENCE.unflatten(flat, lengths, pad=pad)
            )


@pytest.mark.parametrize("lengths", LENGTHS)
@pytest.mark.parametrize("trailing", [(1,), (4,), (2, 3)])
def test_a_padded_gives_the_same_lists(lengths, trailing):
    padded = REFERENCE.list2padded(sequences(lengths, trailing))
    for data in variants([padded.data]):
        batch = Padded(data[0], padded.size_at_t, padded.lengths, padded.indices)
        assert_same(COMPILED.padded2list(batch), REFERENCE.padded2list(batch))
        rows, original = COMPILED._padded2rows(batch)
        assert_same(original, numpy.array(lengths, dtype="int32"))
        assert_same(rows, numpy.concatenate(sequences(lengths, trailing)))
        assert_same(COMPILED._list2padded_like(COMPILED.padded2list(batch), batch), batch)
        assert_same(REFERENCE._list2padded_like(COMPILED.padded2list(batch), batch), batch)


def test_padded_columns_in_any_order():
    data = sequences([3, 3, 3], (2,))
    lengths, indices = numpy.array([1, 3, 2], dtype="int32"), numpy.array([2, 0, 1], dtype="int64")
    batch = Padded(numpy.stack(data), numpy.array([3, 2, 1], dtype="int32"), lengths, indices)
    expected = [batch.data[:3, 1], batch.data[:2, 2], batch.data[:1, 0]]
    for ops in (COMPILED, REFERENCE):
        assert_same(ops.padded2list(batch), expected)
    batch.indices = indices.astype("int32")
    assert_same(COMPILED.padded2list(batch), expected)


@pytest.mark.parametrize(
    "lengths, indices", [([2, 9], [0, 1]), ([2, 1], [0, 5]), ([2, 1], [1, 1]), ([-1, 1], [0, 1])]
)
def test_a_padded_that_does_not_fit_is_left_to_the_reference(lengths, indices):
    ints = [numpy.array(values, dtype="int32") for values in ([2, 1], lengths, indices)]
    batch = Padded(numpy.ones((2, 2, 3), dtype="float32"), *ints)
    results = []
    for ops in (COMPILED, REFERENCE):
        try:
            results.append([None if X is None else X.tolist() for X in ops.padded2list(batch)])
        except (IndexError, ValueError) as error:
            results.append(type(error))
    assert results[0] == results[1]


def test_stacked_anew_if_lengths_changed():
    batch = REFERENCE.list2padded(sequences([1, 3, 2]))
    others = sequences([4, 1, 2])
    for ops in (COMPILED, REFERENCE):
        assert_same(ops._list2padded_like(others, batch), REFERENCE.list2padded(others))
        assert len(ops._list2padded_like([], batch)) == 0


def test_unflatten_gives_views_with_the_rights_of_their_base():
    X = numpy.arange(12.0).reshape(6, 2)
    first, second = COMPILED.unflatten(X, [2, 3])
    first[0, 0] = 7
    assert X[0, 0] == 7 and numpy.shares_memory(second, X) and second.base is X.base
    X.flags.writeable = False
    assert not COMPILED.unflatten(X, [2])[0].flags.writeable
    table = X.T[:, ::2]  # neither contiguous nor a base of its own
    assert_same(COMPILED.unflatten(table, [1, 1]), [table[:1], table[1:]])
    objects = numpy.array(["a", None, 3], dtype=object)
    assert [part.tolist() for part in COMPILED.unflatten(objects, [1, 2])] == [["a"], [None, 3]]


@pytest.mark.parametrize("lengths", [[4, 4, 4], [9], [0, 7], numpy.array([6, 2]), (1, 2)])
def test_unflatten_with_too_few_rows(lengths):
    X = numpy.ones((6, 2), dtype="float32")
    assert_same(COMPILED.unflatten(X, lengths), REFERENCE.unflatten(X, lengths))
    assert_same(COMPILED.unpad(X[None], [9]), REFERENCE.unpad(X[None], [9]))
    with pytest.raises(ValueError, match=">= 0"):
        COMPILED.unflatten(X, [2, -1])


@pytest.mark.parametrize("dtype", ["float32", "float64", "int32"])
@pytest.mark.parametrize("lengths", [[3], [4, 2, 0], [2, 4, 1, 3, 3]])
@pytest.mark.parametrize("widths", [(4, 4), (1, 9), (0, 3), (17, 17)])
def test_reversal(dtype, lengths, widths):
    rng = numpy.random.default_rng(0)
    left, right = ((9 * rng.normal(size=(4, len(lengths), width))).astype(dtype) for width in widths)
    n = numpy.array(lengths, dtype="int32")
    backward = COMPILED._reverse_steps(right, n)
    for b, length in enumerate(lengths):
        assert_array_equal(backward[:length, b], right[:length, b][::-1])
        assert_array_equal(backward[length:, b], right[length:, b])
    assert_same(backward, REFERENCE._reverse_steps(right, n))
    joined = COMPILED._join_reversed(left, right, n)
    assert_same(joined, REFERENCE._join_reversed(left, right, n))
    assert_same(COMPILED._split_reversed(joined, widths[0], n), (left, right))
    assert_same(REFERENCE._split_reversed(joined, widths[0], n), (left, right))
    for isa in available_isas():
        with use_isa(isa):
            if widths[0] == widths[1]:
                assert_same(COMPILED._add_reversed(left, right, n), left + backward)
                view = joined[..., : widths[0]]
                assert_same(COMPILED._add_reversed(view, right, n), left + backward)
                assert_same(COMPILED._add_reversed(left[::-1, ::-1], right, n), left[::-1, ::-1] + backward)
    if len(n) > 1:  # one length would be taken for all
        with pytest.raises((IndexError, ValueError)):
            COMPILED._reverse_steps(right, n[:-1].repeat(3))
    with pytest.raises(IndexError):
        COMPILED._reverse_steps(right, n + 100)


@pytest.mark.parametrize("lengths", [[1], [3, 1, 2], [2] * 40])
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_first_and_last_rows(lengths, dtype):
    X = numpy.concatenate(sequences(lengths, (5,), dtype))
    n = numpy.array(lengths, dtype="int32")
    for name in ("first", "last"):
        forward, backprop = f"reduce_{name}", f"backprop_reduce_{name}"
        Y, where = getattr(COMPILED, forward)(X, n)
        assert_same((Y, where), getattr(REFERENCE, forward)(X, n))
        assert_same(getattr(COMPILED, backprop)(Y, where), getattr(REFERENCE, backprop)(Y, where))
        with pytest.raises(IndexError, match="sum up"):
            getattr(COMPILED, forward)(X, n + 1)
        with pytest.raises(ValueError, match="rows for"):
            getattr(COMPILED, backprop)(numpy.concatenate([Y, Y]), where)
    assert COMPILED._count_rows(n) == COMPILED._count_rows(n.astype("int64")) == sum(lengths)


@pytest.mark.parametrize("dtype", ["int64", "uint64", "int32", "uint8"])
@pytest.mark.parametrize("size", [0, 1, 2, 7, 1000])
def test_groups_are_those_of_unique(dtype, size):
    ids = numpy.random.default_rng(0).integers(0, 100, size=(size, 2)).astype(dtype)[:, 1]
    if dtype == "int64":
        ids -= 50
    assert_same(COMPILED._group(ids), REFERENCE._group(ids))
    assert_same(group(ids), REFERENCE._group(ids))
    texts = numpy.array(["b", "a", "b"])
    assert_same(COMPILED._group(texts), REFERENCE._group(texts))
    with pytest.raises(ValueError, match="vector of integers"):
        group(texts)


@pytest.mark.parametrize("size", [3, 5000])
def test_sums_spare_arrays_that_others_hold(size):
    a, b, c = (numpy.full(size, value, dtype="float32") for value in (1, 2, 4))
    view = numpy.full(2 * size, 8, dtype="float32")[:size]
    assert (COMPILED._sum([a, b, c]) == 7).all()
    assert (COMPILED._sum([a, view]) == 9).all()
    assert (a == 1).all() and (b == 2).all() and (c == 4).all() and (view == 8).all()
    owned = [a, a + b]
    address = owned[1].ctypes.data
    total = COMPILED._sum(owned)
    assert total.ctypes.data == address and (total == 4).all() and (a == 1).all()
    owned = [a[:0].sum() * b, c]  # a fresh array of zeros first
    assert (COMPILED._sum(owned) == 4).all()
    for ops in (COMPILED, REFERENCE):
        assert ops._sum([a]) is a
        assert ops._sum([a, a[:2]]) is None and ops._sum([[a], [a]]) is None
        assert_same(ops._sum([a, b.astype("float64")]), (a + b).astype("float64"))
        assert_same(ops._add_items([a, b], [c, c]), [a + c, b + c])
        assert ops._add_items([a], [b, c]) is None and ops._add_items([a], [b[:1]]) is None


@pytest.mark.parametrize("pad", [2**31, 2**62, 2**63 - 1, 2**63, 2**70])
def test_impossible_padding_is_an_error(pad):
    rows = numpy.ones((3, 2), dtype="f")
    with pytest.raises((MemoryError, ValueError, OverflowError)):
        COMPILED.flatten([rows, rows], pad=pad)
    # There are no rows so far behind.
    assert [len(part) for part in COMPILED.unflatten(rows, [2, 1], pad=pad)] == [0, 0]
