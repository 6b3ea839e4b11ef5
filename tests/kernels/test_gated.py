"""Compiled RMS norm, gated units and steps of the GRU against the reference in float64, on every instruction set."""

import numpy
import pytest
from numpy.testing import assert_allclose

from thinc.backends import NumpyOps, Ops

WIDTHS = [1, 2, 3, 4, 5, 7, 8, 9, 15, 16, 17, 33, 65]
TOLERANCE = {"float32": {"rtol": 2e-5, "atol": 2e-6}, "float64": {"rtol": 1e-12, "atol": 1e-13}}


class PlainOps(Ops):
    """The reference."""

    name = "plain"


def normal(*shape, seed=0):
    return numpy.random.default_rng(seed).normal(size=shape)


def compare(dtype, f, *arrays, **more):
    """Call the operation of both backends, with arrays of the dtype and of float64."""
    found = getattr(NumpyOps(), f)(*(A.astype(dtype) for A in arrays), **more)
    expected = getattr(PlainOps(), f)(*(A.astype(dtype).astype("float64") for A in arrays), **more)
    found, expected = (r if isinstance(r, tuple) else (r,) for r in (found, expected))
    for a, b in zip(found, expected, strict=True):
        assert a.dtype == dtype
        assert_allclose(a, b, **TOLERANCE[dtype])


@pytest.mark.parametrize("width", WIDTHS)
@pytest.mark.parametrize("rows", [0, 1, 6])
def test_rmsnorm(isa, dtype, rows, width):
    X, dY, G = normal(rows, width), normal(rows, width, seed=1), normal(width, seed=2)
    compare(dtype, "_rmsnorm", X, G, eps=1e-6)
    compare(dtype, "_backprop_rmsnorm", dY, X, G, 1 / numpy.sqrt((X * X).mean(axis=1) + 1e-6))


@pytest.mark.parametrize("width", WIDTHS)
@pytest.mark.parametrize("rows", [0, 1, 6])
@pytest.mark.parametrize("name", ["glu", "swiglu"])
def test_gated(isa, dtype, rows, width, name):
    A, dY = 3 * normal(rows, 2 * width), normal(rows, width, seed=1)
    compare(dtype, f"_{name}", A)
    compare(dtype, f"_backprop_{name}", dY, A)


@pytest.mark.parametrize("name", ["glu", "swiglu"])
def test_extreme_gates(isa, dtype, name):
    gates = numpy.array([-numpy.inf, -1e4, -30, 0, 30, 1e4, numpy.nan])
    A = numpy.array([numpy.full(7, 2.0), gates]).ravel()[None].astype(dtype)
    Y = getattr(NumpyOps(), f"_{name}")(A)[0]
    assert_allclose(Y[:3], 0, atol=1e-7)
    assert_allclose(Y[4:6], 2 * (gates[4:6] if name == "swiglu" else 1), rtol=1e-6)
    assert numpy.isnan(Y[6])
    dA = getattr(NumpyOps(), f"_backprop_{name}")(numpy.ones((1, 7), dtype), A)[0]
    assert numpy.isfinite(dA[[0, 1, 2, 3, 4, 5, 8, 9, 10, 11, 12]]).all()


@pytest.mark.parametrize("width", WIDTHS)
@pytest.mark.parametrize("rows", [0, 1, 6])
def test_gru_step(isa, dtype, rows, width):
    a, u, b, h = (
        normal(*shape, seed=i)
        for i, shape in enumerate([(rows, 3 * width), (rows, 3 * width), (1, width), (rows, width)])
    )
    dy, dh = normal(rows, width, seed=4), normal(rows, width, seed=5)
    results = []
    for ops, kind in ((NumpyOps(), dtype), (PlainOps(), "float64")):
        inputs = [A.astype(dtype).astype(kind) for A in (a, u, b, h)]
        y, gates = numpy.empty((rows, width), kind), numpy.empty((rows, 4 * width), kind)
        ops._gru_step(*inputs, y, gates)
        alone = numpy.empty_like(y)
        ops._gru_step(*inputs, alone)
        numpy.testing.assert_array_equal(alone, y)
        before, da = dh.astype(dtype).astype(kind), numpy.empty((rows, 3 * width), kind)
        du = numpy.empty_like(da)
        ops._backprop_gru_step(dy.astype(dtype).astype(kind), gates, inputs[3], before, da, du)
        results.append((y, gates, before, da, du))
    for found, expected in zip(*results, strict=True):
        assert_allclose(found, expected, **TOLERANCE[dtype])


def test_other_layouts_and_wrong_shapes(dtype):
    ops = NumpyOps()
    A, G = normal(5, 8).astype(dtype), normal(8, seed=1).astype(dtype)
    strided = numpy.asfortranarray(A)
    strided.flags.writeable = False
    numpy.testing.assert_array_equal(ops._glu(strided), ops._glu(A))
    numpy.testing.assert_array_equal(ops._rmsnorm(strided, G, 0.1)[0], ops._rmsnorm(A, G, 0.1)[0])
    h, a, b = A[:, :2].copy(), normal(5, 6).astype(dtype), normal(1, 2).astype(dtype)
    y, strided_y = numpy.empty_like(h), numpy.empty((5, 4), dtype)[:, ::2]
    ops._gru_step(a, a, b, h, y)
    ops._gru_step(a, a, b, h, strided_y)
    assert_allclose(strided_y, y, rtol=1e-5, atol=1e-6)
    for f in (ops._glu, ops._swiglu):
        with pytest.raises(ValueError, match="as many gates"):
            f(A[:, :7])
    with pytest.raises(ValueError):
        ops._backprop_glu(A[:, :3], A)
    with pytest.raises(ValueError):
        ops._gru_step(a, a[:, :5], b, h, y)
