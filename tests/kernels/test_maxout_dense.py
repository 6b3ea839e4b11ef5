"""Dense layers with maxout as one operation, there and back, against float64, on every instruction set."""

import itertools
import os
import sys

import numpy
import pytest
from numpy.lib.stride_tricks import as_strided
from numpy.testing import assert_allclose, assert_array_equal

from helpers.process import run_python
from thinc.api import get_num_threads, set_num_threads
from thinc.backends import NumpyOps, Ops
from thinc.kernels._dispatch import available_isas, use_isa

# B, nO, nP, nI: around widths of vectors and panels, blocks of rows, and parts of what fits into a cache
SHAPES = [
    *[(B, 5, 3, 7) for B in (1, 2, 47, 48, 49, 50, 51, 191, 192, 193, 239, 240, 241, 500)],
    *[(50, nO, 3, 9) for nO in (1, 2, 7, 8, 9, 15, 16, 17, 33)],
    *[
        (61, 6, 3, nI)
        for nI in (1, 2, 3, 4, 5, 8, 12, 15, 16, 17, 24, 25, 31, 32, 33, 47, 48, 49, 64, 65, 97)
    ],
    *[(53, 11, nP, 20) for nP in (1, 2, 3, 4, 5, 8, 31, 255, 256)],
    (70, 300, 3, 40),
    (64, 9, 200, 33),
    (100, 30, 4, 800),
    (60, 500, 3, 300),
]


@pytest.fixture(params=available_isas())
def ops(request):
    with use_isa(request.param):
        yield NumpyOps()


def make(B, nO, nP, nI, dtype, seed=0):
    rng = numpy.random.default_rng(seed)
    X, W, b = rng.normal(size=(B, nI)), rng.normal(size=(nO, nP, nI)), rng.normal(size=(nO, nP))
    return X.astype(dtype), W.astype(dtype), b.astype(dtype), rng.normal(size=(B, nO)).astype(dtype)


def scattered(dY, which, nP):
    """The gradient of the sums in float64: (B, nO, nP)."""
    dA = numpy.zeros((*dY.shape, nP))
    numpy.put_along_axis(dA, which.astype("int64")[..., None], dY.astype("f8")[..., None], axis=-1)
    return dA


def assert_sums(actual, *factors, subscripts, terms):
    """A sum of products, within the bound of a plain sum of so many terms."""
    exact = numpy.einsum(subscripts, *[f.astype("f8") for f in factors])
    bound = numpy.einsum(subscripts, *[numpy.abs(f.astype("f8")) for f in factors])
    assert (numpy.abs(actual - exact) <= (terms + 2) * numpy.finfo(actual.dtype).eps * bound).all()


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_forward_is_exact_for_small_integers(ops, dtype, shape):
    B, nO, nP, nI = shape
    rng = numpy.random.default_rng(B + nI)
    X, W, b = (rng.integers(-2, 3, size=s).astype(dtype) for s in ((B, nI), (nO, nP, nI), (nO, nP)))
    A = numpy.einsum("bi,opi->bop", X, W, dtype="f8") + b
    Y, which = ops._maxout_dense(X, W, b)
    assert Y.dtype == dtype
    assert_array_equal(Y, A.max(axis=-1))
    assert_array_equal(which, A.argmax(axis=-1))  # many are equal: the first


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_gradients(ops, dtype, shape):
    B, nO, nP, _ = shape
    X, W, b, dY = make(*shape, dtype)
    _, which = ops._maxout_dense(X, W, b)
    dX, dW, db = ops._backprop_maxout_dense(dY, which, X, W)
    dA = scattered(dY, which, nP)
    assert (dX.dtype, dW.dtype, db.dtype) == (dtype,) * 3
    assert (dX.shape, dW.shape, db.shape) == (X.shape, W.shape, b.shape)
    assert_sums(dX, dA, W, subscripts="bop,opi->bi", terms=nO)
    assert_sums(dW, dA, X, subscripts="bop,bi->opi", terms=B)
    assert_sums(db, dA, subscripts="bop->op", terms=B)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_random_forward(ops, dtype):
    X, W, b, _ = make(300, 20, 3, 100, dtype)
    Y, which = ops._maxout_dense(X, W, b)
    A = numpy.einsum("bi,opi->bop", X, W, dtype="f8") + b
    chosen = numpy.take_along_axis(A, which.astype("i8")[..., None], axis=-1)[..., 0]
    tolerance = 1e-4 if dtype == "float32" else 1e-12
    assert_allclose(Y, chosen, atol=tolerance)
    assert_allclose(Y, A.max(axis=-1), atol=tolerance)


