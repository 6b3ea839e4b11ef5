"""Compiled sums and copies against NumPy: also of arrays so large that they are written past the caches."""

import numpy
import pytest
from numpy.testing import assert_array_equal

from thinc.backends import NumpyOps, Ops
from thinc.kernels._dispatch import available_isas, use_isa

COMPILED, REFERENCE = NumpyOps(), Ops()
SIZES = [1, 3, 4, 7, 8, 15, 16, 17, 31, 33, 1000, 4097]
LARGE = 8 << 20  # bytes, from which on arrays are written past the caches
WIDTH = 301  # rows that start anywhere in a cache line
ROWS = LARGE // (8 * WIDTH) * 2 + 2


@pytest.fixture(scope="module")
def large():
    return numpy.random.default_rng(0).normal(size=(ROWS, WIDTH)).astype("float32")


def assert_same(found, expected):
    assert found.dtype == expected.dtype
    assert found.flags.c_contiguous
    assert_array_equal(found, expected)


@pytest.mark.parametrize("isa", available_isas())
@pytest.mark.parametrize("dtype", ["float32", "float64", "float16", "int32", ">f4"])
def test_sums_and_products(isa, dtype):
    rng = numpy.random.default_rng(0)
    with use_isa(isa):
        for size in SIZES:
            X, Y = (9 * rng.normal(size=(2, size, 2))).astype(dtype)
            assert_same(COMPILED._add(X, Y), X + Y)
            assert_same(COMPILED._add(X[:, 0], Y[:, 1]), X[:, 0] + Y[:, 1])
            assert_same(COMPILED._sum([X, Y, X]), X + Y + X)
            assert_same(COMPILED._sum([X * 1, Y]), X + Y)
            assert_same(COMPILED._add_items([X], [Y])[0], X + Y)
            assert_same(COMPILED._multiply(X, Y), X * Y)
            assert_same(COMPILED._multiply(X[:, 0], Y[:, 1]), X[:, 0] * Y[:, 1])


@pytest.mark.filterwarnings("ignore:invalid value")
def test_sums_of_what_is_no_number():
    X = numpy.array([numpy.nan, numpy.inf, -numpy.inf, numpy.inf, 1e-45, -0.0], dtype="float32")
    Y = numpy.array([1, 1, numpy.inf, numpy.inf, 1e-45, -0.0], dtype="float32")
    assert_same(COMPILED._add(X, Y), X + Y)
    assert numpy.signbit(COMPILED._add(X, Y)[5])


@pytest.mark.parametrize("isa", available_isas())
def test_large_sums_and_products(isa, large):
    other = large[::-1].copy()
    with use_isa(isa):
        assert_same(COMPILED._add(large, other), large + other)
        assert_same(COMPILED._multiply(large, other), large * other)
        assert_same(COMPILED._sum([large * 1, other]), large + other)
        assert_same(
            COMPILED._add(large.ravel()[1:], other.ravel()[:-1]), large.ravel()[1:] + other.ravel()[:-1]
        )


@pytest.mark.parametrize("dtype", ["float32", "float64", "int64", "uint8", ">f4", "bool"])
@pytest.mark.parametrize("shape", [(3,), (2, 3), (4, 2, 3), (0, 3), (3, 0)])
@pytest.mark.parametrize("axis", [0, -1])
def test_concatenate(dtype, shape, axis):
    rng = numpy.random.default_rng(0)
    other = list(shape)
    other[axis] += 2
    X, Y = (rng.integers(0, 9, size).astype(dtype) for size in (shape, other))
    for arrays in [(X,), (X, Y, X), [Y, X], (X, numpy.asfortranarray(Y)), (X, Y.astype("float64"))]:
        found = COMPILED._concatenate(arrays, axis=axis)
        assert_same(found, numpy.concatenate(arrays, axis=axis))
        assert not any(numpy.shares_memory(found, array) for array in arrays)


def test_concatenate_refuses_what_does_not_fit():
    X = numpy.zeros((2, 3), dtype="float32")
    for arrays in [[], [X, X[0]], [X, X[:1]], [numpy.float32(1)]]:
        with pytest.raises(ValueError):
            COMPILED._concatenate(arrays, axis=-1)


def test_large_rows_side_by_side_and_apart(large):
    joined = COMPILED._concatenate((large, large[:, :5].copy(), large), axis=-1)
    assert_array_equal(joined, numpy.concatenate((large, large[:, :5], large), axis=-1))
    assert_same(COMPILED.as_contig(joined[:, 306:]), large)
    assert_same(
        COMPILED.as_contig(joined.reshape(2, -1, joined.shape[1])[..., :WIDTH]).reshape(-1, WIDTH), large
    )
    assert_same(COMPILED._concatenate([large[:3], large[3:]], axis=0), large)


@pytest.mark.parametrize(
    "part",
    [
        lambda X: X[:, ::2, :],
        lambda X: X[:, :, 1:],
        lambda X: X[:, 1:, 1:],
        lambda X: X[::2, :, :5],
        lambda X: X[:, :, ::2],
        lambda X: X.T,
        lambda X: X[:, ::-1],
        lambda X: X[:, :0],
        lambda X: numpy.broadcast_to(X[:, :1], X.shape),
    ],
)
def test_as_contig_of_parts(part):
    X = numpy.arange(40 * 20 * 16).reshape(40, 20, 16)
    for dtype in ("int32", "float64"):
        assert_same(COMPILED.as_contig(part(X.astype(dtype))), part(X.astype(dtype)))


