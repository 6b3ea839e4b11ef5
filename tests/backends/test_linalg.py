"""Vector functions for Cython packages, called by the slots of their vtables, against NumPy in double precision."""

import pickle
from ctypes import c_float, c_int, c_int32, c_void_p

import numpy
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from helpers.c_interface import slot
from thinc.backends.linalg import Mat, Matrix, Vec, VecVec

SIZES = [1, 2, 3, 8, 33]
P, W, N = c_void_p, c_float, c_int32
# In the order of the slots, which is compiled into clients.
VEC = {
    "arg_max": (c_int, P, c_int),
    "max": (W, P, N),
    "sum": (W, P, N),
    "norm": (W, P, N),
    "add": (None, P, P, W, N),
    "add_i": (None, P, W, N),
    "mul": (None, P, P, W, N),
    "mul_i": (None, P, W, N),
    "pow": (None, P, P, W, N),
    "pow_i": (None, P, W, N),
    "div": (None, P, P, W, N),
    "div_i": (None, P, W, N),
    "exp": (None, P, P, N),
    "exp_i": (None, P, N),
    "reciprocal_i": (None, P, N),
    "mean": (W, P, N),
    "variance": (W, P, N),
}
VECVEC = {
    "add": (None, P, P, P, W, N),
    "add_i": (None, P, P, W, N),
    "batch_add_i": (None, P, P, W, N, N),
    "add_pow": (None, P, P, P, W, N),
    "add_pow_i": (None, P, P, W, N),
    "mul": (None, P, P, P, N),
    "mul_i": (None, P, P, N),
    "dot": (W, P, P, N),
    "arg_max_if_true": (c_int, P, P, c_int),
    "arg_max_if_zero": (c_int, P, P, c_int),
}
MAT = {"mean_row": (None, P, P, N, N), "var_row": (None, P, P, P, N, N, W)}
SLOTS = {Vec: VEC, VecVec: VECVEC, Mat: MAT}


def call(cls, name, *arguments):
    function = slot(cls, list(SLOTS[cls]).index(name), *SLOTS[cls][name])
    return function(*[a.ctypes.data if isinstance(a, numpy.ndarray) else a for a in arguments])


def vectors(n, count=2, seed=0):
    return numpy.random.default_rng(seed).uniform(0.2, 3, size=(count, n)).astype("f")


ELEMENTWISE = [
    (Vec, "add", lambda x, s: x + s),
    (Vec, "mul", lambda x, s: x * s),
    (Vec, "pow", lambda x, s: x**s),
    (Vec, "div", lambda x, s: x / s),
    (Vec, "exp", lambda x, s: numpy.exp(x)),
]


@pytest.mark.parametrize("n", SIZES)
@pytest.mark.parametrize("cls, name, formula", ELEMENTWISE, ids=[entry[1] for entry in ELEMENTWISE])
def test_one_vector(cls, name, formula, n):
    x, out = vectors(n)
    scalar = () if name == "exp" else (1.5,)
    before, expected = x.copy(), formula(x.astype("d"), 1.5)
    call(cls, name, out, x, *scalar, n)
    assert_allclose(out, expected, rtol=1e-6)
    assert_array_equal(x, before)
    call(cls, f"{name}_i", x, *scalar, n)
    assert_allclose(x, expected, rtol=1e-6)


@pytest.mark.parametrize("n", SIZES)
def test_reciprocal(n):
    (x,) = vectors(n, 1)
    expected = 1 / x.astype("d")
    call(Vec, "reciprocal_i", x, n)
    assert_allclose(x, expected, rtol=1e-6)


def test_division_by_zero_is_unchecked():
    x = numpy.array([1, -1, 0], "f")
    call(Vec, "div_i", x, 0.0, 3)
    assert x[0] == numpy.inf and x[1] == -numpy.inf and numpy.isnan(x[2])
    x = numpy.zeros(1, "f")
    call(Vec, "reciprocal_i", x, 1)
    assert x[0] == numpy.inf


@pytest.mark.parametrize("n", SIZES)
def test_reductions(n):
    x, y = vectors(n)
    x -= 1
    wide, other = x.astype("d"), y.astype("d")
    assert call(Vec, "max", x, n) == x.max()
    assert_allclose(call(Vec, "sum", x, n), wide.sum(), rtol=1e-6, atol=1e-6)
    assert_allclose(call(Vec, "norm", x, n), numpy.linalg.norm(wide), rtol=1e-6)
    assert_allclose(call(Vec, "mean", x, n), wide.mean(), rtol=1e-6, atol=1e-6)
    assert_allclose(call(Vec, "variance", x, n), wide.var(), rtol=1e-6, atol=1e-7)
    assert_allclose(call(VecVec, "dot", x, y, n), wide @ other, rtol=1e-6, atol=1e-6)


def test_reductions_of_nothing():
    x = numpy.ones(1, "f")
    for name in ("max", "sum", "norm", "mean", "variance"):
        assert call(Vec, name, x, 0) == 0
    assert call(VecVec, "dot", x, x, 0) == 0


