"""`_backprop_affine`: the gradients of X Wᵀ + b, new or added in place, on every instruction set."""

import numpy
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from thinc.backends import NumpyOps, Ops
from thinc.kernels._dispatch import available_isas, use_isa

TOLERANCE = {"float32": {"rtol": 1e-4, "atol": 1e-4}, "float64": {"rtol": 1e-11, "atol": 1e-11}}


def make(B, nO, nI, dtype):
    rng = numpy.random.default_rng(0)
    return [rng.normal(size=shape).astype(dtype) for shape in ((B, nO), (B, nI), (nO, nI))]


@pytest.fixture(params=[*available_isas(), "without BLIS", "reference"])
def ops(request):
    if request.param == "reference":
        yield Ops()
    elif request.param == "without BLIS":
        yield NumpyOps(use_blis=False)
    else:
        with use_isa(request.param):
            yield NumpyOps()


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("shape", [(0, 3, 4), (1, 1, 1), (1, 32, 32), (7, 5, 3), (130, 70, 300)])
@pytest.mark.parametrize("wants_dX", [True, False])
def test_gradients(ops, shape, dtype, wants_dX):
    dA, X, W = make(*shape, dtype)
    exact = (dA.astype("f8") @ W, dA.T.astype("f8") @ X, dA.astype("f8").sum(axis=0))
    found = ops._backprop_affine(dA, X, W, wants_dX=wants_dX)
    assert (found[0] is None) == (not wants_dX)
    for array, expected in list(zip(found, exact, strict=True))[not wants_dX :]:
        assert array.dtype == dtype
        assert_allclose(array, expected, **TOLERANCE[dtype])
    dW, db = numpy.ones_like(W), numpy.full(W.shape[0], 2, dtype)
    dX, same_W, same_b = ops._backprop_affine(dA, X, W, dW, db, wants_dX)
    assert same_W is dW and same_b is db
    if wants_dX:
        assert_array_equal(dX, found[0])
    assert_allclose(dW, 1 + exact[1], **TOLERANCE[dtype])
    assert_allclose(db, 2 + exact[2], **TOLERANCE[dtype])


def test_sums_of_more_dimensions(ops):
    dA, X, W = make(6, 8, 5, "float32")
    _, new_W, new_b = ops._backprop_affine(dA, X, W)
    dW, db = numpy.zeros((4, 2, 5), "f"), numpy.zeros((4, 2), "f")
    ops._backprop_affine(dA, X, W, dW, db)
    assert_allclose(dW.reshape((8, 5)), new_W, rtol=1e-5)
    assert_allclose(db.ravel(), new_b, rtol=1e-5)


@pytest.mark.parametrize(
    "dW, db",
    [
        (numpy.ones((5, 8), "f"), numpy.ones(8, "f")),  # as many elements, of another width
        (numpy.ones((5, 8), "f").T, numpy.ones(8, "f")),  # not contiguous
        (numpy.ones((8, 5)), numpy.ones(8)),  # another dtype
        (numpy.ones((8, 5), "f"), None),
        (None, numpy.ones(8, "f")),
        (numpy.ones((8, 5), "f"), numpy.ones(9, "f")),
    ],
)
def test_sums_that_cannot_be_added_to_stay(ops, dW, db):
    dA, X, W = make(6, 8, 5, "float32")
    expected = ops._backprop_affine(dA, X, W)
    found = ops._backprop_affine(dA, X, W, dW, db)
    for array, same in zip(found, expected, strict=True):
        assert_array_equal(array, same)
    for total in (dW, db):
        if total is not None:
            assert found[1] is not total and found[2] is not total
            assert_array_equal(total, 1)


@pytest.mark.parametrize("layout", ["transposed", "strided", "read-only"])
def test_layouts(ops, layout):
    arrays = make(12, 8, 5, "float32")
    expected = ops._backprop_affine(*arrays)
    if layout == "transposed":
        arrays = [numpy.asfortranarray(array) for array in arrays]
    elif layout == "strided":
        arrays = [numpy.repeat(array, 2, axis=1)[:, ::2] for array in arrays]
    else:
        for array in arrays:
            array.flags.writeable = False
    for array, same in zip(ops._backprop_affine(*arrays), expected, strict=True):
        assert_allclose(array, same, rtol=1e-5, atol=1e-6)


def test_a_sum_that_is_also_an_input(ops):
    dA, X, W = make(8, 8, 8, "float32")
    expected = ops._backprop_affine(dA, X, W)
    db = numpy.zeros(8, "f")
    for shared in (dA, X):
        before = shared.copy()
        _, dW, _ = ops._backprop_affine(dA, X, W, shared, db.copy())
        total = dW if dW is not shared else shared - before
        assert_allclose(total, expected[1], rtol=1e-4, atol=1e-4)
        shared[...] = before


def test_errors_change_nothing(ops):
    dA, X, W = make(6, 8, 5, "float32")
    dW, db = numpy.ones((8, 5), "f"), numpy.ones(8, "f")
    for arguments in ((dA[:5], X, W), (dA, X[:, :4], W), (dA[:, :7], X, W), (dA, X, W[:, 0])):
        with pytest.raises((ValueError, IndexError)):
            ops._backprop_affine(*arguments, dW, db)
        assert_array_equal(dW, 1)
        assert_array_equal(db, 1)
