"""Operations as C++ templates for Cython packages, compiled into our test client, against our operations."""

import numpy
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from thinc.api import NumpyOps, Ops

OPS = Ops()  # the reference in plain array code


@pytest.fixture(scope="module")
def call(client):
    """A function of the client, with addresses in place of arrays."""

    def run(name, *arguments):
        function = getattr(client("templates"), name)
        return function(*[a.ctypes.data if isinstance(a, numpy.ndarray) else a for a in arguments])

    return run


def normal(*shape):
    return numpy.random.default_rng(0).normal(size=shape)


def test_maxout(call):
    X, best, which = normal(4, 3, 5), numpy.empty((4, 3)), numpy.empty((4, 3), "i")
    X[0, 0] = 1  # a tie
    call("maxout", best, which, X, 4, 3, 5)
    assert_array_equal(best, X.max(axis=2))
    assert_array_equal(which, X.argmax(axis=2))
    dX = numpy.zeros_like(X)
    call("backprop_maxout", dX, best, which, 4, 3, 5)
    assert_array_equal(dX.sum(axis=2), best)
    assert_array_equal(numpy.take_along_axis(dX, which[..., None].astype("q"), 2)[..., 0], best)
    with pytest.raises(ValueError):
        call("maxout", best, which, X, 4, 3, 0)
    for wrong in (-1, 5):
        which[3, 2] = wrong
        unchanged = dX.copy()
        with pytest.raises(IndexError):
            call("backprop_maxout", dX, best, which, 4, 3, 5)
        assert_array_equal(dX, unchanged)


LENGTHS = numpy.array([2, 1, 3], "i")


def test_reduce_max(call):
    X, best, which = normal(7, 4), numpy.empty((3, 4)), numpy.empty((3, 4), "i")
    call("reduce_max", best, which, X, LENGTHS, 3, 7, 4)
    expected, rows = OPS.reduce_max(X[:6], LENGTHS)
    assert_array_equal(best, expected)
    assert_array_equal(which, rows)
    dX = numpy.zeros((6, 4))
    call("backprop_reduce_max", dX, best, which, LENGTHS, 3, 6, 4)
    assert_array_equal(dX, OPS.backprop_reduce_max(best, which, LENGTHS))
    which[1, 0] = 1
    with pytest.raises(IndexError):
        call("backprop_reduce_max", dX, best, which, LENGTHS, 3, 6, 4)


@pytest.mark.parametrize("name", ["sum", "mean"])
def test_sums_and_means(call, name):
    X, lengths, out = normal(6, 4), numpy.array([2, 0, 4], "i"), numpy.zeros((3, 4))
    call(f"reduce_{name}", out, X, lengths, 3, 6, 4)
    parts = numpy.split(X, [2, 2])
    expected = [getattr(part, name)(axis=0) if len(part) else numpy.zeros(4) for part in parts]
    assert_allclose(out, expected, rtol=1e-12)
    dX = numpy.zeros((6, 4))
    call(f"backprop_reduce_{name}", dX, out, lengths, 3, 6, 4)
    each = lengths if name == "mean" else numpy.ones(3)
    assert_allclose(dX, numpy.repeat(out / numpy.maximum(each, 1)[:, None], lengths, axis=0), rtol=1e-12)


def test_lengths_that_do_not_fit(call):
    X, out, which = normal(6, 4), numpy.zeros((3, 4)), numpy.zeros((3, 4), "i")
    for name in ("reduce_sum", "reduce_mean", "backprop_reduce_sum", "backprop_reduce_mean"):
        pair = (out, X) if name.startswith("reduce") else (X, out)
        with pytest.raises(ValueError, match="lengths must be"):
            call(name, *pair, numpy.array([2, -1, 3], "i"), 3, 6, 4)
        with pytest.raises(IndexError, match="lengths must sum up"):
            call(name, *pair, numpy.array([2, 2, 3], "i"), 3, 6, 4)
    assert not out.any()
    for arguments in [("reduce_max", out, which, X), ("backprop_reduce_max", X, out, which)]:
        with pytest.raises(ValueError, match="lengths must be > 0"):
            call(*arguments, numpy.array([2, 0, 3], "i"), 3, 6, 4)
        with pytest.raises(IndexError, match="lengths must sum up"):
            call(*arguments, numpy.array([2, 2, 2**31 - 1], "i"), 3, 6, 4)


@pytest.mark.parametrize("threshold", [20.0, 0.5])
def test_mish(call, threshold):
    X = numpy.concatenate([normal(20) * 4, [0, -50, 50, -800, 800, threshold]])
    Y, dX = X.copy(), numpy.full_like(X, 2)
    call("mish", Y, len(X), threshold)
    assert_allclose(Y, OPS.mish(X, threshold=threshold), rtol=1e-10, atol=1e-20)
    call("backprop_mish", dX, X, len(X), threshold)
    assert_allclose(
        dX, OPS.backprop_mish(numpy.full_like(X, 2), X, threshold=threshold), rtol=1e-9, atol=1e-20
    )


def test_relu(call):
    X = numpy.array([-1, -0.0, 0, 2, numpy.nan, -numpy.inf, numpy.inf])
    call("relu", X, 7)
    assert_array_equal(X, [0, 0, 0, 2, numpy.nan, 0, numpy.inf])
    assert not numpy.signbit(X).any()


@pytest.mark.parametrize("nW", [0, 1, 2])
@pytest.mark.parametrize("lengths", [[5], [2, 0, 3], [1, 1, 1, 1, 1]])
def test_windows(call, nW, lengths):
    X, lengths = normal(5, 3), numpy.array(lengths, "i")
    out, dX = numpy.zeros((5, 3 * (2 * nW + 1))), numpy.zeros((5, 3))
    call("windows", out, X, lengths, nW, 5, 3, len(lengths))
    assert_array_equal(out, NumpyOps().seq2col(X, nW, lengths=lengths))
    call("backprop_windows", dX, out, lengths, 5, 3, nW, len(lengths))
    assert_allclose(dX, NumpyOps().backprop_seq2col(out, nW, lengths=lengths), rtol=1e-12)
    with pytest.raises(IndexError):
        call("windows", out, X, lengths, nW, 4, 3, len(lengths))


def test_gather_add(call):
    table, indices = normal(6, 3), numpy.array([[0, 5], [1, 1], [2, 3]], "i")
    out, cblas = numpy.zeros((3, 3)), NumpyOps().cblas()
    call("gather_add", cblas, out, table, indices, 6, 3, 3, 2)
    assert_allclose(out, table[indices].sum(axis=1), rtol=1e-12)
    for wrong in (-1, 6):
        indices[2, 1] = wrong
        unchanged = out.copy()
        with pytest.raises(IndexError):
            call("gather_add", cblas, out, table, indices, 6, 3, 3, 2)
        assert_array_equal(out, unchanged)
