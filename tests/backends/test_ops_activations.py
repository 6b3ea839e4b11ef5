"""Activations against formulas in float64, and gradients against numeric ones."""

import math

import numpy
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from thinc.backends import NumpyOps, Ops

Erf = numpy.vectorize(math.erf, otypes=["d"])


def sigmoid(x):
    return 1 / (1 + numpy.exp(-numpy.clip(x, -20, 20)))


def softplus(x):
    return numpy.log1p(numpy.exp(-numpy.abs(x))) + numpy.maximum(x, 0)


# The definitions, written once more in float64.
FORWARD = {
    "sigmoid": sigmoid,
    "relu": lambda x: numpy.maximum(x, 0),
    "relu_k": lambda x: numpy.clip(x, 0, 6),
    "clipped_linear": lambda x: numpy.clip(x, 0, 1),
    "hard_sigmoid": lambda x: numpy.clip(0.2 * x + 0.5, 0, 1),
    "hard_tanh": lambda x: numpy.clip(x, -1, 1),
    "swish": lambda x: x * sigmoid(x),
    "hard_swish": lambda x: x * numpy.clip(0.2 * x + 0.5, 0, 1),
    "hard_swish_mobilenet": lambda x: x * numpy.clip(x + 3, 0, 6) / 6,
    "dish": lambda x: 0.5 * x * (x / numpy.sqrt(1 + x**2) + 1),
    "gelu": lambda x: x * 0.5 * (1 + Erf(x / numpy.sqrt(2))),
    "gelu_approx": lambda x: 0.5 * x * (1 + numpy.tanh(numpy.sqrt(2 / numpy.pi) * (x + 0.044715 * x**3))),
    "mish": lambda x: numpy.where(x >= 20, x, x * numpy.tanh(softplus(x))),
}
OF_OUTPUT = ("sigmoid", "relu")  # their backward takes Y in place of X
NAMES = sorted(FORWARD)


def backprop(ops, name, dY, X, **kwargs):
    if name in OF_OUTPUT:
        return getattr(ops, f"backprop_{name}")(dY, getattr(ops, name)(X), **kwargs)
    if name == "swish":
        return ops.backprop_swish(dY, X, ops.swish(X), **kwargs)
    return getattr(ops, f"backprop_{name}")(dY, X, **kwargs)