@pytest.mark.parametrize("isa", available_isas())
@pytest.mark.parametrize(
    "dtype", ["float32", "float64", "int32", "uint64", "complex64", "complex128", "int16"]
)
def test_as_contig_of_transposed_arrays(isa, dtype):
    with use_isa(isa):
        for rows, columns in [
            (1, 4096),
            (4096, 1),
            (3, 2000),
            (2000, 3),
            (15, 300),
            (16, 256),
            (17, 257),
            (301, 83),
        ]:
            X = numpy.arange(rows * (columns + 2)).reshape(rows, columns + 2).astype(dtype)
            for part in (X, X[:, 1:-1], X[:, ::-1], X[::2], numpy.asfortranarray(X).T):
                assert_same(COMPILED.as_contig(part.T), part.T)


def test_as_contig_keeps_the_bits_of_transposed_arrays():
    X = numpy.random.default_rng(0).integers(0, 2**32, size=(100, 100), dtype="uint32")  # NaN of all kinds
    assert_array_equal(COMPILED.as_contig(X.view("float32").T).view("uint32"), X.T)
    data = numpy.zeros(4 * 100 * 100 + 1, dtype="uint8")[1:].view("float32").reshape(100, 100)
    data[...] = numpy.arange(10_000).reshape(100, 100)  # not aligned
    assert_same(COMPILED.as_contig(data.T), data.T)
    assert_same(
        COMPILED.as_contig(numpy.broadcast_to(data[0], (100, 100)).T),
        numpy.broadcast_to(data[0], (100, 100)).T,
    )


@pytest.mark.parametrize("dtype", ["float32", "float64", "int16", ">f4"])
@pytest.mark.parametrize("reps", [1, 3, (1, 3), (1, 1), (2, 3), (1, 0), 0, (2, 1, 2), (1, 40), [1, 2]])
def test_tile(dtype, reps):
    X = numpy.arange(21).reshape(7, 3).astype(dtype)
    for part in (X, X[:, 1:], X[0], X[:0]):
        found = COMPILED.tile(part, reps)
        assert_array_equal(found, numpy.tile(part, reps))
        assert found.dtype == dtype
        assert not numpy.shares_memory(found, part)


def test_tile_of_large_rows(large):
    assert_same(COMPILED.tile(large, (1, 3)), numpy.tile(large, (1, 3)))


def test_large_windows(large):
    lengths = numpy.array([1, 0, 2, 3, len(large) - 6], dtype="int32")
    Y = COMPILED.seq2col(large, 2, lengths=lengths)
    assert_same(Y, REFERENCE.seq2col(large, 2, lengths=lengths))
    assert_array_equal(COMPILED.seq2col(large[1:], 0), large[1:])


def test_large_lists(large):
    Xs = [large[:1], large[1:1], large[1:20], large[20:]]
    assert_same(COMPILED.flatten(Xs, pad=1), REFERENCE.flatten(Xs, pad=1))
    assert_same(COMPILED.pad(Xs[:2] + Xs[3:]), REFERENCE.pad(Xs[:2] + Xs[3:]))


def test_large_reversed_steps(large):
    X = large[: ROWS // 8 * 8].reshape(-1, 8, WIDTH)
    X = numpy.concatenate((X, X))
    lengths = numpy.array([len(X), len(X), 100, 7, 7, 7, 1, 0], dtype="int32")
    Y = X[::-1].copy()
    assert_same(COMPILED._reverse_steps(X, lengths), REFERENCE._reverse_steps(X, lengths))
    joined = COMPILED._join_reversed(X, Y, lengths)
    assert_same(joined, REFERENCE._join_reversed(X, Y, lengths))
    left, right = COMPILED._split_reversed(joined, WIDTH, lengths)
    assert_array_equal(left, X)
    assert_same(right, Y)
    assert_same(COMPILED._add_reversed(X, Y, lengths), REFERENCE._add_reversed(X, Y, lengths))
    assert_same(COMPILED._add_reversed(left, Y, lengths), REFERENCE._add_reversed(X, Y, lengths))


@pytest.mark.parametrize("dtype", ["float32", "int64", "uint64", "complex128", "bool", "<U3", "object"])
@pytest.mark.parametrize("shape", [(3,), (2, 3), (0, 2), (100, 100), ()])
def test_zeros(dtype, shape):
    expected = numpy.zeros(shape, dtype)
    for kind in (dtype, numpy.dtype(dtype)):
        found = COMPILED.alloc(shape, dtype=kind)
        assert_same(found, expected)
        found[...] = 1  # it is writeable, and belongs to nobody else
        assert_same(COMPILED.alloc(shape, dtype=kind), expected)
    for ops in (COMPILED, REFERENCE):
        assert_same(ops._zeros_like(expected), expected)
        assert_same(ops._zeros_like(expected[::-1] if shape else expected), expected)
    constant = COMPILED._constant_zeros(shape, numpy.dtype(dtype))
    assert constant.shape == shape and constant.dtype == expected.dtype
    assert_array_equal(constant, expected)
    assert_array_equal(REFERENCE._constant_zeros(shape, numpy.dtype(dtype)), expected)


def test_impossible_shapes():
    for shape in [(-1,), (2**40, 2**40), (1,) * 65]:
        with pytest.raises((ValueError, MemoryError)):
            COMPILED.alloc(shape)
    assert COMPILED.alloc((numpy.int64(2), 3)).shape == (2, 3)
    assert COMPILED.alloc([2, 3]).shape == (2, 3)
    assert COMPILED.alloc(2).shape == (2,)


def test_constant_zeros_cannot_be_changed_by_accident():
    zeros = COMPILED._constant_zeros((4, 2), numpy.dtype("int64"))
    with pytest.raises(ValueError, match="read-only"):
        zeros[0] = 1
    assert_array_equal(COMPILED._sum([zeros, zeros + 1]), numpy.ones((4, 2)))