@pytest.mark.parametrize("shape", [(60, 6, 3, 20), (5, 6, 3, 20)], ids=["fused", "plain"])
def test_gradient_is_added(ops, shape):
    X, W, b, dY = make(*shape, "float32")
    _, which = ops._maxout_dense(X, W, b)
    _, dW, db = ops._backprop_maxout_dense(dY, which, X, W)
    known_W, known_b = numpy.ones_like(W), numpy.full_like(b, 2)
    nothing, added_W, added_b = ops._backprop_maxout_dense(dY, which, X, W, known_W, known_b, False)
    assert nothing is None
    assert added_W is known_W and added_b is known_b
    assert_allclose(known_W, 1 + dW, rtol=1e-5, atol=1e-5)
    assert_allclose(known_b, 2 + db, rtol=1e-5, atol=1e-5)
    for pair in ((known_W, None), (known_W.astype("f8"), known_b), (known_W, known_b[:-1])):
        before = [None if array is None else array.copy() for array in pair]
        _, new_W, new_b = ops._backprop_maxout_dense(dY, which, X, W, *pair)
        assert_array_equal(new_W, dW)
        assert_array_equal(new_b, db)
        for array, same in zip(pair, before, strict=True):
            assert array is None or (array == same).all()


def test_agrees_with_the_reference(ops):
    X, W, b, dY = make(64, 10, 3, 33, "float32")
    reference = Ops()
    reference.xp = numpy
    Y, which = ops._maxout_dense(X, W, b)
    expected, pieces = reference._maxout_dense(X, W, b)
    assert_allclose(Y, expected, rtol=1e-5, atol=1e-5)
    assert_array_equal(which, pieces)
    for ours, theirs in zip(
        ops._backprop_maxout_dense(dY, which, X, W),
        reference._backprop_maxout_dense(dY, pieces, X, W),
        strict=True,
    ):
        assert_allclose(ours, theirs, rtol=1e-4, atol=1e-4)


def test_strides_and_read_only(ops):
    X, W, b, dY = make(60, 6, 3, 20, "float32")
    Y, which = ops._maxout_dense(X, W, b)
    expected = ops._backprop_maxout_dense(dY, which, X, W)
    wide = numpy.zeros((60, 50), dtype="float32")
    wide[:, 3:23] = X
    views = [numpy.asfortranarray(X), wide[:, 3:23], X[::-1][::-1], numpy.repeat(X, 2, axis=1)[:, ::2]]
    for view, grad in itertools.product(views, [numpy.asfortranarray(dY), numpy.repeat(dY, 2, axis=0)[::2]]):
        view.flags.writeable = grad.flags.writeable = False
        W2, b2 = numpy.asfortranarray(W), b.copy()
        W2.flags.writeable = b2.flags.writeable = False
        assert_array_equal(ops._maxout_dense(view, W2, b2)[0], Y)
        results = ops._backprop_maxout_dense(grad, numpy.asfortranarray(which), view, W2)
        for ours, plain in zip(results, expected, strict=True):
            assert_array_equal(ours, plain)


def test_rows_that_overlap(ops):
    _, W, b, dY = make(60, 6, 3, 24, "float32")
    base = numpy.random.default_rng(1).normal(size=(62, 8)).astype("float32")
    windows = as_strided(base, (60, 24), (32, 4), writeable=False)
    Y, which = ops._maxout_dense(windows, W, b)
    assert_array_equal(Y, ops._maxout_dense(windows.copy(), W, b)[0])
    for ours, plain in zip(
        ops._backprop_maxout_dense(dY, which, windows, W),
        ops._backprop_maxout_dense(dY, which, windows.copy(), W),
        strict=True,
    ):
        assert_array_equal(ours, plain)


