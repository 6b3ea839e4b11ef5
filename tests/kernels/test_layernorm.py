"""Compiled layer norm and sums over rows against float64 formulas, on every instruction set."""

import numpy
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from thinc.backends import NumpyOps
from thinc.kernels._dispatch import available_isas, use_isa

WIDTHS = [1, 2, 3, 4, 5, 7, 8, 9, 15, 16, 17, 31, 33, 63, 64, 65, 129, 300]


@pytest.fixture(params=available_isas())
def ops(request):
    with use_isa(request.param):
        yield NumpyOps()


def normal(shape, dtype, seed):
    return numpy.random.default_rng(seed).normal(size=shape).astype(dtype)


def exact(X, G, b):
    X, G, b = (A.astype("float64") for A in (X, G, b))
    mu = X.mean(axis=1, keepdims=True)
    v = X.var(axis=1, keepdims=True) + 1e-8
    return (X - mu) / numpy.sqrt(v) * G + b, mu[:, 0], 1 / numpy.sqrt(v[:, 0])


def exact_gradients(dY, X, G):
    # the formula of the published layer
    dY, X, G = (A.astype("float64") for A in (dY, X, G))
    n = X.shape[1]
    centred = X - X.mean(axis=1, keepdims=True)
    v = X.var(axis=1, keepdims=True) + 1e-8
    d = dY * G
    total = d.sum(axis=1, keepdims=True)
    moment = (d * centred).sum(axis=1, keepdims=True)
    dX = (n * d - total - centred / v * moment) / numpy.sqrt(v) / n
    return dX, (dY * centred / numpy.sqrt(v)).sum(axis=0), dY.sum(axis=0)


@pytest.mark.parametrize("width", WIDTHS)
@pytest.mark.parametrize("rows", [0, 1, 6])
def test_layernorm(ops, dtype, rows, width):
    X, dY = normal((rows, width), dtype, 0) * 3 + 2, normal((rows, width), dtype, 1)
    G, b = normal(width, dtype, 2), normal(width, dtype, 3)
    tolerance = 1e-5 if dtype == "float32" else 1e-13
    Y, mu, rstd = ops._layernorm(X, G, b)
    for found, wanted in zip((Y, mu, rstd), exact(X, G, b), strict=True):
        assert found.dtype == dtype
        assert_allclose(found, wanted, rtol=tolerance, atol=tolerance)
    gradients = ops._backprop_layernorm(dY, X, G, mu, rstd)
    for found, wanted in zip(gradients, exact_gradients(dY, X, G), strict=True):
        assert found.dtype == dtype
        # width 1: a row without variance, whose gradient is a difference of equals times 1e4
        assert_allclose(found, wanted, rtol=10 * tolerance, atol=tolerance * (1 if width > 2 else 1e4))


def test_reference_agrees(ops):
    from thinc.backends._ops_fused import FusedOps

    class Reference(FusedOps):
        xp = numpy

    X, dY, G, b = (
        normal((9, 21), "float64", 0),
        normal((9, 21), "float64", 1),
        normal(21, "f8", 2),
        normal(21, "f8", 3),
    )
    expected = Reference()._layernorm(X, G, b)
    for found, wanted in zip(ops._layernorm(X, G, b), expected, strict=True):
        assert_allclose(found, wanted, rtol=1e-12)
    _, mu, rstd = expected
    for found, wanted in zip(
        ops._backprop_layernorm(dY, X, G, mu, rstd),
        Reference()._backprop_layernorm(dY, X, G, mu, rstd),
        strict=True,
    ):
        assert_allclose(found, wanted, rtol=1e-10, atol=1e-12)
    assert_allclose(ops._sum_columns(X), Reference()._sum_columns(X), rtol=1e-12)


def test_far_from_zero(ops):
    # a one-pass variance would lose everything
    X = (normal((4, 300), "float64", 0) + 1000).astype("float32")
    one, zero = numpy.ones(300, "f4"), numpy.zeros(300, "f4")
    assert_allclose(ops._layernorm(X, one, zero)[0], exact(X, one, zero)[0], atol=2e-4)


def test_views_and_other_kinds(ops, dtype):
    X, G, b = normal((4, 12), dtype, 0), normal(12, dtype, 1), normal(12, dtype, 2)
    Y, mu, rstd = ops._layernorm(X, G, b)
    dX = ops._backprop_layernorm(X, X, G, mu, rstd)[0]
    wide = numpy.zeros((4, 24), dtype=dtype)
    wide[:, ::2] = X
    wide.flags.writeable = False
    assert_array_equal(ops._layernorm(wide[:, ::2], G, b)[0], Y)
    assert_array_equal(ops._backprop_layernorm(wide[:, ::2], wide[:, ::2], G, mu, rstd)[0], dX)
    assert_array_equal(ops._layernorm(X, G[::-1].copy()[::-1], b)[0], Y)
    mixed = ops._layernorm(X, G.astype("float64"), b)[0]  # the reference
    assert_allclose(mixed, Y, atol=1e-5)


@pytest.mark.parametrize("shape", [(0, 3), (1, 1), (1, 17), (5, 0), (63, 5), (64, 64), (65, 65), (200, 300)])
def test_sum_columns(ops, dtype, shape):
    X = normal(shape, dtype, 0)
    sums = ops._sum_columns(X)
    assert sums.dtype == dtype
    tolerance = 1e-5 if dtype == "float32" else 1e-13
    assert_allclose(sums, X.astype("float64").sum(axis=0), rtol=tolerance, atol=tolerance)
    assert_array_equal(ops._sum_columns(numpy.asfortranarray(X)), sums)


def test_sum_columns_of_many_rows(ops):
    # plain addition would be off by 1e-3 here
    X = numpy.full((100_000, 3), 0.1, dtype="float32")
    assert_allclose(ops._sum_columns(X), numpy.float64(numpy.float32(0.1)) * 100_000, rtol=1e-5)