@pytest.fixture
def X(dtype, rng):
    # Away from the kinks, where the numeric derivative is the mean of two.
    X = numpy.concatenate([rng.uniform(-30, 30, 500), rng.uniform(-4, 4, 500)])
    for kink in (-3, -2.5, -1, 0, 1, 2.5, 3, 6, 20):
        X = X[numpy.abs(X - kink) > 1e-3]
    return X[: len(X) // 6 * 6].reshape(6, -1).astype(dtype)


@pytest.mark.parametrize("name", NAMES)
def test_forward(ops, name, X, dtype):
    before = X.copy()
    Y = getattr(ops, name)(X)
    assert Y.dtype == dtype
    assert not numpy.shares_memory(X, Y)
    assert_array_equal(X, before)
    tolerance = 1e-5 if dtype == "float32" else 1e-6  # a fast erf or tanh may be as inexact as that
    assert_allclose(Y, FORWARD[name](X.astype("d")), atol=tolerance, rtol=tolerance)


@pytest.mark.parametrize("name", NAMES)
def test_backward(ops, name, X, dtype, rng):
    dY = rng.normal(size=X.shape).astype(dtype)
    before = dY.copy()
    dX = backprop(ops, name, dY, X)
    assert dX.dtype == dtype
    assert not numpy.shares_memory(dX, dY)
    assert_array_equal(dY, before)
    x, eps = X.astype("d"), 1e-5
    slope = (FORWARD[name](x + eps) - FORWARD[name](x - eps)) / (2 * eps)
    if name == "sigmoid":
        slope = FORWARD[name](x) * (1 - FORWARD[name](x))  # not 0 where x is clipped
    if name == "swish":
        slope = FORWARD[name](x) + sigmoid(x) * (1 - FORWARD[name](x))
    assert_allclose(dX, dY.astype("d") * slope, atol=2e-5, rtol=1e-5)


@pytest.mark.parametrize("name", NAMES)
def test_inplace(ops, name, X, rng):
    expected = getattr(ops, name)(X)
    target = X.copy()
    assert getattr(ops, name)(target, inplace=True) is target
    assert_allclose(target, expected, rtol=1e-6, atol=1e-7)

    dY = rng.normal(size=X.shape).astype(X.dtype)
    expected = backprop(ops, name, dY, X)
    if name == "sigmoid":
        Y = ops.sigmoid(X)
        assert ops.backprop_sigmoid(dY, Y, inplace=True) is Y
        assert_allclose(Y, expected, rtol=1e-6, atol=1e-7)
    else:
        target = dY.copy()
        assert backprop(ops, name, target, X, inplace=True) is target
        assert_allclose(target, expected, rtol=1e-6, atol=1e-7)


@pytest.mark.parametrize("name", NAMES)
def test_edge_ops_6_strides_are_honoured(ops, name, X):
    """§17.6: in place on strided arrays, and mixed memory orders in backward."""
    dY = numpy.cos(X)
    expected, expected_dX = getattr(ops, name)(X), backprop(ops, name, dY, X)
    wide = numpy.repeat(X, 2, axis=1)
    getattr(ops, name)(wide[:, ::2], inplace=True)
    assert_allclose(wide[:, ::2], expected, rtol=1e-6, atol=1e-7)
    assert_array_equal(wide[:, 1::2], X)
    for dY_, X_ in [
        (numpy.asfortranarray(dY), X),
        (dY, numpy.asfortranarray(X)),
        (dY[::-1][::-1], numpy.repeat(X, 3, axis=0)[::3]),
    ]:
        assert_allclose(backprop(ops, name, dY_, X_), expected_dX, rtol=1e-5, atol=1e-6)
        if name != "sigmoid":
            target = dY_.copy(order="K")
            assert_allclose(backprop(ops, name, target, X_, inplace=True), expected_dX, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("name", NAMES)
def test_edge_ops_7_read_only(ops, name):
    """§17.7: no writing through read-only arrays; reading them is fine."""
    X = numpy.ones((2, 2), dtype="f")
    X.flags.writeable = False
    assert getattr(ops, name)(X).shape == X.shape
    assert backprop(ops, name, X, X).shape == X.shape
    with pytest.raises(ValueError, match=r"read-only|writ"):
        getattr(ops, name)(X, inplace=True)
    assert_array_equal(X, 1)


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("shape", [(3, 4), (1, 4), (4,)])
def test_shape_mismatch(ops, name, shape):
    X = numpy.ones((2, 4), dtype="f")
    with pytest.raises(ValueError, match="shape"):
        backprop(ops, name, numpy.ones(shape, dtype="f"), X)


@pytest.mark.parametrize("name", NAMES)
def test_empty_and_other_ranks(ops, name, dtype):
    for shape in [(0,), (0, 4), (3, 0), (2, 3, 4), (5,)]:
        X = numpy.full(shape, 0.5, dtype=dtype)
        assert getattr(ops, name)(X).shape == shape
        assert backprop(ops, name, X, X).shape == shape


@pytest.mark.parametrize("name", NAMES)
def test_half_precision_is_kept(ops, name):
    X = numpy.linspace(-5, 5, 21, dtype="float16")
    Y = getattr(ops, name)(X)
    assert Y.dtype == "float16"
    assert_allclose(Y, FORWARD[name](X.astype("d")), atol=1e-2)
    assert backprop(ops, name, X, X).dtype == "float16"


@pytest.mark.parametrize("name", NAMES)
def test_nan_and_large_numbers(ops, name, dtype):
    X = numpy.array([numpy.nan, 1e30, -1e30], dtype=dtype)
    Y = getattr(ops, name)(X)
    assert numpy.isnan(Y[0])
    upper = {"sigmoid": 1, "relu_k": 6, "clipped_linear": 1, "hard_sigmoid": 1, "hard_tanh": 1}
    assert_allclose(Y[1], upper.get(name, 1e30), rtol=1e-6)
    dX = backprop(ops, name, numpy.ones(3, dtype=dtype), X)
    if name != "swish":  # its sigmoid is clipped, so Y is far from 0 at -1e30
        assert_allclose(dX[1:], [0 if name in upper else 1, 0], atol=1e-6)


def test_edge_ops_8_relu_at_minus_infinity(ops, dtype):
    """§17.8: 0 for -inf, and no negative zeros."""
    Y = ops.relu(numpy.array([-numpy.inf, -1, -0.0, numpy.inf, numpy.nan], dtype=dtype))
    assert_array_equal(Y, [0, 0, 0, numpy.inf, numpy.nan])
    assert not numpy.signbit(Y[:3]).any()


@pytest.mark.parametrize("name", ["hard_sigmoid", "hard_tanh"])
def test_edge_ops_13_inplace_is_honoured(ops, name):
    """§17.13"""
    dY = numpy.ones(3, dtype="f")
    X = numpy.array([-5, 0, 5], dtype="f")
    assert getattr(ops, f"backprop_{name}")(dY, X, inplace=True) is dY
    assert_array_equal(dY, numpy.array([0, 0.2 if name == "hard_sigmoid" else 1, 0], dtype="f"))


@pytest.mark.parametrize("slope", [0.0, -0.5, 2.0])
def test_edge_ops_14_clipped_linear_slopes(ops, slope, dtype):
    """§17.14: slope 0 has no gradient, a negative slope swaps the bounds."""
    X = numpy.linspace(-3, 3, 30).astype(dtype)
    Y = ops.clipped_linear(X, slope=slope, offset=0.25, min_val=-0.5, max_val=1)
    assert_allclose(Y, numpy.clip(X * slope + 0.25, -0.5, 1), rtol=1e-6)
    dX = ops.backprop_clipped_linear(
        numpy.full_like(X, 3), X, slope=slope, offset=0.25, min_val=-0.5, max_val=1
    )
    inside = (X * slope + 0.25 > -0.5) & (X * slope + 0.25 < 1)
    assert_allclose(dX, numpy.where(inside, 3 * slope, 0), rtol=1e-6)
    assert dX.dtype == dtype


def test_clipped_linear_bounds_are_exclusive(ops, dtype):
    X = numpy.array([0, 1e-3, 1], dtype=dtype)
    assert_array_equal(ops.backprop_clipped_linear(numpy.ones_like(X), X), [0, 1, 0])
    assert_array_equal(ops.backprop_relu_k(numpy.ones_like(X), X, n=1.0), [0, 1, 0])


@pytest.mark.parametrize("threshold", [-1.0, 5.0, 100.0])
@pytest.mark.parametrize("dtype", ["float16", "float32", "float64"])
def test_edge_ops_15_mish_threshold(ops, threshold, dtype):
    """§17.15: every dtype honours the threshold, and the gradient is stable beyond x = 30."""
    X = numpy.array([-60, -2, 0, 2, 4, 6, 31, 60, 99], dtype=dtype)
    x = X.astype("d")
    tolerance = {"float16": 3e-3, "float32": 1e-5, "float64": 1e-9}[dtype]
    Y = ops.mish(X, threshold=threshold)
    assert_allclose(Y, numpy.where(x >= threshold, x, x * numpy.tanh(softplus(x))), rtol=tolerance, atol=1e-6)
    dX = ops.backprop_mish(numpy.ones_like(X), X, threshold=threshold)
    s = softplus(x)
    slope = numpy.tanh(s) + x / numpy.cosh(s) ** 2 / (1 + numpy.exp(-x))
    assert_allclose(dX, numpy.where(x >= threshold, 1, slope), rtol=tolerance, atol=tolerance)


def test_edge_ops_19_sigmoid_is_clipped(ops, dtype):
    """§17.19"""
    Y = ops.sigmoid(numpy.array([-1000, 1000], dtype=dtype))
    assert_allclose(Y, [2.0611537e-09, 1 - 2.0611537e-09], rtol=1e-6)


def test_helpers(ops, dtype):
    Y = numpy.linspace(-0.9, 0.9, 11).astype(dtype)
    assert_allclose(ops.dsigmoid(Y), Y * (1 - Y), rtol=1e-6)
    assert_allclose(ops.dtanh(Y), 1 - Y**2, rtol=1e-6)
    target = Y.copy()
    assert ops.dsigmoid(target, inplace=True) is target
    assert ops.dtanh(target, inplace=True) is target
    X = numpy.linspace(-30, 30, 601).astype(dtype)
    assert_allclose(ops.erf(X), Erf(X), atol=2e-7)
    assert ops.erf(X).dtype == dtype
    assert_allclose(ops.sechsq(X), 1 / numpy.cosh(numpy.clip(X.astype("d"), -20, 20)) ** 2, rtol=1e-4)


def test_half_precision_large_input_does_not_warn(ops):
    X = numpy.array([-6e4, 6e4], dtype="float16")
    assert_allclose(ops.gelu_approx(X), [0, 6e4], rtol=1e-3)
    assert_allclose(ops.sigmoid(X), [0, 1], atol=1e-3)


def test_module_level_functions():
    from thinc.backends import ops as module

    X = numpy.linspace(-2, 2, 9)
    out = numpy.empty_like(X)
    assert module.sigmoid(X, out=out) is out
    assert_allclose(out, sigmoid(X))
    assert_allclose(module.dsigmoid(out), out * (1 - out))
    assert_allclose(module.dtanh(X), 1 - X**2)
    assert_allclose(module.gaussian_cdf(Ops(), X), 0.5 * (1 + Erf(X / math.sqrt(2))), atol=2e-7)
    assert_allclose(module.gaussian_pdf(NumpyOps(), X), numpy.exp(-(X**2) / 2) / math.sqrt(2 * math.pi))
    assert math.isclose(module.SQRT2PI, math.sqrt(2 / math.pi))
    assert math.isclose(module.INV_SQRT2, math.sqrt(0.5))
    assert math.isclose(module.INV_SQRT_2PI, 1 / math.sqrt(2 * math.pi))
