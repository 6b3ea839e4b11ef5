"""The routines of `thinc.backends.cblas`, called as other packages call them."""

import copy
import ctypes
import itertools
import pickle
import shutil
import subprocess
import sys

import numpy
import pytest
from numpy.testing import assert_allclose

from helpers.c_interface import POINTER, capi_function
from thinc.backends import _accelerate, cblas
from thinc.backends.cblas import CBlas

INT, FLOAT, DOUBLE = ctypes.c_int, ctypes.c_float, ctypes.c_double
ROUTINES = {
    "sgemm": ctypes.CFUNCTYPE(
        None, INT, INT, INT, INT, INT, FLOAT, POINTER, INT, POINTER, INT, FLOAT, POINTER, INT
    ),
    "saxpy": ctypes.CFUNCTYPE(None, INT, FLOAT, POINTER, INT, POINTER, INT),
    "daxpy": ctypes.CFUNCTYPE(None, INT, DOUBLE, POINTER, INT, POINTER, INT),
}


# A library with the C interface of BLAS, in plain loops.
LIBRARY = """
static long at(int i, int n, int increment) { return (long)(increment < 0 ? i - n + 1 : i) * increment; }
extern "C" {
int calls = 0;
void cblas_sgemm(int order, int transA, int transB, int M, int N, int K, float alpha, const float* A, int lda,
                 const float* B, int ldb, float beta, float* C, int ldc) {
    if (order != 101 || lda < (transA == 112 ? M : K) || ldb < (transB == 112 ? K : N) || ldc < N) return;
    ++calls;
    for (long i = 0; i < M; ++i)
        for (long j = 0; j < N; ++j) {
            float sum = 0;
            for (long k = 0; k < K; ++k) {
                const float a = transA == 112 ? A[k * lda + i] : A[i * lda + k];
                sum += a * (transB == 112 ? B[j * ldb + k] : B[k * ldb + j]);
            }
            C[i * ldc + j] = alpha * sum + (beta == 0 ? 0 : beta * C[i * ldc + j]);
        }
}
void cblas_saxpy(int n, float alpha, const float* X, int incX, float* Y, int incY) {
    ++calls;
    for (int i = 0; i < n; ++i) Y[at(i, n, incY)] += alpha * X[at(i, n, incX)];
}
void cblas_daxpy(int n, double alpha, const double* X, int incX, double* Y, int incY) {
    ++calls;
    for (int i = 0; i < n; ++i) Y[at(i, n, incY)] += alpha * X[at(i, n, incX)];
}
}
"""


@pytest.fixture(scope="module")
def library(tmp_path_factory):
    compiler = shutil.which("c++") or shutil.which("g++")
    if compiler is None:
        pytest.skip("needs a C++ compiler")
    folder = tmp_path_factory.mktemp("blas")
    (folder / "blas.cpp").write_text(LIBRARY)
    command = [compiler, "-O1", "-shared", "-fPIC", str(folder / "blas.cpp"), "-o", str(folder / "blas.so")]
    subprocess.run(command, check=True)
    return str(folder / "blas.so")


@pytest.fixture(params=["ours", "a library's"])
def table(request):
    """A table of either kind; that the library's routines are in it is seen by their counting calls."""
    if request.param == "ours":
        cblas._use_routines(0, 0, 0)
        yield CBlas()
    else:
        path = request.getfixturevalue("library")
        calls = ctypes.c_int.in_dll(ctypes.CDLL(path), "calls")
        calls.value = 0
        cblas._use_routines(*_accelerate.routines_of(path))
        yield CBlas()
        assert calls.value == 1
    cblas._use_routines(*_accelerate.find_routines())


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
@pytest.mark.parametrize("shape", [(1, 64, 33), (20, 30, 40), (100, 5, 64), (3, 4, 0), (200, 200, 200)])
@pytest.mark.parametrize("alpha, beta", [(1, 0), (1, 1), (-0.5, 2)])
def test_sgemm(table, shape, trans_a, trans_b, alpha, beta):
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
    routine(table, "sgemm")(
        *[trans_a, trans_b, M, N, K, alpha, A.ctypes.data, A.shape[1], B.ctypes.data, B.shape[1]],
        *[beta, C.ctypes.data, C.shape[1]],
    )
    assert_allclose(C, expected, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("shape", [(0, 4, 3), (4, 0, 3)])
def test_sgemm_of_nothing(shape, library):
    M, N, K = shape
    X, C = numpy.ones(12, "f"), numpy.ones(12, "f")
    try:
        for routines in [(0, 0, 0), _accelerate.routines_of(library)]:
            cblas._use_routines(*routines)
            arguments = [0, 0, M, N, K, 1.0, X.ctypes.data, K, X.ctypes.data, N, 0.0, C.ctypes.data, N]
            routine(CBlas(), "sgemm")(*arguments)
            assert C.all()
    finally:
        cblas._use_routines(*_accelerate.find_routines())


def test_accelerate_is_taken_where_numpy_takes_it(monkeypatch, library):
    def numpy_of(name):
        config = {"Build Dependencies": {"blas": {"name": name}}}
        monkeypatch.setattr(numpy.__config__, "CONFIG", config, raising=False)

    monkeypatch.setattr(_accelerate, "LIBRARY", library)
    numpy_of("accelerate")
    monkeypatch.setattr(sys, "platform", "linux")
    assert _accelerate.find_routines() == (0, 0, 0)
    monkeypatch.setattr(sys, "platform", "darwin")
    assert all(_accelerate.find_routines())
    numpy_of("scipy-openblas")
    assert _accelerate.find_routines() == (0, 0, 0)


@pytest.mark.parametrize("name, dtype", [("saxpy", "float32"), ("daxpy", "float64")])
@pytest.mark.parametrize("n", [0, 1, 5, 16, 37])
@pytest.mark.parametrize("inc_x, inc_y", [(1, 1), (2, 1), (1, 3), (-1, 1), (2, -2), (0, 1)])
def test_axpy(table, name, dtype, n, inc_x, inc_y):
    rng = numpy.random.default_rng(1)
    X, Y = rng.normal(size=(2, 3 * n + 1)).astype(dtype)

    def positions(increment):
        start = (1 - n) * increment if increment < 0 else 0
        return [start + i * increment for i in range(n)]

    expected = Y.astype("float64")
    expected[positions(inc_y)] += 1.5 * X[positions(inc_x)]
    routine(table, name)(n, 1.5, X.ctypes.data, inc_x, Y.ctypes.data, inc_y)
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
