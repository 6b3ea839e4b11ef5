"""Compiled activations against float64 formulas, on every instruction set."""

import math

import numpy
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from thinc.backends import NumpyOps, Ops
from thinc.kernels._dispatch import available_isas, use_isa

SIZES = [0, 1, 2, 3, 4, 5, 7, 8, 9, 15, 16, 17, 31, 33, 64, 301]
erf = numpy.vectorize(math.erf, otypes=["float64"])


def sigma(x):
    return 1 / (1 + numpy.exp(numpy.minimum(-x, 700)))


def softplus(x):
    return numpy.logaddexp(0, x)


def mish_slope(x):
    s = softplus(x)
    return numpy.where(x >= 20, 1, numpy.tanh(s) + x * sigma(x) / numpy.cosh(numpy.minimum(s, 300)) ** 2)


def gelu_approx_argument(x):
    return math.sqrt(2 / math.pi) * (x + 0.044715 * x**3)


def gelu_approx_slope(x):
    u = gelu_approx_argument(x)
    sech2 = 4 * sigma(2 * u) * sigma(-2 * u)  # 1 - tanh(u)**2, without cancellation
    return sigma(2 * u) + 0.5 * x * sech2 * math.sqrt(2 / math.pi) * (1 + 3 * 0.044715 * x * x)


def dish(x):
    s = numpy.sqrt(1 + x * x)
    return 0.5 * x * numpy.where(x < 0, 1 / (s * (s + numpy.abs(x))), 1 + x / s)


def dish_slope(x):
    r = x / numpy.sqrt(1 + x * x)
    return r - 0.5 * r**3 + 0.5


# name: y = f(x), dy/dx
FORMULAS = {
    "sigmoid": (lambda x: sigma(numpy.clip(x, -20, 20)), None),
    "relu": (lambda x: numpy.where(x > 0, x, 0), lambda x: numpy.where(x > 0, 1.0, 0.0)),
    "relu_k": (lambda x: numpy.clip(x, 0, 6), lambda x: numpy.where((x > 0) & (x < 6), 1.0, 0.0)),
    "clipped_linear": (lambda x: numpy.clip(x, 0, 1), lambda x: numpy.where((x > 0) & (x < 1), 1.0, 0.0)),
    "hard_sigmoid": (
        lambda x: numpy.clip(0.2 * x + 0.5, 0, 1),
        lambda x: numpy.where((x > -2.5) & (x < 2.5), 0.2, 0.0),
    ),
    "hard_tanh": (lambda x: numpy.clip(x, -1, 1), lambda x: numpy.where((x > -1) & (x < 1), 1.0, 0.0)),
    "swish": (lambda x: x * sigma(x), lambda x: sigma(x) + x * sigma(x) * sigma(-x)),
    "hard_swish": (
        lambda x: x * numpy.clip(0.2 * x + 0.5, 0, 1),
        lambda x: numpy.where(x > 2.5, 1, numpy.where(x < -2.5, 0, 0.4 * x + 0.5)),
    ),
    "hard_swish_mobilenet": (
        lambda x: x * numpy.clip(x + 3, 0, 6) / 6,
        lambda x: numpy.where(x > 3, 1, numpy.where(x < -3, 0, (2 * x + 3) / 6)),
    ),
    "dish": (dish, dish_slope),
    "gelu": (
        lambda x: 0.5 * x * (1 + erf(x / math.sqrt(2))),
        lambda x: 0.5 * (1 + erf(x / math.sqrt(2))) + x * numpy.exp(-0.5 * x * x) / math.sqrt(2 * math.pi),
    ),
    "gelu_approx": (lambda x: 0.5 * x * (1 + numpy.tanh(gelu_approx_argument(x))), gelu_approx_slope),
    "mish": (lambda x: numpy.where(x >= 20, x, x * numpy.tanh(softplus(x))), mish_slope),
    "erf": (erf, None),
    "sechsq": (lambda x: 1 / numpy.cosh(numpy.clip(x, -20, 20)) ** 2, None),
    "dsigmoid": (lambda y: y * (1 - y), None),
    "dtanh": (lambda y: 1 - y * y, None),
}
FORWARD = list(FORMULAS)
BACKWARD = [name for name in FORMULAS if FORMULAS[name][1]]
OF_OUTPUT = {"relu"}  # whose backprop takes Y, not X


@pytest.fixture(params=available_isas())
def ops(request):
    with use_isa(request.param):
        yield NumpyOps()


def inputs(dtype, n=None):
    if n is None:
        return numpy.concatenate(
            [numpy.linspace(-30, 30, 60_001), numpy.linspace(-2, 2, 4001), [1e-30, -1e-30, 0.0]]
        ).astype(dtype)
    return (numpy.random.default_rng(n).normal(size=n) * 3).astype(dtype)


def backward(ops, name, dY, X, **kwargs):
    if name == "swish":
        return ops.backprop_swish(dY, X, ops.swish(X), **kwargs)
    return getattr(ops, f"backprop_{name}")(dY, ops.relu(X) if name in OF_OUTPUT else X, **kwargs)


