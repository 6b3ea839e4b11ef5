"""Compiled maxout against numpy.argmax, on every instruction set."""

import math

import numpy
import pytest
from numpy.testing import assert_array_equal

from thinc.backends import NumpyOps
from thinc.kernels._dispatch import available_isas, use_isa

GROUPS = [1, 2, 3, 4, 5, 7, 8, 9, 15, 16, 17, 31, 33, 64, 65, 4096, 4103]


@pytest.fixture(params=available_isas())
def ops(request):
    with use_isa(request.param):
        yield NumpyOps()


@pytest.mark.parametrize("P", [1, 2, 3, 4, 7])
@pytest.mark.parametrize("N", GROUPS)
def test_maxout_and_gradient(ops, dtype, N, P):
    rng = numpy.random.default_rng(N)
    # few values: ties, which the first must win
    X = rng.integers(-2, 3, size=(1, N, P)).astype(dtype)
    best, which = ops.maxout(X)
    assert best.dtype == dtype
    assert which.dtype == "int32"
    assert_array_equal(best, X.max(axis=-1))
    assert_array_equal(which, X.argmax(axis=-1))
    dY = rng.normal(size=(1, N)).astype(dtype)
    dX = ops.backprop_maxout(dY, which, P)
    expected = numpy.zeros((1, N, P), dtype=dtype)
    numpy.put_along_axis(expected, which[..., None], dY[..., None], axis=-1)
    assert dX.dtype == dtype
    assert_array_equal(dX, expected)


@pytest.mark.parametrize("P", [1, 2, 3, 5])
def test_special_values(ops, dtype, P):
    values = [-math.inf, -1.0, -0.0, 0.0, 5e-324, math.inf, math.nan]
    X = numpy.array(numpy.meshgrid(*[values] * P), dtype=dtype).reshape(P, -1).T[None]
    best, which = ops.maxout(X)
    expected = X.argmax(axis=-1)  # the first NaN, else the first maximum
    assert_array_equal(which, expected)
    assert_array_equal(best, numpy.take_along_axis(X, expected[..., None], axis=-1)[..., 0])


@pytest.mark.parametrize("P", [2, 3, 4])
def test_views(ops, dtype, P):
    X = numpy.random.default_rng(0).normal(size=(6, 5, P)).astype(dtype)
    best, which = ops.maxout(X)
    for view in (numpy.asfortranarray(X), X[::-1][::-1], numpy.repeat(X, 2, axis=1)[:, ::2]):
        view.flags.writeable = False
        assert_array_equal(ops.maxout(view)[0], best)
        assert_array_equal(ops.maxout(view)[1], which)
    dX = ops.backprop_maxout(best, which, P)
    assert_array_equal(ops.backprop_maxout(numpy.asfortranarray(best), numpy.asfortranarray(which), P), dX)
    assert_array_equal(ops.backprop_maxout(best, which.astype("int64"), P), dX)


@pytest.mark.parametrize("P", [1, 2, 3, 4])
@pytest.mark.parametrize("position", [0, 17, 4999])
def test_bad_which(ops, dtype, P, position):
    dY = numpy.ones((50, 100), dtype=dtype)
    for bad in (P, -1, 2**31 - 1, -(2**31)):
        which = numpy.zeros((50, 100), dtype="int32")
        which.flat[position] = bad
        with pytest.raises(IndexError, match="which must be at least 0"):
            ops.backprop_maxout(dY, which, P)
    which = numpy.zeros((50, 100), dtype="int64")
    which.flat[position] = 2**32
    with pytest.raises(IndexError):
        ops.backprop_maxout(dY, which, P)


@pytest.mark.parametrize("P", [0, -1])
def test_no_pieces(ops, P):
    with pytest.raises((IndexError, ValueError)):
        ops.backprop_maxout(numpy.ones((2, 2), "f4"), numpy.zeros((2, 2), "i4"), P)


def test_mismatch(ops, dtype):
    dY = numpy.ones((2, 3), dtype=dtype)
    for shape in [(3, 2), (2, 2), (6,), (2, 3, 1)]:
        with pytest.raises(ValueError, match="shape"):
            ops.backprop_maxout(dY, numpy.zeros(shape, dtype="int32"), 2)
    with pytest.raises(ValueError, match="maxout"):
        ops.maxout(dY)


@pytest.mark.parametrize("shape", [(0, 3, 2), (3, 0, 2), (3, 2, 0), (0, 0, 0)])
def test_empty(ops, dtype, shape):
    best, which = ops.maxout(numpy.zeros(shape, dtype=dtype))
    assert best.shape == which.shape == shape[:2]
    assert (best.dtype, which.dtype) == (dtype, "int32")
    if 0 in shape[:2]:
        assert ops.backprop_maxout(best, which, shape[2]).shape == shape
