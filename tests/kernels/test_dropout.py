"""Dropout as one operation: the product with the mask that `get_dropout_mask` draws, bit by bit, on every ISA."""

import numpy
import pytest
from numpy.testing import assert_array_equal

import thinc
from thinc.backends import NumpyOps, Ops
from thinc.kernels._dispatch import available_isas, use_isa

SHAPES = [(0,), (1,), (7,), (63,), (64,), (65,), (3, 5), (2, 0, 3), (511,), (513,), (40, 50), ()]


@pytest.fixture(params=available_isas())
def ops(request):
    with use_isa(request.param):
        yield NumpyOps()


def masked(ops, X, rate):
    """The output and the mask."""
    numpy.random.seed(3)
    mask = ops.get_dropout_mask(X.shape, rate)
    return X * mask, mask


def normal(shape, dtype, seed=0):
    return numpy.asarray(numpy.random.default_rng(seed).normal(size=shape), dtype=dtype)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("rate", [1e-12, 0.2, 0.5, 1 / 3, 1 - 1e-12])
@pytest.mark.parametrize("shape", SHAPES)
def test_equals_a_product_with_the_mask(ops, shape, rate, dtype):
    X, dY = normal(shape, dtype), normal(shape, dtype, 1)
    expected, mask = masked(ops, X, rate)
    numpy.random.seed(3)
    Y, kept = ops._dropout(X, rate)
    assert Y.dtype == dtype and Y.shape == shape
    assert_array_equal(Y, expected)
    assert_array_equal(numpy.signbit(Y), numpy.signbit(expected))
    dX = ops._backprop_dropout(dY, kept)
    assert dX.dtype == dtype and dX.shape == shape
    assert_array_equal(dX, dY * mask)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_large_arrays_are_written_past_the_caches(ops, dtype):
    X = normal((1500, 1501), dtype)
    expected, mask = masked(ops, X, 0.3)
    before = thinc.get_num_threads()
    try:
        for threads in (1, 2):
            thinc.set_num_threads(threads)
            numpy.random.seed(3)
            Y, kept = ops._dropout(X, 0.3)
            assert_array_equal(Y, expected)
            assert_array_equal(ops._backprop_dropout(X, kept), X * mask)
    finally:
        thinc.set_num_threads(before)


def test_values_that_are_not_finite(ops):
    X = numpy.array([numpy.nan, numpy.inf, -numpy.inf, -0.0, 1e-45] * 40, "f")
    with numpy.errstate(invalid="ignore"):
        expected, _ = masked(ops, X, 0.5)
        numpy.random.seed(3)
        assert_array_equal(ops._dropout(X, 0.5)[0], expected)


def test_other_layouts_and_dtypes(ops):
    X = normal((30, 20), "float32")
    expected, mask = masked(ops, X, 0.4)
    for same in (numpy.asfortranarray(X), numpy.repeat(X, 2, axis=1)[:, ::2], X.astype(">f4")):
        numpy.random.seed(3)
        Y, kept = ops._dropout(same, 0.4)
        assert_array_equal(Y, expected)
        for dY in (same, X.astype("float64"), X.astype("float16")):
            assert_array_equal(ops._backprop_dropout(dY, kept), dY * mask)
    numpy.random.seed(3)
    Y, kept = ops._dropout(numpy.ones((30, 20), "float16"), 0.4)
    assert_array_equal(Y, mask)
    assert_array_equal(ops._backprop_dropout(X, kept), X * mask)


@pytest.mark.parametrize("rate", [-1.0, 0.0, 1.0, 2.0])
def test_rates_that_draw_nothing(ops, rate):
    X = normal((5, 6), "float32")
    state = numpy.random.get_state()[2]
    Y, kept = ops._dropout(X, rate)
    assert numpy.random.get_state()[2] == state
    scale = 1.0 if rate <= 0 else 0.0
    assert_array_equal(Y, X * scale)
    assert_array_equal(ops._backprop_dropout(X, kept), X * scale)


def test_the_mask_takes_a_bit_for_each_element(ops):
    X = normal((1000, 64), "float32")
    Y, kept = ops._dropout(X, 0.5)
    before = Y.copy()
    Y[...] = X[...] = 0  # neither the input nor the output is what it remembers
    dX = ops._backprop_dropout(numpy.ones_like(X), kept)
    assert_array_equal(dX != 0, before != 0)


def test_refusals(ops):
    X = normal((5, 6), "float32")
    with pytest.raises(ValueError, match="NaN"):
        ops._dropout(X, float("nan"))
    _, kept = ops._dropout(X, 0.5)
    with pytest.raises(ValueError, match="expected a gradient of 30 elements, but got shape"):
        ops._backprop_dropout(numpy.ones((50, 60), "f"), kept)


def test_reference():
    X, dY = normal((20, 30), "float32"), normal((20, 30), "float32", 1)
    reference = Ops()
    numpy.random.seed(0)
    Y, kept = reference._dropout(X, 0.25)
    numpy.random.seed(0)
    mask = reference.get_dropout_mask(X.shape, 0.25)
    assert_array_equal(Y, X * mask)
    assert_array_equal(reference._backprop_dropout(dY, kept), dY * mask)
