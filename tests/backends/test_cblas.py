"""The C interface of `thinc.backends.cblas`: frozen names, signatures and sizes, and routines that compute."""

import copy
import ctypes
import itertools
import pickle

import numpy
import pytest
from numpy.testing import assert_allclose

from thinc.backends import cblas
from thinc.backends.cblas import CBlas

SELF = "struct __pyx_obj_5thinc_8backends_5cblas_CBlas *"
PREFIX = "__pyx_t_5thinc_8backends_5cblas_"
# Compiled into spaCy's and thinc_apple_ops's binaries.
CAPSULES = {
    "daxpy": f"{PREFIX}daxpy_ptr ({SELF})",
    "saxpy": f"{PREFIX}saxpy_ptr ({SELF})",
    "sgemm": f"{PREFIX}sgemm_ptr ({SELF})",
    "set_daxpy": f"void ({SELF}, {PREFIX}daxpy_ptr)",
    "set_saxpy": f"void ({SELF}, {PREFIX}saxpy_ptr)",
    "set_sgemm": f"void ({SELF}, {PREFIX}sgemm_ptr)",
}
INT, FLOAT, DOUBLE, POINTER = ctypes.c_int, ctypes.c_float, ctypes.c_double, ctypes.c_void_p
ROUTINES = {
    "sgemm": ctypes.CFUNCTYPE(
        None, INT, INT, INT, INT, INT, FLOAT, POINTER, INT, POINTER, INT, FLOAT, POINTER, INT
    ),
    "saxpy": ctypes.CFUNCTYPE(None, INT, FLOAT, POINTER, INT, POINTER, INT),
    "daxpy": ctypes.CFUNCTYPE(None, INT, DOUBLE, POINTER, INT, POINTER, INT),
}


def address(name):
    get = ctypes.pythonapi.PyCapsule_GetPointer
    get.restype, get.argtypes = POINTER, [ctypes.py_object, ctypes.c_char_p]
    return get(cblas.__pyx_capi__[name], CAPSULES[name].encode())


def routine(table, name):
    fetch = ctypes.PYFUNCTYPE(POINTER, ctypes.py_object)(address(name))
    return ROUTINES[name](fetch(table))


def test_capsules_have_exactly_these_names():
    get = ctypes.pythonapi.PyCapsule_GetName
    get.restype, get.argtypes = ctypes.c_char_p, [ctypes.py_object]
    assert {name: get(capsule).decode() for name, capsule in cblas.__pyx_capi__.items()} == CAPSULES


def test_type_layout():
    assert CBlas.__basicsize__ == 32
    assert CBlas.__itemsize__ == 0
    assert CBlas.__slots__ == []
    assert not hasattr(CBlas(), "__dict__")
    assert "__pyx_vtable__" not in CBlas.__dict__


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
    set_saxpy = ctypes.PYFUNCTYPE(None, ctypes.py_object, POINTER)(address("set_saxpy"))
    set_saxpy(table, ctypes.cast(replacement, POINTER))
    X, Y = numpy.ones(3, "f"), numpy.zeros(3, "f")
    routine(table, "saxpy")(3, 1.0, X.ctypes.data, 1, Y.ctypes.data, 1)
    assert calls == [3]
    assert not Y.any()
    routine(other, "saxpy")(3, 1.0, X.ctypes.data, 1, Y.ctypes.data, 1)
    assert Y.all()
