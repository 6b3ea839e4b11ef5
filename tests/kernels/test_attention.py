"""Compiled attention against the reference in float64, on every instruction set."""

import math

import numpy
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from thinc.backends import NumpyOps, Ops

TOLERANCE = {"float32": {"rtol": 1e-4, "atol": 1e-5}, "float64": {"rtol": 1e-10, "atol": 1e-12}}
LENGTHS = [[1], [2, 0, 3], [63, 65], [64, 1], [300], []]  # blocks are of 64 queries and 256 keys


class PlainOps(Ops):
    """The reference."""

    name = "plain"


def normal(*shape, seed=0):
    return numpy.random.default_rng(seed).normal(size=shape)


def both_ways(ops, X, dY, how):
    Y, norms = ops._attend_heads(X, *how)
    return Y, norms, ops._backprop_attend_heads(dY, X, Y, norms, *how)


@pytest.mark.parametrize("lengths", LENGTHS, ids=str)
@pytest.mark.parametrize("heads, width", [(1, 1), (2, 3), (1, 16), (3, 17)])
@pytest.mark.parametrize("causal, drop", [(False, 0.0), (True, 0.0), (False, 0.3), (True, 0.3)])
def test_attention(isa, dtype, lengths, heads, width, causal, drop):
    N, nO = sum(lengths), heads * width
    X, dY = normal(N, 3 * nO).astype(dtype), normal(N, nO, seed=1).astype(dtype)
    how = (numpy.array(lengths, "int32"), heads, causal, drop, 2**52 + 3)
    expected = both_ways(PlainOps(), X.astype("float64"), dY.astype("float64"), how)
    for found, value in zip(both_ways(NumpyOps(), X, dY, how), expected, strict=True):
        assert found.dtype == dtype
        assert_allclose(found, value, **TOLERANCE[dtype])


def test_the_reference_is_the_formula():
    X, lengths = normal(5, 12), [2, 3]
    Y, norms = PlainOps()._attend_heads(X, lengths, 2)
    for rows in (slice(0, 2), slice(2, 5)):
        for h in range(2):
            Q, K, V = (X[rows, 4 * i + 2 * h : 4 * i + 2 * h + 2] for i in range(3))
            exps = numpy.exp(Q @ K.T / math.sqrt(2))
            assert_allclose(Y[rows, 2 * h : 2 * h + 2], exps / exps.sum(axis=1, keepdims=True) @ V)
            assert_allclose(norms[h, rows], numpy.log(exps.sum(axis=1)))


def test_large_scores_do_not_overflow(isa, dtype):
    X = 100 * normal(400, 24).astype(dtype)
    how = ([400], 2)
    found = both_ways(NumpyOps(), X, X[:, :8], how)
    expected = both_ways(PlainOps(), X.astype("float64"), X[:, :8].astype("float64"), how)
    assert_allclose(found[0], expected[0], rtol=1e-2, atol=1e-2)
    assert numpy.isfinite(found[2]).all()


def test_scores_that_grow_from_block_to_block(isa, dtype):
    X = numpy.ones((700, 3), dtype)
    X[:, 1] = numpy.linspace(-40, 40, 700)  # keys; each block has a greater maximum
    X[:, 2] = normal(700)
    found, expected = (
        ops._attend_heads(A, [700], 1)[0] for ops, A in ((NumpyOps(), X), (PlainOps(), X.astype("f8")))
    )
    assert_allclose(found, expected, rtol=1e-4, atol=1e-5)


def test_sequences_do_not_see_each_other_and_nan_stays_in_its_head(isa, dtype):
    X = normal(9, 24).astype(dtype)
    Y = NumpyOps()._attend_heads(X, [4, 5], 2)[0]
    assert_array_equal(NumpyOps()._attend_heads(X[4:], [5], 2)[0], Y[4:])
    X[5, 8] = numpy.nan  # a key of the first head, in the second sequence
    bad = NumpyOps()._attend_heads(X, [4, 5], 2)[0]
    assert numpy.isnan(bad[4:, :4]).all()
    assert_array_equal(bad[:4], Y[:4])
    assert_array_equal(bad[:, 4:], Y[:, 4:])


def test_dropout_keeps_its_share_and_depends_on_the_key():
    X = numpy.zeros((128, 3), "float32")
    X[:, 2] = 1
    ops = NumpyOps()
    Y = ops._attend_heads(X, [128], 1, False, 0.25, 7)[0]
    assert abs(Y.mean() - 1) < 0.02 and Y.std() > 0.01
    assert_array_equal(ops._attend_heads(X, [128], 1, False, 0.25, 7)[0], Y)
    assert (ops._attend_heads(X, [128], 1, False, 0.25, 8)[0] != Y).any()


def test_other_layouts(dtype):
    ops, X, dY = NumpyOps(), normal(9, 24).astype(dtype), normal(9, 8, seed=1).astype(dtype)
    how = (numpy.array([4, 5]), 2, True)
    strided, dY_strided = numpy.asfortranarray(X), numpy.asfortranarray(dY)
    strided.flags.writeable = dY_strided.flags.writeable = False
    for found, expected in zip(
        both_ways(ops, strided, dY_strided, how), both_ways(ops, X, dY, how), strict=True
    ):
        assert_array_equal(found, expected)


@pytest.mark.parametrize(
    "change",
    [
        {"lengths": [4, 4]},
        {"lengths": [10, -1]},
        {"n_heads": 0},
        {"n_heads": 5},
        {"drop": 1.0},
        {"drop": -0.1},
        {"X": normal(9, 23)},
        {"X": normal(9)},
    ],
    ids=str,
)
def test_what_does_not_fit_is_refused(change):
    settings = {"X": normal(9, 24), "lengths": [4, 5], "n_heads": 2, "drop": 0.0, **change}
    with pytest.raises(ValueError, match="attention"):
        NumpyOps()._attend_heads(**settings)


def test_a_gradient_that_does_not_fit_is_refused():
    ops, X = NumpyOps(), normal(9, 24)
    Y, norms = ops._attend_heads(X, [9], 2)
    with pytest.raises(ValueError, match="attention"):
        ops._backprop_attend_heads(Y[:, :7], X, Y, norms, [9], 2)


@pytest.mark.parametrize("width", [2, 6, 16, 34])
def test_rotation(isa, dtype, width):
    lengths, waves = [3, 0, 5], normal(5, width, seed=1).astype(dtype)
    X = normal(8, 3 * width + 1).astype(dtype)
    for back in (False, True):
        found, expected = X.copy(), X.astype("float64")
        NumpyOps()._rotate(found, lengths, waves, 2, back)
        PlainOps()._rotate(expected, lengths, waves.astype("float64"), 2, back)
        assert_allclose(found, expected, **TOLERANCE[dtype])
        assert_array_equal(found[:, 2 * width :], X[:, 2 * width :])
    strided = X.copy(order="F")
    NumpyOps()._rotate(strided, lengths, waves, 2, True)
    assert_allclose(strided, found, **TOLERANCE[dtype])


@pytest.mark.parametrize("lengths, width", [([4, 5], 5), ([9], 4), ([4, 4], 4)])
def test_rotations_that_do_not_fit_are_refused(lengths, width):
    X = normal(9, 12)
    before = X.copy()
    with pytest.raises(ValueError, match="rotary"):
        NumpyOps()._rotate(X, lengths, normal(8, width), 2)
    assert_array_equal(X, before)
