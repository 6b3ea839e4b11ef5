"""Flatten, pad, and time-major batches."""

import numpy
import pytest
from numpy.testing import assert_array_equal

from thinc.types import Padded


def arrays(lengths, trailing=(2,), dtype="float32"):
    rng = numpy.random.default_rng(0)
    return [(rng.normal(size=(n, *trailing)) * 9).astype(dtype) for n in lengths]


def assert_lists_equal(found, expected):
    assert len(found) == len(expected)
    for a, b in zip(found, expected, strict=True):
        assert a.dtype == b.dtype
        assert_array_equal(a, b)


@pytest.mark.parametrize("empty", [None, [], ()])
def test_flatten_of_no_arrays(ops, empty):
    assert ops.flatten(empty).shape == (0, 0)
    assert ops.flatten(empty).dtype == "float32"
    assert ops.flatten(empty, dtype="int32", ndim_if_empty=3).shape == (0, 0, 0)
    assert ops.flatten(empty, dtype="int32").dtype == "int32"


@pytest.mark.parametrize("dtype", ["float32", "int64", "uint64"])
def test_flatten(ops, dtype):
    X = arrays([2, 0, 3, 1], dtype=dtype)
    Y = ops.flatten(X)
    assert Y.dtype == dtype
    assert_array_equal(Y, numpy.concatenate(X))
    single = ops.flatten(X[:1])
    assert_array_equal(single, X[0])
    assert not numpy.shares_memory(single, X[0])
    assert ops.flatten(X, dtype="float64").dtype == "float64"
    zeros = numpy.zeros((2, 2), dtype)
    assert_array_equal(ops.flatten(X, pad=2), numpy.vstack([zeros, X[0], zeros, X[2], zeros, X[3], zeros]))
    assert ops.flatten(X, pad=2).dtype == dtype


@pytest.mark.parametrize("dtype", ["float64", "int32", "uint64"])
def test_edge_ops_18_flatten_of_empty_arrays(ops, dtype):
    """§17.18: the dtype of the first array is kept."""
    X = [numpy.zeros((0, 4), dtype=dtype), numpy.zeros((0, 4), dtype=dtype)]
    assert (ops.flatten(X).shape, ops.flatten(X).dtype) == ((0, 4), dtype)
    assert ops.flatten(X, dtype="float32").dtype == "float32"


@pytest.mark.parametrize("pad", [0, 1, 3])
@pytest.mark.parametrize("lengths", [[2, 0, 3], [], [0], [4]])
def test_unflatten(ops, pad, lengths):
    X = arrays(lengths)
    flat = ops.flatten(X, pad=pad)
    for given in (lengths, numpy.array(lengths, dtype="i"), tuple(lengths)):
        assert_lists_equal(ops.unflatten(flat, given, pad=pad), [x if x.size else flat[:0] for x in X])
    for part in ops.unflatten(flat, lengths, pad=pad):
        assert part.size == 0 or numpy.shares_memory(part, flat)


def test_unflatten_of_other_totals(ops):
    X = numpy.arange(5)
    assert_lists_equal(ops.unflatten(X, [1, 2]), [X[:1], X[1:3]])
    assert_lists_equal(ops.unflatten(X, [4, 2]), [X[:4], X[4:]])
    with pytest.raises(ValueError, match="lengths must be"):
        ops.unflatten(X, [3, -1])


@pytest.mark.parametrize("trailing", [(), (2,), (2, 3)])
@pytest.mark.parametrize("round_to, padded_length", [(1, 5), (4, 8), (5, 5)])
def test_pad(ops, trailing, round_to, padded_length, dtype):
    X = arrays([2, 5, 0], trailing, dtype)
    Y = ops.pad(X, round_to=round_to)
    assert (Y.shape, Y.dtype) == ((3, padded_length, *trailing), dtype)
    assert_lists_equal(ops.unpad(Y, numpy.array([2, 5, 0])), X)
    assert_lists_equal(ops.unpad(Y, [2, 5, 0]), X)
    assert numpy.shares_memory(ops.unpad(Y, [2])[0], Y)
    for i, n in enumerate([2, 5, 0]):
        assert not Y[i, n:].any()


@pytest.mark.parametrize("method", ["pad", "list2padded"])
def test_arrays_must_be_alike(ops, method):
    X = numpy.zeros((2, 3), dtype="f")
    for other in (X.astype("d"), X[:, :2], X[0], X[None]):
        with pytest.raises(ValueError, match="must have"):
            getattr(ops, method)([X, other])


@pytest.mark.parametrize("round_to", [0, -1])
def test_pad_rejects(ops, round_to):
    with pytest.raises(ValueError, match="Rounding for padding must at least be 1"):
        ops.pad([numpy.zeros((2, 3))], round_to=round_to)
    with pytest.raises(ValueError, match="empty"):
        ops.pad([])


@pytest.mark.parametrize("lengths", [[2, 3, 2, 0], [1], [0], [0, 0], [4, 4], [1, 2, 3]])
@pytest.mark.parametrize("trailing", [(), (2,), (2, 3)])
def test_list2padded(ops, lengths, trailing, dtype):
    X = arrays(lengths, trailing, dtype)
    padded = ops.list2padded(X)
    assert isinstance(padded, Padded)
    assert (padded.data.shape, padded.data.dtype) == ((max(lengths), len(lengths), *trailing), dtype)
    assert padded.data.flags.c_contiguous
    assert padded.lengths.tolist() == sorted(lengths, reverse=True)
    assert padded.size_at_t.tolist() == [sum(n > t for n in lengths) for t in range(max(lengths))]
    for array in (padded.lengths, padded.size_at_t, padded.indices):
        assert array.dtype == "int32"
    for k, i in enumerate(padded.indices):
        assert_array_equal(padded.data[: lengths[i], k], X[i])
        assert not padded.data[lengths[i] :, k].any()
    back = ops.padded2list(padded)
    assert_lists_equal(back, X)
    assert all(x.flags.c_contiguous for x in back)


def test_edge_vectors_7_list2padded_vector(ops):
    padded = ops.list2padded(arrays([2, 3, 2, 0]))
    assert padded.size_at_t.tolist() == [3, 3, 1]
    assert padded.lengths.tolist() == [3, 2, 2, 0]
    assert padded.indices.tolist() == [1, 2, 0, 3]


def test_list2padded_of_one_is_a_view(ops):
    (X,) = arrays([3])
    assert numpy.shares_memory(ops.list2padded([X]).data, X)


def test_list2padded_of_nothing(ops):
    padded = ops.list2padded([])
    assert padded.data.shape == (0, 0, 0)
    assert padded.size_at_t.shape == padded.lengths.shape == padded.indices.shape == (0,)
    assert ops.padded2list(padded) == []


def test_unpad_refuses_negative_lengths(ops):
    """As indices they would count from the end."""
    for lengths in ([2, -1], numpy.array([2, -1], dtype="int32"), numpy.array([2, -1])):
        with pytest.raises(ValueError, match="lengths must be >= 0, got -1"):
            ops.unpad(numpy.ones((2, 3, 4), dtype="f"), lengths)
