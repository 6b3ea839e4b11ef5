"""Compiled softmax against float64 formulas, on every instruction set."""

import math

import numpy
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from thinc.backends import NumpyOps, Ops
from thinc.kernels._dispatch import available_isas, use_isa

WIDTHS = [1, 2, 3, 4, 5, 7, 8, 9, 15, 16, 17, 31, 32, 33, 64, 65, 129, 300]


@pytest.fixture(params=available_isas())
def ops(request):
    with use_isa(request.param):
        yield NumpyOps()


def softmax(X, temperature=1.0):
    X = X.astype("float64") / temperature
    E = numpy.exp(X - X.max(axis=-1, keepdims=True))
    return E / E.sum(axis=-1, keepdims=True)


def normal(shape, dtype, scale=1.0, seed=0):
    return (numpy.random.default_rng(seed).normal(size=shape) * scale).astype(dtype)


@pytest.mark.parametrize("width", WIDTHS)
def test_softmax_and_gradient(ops, dtype, width):
    X, dY = normal((5, width), dtype, 4), normal((5, width), dtype, seed=1)
    eps = numpy.finfo(dtype).eps
    Y = ops.softmax(X)
    assert Y.dtype == dtype
    assert_allclose(Y, softmax(X), rtol=40 * eps, atol=eps**2)
    assert_allclose(Y.sum(axis=1), 1, rtol=4 * eps)
    y, dy = Y.astype("float64"), dY.astype("float64")
    expected = y * (dy - (y * dy).sum(axis=1, keepdims=True))
    assert_allclose(ops.backprop_softmax(Y, dY), expected, atol=8 * eps)


@pytest.mark.parametrize("temperature", [0.1, 1.0, 7.5, -2.0])
def test_temperature(ops, dtype, temperature):
    X, dY = normal((3, 4, 19), dtype), normal((3, 4, 19), dtype, seed=1)
    Y = ops.softmax(X, temperature=temperature)
    assert_allclose(Y, softmax(X, temperature), rtol=1e-5)
    expected = Ops().backprop_softmax(Y.astype("float64"), dY.astype("float64"), temperature=temperature)
    assert_allclose(ops.backprop_softmax(Y, dY, temperature=temperature), expected, atol=1e-5)


def test_new_array_and_views(ops, dtype):
    X = normal((6, 10), dtype)
    kept = X.copy()
    Y = ops.softmax(X, inplace=True)
    assert Y is not X
    assert_array_equal(X, kept)
    X.flags.writeable = False
    assert_array_equal(ops.softmax(X), Y)
    wide = numpy.zeros((6, 20), dtype=dtype)
    wide[:, ::2] = kept
    assert_array_equal(ops.softmax(wide[:, ::2]), Y)
    assert_array_equal(ops.softmax(numpy.asfortranarray(kept)), Y)
    assert_array_equal(ops.softmax(kept[::-1]), Y[::-1])


def test_all_axes(ops, dtype):
    X = numpy.arange(6, dtype=dtype).reshape(2, 3)
    Y = ops.softmax(X, axis=None)
    assert_allclose(Y, softmax(X.reshape(-1)).reshape(2, 3), rtol=1e-6)
    assert_allclose(ops.backprop_softmax(Y, X, axis=None), Y * (X - (Y * X).sum()), atol=1e-6)


@pytest.mark.parametrize("axis", [0, 1, 2, -1, -2, -3])
def test_axes(ops, dtype, axis):
    X, dY = normal((3, 4, 5), dtype), normal((3, 4, 5), dtype, seed=1)
    Y = ops.softmax(X, axis=axis)
    assert_allclose(Y, Ops().softmax(X.astype("float64"), axis=axis), rtol=1e-5)
    expected = Ops().backprop_softmax(Y.astype("float64"), dY.astype("float64"), axis=axis)
    assert_allclose(ops.backprop_softmax(Y, dY, axis=axis), expected, atol=1e-6)


