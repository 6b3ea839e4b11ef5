"""Errors of the kernels' elementary functions, in units of the last place, on every instruction set."""

import math

import numpy
import pytest

from thinc.kernels._elementary import evaluate

pytestmark = pytest.mark.usefixtures("isa")

# 64 bits of mantissa where the platform has them; elsewhere the oracle is as coarse as what it measures.
WIDE = {"float32": numpy.float64, "float64": numpy.longdouble}
EXTENDED = numpy.finfo(numpy.longdouble).nmant > 60
MODERATE = {"float32": 87.0, "float64": 708.0}


def erf(X):
    return numpy.asarray([math.erf(x) for x in X])


def normal_tail(X):
    return numpy.asarray([math.erfc(abs(x) / math.sqrt(2)) / 2 for x in X])


def logistic(X):
    return 1 / (1 + numpy.exp(-X))


def ulps(Y, exact, dtype):
    spacing = numpy.spacing(numpy.abs(exact).astype(dtype)).astype(exact.dtype)
    return float(numpy.max(numpy.abs(Y.astype(exact.dtype) - exact) / spacing))


def spread(low, high, dtype, n=200_003):
    """Numbers of both scales: even, and dense towards 0."""
    even = numpy.linspace(low, high, n)
    size = max(abs(low), abs(high))
    small = numpy.geomspace(size * 1e-12, size, n // 8)
    numbers = numpy.concatenate([even, small, -small]).astype(dtype)
    return numbers[(numbers >= low) & (numbers <= high)]


@pytest.mark.parametrize(
    "name, oracle, bounds, limit",
    [
        ("exp", numpy.exp, {"float32": (-103, 88.7), "float64": (-745, 709.7)}, 1.05),
        ("exp_moderate", numpy.exp, {"float32": (-87, 87), "float64": (-708, 708)}, 1.05),
        ("exp_negative", numpy.exp, {"float32": (-87, 0), "float64": (-708, 0)}, 1.05),
        ("log", numpy.log, {"float32": (1e-37, 1e38), "float64": (1e-307, 1e308)}, 0.95),
        ("log", numpy.log, {"float32": (0.3, 3), "float64": (0.3, 3)}, 0.95),
        ("log1p", numpy.log1p, {"float32": (-0.9999, 1e6), "float64": (-0.9999, 1e6)}, 1.5),
        ("log1p", numpy.log1p, {"float32": (-0.9, 2), "float64": (-0.9, 2)}, 1.5),
        ("tanh", numpy.tanh, {"float32": (-12, 12), "float64": (-25, 25)}, 2.6),
        ("logistic", logistic, {"float32": (-87, 40), "float64": (-708, 50)}, 2.5),
    ],
)
def test_ulps(name, oracle, bounds, limit, dtype):
    X = spread(*bounds[dtype], dtype)
    exact = oracle(X.astype(WIDE[dtype]))
    if dtype == "float64" and not EXTENDED:
        limit += 1
    assert ulps(evaluate(name, X), exact, dtype) <= limit


def test_erf_ulps(dtype):
    X = spread(-6, 6, dtype, 20_001)
    assert ulps(evaluate("erf", X), erf(X.astype("float64")), dtype) <= (2.5 if dtype == "float32" else 4.0)


def test_normal_tail(dtype):
    X = spread(-12, 12, dtype, 20_001)
    exact = normal_tail(X.astype("float64"))
    error = numpy.abs(evaluate("normal_tail", X) - exact)
    epsilon = numpy.finfo(dtype).eps
    assert error.max() <= 2 * epsilon
    # relative, growing with the square of x
    assert numpy.max(error / exact / (1 + X.astype("float64") ** 2)) <= 4 * epsilon


def test_special_values(dtype):
    def at(name, *values):
        return evaluate(name, numpy.array(values, dtype=dtype))

    inf, nan = math.inf, math.nan
    numpy.testing.assert_array_equal(at("exp", -inf, inf, nan, 0, -1e30, 1e30), [0, inf, nan, 1, 0, inf])
    numpy.testing.assert_array_equal(at("exp_negative", -inf, nan, 0, -1e30), [0, nan, 1, 0])
    numpy.testing.assert_array_equal(at("log", 0, -1, -inf, inf, nan, 1), [-inf, nan, nan, inf, nan, 0])
    numpy.testing.assert_array_equal(at("log1p", -1, -2, inf, nan, 0), [-inf, nan, inf, nan, 0])
    numpy.testing.assert_array_equal(at("tanh", -inf, inf, nan, 0), [-1, 1, nan, 0])
    numpy.testing.assert_array_equal(at("logistic", -inf, inf, nan, 0), [0, 1, nan, 0.5])
    numpy.testing.assert_array_equal(at("erf", -inf, inf, nan, 0), [-1, 1, nan, 0])


def test_denormals(dtype):
    tiny = float(numpy.finfo(dtype).smallest_subnormal)
    X = numpy.array([tiny, 3 * tiny, 1000 * tiny], dtype=dtype)
    numpy.testing.assert_allclose(
        evaluate("log", X), numpy.log(X.astype(WIDE[dtype])).astype("float64"), rtol=1e-6
    )
    for name in ("tanh", "log1p"):
        numpy.testing.assert_array_equal(evaluate(name, X), X)
    small = {"float32": -95.0, "float64": -740.0}[dtype]
    Y = evaluate("exp", numpy.array([small], dtype=dtype))
    assert 0 < Y[0] < numpy.finfo(dtype).tiny
    assert abs(Y[0] - math.exp(small)) <= 2 * tiny


def test_every_length(dtype):
    X = numpy.linspace(-3, 3, 200).astype(dtype)
    whole = evaluate("exp", X)
    for n in range(70):
        numpy.testing.assert_array_equal(evaluate("exp", X[:n]), whole[:n])


def test_bad_arguments():
    with pytest.raises(ValueError, match="No elementary function 'sin'"):
        evaluate("sin", numpy.zeros(2))
    with pytest.raises(TypeError, match="int64"):
        evaluate("exp", numpy.zeros(2, dtype="int64"))