def test_other_dtypes_go_to_the_reference(ops):
    X, W, b, dY = make(60, 6, 3, 20, "float32")
    _, which = ops._maxout_dense(X, W, b)
    dX, dW, db = ops._backprop_maxout_dense(dY.astype("f8"), which, X.astype("f8"), W.astype("f8"))
    assert dX.dtype == dW.dtype == db.dtype == "float64"
    assert_allclose(dX, ops._backprop_maxout_dense(dY, which, X, W)[0], rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("shape", [(0, 4, 3, 5), (60, 4, 3, 0), (60, 0, 3, 5)], ids=str)
def test_empty(ops, shape):
    X, W, b, dY = make(*shape, "float32")
    Y, which = ops._maxout_dense(X, W, b)
    assert Y.shape == which.shape == dY.shape
    dX, dW, db = ops._backprop_maxout_dense(dY, which, X, W)
    assert (dX.shape, dW.shape, db.shape) == (X.shape, W.shape, b.shape)
    assert not dX.any()
    assert not dW.any()


def test_nan_and_infinity_stay_where_they_belong(ops):
    X, W, b, dY = make(60, 6, 3, 40, "float32")
    clean, which = ops._maxout_dense(X, W, b)
    dirty = X.copy()
    dirty[7, 3] = numpy.nan
    Y, _ = ops._maxout_dense(dirty, W, b)
    assert numpy.isnan(Y[7]).all()
    assert_array_equal(numpy.delete(Y, 7, axis=0), numpy.delete(clean, 7, axis=0))
    # a row's gradient goes to its own dX, and to the pieces that it chose
    dY[11, 2] = numpy.nan
    dX, dW, db = ops._backprop_maxout_dense(dY, which, X, W)
    assert numpy.isnan(dX[11]).all()
    assert not numpy.isnan(numpy.delete(dX, 11, axis=0)).any()
    chosen = numpy.zeros((6, 3), dtype=bool)
    chosen[2, which[11, 2]] = True
    assert_array_equal(numpy.isnan(db), chosen)
    assert_array_equal(numpy.isnan(dW).any(axis=-1), chosen)
    # X is read for the rows of a list only
    dY[11, 2] = 1
    dirty[7, 3] = numpy.inf
    _, dW, _ = ops._backprop_maxout_dense(dY, which, dirty, W)
    reached = numpy.zeros((6, 3, 40), dtype=bool)
    reached[numpy.arange(6), which[7], 3] = True
    assert_array_equal(~numpy.isfinite(dW), reached)


def test_bad_pieces_change_nothing(ops):
    X, W, b, dY = make(60, 6, 3, 20, "float32")
    _, which = ops._maxout_dense(X, W, b)
    which[59, 5] = 3
    dW, db = numpy.ones_like(W), numpy.ones_like(b)
    with pytest.raises(IndexError, match="less than the number of pieces, 3, but is 3"):
        ops._backprop_maxout_dense(dY, which, X, W, dW, db)
    assert_array_equal(dW, 1)
    assert_array_equal(db, 1)


def test_shapes_that_do_not_fit(ops):
    X, W, b, dY = make(60, 6, 3, 20, "float32")
    _, which = ops._maxout_dense(X, W, b)
    with pytest.raises(ValueError, match="shape"):
        ops._maxout_dense(X[:, :-1], W, b)
    with pytest.raises(ValueError, match="shape"):
        ops._backprop_maxout_dense(dY[:-1], which, X, W)
    with pytest.raises(ValueError, match="shape"):
        ops._backprop_maxout_dense(dY[:-1], which[:-1], X, W)


@pytest.mark.parametrize("shape", [(1000, 96, 3, 96), (331, 37, 5, 211), (170, 16, 3, 900)], ids=str)
def test_threads_make_no_difference(ops, shape):
    X, W, b, dY = make(*shape, "float32")

    def run():
        Y, which = ops._maxout_dense(X, W, b)
        return [Y, which, *ops._backprop_maxout_dense(dY, which, X, W)]

    number = get_num_threads()
    try:
        set_num_threads(1)
        expected = run()
        for n in (2, 3, 5):
            set_num_threads(n)
            for ours, plain in zip(run(), expected, strict=True):
                assert_array_equal(ours, plain)
    finally:
        set_num_threads(number)


OUT_OF_MEMORY = """
import resource, numpy, thinc
from thinc.backends import NumpyOps

thinc.set_num_threads(2)
nO = 300_000  # for each of which the gradient of the weights needs some 1.8 kB
X, W, dY = (numpy.ones(shape, dtype="float32") for shape in [(48, 1), (nO, 3, 1), (48, nO)])
which = numpy.zeros((48, nO), dtype="uint8")
dW = numpy.full_like(W, 7)
db = numpy.full((nO, 3), 7, dtype="float32")
arguments = (dY, which, X, W, dW, db, False)
with open("/proc/self/statm") as file:
    used = int(file.read().split()[0]) * resource.getpagesize()
# Enough for the part of one thread, not for both.
resource.setrlimit(resource.RLIMIT_AS, (used + 420_000_000, resource.RLIM_INFINITY))
try:
    NumpyOps()._backprop_maxout_dense(*arguments)
except MemoryError:
    assert (dW == 7).all() and (db == 7).all(), "changed"
    print("refused")
resource.setrlimit(resource.RLIMIT_AS, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
dW[...] = db[...] = 7
NumpyOps()._backprop_maxout_dense(*arguments)
for total in (dW, db):
    assert (total[:, 0] == 55).all() and (total[:, 1:] == 7).all()
"""


@pytest.mark.skipif(sys.platform != "linux", reason="the limit of memory, and how much is used, are Linux's")
@pytest.mark.skipif("asan" in os.environ.get("LD_PRELOAD", ""), reason="AddressSanitizer reserves terabytes")
def test_without_memory_nothing_is_added():
    assert run_python("-c", OUT_OF_MEMORY).stdout == "refused\n"