def test_extreme_logits(ops, dtype):
    inf = math.inf
    X = numpy.array([[1e4, -1e4, 0, 1e4], [-inf, 0, 0, -inf], [-1e30, -1e30, -1e30, -1e30]], dtype=dtype)
    assert_array_equal(ops.softmax(X), [[0.5, 0, 0, 0.5], [0, 0.5, 0.5, 0], [0.25] * 4])
    bad = numpy.array([[1, math.nan, 2], [inf, 0, 0], [-inf] * 3, [1, 1, 1]], dtype=dtype)
    Y = ops.softmax(bad)
    assert numpy.isnan(Y[:3]).all()
    assert_allclose(Y[3], 1 / 3, rtol=1e-6)


@pytest.mark.parametrize("temperature", [0.1, 0.3, 1.0, 3.0, -3.0])
def test_large_logits_and_a_temperature(ops, dtype, temperature):
    """What is rounded last is a difference: one of rounded products may be large where those of logits are zero."""
    large = [1e6, 3e9, 1e20, 1e36] if dtype == "float32" else [1e6, 1e18, 1e38, 1e200]
    X = numpy.array([[x, x, x / 2, 0] for x in large + [-x for x in large]], dtype=dtype)
    assert_allclose(ops.softmax(X, temperature=temperature), softmax(X, temperature), atol=1e-6)


@pytest.mark.parametrize("shape", [(0,), (0, 3), (3, 0), (2, 0, 4)])
def test_empty(ops, dtype, shape):
    X = numpy.zeros(shape, dtype=dtype)
    assert ops.softmax(X).shape == shape
    assert ops.backprop_softmax(X, X).shape == shape


def test_mismatch(ops, dtype):
    X = numpy.zeros((2, 3), dtype=dtype)
    with pytest.raises(ValueError, match="shape"):
        ops.backprop_softmax(X, X[:1])
    with pytest.raises(ValueError, match="axis"):
        ops.softmax(X, axis=2)


@pytest.mark.parametrize("lengths", [[7], [3, 4], [0, 2, 0, 5, 0], [1] * 7])
@pytest.mark.parametrize("width", [1, 3, 8, 17, 70])
def test_sequences(ops, dtype, width, lengths):
    X, dY = normal((7, width), dtype, 30), normal((7, width), dtype, seed=1)
    for kind in ("int32", "int64"):
        Y = ops.softmax_sequences(X, numpy.array(lengths, dtype=kind))
        assert Y.dtype == dtype
        E = numpy.exp(numpy.clip(X.astype("float64"), -20, 20))
        expected = numpy.concatenate([e / e.sum(axis=0) for e in numpy.split(E, numpy.cumsum(lengths)[:-1])])
        assert_allclose(Y, expected, rtol=1e-5)
        dX = ops.backprop_softmax_sequences(dY, Y, numpy.array(lengths, dtype=kind))
        product = Y.astype("float64") * dY
        sums = [
            numpy.broadcast_to(p.sum(axis=0), p.shape)
            for p in numpy.split(product, numpy.cumsum(lengths)[:-1])
        ]
        assert_allclose(dX, product - Y * numpy.concatenate(sums), atol=1e-6)


def test_sequences_bad_lengths(ops, dtype):
    X = normal((4, 3), dtype)
    for lengths in ([5], [3], [2, 1], []):
        with pytest.raises(IndexError, match="lengths must sum up to the number of rows"):
            ops.softmax_sequences(X, numpy.array(lengths, dtype="int32"))
        with pytest.raises(IndexError, match="lengths must sum up to the number of rows"):
            ops.backprop_softmax_sequences(X, X, numpy.array(lengths, dtype="int32"))
    with pytest.raises(ValueError, match="lengths must be"):
        ops.softmax_sequences(X, numpy.array([5, -1], dtype="int32"))
    with pytest.raises(ValueError, match="shape"):
        ops.backprop_softmax_sequences(X, X[:2], numpy.array([4], dtype="int32"))
    with pytest.raises(NotImplementedError):
        ops.softmax_sequences(X[None], numpy.array([1], dtype="int32"))