@pytest.mark.parametrize("name", FORWARD)
def test_forward_error(ops, dtype, name):
    X = inputs(dtype)
    Y = getattr(ops, name)(X)
    exact = FORMULAS[name][0](X.astype("float64"))
    assert Y.dtype == dtype
    assert Y is not X
    assert_array_equal(X, inputs(dtype))
    error = numpy.abs(Y - exact) / numpy.maximum(1, numpy.abs(exact))
    limit = 6 if name == "gelu" else 3  # gelu in float32: 6.5e-7, near x = -5
    assert error.max() <= limit * numpy.finfo(dtype).eps


@pytest.mark.parametrize("name", BACKWARD)
def test_backward_error(ops, dtype, name):
    X = inputs(dtype)
    dX = backward(ops, name, numpy.ones_like(X), X)
    exact = FORMULAS[name][1](X.astype("float64"))
    assert dX.dtype == dtype
    assert numpy.abs(dX - exact).max() <= 4 * numpy.finfo(dtype).eps


@pytest.mark.parametrize("n", SIZES)
@pytest.mark.parametrize("name", FORWARD)
def test_every_size_and_view(ops, dtype, name, n):
    X = inputs(dtype, n)
    f = getattr(ops, name)
    expected = FORMULAS[name][0](X.astype("float64"))
    tolerance = 30 * numpy.finfo(dtype).eps
    assert_allclose(f(X), expected, rtol=tolerance, atol=tolerance)
    wide = numpy.full((n, 3), numpy.nan, dtype=dtype)
    wide[:, 1] = X
    wide.flags.writeable = False
    assert_array_equal(f(wide[:, 1]), f(X))
    assert_array_equal(f(wide[::-1, 1]), f(X)[::-1])


@pytest.mark.parametrize("name", [name for name in FORWARD if name not in ("erf", "sechsq")])
def test_forward_in_place(ops, dtype, name):
    X = inputs(dtype, 40).reshape(5, 8)
    f = getattr(ops, name)
    expected = f(X)
    same = X.copy()
    assert f(same, inplace=True) is same
    assert_array_equal(same, expected)
    wide = numpy.full((5, 16), 7, dtype=dtype)
    view = wide[:, ::2]
    view[...] = X
    assert f(view, inplace=True) is view
    assert_array_equal(wide[:, ::2], expected)
    assert (wide[:, 1::2] == 7).all()
    fortran = numpy.asfortranarray(X)
    assert f(fortran, inplace=True) is fortran
    assert_array_equal(fortran, expected)
    same.flags.writeable = False
    with pytest.raises(ValueError, match="read-only"):
        f(same, inplace=True)
    assert_array_equal(same, expected)


@pytest.mark.parametrize("name", BACKWARD)
def test_backward_in_place_and_views(ops, dtype, name):
    X, dY = inputs(dtype, 40).reshape(5, 8), inputs(dtype, 41)[1:].reshape(5, 8)
    expected = backward(ops, name, dY, X)
    kept = X.copy()
    same = dY.copy()
    assert backward(ops, name, same, X, inplace=True) is same
    assert_array_equal(same, expected)
    assert_array_equal(X, kept)
    assert_array_equal(backward(ops, name, numpy.asfortranarray(dY), X), expected)
    assert_array_equal(backward(ops, name, dY, numpy.asfortranarray(X)), expected)
    wide = numpy.full((5, 16), 7, dtype=dtype)
    view = wide[:, ::2]
    view[...] = dY
    assert backward(ops, name, view, X, inplace=True) is view
    assert_array_equal(wide[:, ::2], expected)
    assert (wide[:, 1::2] == 7).all()
    same.flags.writeable = False
    with pytest.raises(ValueError, match="read-only"):
        backward(ops, name, same, X, inplace=True)


@pytest.mark.parametrize("name", [*BACKWARD, "sigmoid"])
def test_shape_mismatch(ops, dtype, name):
    dY = numpy.ones((2, 3), dtype=dtype)
    for shape in [(3, 2), (2, 4), (1, 3), (3,), ()]:
        X = numpy.ones(shape, dtype=dtype)
        with pytest.raises(ValueError, match="shape"):
            backward(ops, name, dY, X)


def test_backprop_sigmoid_changes_Y(ops, dtype):
    Y, dY = numpy.abs(inputs(dtype, 20)), inputs(dtype, 21)[1:]
    expected = dY.astype("float64") * Y * (1 - Y.astype("float64"))
    assert_allclose(ops.backprop_sigmoid(dY, Y), expected, rtol=1e-5)
    kept = dY.copy()
    assert ops.backprop_sigmoid(dY, Y, inplace=True) is Y
    assert_allclose(Y, expected, rtol=1e-5)
    assert_array_equal(dY, kept)


@pytest.mark.parametrize("name", BACKWARD)
def test_gradient_overlapping_its_input(ops, dtype, name):
    memory = inputs(dtype, 65)
    dY, X = memory[:-1], memory[1:]
    expected = backward(ops, name, dY.copy(), X.copy())
    backward(ops, name, dY, X, inplace=True)
    assert_array_equal(memory[:-1], expected)


