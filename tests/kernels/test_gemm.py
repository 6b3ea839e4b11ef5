"""Matrix products for raw arrays, called as Cython code calls them, against float64 on every instruction set."""

import ctypes
import itertools
from threading import Thread

import numpy
import pytest
from numpy.testing import assert_array_equal

from helpers.products import POINTER, REAL, SIZE, c_function, matrix, multiply, strides
from thinc.kernels import _blis, _gemm
from thinc.kernels._dispatch import available_isas

# Around one register, one tile and the blocks of rows of every instruction set.
ROWS = [1, 2, 3, 5, 6, 7, 12, 14, 15, 29, 57]
COLUMNS = [1, 3, 4, 8, 9, 16, 17, 31, 33, 64, 65, 100]
DEPTHS = [0, 1, 2, 3, 4, 7, 16, 17, 33, 100]


def check(C, A, B, alpha=1.0, beta=0.0, before=0.0, bias=0.0):
    """Within the error bound of a plain sum."""
    A, B = A.astype("float64"), B.astype("float64")
    expected = alpha * (A @ B) + beta * before + bias
    size = abs(alpha) * (abs(A) @ abs(B)) + abs(beta * before) + abs(bias)
    assert numpy.all(abs(C - expected) <= (A.shape[1] + 4) * numpy.finfo(C.dtype).eps * size), (
        A.shape,
        B.shape,
    )


@pytest.mark.parametrize("trans", list(itertools.product([False, True], repeat=2)))
def test_shapes(isa, dtype, trans):
    rng = numpy.random.default_rng(0)
    for M, N, K in itertools.product(ROWS, COLUMNS, DEPTHS):
        A, B = matrix(rng, M, K, trans[0], dtype), matrix(rng, K, N, trans[1], dtype)
        frame = numpy.full((M + 1, N + 3), numpy.nan, dtype)  # what surrounds C stays as it was
        C = frame[:M, :N]
        check(multiply(A, B, C), A, B)
        assert numpy.isnan(frame).sum() == frame.size - C.size


# More than one block of k, of columns and of rows; rows a power of two apart; long and narrow.
@pytest.mark.parametrize(
    "shape",
    [
        *[(30, 40, 1000), (61, 1500, 900), (200, 200, 512), (300, 3, 90), (5, 200, 2000), (500, 10, 33)],
        # columns of A far apart, of which several blocks are copied together: unequal blocks, not a whole last group
        *[(1031, 70, 120), (290, 200, 800), (257, 390, 100)],
        *[(3, 300, 1600), (2, 70, 900)],
        # dot products of more rows than stay in the cache
        *[(301, 12, 1100), (90, 9, 2500)],
    ],
)
@pytest.mark.parametrize("trans", list(itertools.product([False, True], repeat=2)))
def test_blocks(isa, dtype, shape, trans):
    rng = numpy.random.default_rng(1)
    M, N, K = shape
    A, B = matrix(rng, M, K, trans[0], dtype), matrix(rng, K, N, trans[1], dtype)
    bias, C = rng.normal(size=N).astype(dtype), rng.normal(size=(M, N)).astype(dtype)
    check(multiply(A, B, C.copy(), bias=bias), A, B, bias=bias)
    check(multiply(A, B, C.copy(), 0.5, -2.0, bias), A, B, 0.5, -2.0, C, bias)


# Rows of B that are packed while the first block of rows of C is computed: tiles of every shape, and what is left of a
# row after whole panels.
@pytest.mark.parametrize("trans", [False, True])
def test_packing_on_the_way(isa, dtype, trans):
    rng = numpy.random.default_rng(9)
    for M, N in itertools.product([43, 45, 48, 61, 97], [75, 80, 96, 97, 113, 129, 150, 192, 200]):
        K = 900
        A, B = matrix(rng, M, K, trans, dtype), matrix(rng, K, N, False, dtype)
        bias, before = rng.normal(size=N).astype(dtype), rng.normal(size=(M, N)).astype(dtype)
        frame = numpy.full((M + 1, N + 3), numpy.nan, dtype)  # what surrounds C stays as it was
        check(multiply(A, B, frame[:M, :N]), A, B)
        assert numpy.isnan(frame).sum() == frame.size - M * N
        check(multiply(A, B, before.copy(), 0.5, -2.0, bias), A, B, 0.5, -2.0, before, bias)


