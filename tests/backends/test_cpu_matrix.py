"""Compiled matrix products: what they accept, refuse and write to."""

import inspect
import itertools

import numpy
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from thinc.backends import NumpyOps, Ops
from thinc.backends.cblas import CBlas
from thinc.kernels._dispatch import available_isas, use_isa


@pytest.fixture(params=available_isas())
def ops(request):
    with use_isa(request.param):
        yield NumpyOps()


def normal(shape, dtype, seed=0):
    return numpy.random.default_rng(seed).normal(size=shape).astype(dtype)


@pytest.mark.parametrize("trans1, trans2", list(itertools.product([False, True], repeat=2)))
@pytest.mark.parametrize(
    "shape",
    [(1, 96, 96), (32, 128, 96), (128, 10, 256), (70, 80, 90), (0, 3, 4), (3, 0, 4), (3, 4, 0), (1, 1, 1)],
)
def test_gemm(ops, dtype, shape, trans1, trans2):
    M, N, K = shape
    x, y = normal((K, M) if trans1 else (M, K), dtype), normal((N, K) if trans2 else (K, N), dtype, 1)
    expected = (x.T if trans1 else x).astype("float64") @ (y.T if trans2 else y)
    result = ops.gemm(x, y, trans1=trans1, trans2=trans2)
    assert result.dtype == dtype
    assert result.flags.c_contiguous
    assert_allclose(result, expected, rtol=1e-4, atol=1e-4)
    out = numpy.full((M, N), numpy.nan, dtype)
    assert ops.gemm(x, y, trans1=trans1, trans2=trans2, out=out) is out
    assert_array_equal(out, result)


# Views whose strides are used, and views that have to be copied.
VIEWS = {
    "rows": lambda X: numpy.repeat(X, 2, axis=0)[::2],
    "columns": lambda X: numpy.repeat(X, 2, axis=1)[:, ::2],
    "fortran": numpy.asfortranarray,
    "inner": lambda X: numpy.pad(X, 3)[3:-3, 3:-3],
    "reversed rows": lambda X: X[::-1].copy()[::-1],
    "reversed columns": lambda X: X[:, ::-1].copy()[:, ::-1],
    "misaligned": lambda X: (
        numpy.frombuffer(b"x" + X.tobytes(), numpy.uint8)[1:].view(X.dtype).reshape(X.shape)
    ),
}


@pytest.mark.parametrize("view", VIEWS)
@pytest.mark.parametrize("trans1, trans2", list(itertools.product([False, True], repeat=2)))
def test_gemm_of_views(ops, dtype, view, trans1, trans2):
    x = normal((20, 30) if trans1 else (30, 20), dtype)
    y = normal((40, 20) if trans2 else (20, 40), dtype, 1)
    expected = (x.T if trans1 else x) @ (y.T if trans2 else y)
    x2, y2 = VIEWS[view](x), VIEWS[view](y)
    x2.flags.writeable = y2.flags.writeable = False
    assert_allclose(ops.gemm(x2, y2, trans1=trans1, trans2=trans2), expected, rtol=1e-4, atol=1e-5)


def test_gemm_of_broadcast_rows(ops):
    x = numpy.broadcast_to(normal(20, "float32"), (30, 20))
    assert_allclose(ops.gemm(x, x, trans2=True), x @ x.T, rtol=1e-5)
    assert_allclose(ops.gemm(x, x, trans1=True), x.T @ x, rtol=1e-5)


def test_gemm_writes_to_any_out(ops, dtype):
    x, y = normal((6, 5), dtype), normal((5, 8), dtype, 1)
    expected = x @ y
    rows = numpy.full((9, 8), 7, dtype)
    ops.gemm(x, y, out=rows[1:7])
    assert_allclose(rows[1:7], expected, rtol=1e-4, atol=1e-5)
    assert (rows[[0, 7, 8]] == 7).all()
    for out in (
        numpy.full((6, 16), numpy.nan, dtype)[:, ::2],
        numpy.full((8, 6), numpy.nan, dtype).T,
        numpy.full((6, 8), numpy.nan, dtype)[::-1],
    ):
        assert ops.gemm(x, y, out=out) is out
        assert_allclose(out, expected, rtol=1e-4, atol=1e-5)


def test_gemm_out_may_be_an_operand(ops):
    x, y = normal((8, 8), "float32"), normal((8, 8), "float32", 1)
    expected = x @ y
    for use_x in (True, False):
        a, b = x.copy(), y.copy()
        assert_allclose(ops.gemm(a, b, out=a if use_x else b), expected, rtol=1e-4, atol=1e-5)
    square = x.copy()
    assert_allclose(ops.gemm(square, square, out=square), x @ x, rtol=1e-4, atol=1e-5)