LIMITS = {  # at -inf, +inf
    "sigmoid": (sigma(-20), sigma(20)),
    "clipped_linear": (0, 1),
    "relu_k": (0, 6),
    "hard_sigmoid": (0, 1),
    "hard_tanh": (-1, 1),
    "erf": (-1, 1),
    "sechsq": (1 / math.cosh(20) ** 2,) * 2,
}


@pytest.mark.parametrize("name", [name for name in FORWARD if name not in ("dsigmoid", "dtanh")])
def test_forward_limits(ops, dtype, name):
    low, high = LIMITS.get(name, (0, math.inf))
    big = 1e30
    X = numpy.array([-math.inf, -big, -1000, 1000, big, math.inf, math.nan], dtype=dtype)
    Y = getattr(ops, name)(X)
    assert numpy.isnan(Y[6])
    if name == "dish":  # -1 / (4 |x|)
        low = [0, 0, -0.00025]
    assert_allclose(Y[:3], numpy.broadcast_to(low, 3), rtol=1e-5, atol=1e-17)
    if math.isinf(high):
        assert_allclose(Y[3:6], X[3:6], rtol=1e-6)
    else:
        assert_allclose(Y[3:6], high, rtol=1e-6)


@pytest.mark.parametrize("name", BACKWARD)
def test_backward_limits(ops, dtype, name):
    X = numpy.array([-math.inf, -1e30, -1000, 1000, 1e30, math.inf], dtype=dtype)
    dX = backward(ops, name, numpy.ones_like(X), X)
    bounded = name in ("clipped_linear", "relu_k", "hard_sigmoid", "hard_tanh")
    assert_allclose(dX, [0, 0, 0] + [0 if bounded else 1] * 3, atol=1e-6)


def test_relu_is_exact(ops, dtype):
    tiny = numpy.finfo(dtype).smallest_subnormal
    X = numpy.array([-math.inf, -tiny, -0.0, 0.0, tiny, math.inf, math.nan] * 5, dtype=dtype)
    Y = ops.relu(X)
    assert_array_equal(Y, [0, 0, 0, 0, tiny, math.inf, math.nan] * 5)
    assert not numpy.signbit(Y).any()
    # the gradient is taken or left, not multiplied
    dY = numpy.full_like(X, math.inf)
    assert_array_equal(ops.backprop_relu(dY, Y), [0, 0, 0, 0, math.inf, math.inf, 0] * 5)


@pytest.mark.parametrize("threshold", [-1.0, 0.5, 5.0, 20.0, 1000.0])
def test_mish_threshold(ops, dtype, threshold):
    X = numpy.linspace(-60, 60, 2401).astype(dtype)
    x = X.astype("float64")
    Y = numpy.where(x >= threshold, x, x * numpy.tanh(softplus(x)))
    smooth = numpy.tanh(softplus(x)) + x * sigma(x) / numpy.cosh(softplus(x)) ** 2
    assert_allclose(ops.mish(X, threshold=threshold), Y, atol=1e-5)
    dX = ops.backprop_mish(numpy.ones_like(X), X, threshold=threshold)
    assert_allclose(dX, numpy.where(x >= threshold, 1, smooth), atol=1e-6)


@pytest.mark.parametrize(
    "slope, offset, low, high", [(2, 0.5, -1, 3), (-1.5, 1, -2, 2), (0, 0.25, 0, 1), (0.1, 0, -1, 1)]
)
def test_clipped_linear(ops, dtype, slope, offset, low, high):
    X = numpy.concatenate([numpy.linspace(-20, 20, 401), [10, -10]]).astype(dtype)
    x = X.astype("float64")
    Y = ops.clipped_linear(X, slope, offset, low, high)
    assert_allclose(Y, numpy.clip(slope * x + offset, low, high), rtol=1e-6, atol=1e-6)
    dX = ops.backprop_clipped_linear(numpy.full_like(X, 2), X, slope, offset, low, high)
    assert_array_equal(dX, Ops().backprop_clipped_linear(numpy.full_like(X, 2), X, slope, offset, low, high))


def test_other_kinds_go_to_the_reference(ops):
    half = numpy.linspace(-3, 3, 11).astype("float16")
    assert ops.gelu(half).dtype == "float16"
    assert ops.backprop_mish(half, half).dtype == "float16"
    swapped = numpy.linspace(-3, 3, 11).astype(">f4")
    assert_allclose(ops.mish(swapped), ops.mish(swapped.astype("f4")), rtol=1e-6)
    mixed = ops.backprop_gelu(half.astype("float32"), half.astype("float64"))
    assert_allclose(mixed, Ops().backprop_gelu(half.astype("float64"), half.astype("float64")), rtol=1e-3)


@pytest.mark.parametrize("shape", [(), (0,), (3, 0, 2), (2, 3, 4, 5)])
def test_shapes(ops, dtype, shape):
    X = numpy.ones(shape, dtype=dtype)
    for name in BACKWARD:
        assert getattr(ops, name)(X).shape == shape
        assert backward(ops, name, X, X).shape == shape
