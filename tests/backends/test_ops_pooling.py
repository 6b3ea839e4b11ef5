"""Pooling over sequences against loops in float64."""

import numpy
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from thinc.backends import NumpyOps

LENGTHS = [[3], [1, 4, 2], [5, 1, 1, 1], [2] * 7]
WITH_EMPTY = [*LENGTHS, [0, 3, 0], [0], [2, 0, 0, 1]]


def lengths_array(lengths, dtype="int32"):
    return numpy.array(lengths, dtype=dtype)


def sequences(X, lengths):
    ends = numpy.cumsum(lengths)
    return [X[end - length : end] for length, end in zip(lengths, ends, strict=True)]


@pytest.mark.parametrize("lengths", WITH_EMPTY)
@pytest.mark.parametrize("width", [0, 1, 5, 32])
def test_sum_and_mean(ops, lengths, width, dtype, rng):
    X = rng.normal(size=(sum(lengths), width)).astype(dtype)
    n = lengths_array(lengths)
    sums = numpy.array([seq.astype("d").sum(axis=0) for seq in sequences(X, lengths)])
    means = sums / numpy.maximum(n, 1)[:, None]
    for name, expected in [("reduce_sum", sums), ("reduce_mean", means)]:
        Y = getattr(ops, name)(X, n)
        assert (Y.shape, Y.dtype) == ((len(lengths), width), dtype)
        assert_allclose(Y, expected, rtol=1e-5, atol=1e-6)
    d = rng.normal(size=(len(lengths), width)).astype(dtype)
    owner = numpy.repeat(numpy.arange(len(lengths)), lengths)
    dX = ops.backprop_reduce_sum(d, n)
    assert (dX.shape, dX.dtype) == (X.shape, dtype)
    assert_array_equal(dX, d[owner])
    dX = ops.backprop_reduce_mean(d, n)
    assert (dX.shape, dX.dtype) == (X.shape, dtype)
    assert_allclose(dX, (d / numpy.maximum(n, 1)[:, None])[owner], rtol=1e-6)


@pytest.mark.parametrize("lengths", LENGTHS)
@pytest.mark.parametrize("width", [0, 1, 5, 32])
def test_max(ops, lengths, width, dtype, rng):
    X = rng.integers(-2, 2, size=(sum(lengths), width)).astype(dtype)  # with ties
    n = lengths_array(lengths)
    maxes, which = ops.reduce_max(X, n)
    assert (maxes.dtype, which.dtype) == (dtype, "int32")
    for i, seq in enumerate(sequences(X, lengths)):
        assert_array_equal(maxes[i], seq.max(axis=0))
        assert_array_equal(which[i], seq.argmax(axis=0))
    d = rng.normal(size=maxes.shape).astype(dtype)
    dX = ops.backprop_reduce_max(d, which, n)
    assert (dX.shape, dX.dtype) == (X.shape, dtype)
    expected = numpy.zeros_like(X)
    for i, seq in enumerate(sequences(expected, lengths)):
        for o in range(width):
            seq[which[i, o], o] = d[i, o]
    assert_array_equal(dX, expected)


@pytest.mark.parametrize("lengths", LENGTHS)
@pytest.mark.parametrize("lengths_dtype", ["int32", "int64", "uint32"])
def test_first_and_last(ops, lengths, lengths_dtype, dtype, rng):
    X = rng.normal(size=(sum(lengths), 3)).astype(dtype)
    n = lengths_array(lengths, lengths_dtype)
    ends = numpy.cumsum(lengths)
    firsts, starts_ends = ops.reduce_first(X, n)
    assert starts_ends.dtype == "int32"
    assert starts_ends.tolist() == [0, *ends]
    assert_array_equal(firsts, X[ends - lengths])
    lasts, positions = ops.reduce_last(X, n)
    assert positions.dtype == "int64"
    assert positions.tolist() == [end - 1 for end in ends]
    assert_array_equal(lasts, X[ends - 1])
    for name, d, where in [("first", firsts, starts_ends), ("last", lasts, positions)]:
        dX = getattr(ops, f"backprop_reduce_{name}")(d, where)
        expected = numpy.zeros_like(X)
        expected[starts_ends[:-1] if name == "first" else positions] = d
        assert dX.dtype == dtype
        assert_array_equal(dX, expected)


@pytest.mark.parametrize("name", ["sum", "mean", "max", "first", "last"])
def test_no_sequences(ops, name, dtype):
    X = numpy.zeros((0, 4), dtype=dtype)
    n = lengths_array([])
    Y = getattr(ops, f"reduce_{name}")(X, n)
    if name in ("max", "first", "last"):
        Y, where = Y
        assert len(where) == 0
        dX = getattr(ops, f"backprop_reduce_{name}")(Y, where, *([n] if name == "max" else []))
    else:
        dX = getattr(ops, f"backprop_reduce_{name}")(Y, n)
    assert Y.shape == dX.shape == (0, 4)
    assert Y.dtype == dX.dtype == dtype