def test_gemm_refuses_a_bad_out(ops):
    x, y = normal((6, 5), "float32"), normal((5, 8), "float32", 1)
    for out in (
        numpy.zeros((8, 6), "float32"),
        numpy.zeros((6, 8), "float64"),
        numpy.zeros(48, "float32"),
        numpy.zeros((6, 8), "int32"),
    ):
        with pytest.raises(ValueError, match="out must be float32"):
            ops.gemm(x, y, out=out)
        assert (out == 0).all()
    out = numpy.zeros((6, 8), "float32")
    out.flags.writeable = False
    with pytest.raises(ValueError, match="read-only"):
        ops.gemm(x, y, out=out)
    with pytest.raises(TypeError):
        ops.gemm(x, y, out=[[0.0] * 8] * 6)


@pytest.mark.parametrize(
    "x, y, message",
    [
        (numpy.zeros((3, 4), "f"), numpy.zeros((3, 4), "f"), "cannot multiply"),
        (numpy.zeros(4, "f"), numpy.zeros((4, 3), "f"), "two dimensions"),
        (numpy.zeros((2, 3, 4), "f"), numpy.zeros((4, 3), "f"), "two dimensions"),
        (numpy.zeros((3, 4), "f"), numpy.zeros((4, 3), "d"), "float32"),
        (numpy.zeros((3, 4), "i"), numpy.zeros((4, 3), "i"), "float32"),
        (numpy.zeros((3, 4), "e"), numpy.zeros((4, 3), "e"), "float32"),
        (numpy.zeros((3, 4), ">f4"), numpy.zeros((4, 3), ">f4"), "float32"),
    ],
)
def test_gemm_refuses(x, y, message):
    with pytest.raises(ValueError, match=message):
        NumpyOps().gemm(x, y)


def test_gemm_refuses_lists():
    with pytest.raises(TypeError):
        NumpyOps().gemm([[1.0]], [[1.0]])


def test_gemm_without_blis_takes_any_dtype():
    ops = NumpyOps(use_blis=False)
    x = numpy.arange(6).reshape(2, 3)
    assert_array_equal(ops.gemm(x, x, trans2=True), x @ x.T)
    out = numpy.zeros((3, 6), x.dtype)[:, ::2]
    assert_array_equal(ops.gemm(x, x, trans1=True, out=out), x.T @ x)
    assert_allclose(ops.gemm(x.astype("f"), x.astype("d"), trans2=True), x @ x.T)


def test_signatures_equal_the_reference():
    for name in ("gemm", "affine", "cblas"):
        ours, reference = (inspect.signature(getattr(cls, name)).parameters for cls in (NumpyOps, Ops))
        assert list(ours) == list(reference)
        assert [p.default for p in ours.values()] == [p.default for p in reference.values()]


@pytest.mark.parametrize(
    "shape", [(1, 96, 96), (32, 10, 96), (300, 3, 50), (70, 80, 90), (0, 3, 4), (3, 4, 0)]
)
def test_affine(ops, dtype, shape):
    B, nO, nI = shape
    X, W, b = normal((B, nI), dtype), normal((nO, nI), dtype, 1), normal(nO, dtype, 2)
    Y = ops.affine(X, W, b)
    assert Y.dtype == dtype
    assert_allclose(Y, X.astype("float64") @ W.T + b, rtol=1e-4, atol=1e-4)
    assert_allclose(ops.affine(X, W, normal(2 * nO, dtype, 2)[::2]), X @ W.T + normal(2 * nO, dtype, 2)[::2],
                    rtol=1e-4, atol=1e-4)  # fmt: skip


def test_affine_keeps_a_large_bias_exact(ops):
    # 300 products of 1e-4 would vanish beside 1e4 if they were added to it one by one
    X, W, b = numpy.ones((3, 300), "f"), numpy.full((5, 300), 1e-4, "f"), numpy.full(5, 1e4, "f")
    assert_allclose(ops.affine(X, W, b), 1e4 + 0.03, rtol=1e-7)


def test_affine_of_other_dtypes_is_the_reference():
    X, W, b = normal((4, 3), "float32"), normal((2, 3), "float32", 1), normal(2, "float64", 2)
    Y = NumpyOps().affine(X, W, b)
    assert Y.dtype == "float32"
    assert_allclose(Y, X @ W.T + b, rtol=1e-5)


@pytest.mark.parametrize("b", [numpy.zeros(3, "f"), numpy.zeros((5, 2), "f")])
def test_affine_refuses_a_bias_that_does_not_fit(b):
    with pytest.raises(ValueError):
        NumpyOps().affine(numpy.zeros((4, 3), "f"), numpy.zeros((2, 3), "f"), b)


def test_cblas_is_new_for_each_call():
    ops = NumpyOps()
    first, second = ops.cblas(), ops.cblas()
    assert isinstance(first, CBlas)
    assert first is not second
    with pytest.raises(NotImplementedError):
        Ops().cblas()
