"""Compiled embedding tables and hashes against the readable reference, on every instruction set."""

import numpy
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from thinc.backends import NumpyOps, Ops
from thinc.kernels._dispatch import available_isas, use_isa

WIDTHS = [0, 1, 3, 8, 16, 17, 33, 96]


@pytest.fixture(params=available_isas())
def ops(request):
    with use_isa(request.param):
        yield NumpyOps()


def table(rows, width, dtype, seed=0):
    return numpy.random.default_rng(seed).normal(size=(rows, width)).astype(dtype)


@pytest.mark.parametrize("width", WIDTHS)
@pytest.mark.parametrize("shape", [(0, 4), (3, 0), (1, 1), (7, 4), (300, 2)])
def test_gather_add(ops, dtype, shape, width):
    E = table(11, width, dtype)
    indices = numpy.random.default_rng(1).integers(0, 11, size=shape)
    expected = E.astype("float64")[indices].sum(axis=1)
    for kind in ("int32", "int64", "uint32"):
        Y = ops.gather_add(E, indices.astype(kind))
        assert Y.dtype == dtype
        assert_allclose(Y, expected, atol=1e-5)


@pytest.mark.parametrize("bad", [-1, 11, 2**31 - 1])
@pytest.mark.parametrize("position", [0, 255, 256, 599])
def test_gather_add_refuses_bad_indices(ops, position, bad):
    indices = numpy.zeros(600, dtype="i")
    indices[position] = bad
    with pytest.raises(IndexError, match=str(position)):
        ops.gather_add(table(11, 5, "f"), indices.reshape(300, 2))


@pytest.mark.parametrize("width", WIDTHS)
def test_scatter_add(ops, dtype, width):
    E = table(11, width, dtype)
    values = table(40, width, dtype, seed=2)
    indices = numpy.random.default_rng(3).integers(0, 11, size=40).astype("i")
    indices[5] = -1  # skipped
    expected = E.astype("float64")
    numpy.add.at(expected, indices[indices >= 0], values[indices >= 0])
    assert ops.scatter_add(E, indices, values) is None
    assert_allclose(E, expected, atol=1e-5)


def test_scatter_add_refuses_bad_indices_and_changes_nothing(ops):
    E = table(11, 5, "f")
    before = E.copy()
    with pytest.raises(IndexError):
        ops.scatter_add(E, numpy.asarray([1, 11], dtype="i"), table(2, 5, "f"))
    assert_array_equal(E, before)


def test_hash_equals_reference(ops):
    ids = numpy.random.default_rng(0).integers(0, 2**64, size=67, dtype="uint64")
    for seed in (0, 7, 2**32 - 1):
        keys = ops.hash(ids, seed)
        assert keys.dtype == "uint32"
        assert_array_equal(keys, Ops().hash(ids, seed))
    assert ops.hash(ids[:0], 1).shape == (0, 4)
    assert_array_equal(ops.hash(ids[::-2], 1), ops.hash(ids[::-2].copy(), 1))
    for seed in (-1, 2**32):
        with pytest.raises(OverflowError):
            ops.hash(ids, seed)


def test_hash_vectors(ops):
    keys = ops.hash(numpy.asarray([0, 1, 2**64 - 1], dtype="uint64"), 0)
    assert keys.tolist() == [
        [3428303819, 685728695, 3303603794, 4065689084],
        [4211459146, 4457399, 3547175942, 1032506804],
        [448458099, 2699342458, 1800029871, 1763775177],
    ]
    assert ops.hash(numpy.asarray([2**63 + 5], dtype="uint64"), 7).tolist() == [
        [3908580491, 2556073767, 3592581439, 2695443709]
    ]


def test_ngrams(ops):
    keys = numpy.asarray([1, 2, 3], dtype="uint64")
    assert ops.ngrams(1, keys).tolist() == [10357027354812746030, 14362838344389764114, 5173830478357570162]
    assert ops.ngrams(2, keys).tolist() == [2346165840139155392, 16863871380863422640]
    many = numpy.random.default_rng(0).integers(0, 2**64, size=50, dtype="uint64")
    for n in (1, 2, 5, 50):
        assert_array_equal(ops.ngrams(n, many), Ops().ngrams(n, many))
    for n in (0, -1, 51):
        assert ops.ngrams(n, many).shape == (0,)


@pytest.mark.parametrize("nV", [1, 2, 3, 1000, 2**20])
def test_hash_embed(ops, dtype, nV):
    E = table(nV, 5, dtype)
    ids = numpy.random.default_rng(4).integers(0, 2**64, size=33, dtype="uint64")
    Y, rows = ops._hash_embed(E, ids, 3)
    expected, expected_rows = Ops()._hash_embed(E, ids, 3)
    assert_array_equal(rows, expected_rows)
    assert_allclose(Y, expected, rtol=1e-5, atol=1e-5)
    dY = table(33, 5, dtype, seed=5)
    dE, expected_dE = E.copy(), E.copy()  # added to what is there
    ops._backprop_hash_embed(dE, rows, dY)
    Ops()._backprop_hash_embed(expected_dE, rows, dY)
    assert_allclose(dE, expected_dE, rtol=1e-4, atol=1e-5)
    with pytest.raises(ValueError, match="32 rows for 33 ids"):
        ops._backprop_hash_embed(dE, rows, dY[:-1])


def test_hash_embed_of_an_empty_table(ops):
    with pytest.raises(ValueError, match="no rows"):
        ops._hash_embed(table(0, 5, "f"), numpy.zeros(2, dtype="uint64"), 0)
    with pytest.raises(ValueError, match="1-d"):
        ops._hash_embed(table(4, 5, "f"), numpy.zeros((2, 2), dtype="uint64"), 0)


def test_hash_embed_of_too_many_rows(ops, dtype):
    for rows in (2**31, 2**32):  # the row numbers are int32; 2**32 must not become 0
        with pytest.raises(ValueError, match="too many"):
            ops._hash_embed(numpy.zeros((rows, 0), dtype=dtype), numpy.zeros(2, dtype="uint64"), 0)