@pytest.mark.parametrize("name", ["sum", "mean", "max"])
def test_rows_beyond_the_lengths_are_left_out(ops, name):
    X = numpy.arange(10, dtype="f").reshape(5, 2)
    results = [getattr(ops, f"reduce_{name}")(x, lengths_array([1, 2])) for x in (X, X[:3])]
    assert_array_equal(*results)


@pytest.mark.parametrize("name", ["sum", "mean", "max", "first", "last"])
def test_bad_lengths(ops, name):
    X = numpy.zeros((4, 2), dtype="f")
    reduce = getattr(ops, f"reduce_{name}")
    with pytest.raises(ValueError, match="lengths must be"):
        reduce(X, lengths_array([-1, 5]))
    with pytest.raises(IndexError, match="lengths must sum up to the number of rows"):
        reduce(X, lengths_array([3, 2]))
    if name in ("max", "first", "last"):
        with pytest.raises(ValueError, match="lengths must be > 0"):
            reduce(X, lengths_array([4, 0]))
    if name in ("first", "last"):
        with pytest.raises(IndexError, match="lengths must sum up to the number of rows"):
            reduce(X, lengths_array([3]))


def test_edge_ops_11_only_empty_sequences(ops, dtype):
    """§17.11: T = 0 but B > 0."""
    X = numpy.zeros((0, 3), dtype=dtype)
    for name in ("reduce_sum", "reduce_mean"):
        assert_array_equal(getattr(ops, name)(X, lengths_array([0, 0])), numpy.zeros((2, 3)))
        assert getattr(ops, f"backprop_{name}")(numpy.ones((2, 3), dtype), lengths_array([0, 0])).shape == (
            0,
            3,
        )


@pytest.mark.parametrize("rows", [1, 3])
def test_edge_ops_12_gradient_rows_must_fit(ops, rows):
    """§17.12"""
    d = numpy.ones((rows, 3), dtype="f")
    n = lengths_array([2, 1])
    for args in [(ops.backprop_reduce_sum, d, n), (ops.backprop_reduce_mean, d, n)]:
        with pytest.raises(ValueError, match="rows"):
            args[0](*args[1:])
    with pytest.raises(ValueError, match=r"rows|shape"):
        ops.backprop_reduce_max(d, numpy.zeros((rows, 3), dtype="i"), n)
    with pytest.raises(ValueError, match="rows"):
        ops.backprop_reduce_first(d, lengths_array([0, 2, 3]))
    with pytest.raises(ValueError, match="rows"):
        ops.backprop_reduce_last(d, lengths_array([1, 2]))


def test_edge_ops_22_reference_keeps_dtypes(ops):
    """§17.22"""
    X = numpy.ones((3, 2))
    assert ops.reduce_sum(X, lengths_array([3])).dtype == "float64"
    assert ops.reduce_mean(X, lengths_array([3])).dtype == "float64"
    assert ops.reduce_sum(X.astype("float16"), lengths_array([3])).dtype == "float16"
    assert ops.maxout(X[None])[1].dtype == "int32"


@pytest.mark.parametrize("which", [-1, 2])
def test_max_backward_rejects_rows_of_other_sequences(ops, which):
    d = numpy.ones((2, 1), dtype="f")
    with pytest.raises(IndexError, match="which"):
        ops.backprop_reduce_max(d, numpy.array([[0], [which]], dtype="i"), lengths_array([3, 2]))
    with pytest.raises(ValueError, match="which"):
        ops.backprop_reduce_max(d, numpy.zeros((1, 1), dtype="i"), lengths_array([3, 2]))
    with pytest.raises(ValueError, match="lengths must be"):
        ops.backprop_reduce_max(d, numpy.zeros((2, 1), dtype="i"), lengths_array([3, 0]))


def test_first_backward_needs_ends(ops):
    with pytest.raises(ValueError, match="starts_ends"):
        ops.backprop_reduce_first(numpy.zeros((0, 2), dtype="f"), lengths_array([0]))


@pytest.mark.parametrize("axis", [0, 1, -1])
@pytest.mark.parametrize("temperature", [1.0, 0.5, 3.0])
def test_softmax(ops, axis, temperature, dtype, rng):
    X = rng.normal(size=(4, 5), scale=20).astype(dtype)
    x = X.astype("d") / temperature
    expected = numpy.exp(x - x.max(axis=axis, keepdims=True))
    expected /= expected.sum(axis=axis, keepdims=True)
    before = X.copy()
    for inplace in (False, True):
        Y = ops.softmax(X, inplace=inplace, axis=axis, temperature=temperature)
        assert Y.dtype == dtype
        assert_array_equal(X, before)
        assert_allclose(Y, expected, atol=1e-6)
    dY = rng.normal(size=X.shape).astype(dtype)
    dX = ops.backprop_softmax(Y, dY, axis=axis, temperature=temperature)
    assert dX.dtype == dtype
    y, d = expected, dY.astype("d") / temperature
    assert_allclose(dX, y * d - y * (y * d).sum(axis=axis, keepdims=True), atol=1e-5)
    with pytest.raises(ValueError, match="shape"):
        ops.backprop_softmax(Y, dY[:1])


