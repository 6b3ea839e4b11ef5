"""Attention of one query over sequences, on every ISA, against the formula in float64."""

import numpy
import pytest
from numpy.testing import assert_allclose, assert_array_equal

import thinc
from thinc.backends import NumpyOps, Ops
from thinc.kernels._dispatch import available_isas, use_isa

LENGTHS = [[], [0, 0], [1], [3, 0, 1, 17], [16, 33, 64, 5]]
TOLERANCE = {"float32": {"rtol": 2e-5, "atol": 2e-6}, "float64": {"rtol": 1e-12, "atol": 1e-13}}


@pytest.fixture(params=[*available_isas(), "reference"])
def ops(request):
    if request.param == "reference":
        yield Ops()
    else:
        with use_isa(request.param):
            yield NumpyOps()


def make(lengths, O, dtype, seed=0):
    """Rows, keys, the gradient of the output, the query and the lengths."""
    rng = numpy.random.default_rng(seed)
    shape = (sum(lengths), O)
    arrays = [rng.normal(size=size).astype(dtype) for size in (shape, shape, shape, O)]
    return [*arrays, numpy.array(lengths, dtype="int32")]


def expected_weights(K, Q, lengths):
    scores = numpy.exp(numpy.clip(K.astype("f8") @ Q.astype("f8"), -20, 20))
    starts = numpy.cumsum([0, *lengths])
    parts = [scores[start : start + n] for start, n in zip(starts, lengths, strict=False)]
    return numpy.concatenate([numpy.zeros(0), *(part / part.sum() for part in parts if len(part))])[:, None]


def expected_gradients(dY, X, K, Q, lengths):
    a = expected_weights(K, Q, lengths)
    d = a * (X.astype("f8") * dY).sum(axis=1, keepdims=True)
    start = 0
    for n in lengths:
        d[start : start + n] -= a[start : start + n] * d[start : start + n].sum()
        start += n
    return dY * a, d * Q, (d * K).sum(axis=0)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("O", [1, 3, 8, 31, 96, 301])
@pytest.mark.parametrize("lengths", LENGTHS, ids=str)
def test_formula(ops, lengths, O, dtype):
    X, K, dY, Q, n = make(lengths, O, dtype)
    Q /= O**0.5
    Y, weights = ops._attend(X, K, Q, n)
    assert Y.dtype == dtype and Y.shape == X.shape and weights.shape == (len(X), 1)
    a = expected_weights(K, Q, lengths)
    assert_allclose(weights, a, **TOLERANCE[dtype])
    assert_allclose(Y, X * a, **TOLERANCE[dtype])
    exact = expected_gradients(dY, X, K, Q, lengths)
    bounds = dict(TOLERANCE[dtype], atol=TOLERANCE[dtype]["atol"] * 50)
    for array, right in zip(ops._backprop_attend(dY, X, K, Q, weights, n), exact, strict=True):
        assert array.dtype == dtype
        assert_allclose(array, right, **bounds)
    found = ops._backprop_attend(dY, X, K, Q, weights, n, wants_dX=False)
    assert found[0] is None
    assert_allclose(found[1], exact[1], **bounds)

    Y, weights = ops._attend(X, None, Q, n)
    a = expected_weights(X, Q, lengths)
    assert_allclose(Y, X * a, **TOLERANCE[dtype])
    through_rows, through_keys, dQ = expected_gradients(dY, X, X, Q, lengths)
    dX, nothing, found_dQ = ops._backprop_attend(dY, X, None, Q, weights, n)
    assert nothing is None
    assert_allclose(dX, through_rows + through_keys, **bounds)
    assert_allclose(found_dQ, dQ, **bounds)
    assert ops._backprop_attend(dY, X, None, Q, weights, n, wants_dX=False)[:2] == (None, None)


def test_scores_are_clipped(ops):
    X = numpy.array([[30.0], [1000.0], [-1000.0], [20.0]], "f")
    _, weights = ops._attend(X, None, numpy.ones(1, "f"), numpy.array([4], "int32"))
    assert_allclose(weights.ravel(), [1 / 3, 1 / 3, 0, 1 / 3], rtol=1e-6, atol=1e-12)


@pytest.mark.parametrize("layout", ["transposed", "strided"])
def test_layouts(ops, layout):
    X, K, dY, Q, n = make([4, 9, 2], 10, "float32")
    Y, weights = ops._attend(X, K, Q, n)
    expected = ops._backprop_attend(dY, X, K, Q, weights, n)
    if layout == "transposed":
        X, K, dY = map(numpy.asfortranarray, (X, K, dY))
    else:
        X, K, dY = (numpy.repeat(array, 2, axis=1)[:, ::2] for array in (X, K, dY))
    assert_allclose(ops._attend(X, K, Q, n.astype("int64"))[0], Y, rtol=1e-5)
    for array, same in zip(ops._backprop_attend(dY, X, K, Q, weights, n), expected, strict=True):
        assert_allclose(array, same, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("keys", ["own", "others"])
def test_large_batches_in_any_number_of_threads(keys):
    X, K, dY, Q, n = make([50] * 70, 601, "float32")  # past the caches
    K = None if keys == "own" else K
    before = thinc.get_num_threads()
    results = []
    try:
        for threads in (1, 2, 3):
            thinc.set_num_threads(threads)
            Y, weights = NumpyOps()._attend(X, K, Q / 25, n)
            results.append([Y, weights, *NumpyOps()._backprop_attend(dY, X, K, Q / 25, weights, n)])
    finally:
        thinc.set_num_threads(before)
    a = expected_weights(X if K is None else K, Q / 25, n)
    assert_allclose(results[0][0], X * a, rtol=1e-4, atol=1e-6)
    for others in results[1:]:
        for array, same in zip(others, results[0], strict=True):
            assert array is same is None or (array == same).all()


def test_lengths_that_do_not_fit(ops):
    X, K, dY, Q, n = make([4, 9, 2], 10, "float32")
    Y, weights = ops._attend(X, K, Q, n)
    for bad in ([4, 9], [4, 9, 3], [4, 12, -1]):
        with pytest.raises((IndexError, ValueError)):
            ops._attend(X, K, Q, numpy.array(bad, "int32"))
        with pytest.raises((IndexError, ValueError)):
            ops._backprop_attend(dY, X, K, Q, weights, numpy.array(bad, "int32"))
    for arguments in ((X, K[:, :9], Q), (X, K, Q[:9]), (X[:, :9], None, Q)):
        with pytest.raises(ValueError):
            ops._attend(*arguments, n)
    assert_array_equal(ops._attend(X, K, Q, n)[0], Y)
