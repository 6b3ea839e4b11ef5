"""The routines of `thinc.backends.cblas`, called as other packages call them."""

import copy
import ctypes
import itertools
import pickle

import numpy
import pytest
from numpy.testing import assert_allclose

from helpers.c_interface import POINTER, capi_function
from thinc.backends import cblas
from thinc.backends.cblas import CBlas

INT, FLOAT, DOUBLE = ctypes.c_int, ctypes.c_float, ctypes.c_double
ROUTINES = {
    "sgemm": ctypes.CFUNCTYPE(
        None, INT, INT, INT, INT, INT, FLOAT, POINTER, INT, POINTER, INT, FLOAT, POINTER, INT
    ),
    "saxpy": ctypes.CFUNCTYPE(None, INT, FLOAT, POINTER, INT, POINTER, INT),
    "daxpy": ctypes.CFUNCTYPE(None, INT, DOUBLE, POINTER, INT, POINTER, INT),
}


def routine(table, name):
    """The routine that a table holds; the names of the capsules are those of tests/test_c_interface.py."""
    return ROUTINES[name](capi_function(cblas, name, POINTER, ctypes.py_object)(table))


def test_has_no_attributes():
    assert CBlas.__slots__ == []
    assert not hasattr(CBlas(), "__dict__")


def test_cannot_be_pickled_or_copied():
    for function in (pickle.dumps, copy.copy, copy.deepcopy):
        with pytest.raises(TypeError):
            function(CBlas())


def test_edge_ops_26_can_be_subclassed_and_is_filled_without_init():
    class Mine(CBlas):
        def __init__(self, x):
            self.x = x

    for table in (Mine(3), CBlas.__new__(CBlas), Mine.__new__(Mine)):
        Y = numpy.ones(4)
        routine(table, "daxpy")(4, 2.0, numpy.arange(4.0).ctypes.data, 1, Y.ctypes.data, 1)
        assert list(Y) == [1, 3, 5, 7]


@pytest.mark.parametrize("trans_a, trans_b", list(itertools.product([0, 1], repeat=2)))
@pytest.mark.parametrize(
    "shape", [(1, 64, 33), (20, 30, 40), (100, 5, 64), (3, 4, 0), (0, 4, 3), (200, 200, 200)]
)
@pytest.mark.parametrize("alpha, beta", [(1, 0), (1, 1), (-0.5, 2)])
def test_sgemm(shape, trans_a, trans_b, alpha, beta):
    M, N, K = shape
    rng = numpy.random.default_rng(0)
    # rows are longer than the matrices, as in the blocks of a larger array
    A = rng.normal(size=(K, M + 2) if trans_a else (M, K + 2)).astype("f")
    B = rng.normal(size=(N, K + 3) if trans_b else (K, N + 3)).astype("f")
    C = rng.normal(size=(M, N + 4)).astype("f")
    a, b = (A[:, :M].T if trans_a else A[:, :K]), (B[:, :K].T if trans_b else B[:, :N])
    expected = C.astype("float64")
    expected[:, :N] = alpha * (a.astype("float64") @ b) + beta * expected[:, :N]
    if beta == 0:
        C[:, :N] = numpy.nan
    routine(CBlas(), "sgemm")(
        *[trans_a, trans_b, M, N, K, alpha, A.ctypes.data, A.shape[1], B.ctypes.data, B.shape[1]],
        *[beta, C.ctypes.data, C.shape[1]],
    )
    assert_allclose(C, expected, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("name, dtype", [("saxpy", "float32"), ("daxpy", "float64")])
@pytest.mark.parametrize("n", [0, 1, 5, 16, 37])
@pytest.mark.parametrize("inc_x, inc_y", [(1, 1), (2, 1), (1, 3), (-1, 1), (2, -2), (0, 1)])
def test_axpy(name, dtype, n, inc_x, inc_y):
    rng = numpy.random.default_rng(1)
    X, Y = rng.normal(size=(2, 3 * n + 1)).astype(dtype)

    def positions(increment):
        start = (1 - n) * increment if increment < 0 else 0
        return [start + i * increment for i in range(n)]

    expected = Y.astype("float64")
    expected[positions(inc_y)] += 1.5 * X[positions(inc_x)]
    routine(CBlas(), name)(n, 1.5, X.ctypes.data, inc_x, Y.ctypes.data, inc_y)
    assert_allclose(Y, expected, rtol=1e-5, atol=1e-6)


def test_a_routine_is_replaced_in_one_table_only():
    calls = []
    replacement = ROUTINES["saxpy"](lambda n, *rest: calls.append(n))
    table, other = CBlas(), CBlas()
    set_saxpy = capi_function(cblas, "set_saxpy", None, ctypes.py_object, POINTER)
    set_saxpy(table, ctypes.cast(replacement, POINTER))
    X, Y = numpy.ones(3, "f"), numpy.zeros(3, "f")
    routine(table, "saxpy")(3, 1.0, X.ctypes.data, 1, Y.ctypes.data, 1)
    assert calls == [3]
    assert not Y.any()
    routine(other, "saxpy")(3, 1.0, X.ctypes.data, 1, Y.ctypes.data, 1)
    assert Y.all()