def test_softmax_of_nothing(ops, dtype):
    for shape in [(0, 3), (3, 0)]:
        X = numpy.zeros(shape, dtype=dtype)
        assert ops.softmax(X).shape == shape
        assert ops.backprop_softmax(X, X).shape == shape


@pytest.mark.parametrize("lengths", [[4], [1, 3, 2], [0, 2, 0, 5]])
def test_softmax_sequences(ops, lengths, dtype, rng):
    X = rng.normal(size=(sum(lengths), 3), scale=2).astype(dtype)
    n = lengths_array(lengths)
    dY = rng.normal(size=X.shape).astype(dtype)
    Y = ops.softmax_sequences(X, n)
    dX = ops.backprop_softmax_sequences(dY, Y, n)
    assert Y.dtype == dX.dtype == dtype
    parts = zip(*(sequences(a, lengths) for a in (X, Y, dY, dX)), strict=True)
    for x, y, dy, dx in parts:
        exps = numpy.exp(x.astype("d"))
        assert_allclose(y, exps / exps.sum(axis=0), rtol=1e-5)
        assert_allclose(dx, y * dy - y * (y * dy).sum(axis=0), atol=1e-6)


def test_edge_ops_19_softmax_sequences_clips(ops):
    """§17.19"""
    Y = ops.softmax_sequences(numpy.array([[20.0], [500.0]]), lengths_array([2]))
    assert_allclose(Y, 0.5)


def test_softmax_sequences_rejects(ops):
    with pytest.raises(NotImplementedError):
        ops.softmax_sequences(numpy.zeros((2, 2, 2), dtype="f"), lengths_array([2]))
    with pytest.raises(IndexError, match="sum up to"):
        ops.softmax_sequences(numpy.zeros((3, 2), dtype="f"), lengths_array([2]))


def test_logloss(ops):
    y, p = numpy.array([0.0, 1.0, 1.0]), numpy.array([0.25, 0.5, 1.0])
    assert_allclose(ops.logloss(y, p), [-numpy.log(0.75), -numpy.log(0.5), 0], atol=1e-7)


@pytest.mark.parametrize("name", ["reduce_sum", "reduce_mean", "reduce_max", "reduce_first", "reduce_last"])
@pytest.mark.parametrize("lengths", [[2**40], [3, 2**31], [2**32 + 5]])
def test_lengths_beyond_int32(ops, name, lengths):
    """They are too many rows, whatever they would be in 32 bits."""
    X = numpy.ones((5, 2), dtype="f")
    with pytest.raises(IndexError, match="lengths must sum up to the number of rows"):
        getattr(ops, name)(X, lengths_array(lengths, "int64"))
    with pytest.raises(ValueError, match="lengths must be"):
        getattr(ops, name)(X, lengths_array([5, -(2**40)], "int64"))


@pytest.mark.parametrize("name", ["reduce_max", "reduce_first", "reduce_last"])
def test_what_to_do_about_empty_sequences(ops, name):
    with pytest.raises(ValueError, match=r"must be > 0.*leave empty sequences out"):
        getattr(ops, name)(numpy.ones((2, 2), dtype="f"), lengths_array([2, 0]))


@pytest.mark.parametrize("name", ["reduce_sum", "reduce_mean", "reduce_max", "reduce_first", "reduce_last"])
def test_lengths_whose_sum_overflows(ops, name):
    """Four times 2**62 is 0 in 64 bits: no result, and no write beyond an array of no rows."""
    X, n = numpy.ones((4, 2), dtype="f"), lengths_array([2**62] * 4, "int64")
    with pytest.raises(IndexError, match="lengths must sum up to the number of rows"):
        getattr(ops, name)(X, n)
    with pytest.raises(IndexError, match="lengths must sum up to the number of rows"):
        ops.softmax_sequences(X, n)
    for method in (ops.backprop_reduce_sum, ops.backprop_reduce_mean):
        with pytest.raises(ValueError, match="lengths must sum up to"):
            method(X, n)
    with pytest.raises(ValueError, match="lengths must sum up to"):
        ops.backprop_reduce_max(X, numpy.zeros((4, 2), dtype="i"), n)


def test_which_may_be_a_list_that_does_not_fit():
    with pytest.raises(ValueError, match=r"which.*\(1, 3\)"):
        NumpyOps().backprop_reduce_max(numpy.ones((2, 3), dtype="f"), [[0, 0, 0]], [1, 1])


@pytest.mark.parametrize("name", ["reduce_sum", "reduce_mean", "reduce_max", "backprop_reduce_sum"])
def test_lengths_must_be_integers(ops, name):
    with pytest.raises(ValueError, match="integers"):
        getattr(ops, name)(numpy.ones((2, 2), dtype="f"), numpy.array([1.0, 1.0]))
