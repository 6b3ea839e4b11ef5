"""Compiled windows and pooling against the readable reference, on every instruction set."""

import numpy
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from thinc.backends import NumpyOps, Ops
from thinc.kernels._dispatch import available_isas, use_isa

WIDTHS = [0, 1, 3, 4, 7, 8, 15, 16, 17, 33, 64, 96, 131]
LENGTHS = [[1], [5], [2, 1, 7], [1] * 9, [30, 2]]
TOLERANCE = {"float32": 1e-5, "float64": 1e-12}


@pytest.fixture(params=available_isas())
def ops(request):
    with use_isa(request.param):
        yield NumpyOps()


def rows(lengths, width, dtype, seed=0):
    rng = numpy.random.default_rng(seed)
    return rng.normal(size=(sum(lengths), width)).astype(dtype), numpy.asarray(lengths, dtype="int32")


@pytest.mark.parametrize("width", WIDTHS)
@pytest.mark.parametrize("lengths", LENGTHS)
@pytest.mark.parametrize("name", ["reduce_sum", "reduce_mean"])
def test_sums_and_means(ops, dtype, name, lengths, width):
    X, n = rows(lengths, width, dtype)
    Y = getattr(ops, name)(X, n)
    assert Y.dtype == dtype
    assert_allclose(Y, getattr(Ops(), name)(X.astype("float64"), n), atol=TOLERANCE[dtype])
    dX = getattr(ops, "backprop_" + name)(Y, n)
    assert_allclose(dX, getattr(Ops(), "backprop_" + name)(Y, n), atol=TOLERANCE[dtype])


@pytest.mark.parametrize("width", WIDTHS)
@pytest.mark.parametrize("lengths", LENGTHS)
def test_maxima(ops, dtype, lengths, width):
    X, n = rows(lengths, width, dtype)
    X = numpy.round(X)  # ties: the first must win
    maxes, which = ops.reduce_max(X, n)
    expected, expected_which = Ops().reduce_max(X, n)
    assert_array_equal(maxes, expected)
    assert_array_equal(which, expected_which)
    assert which.dtype == "int32"
    assert_array_equal(ops.backprop_reduce_max(maxes, which, n), Ops().backprop_reduce_max(maxes, which, n))


def test_maxima_of_unusual_numbers(ops, dtype):
    X = numpy.zeros((4, 37), dtype=dtype)
    X[1] = numpy.nan
    X[3] = numpy.inf
    maxes, which = ops.reduce_max(X, numpy.asarray([3, 1], dtype="i"))
    assert numpy.isnan(maxes[0]).all()
    assert (which[0] == 1).all()
    assert (maxes[1] == numpy.inf).all()
    X[:] = -numpy.inf
    assert_array_equal(ops.reduce_max(X, numpy.asarray([4]))[1], 0)


@pytest.mark.parametrize("width", WIDTHS)
@pytest.mark.parametrize("nW", [0, 1, 2, 5])
@pytest.mark.parametrize("lengths", [*LENGTHS, [0, 3, 0, 2]])
def test_windows(ops, dtype, lengths, nW, width):
    X, n = rows(lengths, width, dtype)
    Y = ops.seq2col(X, nW, lengths=n)
    assert Y.shape == (len(X), (2 * nW + 1) * width)
    start = 0
    for length in lengths:  # an independent, slow definition
        for j in range(length):
            for slot in range(2 * nW + 1):
                source = j + slot - nW
                expected = X[start + source] if 0 <= source < length else 0
                assert_array_equal(Y[start + j, slot * width : (slot + 1) * width], expected)
        start += length
    # adjoint: <dY, seq2col(X)> == <backprop(dY), X>
    dY = numpy.random.default_rng(1).normal(size=Y.shape).astype(dtype)
    dX = ops.backprop_seq2col(dY, nW, lengths=n)
    assert dX.shape == X.shape
    assert_allclose((dY.astype("d") * Y).sum(), (dX.astype("d") * X).sum(), rtol=1e-4, atol=1e-4)


def test_other_layouts_and_lengths(ops):
    X, n = rows([2, 3], 6, "float32")
    expected = ops.reduce_sum(X, n)
    X.flags.writeable = False
    assert_array_equal(ops.reduce_sum(X, n.astype("int64")), expected)
    assert_array_equal(ops.reduce_sum(numpy.asfortranarray(X), [2, 3]), expected)
    assert_array_equal(ops.reduce_sum(numpy.repeat(X, 2, axis=1)[:, ::2], n[::1]), expected)
    assert_array_equal(ops.seq2col(X[::-1], 1), ops.seq2col(X[::-1].copy(), 1))
    assert ops.reduce_sum(X, numpy.zeros(0, dtype="i")).shape == (0, 6)
    assert_array_equal(ops.reduce_mean(X[:0], numpy.asarray([0, 0])), numpy.zeros((2, 6)))
    assert ops.seq2col(X[:0], 1).shape == (0, 18)


@pytest.mark.parametrize("name", ["reduce_sum", "reduce_mean", "reduce_max"])
def test_bad_lengths(ops, name):
    X, _ = rows([5], 4, "float32")
    with pytest.raises(ValueError, match="lengths must be"):
        getattr(ops, name)(X, numpy.asarray([-1, 6], dtype="i"))
    with pytest.raises(IndexError, match="lengths must sum up to the number of rows"):
        getattr(ops, name)(X, numpy.asarray([3, 3], dtype="i"))
    with pytest.raises(ValueError, match="gradient"):
        getattr(ops, "backprop_" + name)(*([X[:1]] + [X[:1].astype("i")] * (name == "reduce_max")), [2, 3])


def test_bad_maxima(ops):
    d = numpy.ones((2, 3), dtype="f")
    with pytest.raises(ValueError, match="lengths must be"):
        ops.reduce_max(d, numpy.asarray([2, 0], dtype="i"))
    for bad in (-1, 2):
        which = numpy.zeros((2, 3), dtype="i")
        which[1, 1] = bad
        with pytest.raises(IndexError, match="which"):
            ops.backprop_reduce_max(d, which, numpy.asarray([1, 2], dtype="i"))


@pytest.mark.parametrize("lengths", [[4], [-1, 6], [5, 1]])
def test_bad_window_lengths(ops, lengths):
    X, _ = rows([5], 4, "float32")
    with pytest.raises(AssertionError):
        ops.seq2col(X, 1, lengths=numpy.asarray(lengths, dtype="i"))
    with pytest.raises(AssertionError):
        ops.backprop_seq2col(numpy.repeat(X, 3, axis=1), 1, lengths=numpy.asarray(lengths, dtype="i"))