# A transposed first operand with a short side: tiles of C^T turned in registers, whole and partial ones.
@pytest.mark.parametrize("trans", [False, True])
def test_first_operand_transposed(isa, dtype, trans):
    rng = numpy.random.default_rng(8)
    for M, N, K in itertools.product([7, 16, 37, 71, 130], [3, 4, 5, 12, 67], [1, 2, 33, 96]):
        A, B = matrix(rng, M, K, True, dtype), matrix(rng, K, N, trans, dtype)
        bias, before = rng.normal(size=N).astype(dtype), rng.normal(size=(M, N)).astype(dtype)
        check(multiply(A, B, numpy.full((M, N), numpy.nan, dtype)), A, B)
        check(multiply(A, B, before.copy(), 0.5, -2.0, bias), A, B, 0.5, -2.0, before, bias)
        frame = numpy.full((M + 1, N + 3), numpy.nan, dtype)  # what surrounds C stays as it was
        check(multiply(A, B, frame[:M, :N]), A, B)
        assert numpy.isnan(frame).sum() == frame.size - M * N


@pytest.mark.parametrize("alpha, beta", list(itertools.product([1.0, -0.5], [0.0, 1.0, 2.0])))
@pytest.mark.parametrize("trans", list(itertools.product([False, True], repeat=2)))
def test_scaling(isa, dtype, trans, alpha, beta):
    rng = numpy.random.default_rng(2)
    for M, N, K in [(1, 20, 30), (3, 4, 50), (20, 37, 0), (40, 5, 16), (33, 70, 9)]:
        A, B = matrix(rng, M, K, trans[0], dtype), matrix(rng, K, N, trans[1], dtype)
        C, bias = rng.normal(size=(M, N)).astype(dtype), rng.normal(size=N).astype(dtype)
        check(multiply(A, B, C.copy(), alpha, beta, bias), A, B, alpha, beta, C, bias)
        if beta == 0:
            check(multiply(A, B, numpy.full_like(C, numpy.nan), alpha, beta), A, B, alpha)


@pytest.mark.parametrize("trans", list(itertools.product([False, True], repeat=2)))
@pytest.mark.parametrize("shape", [(2, 70, 40), (30, 70, 40), (70, 3, 40), (70, 70, 40)])
def test_nan_and_infinity_stay_in_their_rows_and_columns(isa, dtype, shape, trans):
    M, N, K = shape
    rng = numpy.random.default_rng(3)
    A, B = abs(matrix(rng, M, K, trans[0], dtype)), abs(matrix(rng, K, N, trans[1], dtype))
    A[1, 5] = numpy.inf
    B[7, 2] = numpy.nan
    with numpy.errstate(invalid="ignore"):
        expected = A.astype("float64") @ B.astype("float64")
    C = multiply(A, B, numpy.zeros((M, N), dtype))
    assert_array_equal(numpy.isnan(C), numpy.isnan(expected))
    assert_array_equal(numpy.isposinf(C), numpy.isposinf(expected))