def test_variance_far_from_zero():
    x = numpy.float32(4096) + numpy.array([0, 1, 2, 3], "f")
    assert call(Vec, "variance", x, 4) == 1.25


@pytest.mark.parametrize("n", SIZES)
def test_two_vectors(n):
    for name, arguments, formula in [
        ("add", (-0.5,), lambda x, y: x - 0.5 * y),
        ("add_pow", (2.0,), lambda x, y: x + y**2),
        ("mul", (), lambda x, y: x * y),
    ]:
        x, y, out = vectors(n, 3)
        before, expected = x.copy(), formula(x.astype("d"), y.astype("d"))
        call(VecVec, name, out, x, y, *arguments, n)
        assert_allclose(out, expected, rtol=1e-6, atol=1e-6)
        assert_array_equal(x, before)
        call(VecVec, f"{name}_i", x, y, *arguments, n)
        assert_allclose(x, expected, rtol=1e-6, atol=1e-6)


@pytest.mark.parametrize("rows", [0, 1, 4])
def test_batch_add(rows):
    (x,), y = vectors(5, 1), vectors(5, max(rows, 1), seed=1)[:rows].copy()
    expected = x + 0.5 * y.sum(axis=0, dtype="d")
    call(VecVec, "batch_add_i", x, y, 0.5, 5, rows)
    assert_allclose(x, expected, rtol=1e-6)


@pytest.mark.parametrize("n", [0, *SIZES])
def test_nothing_beyond_the_end_is_written(n):
    x, y = vectors(n + 2)
    for name, *arguments in [("add_i", 1.0), ("mul_i", 2.0), ("pow_i", 2.0), ("div_i", 2.0), ("exp_i",)]:
        end = x[n:].copy()
        call(Vec, name, x, *arguments, n)
        assert_array_equal(x[n:], end)
        call(VecVec, "add", x, x, y, 1.0, n)
        assert_array_equal(x[n:], end)


@pytest.mark.parametrize(
    "scores, best",
    [
        ([3, 1, 2], 0),
        ([1, 3, 3], 1),
        ([2, 2, 2, 2], 0),
        ([1, 1], 1),  # of two that tie the second: spaCy's parser was trained with it
        ([2, 1], 0),
        ([1, 2], 1),
        ([5], 0),
        ([], 0),
        ([-numpy.inf, -1, -2], 1),
    ],
)
def test_arg_max(scores, best):
    assert call(Vec, "arg_max", numpy.array(scores, "f"), len(scores)) == best


@pytest.mark.parametrize(
    "scores, allowed, best",
    [
        ([3, 1, 2], [1, 1, 1], 0),
        ([3, 1, 2], [0, 1, 1], 2),
        ([3, 3, 3], [0, 1, 1], 1),
        ([1, 1], [1, 1], 0),
        ([1, 2], [0, 0], -1),
        ([-5, -7], [0, 2], 1),
        ([], [], -1),
    ],
)
def test_arg_max_of_allowed(scores, allowed, best):
    scores, allowed = numpy.array(scores, "f"), numpy.array(allowed, "i")
    assert call(VecVec, "arg_max_if_true", scores, allowed, len(scores)) == best
    costs = numpy.where(allowed != 0, 0, 0.5).astype("f")
    assert call(VecVec, "arg_max_if_zero", scores, costs, len(scores)) == best


@pytest.mark.parametrize("shape", [(1, 1), (4, 3), (9, 1), (2, 20)])
def test_columns(shape):
    x = numpy.random.default_rng(3).normal(5, size=shape).astype("f")
    mean, variance = numpy.empty((2, shape[1]), "f")
    call(Mat, "mean_row", mean, x, *shape)
    assert_allclose(mean, x.mean(axis=0, dtype="d"), rtol=1e-6)
    call(Mat, "var_row", variance, x, mean, *shape, 0.25)
    assert_allclose(variance, x.astype("d").var(axis=0) + 0.25, rtol=1e-5)
    # around something else than the mean: the second sum takes it off again
    call(Mat, "var_row", variance, x, mean + numpy.float32(0.5), *shape, 0.25)
    assert_allclose(variance, x.astype("d").var(axis=0) + 0.25, rtol=1e-5)


@pytest.mark.parametrize("shape", [(0, 2), (2, 0)])
def test_columns_of_nothing(shape):
    x, mean, variance = numpy.ones((3, 2), "f")
    call(Mat, "mean_row", mean, x, *shape)
    assert_array_equal(mean, [0, 0] if shape[1] else [1, 1])
    call(Mat, "var_row", variance, x, mean, *shape, 1.0)
    assert_array_equal(variance, [1, 1])


@pytest.mark.parametrize("cls", [Matrix, Vec, VecVec, Mat])
def test_python_can_do_no_harm(cls):
    instance = cls()
    assert not hasattr(instance, "__dict__")
    with pytest.raises(TypeError):
        pickle.dumps(instance)
    for name in ("mem", "nr_row", "nr_col", "data"):
        with pytest.raises(AttributeError):
            setattr(instance, name, 1)