# Of a few rows and a large B the columns before the first whole cache line are computed apart.
@pytest.mark.parametrize(
    "shape",
    [
        *[(1, 33, 65), (8, 96, 96), (50, 70, 90), (1, 208, 160), (2, 160, 200), (3, 288, 96), (300, 1, 272)],
        *[(16, 300, 64), (300, 4, 50), (61, 68, 40)],
        *[(1, 40, 784), (1, 17, 133), (1, 5, 301)],  # one row: cache lines of the rows of B^T
    ],
)
@pytest.mark.parametrize("trans", list(itertools.product([False, True], repeat=2)))
def test_results_do_not_depend_on_alignment(isa, dtype, shape, trans):
    M, N, K = shape
    rng = numpy.random.default_rng(4)
    results = []
    A, B = matrix(rng, M, K, trans[0], dtype), matrix(rng, K, N, trans[1], dtype)
    bias = rng.normal(size=N).astype(dtype)
    for offset in [0, 1, 2, 3, 5, 8, 15]:
        A2, B2 = at_offset(A, offset), at_offset(B, offset + 1)
        C = at_offset(numpy.zeros((M, N), dtype), offset + 2)
        results.append(multiply(A2, B2, C, bias=bias))
        check(C, A, B, bias=bias)
    for result in results[1:]:
        assert_array_equal(result, results[0])


def at_offset(X, offset):
    """A copy of X, `offset` elements after the beginning of a cache line, in the same order."""
    transposed = not X.flags.c_contiguous
    source = X.T if transposed else X
    memory = numpy.zeros(X.size + offset + 64 // X.itemsize, X.dtype)
    start = -memory.ctypes.data % 64 // X.itemsize + offset
    copy = memory[start : start + X.size].reshape(source.shape)
    copy[:] = source
    return copy.T if transposed else copy


def test_several_threads_at_once():
    rng = numpy.random.default_rng(5)
    pairs = [(rng.normal(size=(90, 50 + i)), rng.normal(size=(50 + i, 300))) for i in range(8)]
    pairs = [(A.astype("float32"), numpy.asfortranarray(B.astype("float32"))) for A, B in pairs]
    expected = [multiply(A, B, numpy.zeros((90, 300), "float32")) for A, B in pairs]
    wrong = []

    def work(i):
        for _ in range(50):
            if not numpy.array_equal(multiply(*pairs[i], numpy.zeros((90, 300), "float32")), expected[i]):
                wrong.append(i)

    threads = [Thread(target=work, args=(i,)) for i in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert wrong == []


def test_axpy(isa, dtype):
    function = c_function(
        _gemm, "saxpy" if dtype == "float32" else "daxpy", ctypes.c_size_t, REAL[dtype], POINTER, POINTER
    )
    rng = numpy.random.default_rng(6)
    for n in [0, 1, 3, 7, 8, 15, 16, 17, 100]:
        x, y = rng.normal(size=(2, n + 1)).astype(dtype)
        expected = y.astype("float64") + 1.5 * x
        expected[n] = y[n]
        function(n, 1.5, x.ctypes.data, y.ctypes.data)
        numpy.testing.assert_allclose(y, expected, rtol=1e-5, atol=1e-6)


def test_describe_names_the_kernels_and_the_blis_context():
    found = _gemm.describe()
    assert found["kernels"] in available_isas()
    assert set(found["blis"]) == {"available", "context", "reason"}
    assert found["blis"]["available"] == (not found["blis"]["reason"])


@pytest.mark.parametrize("trans", list(itertools.product([False, True], repeat=2)))
def test_blis(dtype, trans):
    if not _blis.load():
        assert _blis.describe()["reason"]
        return
    operand, real = [POINTER, SIZE, SIZE], REAL[dtype]
    function = c_function(
        _blis,
        "blis_sgemm" if dtype == "float32" else "blis_dgemm",
        *[SIZE, SIZE, SIZE, real, *operand, *operand, real, *operand],
    )
    rng = numpy.random.default_rng(7)
    for M, N, K in [(1, 1, 1), (17, 33, 20), (100, 40, 300)]:
        A, B = matrix(rng, M, K, trans[0], dtype), matrix(rng, K, N, trans[1], dtype)
        C = rng.normal(size=(M, N)).astype(dtype)
        for beta in (0.0, 1.0):
            result = C.copy()
            function(
                *[M, N, K, 0.5, A.ctypes.data, *strides(A), B.ctypes.data, *strides(B)],
                *[beta, result.ctypes.data, *strides(result)],
            )
            check(result, A, B, 0.5, beta, C)
