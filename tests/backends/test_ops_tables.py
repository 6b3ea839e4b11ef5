"""Tables, hashes, windows, maxout, products and updates, against loops in float64 and known vectors."""

import numpy
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from thinc.backends import NumpyOps, Ops
from thinc.backends._hashing import murmur3_x86_32

HASHES = {
    (0, 0): [3428303819, 685728695, 3303603794, 4065689084],
    (1, 0): [4211459146, 4457399, 3547175942, 1032506804],
    (2**64 - 1, 0): [448458099, 2699342458, 1800029871, 1763775177],
    (1234567890123, 7): [1717644010, 3028988793, 1074603710, 209495392],
}


@pytest.mark.parametrize("index_dtype", ["int32", "uint32", "int64"])
@pytest.mark.parametrize("width", [1, 7, 64])
def test_gather_add(ops, index_dtype, width, dtype, rng):
    table = rng.normal(size=(9, width)).astype(dtype)
    indices = rng.integers(0, 9, size=(5, 4)).astype(index_dtype)
    Y = ops.gather_add(table, indices)
    assert Y.dtype == dtype
    assert_allclose(Y, [table[row].astype("d").sum(axis=0) for row in indices], rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("bad", [-1, 9, 2**31 - 1])
def test_edge_ops_9_gather_add_indices(ops, bad, dtype):
    """§17.9: out of range is an error, empty indices are not."""
    table = numpy.ones((9, 3), dtype=dtype)
    with pytest.raises(IndexError):
        ops.gather_add(table, numpy.array([[0, bad]], dtype="int32"))
    assert ops.gather_add(table, numpy.zeros((0, 4), dtype="i")).shape == (0, 3)
    assert_array_equal(ops.gather_add(table, numpy.zeros((2, 0), dtype="i")), numpy.zeros((2, 3)))
    assert ops.gather_add(table[:, :0], numpy.zeros((2, 1), dtype="i")).shape == (2, 0)


@pytest.mark.parametrize("bad, index_dtype", [(2**32 - 1, "uint32"), (2**32, "int64"), (-(2**40), "int64")])
def test_gather_add_indices_beyond_int32(ops, bad, index_dtype, dtype):
    with pytest.raises(IndexError):
        ops.gather_add(numpy.ones((9, 3), dtype=dtype), numpy.array([[0, bad]], dtype=index_dtype))


def test_scatter_add(ops, dtype, rng):
    table = rng.normal(size=(6, 5)).astype(dtype)
    expected = table.astype("d")
    indices = numpy.array([0, 5, 0, -1, 3, 0], dtype="int32")
    values = rng.normal(size=(6, 5)).astype(dtype)
    for i, row in zip(indices, values, strict=True):
        if i >= 0:
            expected[i] += row
    assert ops.scatter_add(table, indices, values) is None
    assert_allclose(table, expected, rtol=1e-5)


def test_scatter_add_of_rows_of_the_table(ops, dtype):
    """The values are those from before, whatever has been added to these rows meanwhile."""
    table = numpy.arange(40, dtype=dtype).reshape(10, 4)
    indices = numpy.array([1, 2, 3, 0, 1], dtype="int32")
    expected = table.copy()
    numpy.add.at(expected, indices, table[:5].copy())
    ops.scatter_add(table, indices, table[:5])
    assert_array_equal(table, expected)


def test_scatter_add_skips_negative_indices_of_any_byte_order(ops, dtype):
    indices = numpy.array([1, -1], dtype="int32")
    for rows in (indices, indices.astype(indices.dtype.newbyteorder())):
        for table in (numpy.zeros((3, 2), dtype=dtype), numpy.zeros((3, 4), dtype=dtype)[:, ::2]):
            ops.scatter_add(table, rows, numpy.ones((2, 2), dtype=dtype))
            assert_array_equal(table, [[0, 0], [1, 1], [0, 0]])


def test_scatter_add_in_general(ops):
    table = numpy.zeros((4, 2), dtype="f")
    ops.scatter_add(table, numpy.array([1, 1, -1]), numpy.float32(2))
    assert table[:, 0].tolist() == [0, 4, 0, 2]
    flat = numpy.zeros(3, dtype="i")
    ops.scatter_add(flat, numpy.array([[0, 2], [2, 2]]), numpy.array([[1, 2], [3, 4]]))
    assert flat.tolist() == [1, 0, 9]
    strided = numpy.zeros((3, 4), dtype="f")
    ops.scatter_add(strided[:, ::2], numpy.array([1, 1, -1], dtype="i"), numpy.ones((3, 2), dtype="f"))
    assert strided.tolist() == [[0, 0, 0, 0], [2, 0, 2, 0], [0, 0, 0, 0]]


def test_edge_ops_10_scatter_add_index_too_large(ops, dtype):
    """§17.10"""
    table = numpy.zeros((4, 2), dtype=dtype)
    with pytest.raises(IndexError):
        ops.scatter_add(table, numpy.array([1, 4], dtype="i"), numpy.ones((2, 2), dtype=dtype))
    with pytest.raises(IndexError):
        ops.scatter_add(table, numpy.array([1, 4]), numpy.ones((2, 2), dtype=dtype))


@pytest.mark.parametrize("key, seed", HASHES)
def test_edge_vectors_1_vectors_2_hash_vectors(ops, key, seed):
    Y = ops.hash(numpy.array([key, key], dtype="uint64"), seed)
    assert Y.dtype == "uint32"
    assert Y.tolist() == [HASHES[key, seed]] * 2


def test_hash(ops):
    assert ops.hash(numpy.zeros(0, dtype="uint64"), 3).shape == (0, 4)
    assert_array_equal(ops.hash(numpy.array([1, 5]), 2), ops.hash(numpy.array([1, 5], dtype="uint64"), 2))
    assert ops.hash(numpy.arange(6, dtype="uint64")[::2], 2**32 - 1).shape == (3, 4)
    for seed in (-1, 2**32):
        with pytest.raises(OverflowError):
            ops.hash(numpy.array([1], dtype="uint64"), seed)


@pytest.mark.parametrize("dtype", ["uint64", "int64", "uint32", "int16"])
def test_hashes_do_not_depend_on_the_byte_order(ops, dtype):
    ids = numpy.array([0, 1, 5, 300], dtype=dtype)
    swapped = ids.astype(ids.dtype.newbyteorder())
    table = numpy.arange(12, dtype="f").reshape(4, 3)
    assert_array_equal(ops.hash(swapped, 3), ops.hash(ids, 3))
    assert_array_equal(ops.ngrams(2, swapped), ops.ngrams(2, ids))
    for Y, expected in zip(ops._hash_embed(table, swapped, 3), ops._hash_embed(table, ids, 3), strict=True):
        assert_array_equal(Y, expected)


@pytest.mark.parametrize("ids", [[1.5, 2.0], [float("nan")], ["1", "2"], [2**63, -1], [2**64, 1]])
def test_only_integers_are_hashed(ops, ids):
    """Others would be cut to some other id; NumPy makes floats of a list such as [2**63, -1]."""
    for call in (lambda ids: ops.hash(ids, 0), lambda ids: ops.ngrams(1, ids)):
        with pytest.raises(TypeError, match="integers"):
            call(numpy.array(ids))
        assert len(call(numpy.array([]))) == 0  # of float64


def test_backends_hash_alike(rng):
    keys = rng.integers(0, 2**64 - 1, size=1000, dtype="uint64")
    assert_array_equal(Ops().hash(keys, 99), NumpyOps().hash(keys, 99))
    for n in (1, 2, 3, 8, 1000):
        assert_array_equal(Ops().ngrams(n, keys), NumpyOps().ngrams(n, keys))


def test_edge_vectors_3_vectors_4_ngrams(ops):
    keys = numpy.array([1, 2, 3], dtype="uint64")
    expected = [10357027354812746030, 14362838344389764114, 5173830478357570162]
    assert ops.ngrams(1, keys).tolist() == expected
    assert ops.ngrams(2, keys).tolist() == [2346165840139155392, 16863871380863422640]
    assert ops.ngrams(2, keys).dtype == "uint64"


@pytest.mark.parametrize("n, length", [(1, 0), (4, 3), (0, 3), (-1, 3), (10**30, 3), (-(10**30), 3)])
def test_edge_ops_11_no_ngrams(ops, n, length):
    """§17.11"""
    Y = ops.ngrams(n, numpy.arange(length, dtype="uint64"))
    assert (Y.shape, Y.dtype) == ((0,), "uint64")


def test_edge_vectors_5_murmur3_x86_32_vectors():
    keys = numpy.array([5, 17, 99], dtype="uint64")
    assert murmur3_x86_32(keys, 0).tolist() == [1740791543, 2038905747, 2858363145]
    assert murmur3_x86_32(keys, 1).tolist() == [2789560161, 70897306, 3441668353]


@pytest.mark.parametrize("N, D", [(0, 4), (3, 0), (3, 1), (5, 2), (7, 5), (100, 8)])
@pytest.mark.parametrize("period", [10000, 50])
def test_position_encode(ops, N, D, period):
    expected = numpy.zeros((N, D))
    for i in range(N):
        for j in range(D):
            pair = j - j % 2
            if pair == D - 1 and D > 1:  # odd width: the last column has no pair of its own
                pair -= 2
            angle = i / period ** (2 * pair / D)
            expected[i, j] = numpy.cos(angle) if j % 2 else numpy.sin(angle)
    Y = ops.position_encode(N, D, period)
    assert Y.dtype == "float32"
    assert_allclose(Y, expected, atol=1e-5)
    out = numpy.full((N, D), 7, dtype="f")
    assert ops.position_encode(N, D, period, out) is out
    assert_array_equal(out, Y)


def test_edge_ops_21_vectors_10_position_encode(ops):
    """§17.21: the published formula, and no float64 output."""
    assert_allclose(ops.position_encode(2, 4)[1], [0.8414710, 0.5403023, 1e-4, 1.0], atol=1e-7)
    for out in (numpy.zeros((2, 4)), numpy.zeros((2, 3), dtype="f")):
        with pytest.raises(AssertionError):
            ops.position_encode(2, 4, out=out)


@pytest.mark.parametrize("nW", [0, 1, 3])
@pytest.mark.parametrize("lengths", [None, [6], [1, 0, 3, 2], [0, 6, 0]])
def test_seq2col(ops, nW, lengths, dtype, rng):
    X = rng.normal(size=(6, 2)).astype(dtype)
    n = None if lengths is None else numpy.array(lengths, dtype="int32")
    Y = ops.seq2col(X, nW, lengths=n)
    assert Y.dtype == dtype
    dY = rng.normal(size=Y.shape).astype(dtype)
    dX = ops.backprop_seq2col(dY, nW, lengths=n)
    expected, expected_dX = numpy.zeros(Y.shape), numpy.zeros(X.shape)
    end = 0
    for length in lengths or [6]:
        start, end = end, end + length
        for j in range(start, end):
            for w, k in enumerate(range(j - nW, j + nW + 1)):
                if start <= k < end:
                    expected[j, 2 * w : 2 * w + 2] = X[k]
                    expected_dX[k] += dY[j, 2 * w : 2 * w + 2]
    assert_array_equal(Y, expected)
    assert_allclose(dX, expected_dX, rtol=1e-5, atol=1e-6)


def test_edge_vectors_8_seq2col_example(ops):
    X = numpy.array([[1], [3], [4], [5]], dtype="f")
    assert ops.seq2col(X, 1).tolist() == [[0, 1, 3], [1, 3, 4], [3, 4, 5], [4, 5, 0]]
    assert ops.seq2col(X[:0], 2).shape == (0, 5)
    assert ops.backprop_seq2col(numpy.zeros((0, 15), dtype="f"), 2).shape == (0, 3)


def test_seq2col_rejects(ops):
    X = numpy.ones((4, 3), dtype="f")
    for method in (ops.seq2col, ops.backprop_seq2col):
        for lengths in ([3], [5], [-1, 5]):
            with pytest.raises(AssertionError):
                method(X, 1, lengths=numpy.array(lengths, dtype="i"))
        with pytest.raises(ValueError, match=r"two dimensions|2-d"):
            method(X[0], 1)
        with pytest.raises(ValueError, match="negative"):
            method(X, -1)


@pytest.mark.parametrize("nW", [0.5, 1.5])
def test_windows_are_whole_numbers(ops, nW):
    X = numpy.ones((4, 4), dtype="f")
    for method in (ops.seq2col, ops.backprop_seq2col):
        with pytest.raises(TypeError):
            method(X, nW)


@pytest.mark.parametrize("nW", [2**61, 2**62, 2**63 - 1, 2**63, 10**30])
def test_windows_of_impossible_width(ops, nW, dtype):
    """The size of the result must not wrap around."""
    X = numpy.ones((3, 2), dtype=dtype)
    with pytest.raises((ValueError, OverflowError, MemoryError)):
        ops.seq2col(X, nW)
    with pytest.raises(ValueError, match="columns"):
        ops.backprop_seq2col(X, nW)


@pytest.mark.parametrize("shape", [(0, 3), (4, 0)])
def test_wide_windows_of_nothing(ops, shape, dtype):
    cols = ops.seq2col(numpy.zeros(shape, dtype=dtype), 10**9)
    assert cols.shape == (shape[0], shape[1] * (2 * 10**9 + 1))
    assert ops.backprop_seq2col(cols, 10**9).shape == shape


@pytest.mark.parametrize(
    "lengths", [[2**32 + 3], [2**32, 3], [2**40, 3 - 2**40], [2**62, 2**62, 2**62, 2**62, 3]]
)
@pytest.mark.parametrize("X_dtype", ["float32", "float16"])
def test_window_lengths_beyond_int32(ops, lengths, X_dtype):
    """They are not cut down to something that fits."""
    with pytest.raises(AssertionError):
        ops.seq2col(numpy.ones((3, 2), dtype=X_dtype), 1, lengths=numpy.array(lengths, dtype="int64"))


@pytest.mark.parametrize("lengths", [[1.5, 1.5], [1.0, 2.0], [[1, 1], [1, 0]]])
@pytest.mark.parametrize("X_dtype", ["float32", "float16"])
def test_window_lengths_are_a_vector_of_integers(ops, lengths, X_dtype):
    with pytest.raises((AssertionError, ValueError), match=r"integer|1-d"):
        ops.seq2col(numpy.ones((3, 2), dtype=X_dtype), 1, lengths=numpy.array(lengths))


@pytest.mark.parametrize("X_dtype, lengths_dtype", [("int32", "int64"), ("float16", "uint32")])
def test_edge_ops_16_seq2col_dtypes(ops, X_dtype, lengths_dtype):
    """§17.16: integers and half precision, and lengths of other types."""
    X = numpy.arange(3).reshape(3, 1).astype(X_dtype)
    Y = ops.seq2col(X, 1, lengths=numpy.array([1, 2], dtype=lengths_dtype))
    assert Y.dtype == X_dtype
    assert Y.tolist() == [[0, 0, 0], [0, 1, 2], [1, 2, 0]]


def test_edge_ops_17_columns_must_be_divisible(ops):
    """§17.17"""
    with pytest.raises(ValueError, match="columns"):
        ops.backprop_seq2col(numpy.ones((4, 7), dtype="f"), 1)


@pytest.mark.parametrize("P", [1, 2, 3, 9])
def test_maxout(ops, P, dtype, rng):
    X = rng.integers(-2, 2, size=(4, 5, P)).astype(dtype)  # with ties
    best, which = ops.maxout(X)
    assert (best.dtype, which.dtype) == (dtype, "int32")
    assert_array_equal(best, X.max(axis=-1))
    assert_array_equal(which, X.argmax(axis=-1))
    dY = rng.normal(size=best.shape).astype(dtype)
    dX = ops.backprop_maxout(dY, which, P)
    assert dX.dtype == dtype
    for b in range(4):
        for o in range(5):
            row = numpy.zeros(P)
            row[which[b, o]] = dY[b, o]
            assert_array_equal(dX[b, o], row)


@pytest.mark.parametrize("shape", [(0, 3, 2), (2, 0, 3), (2, 3, 0), (0, 0, 0)])
def test_edge_ops_11_maxout_of_nothing(ops, shape, dtype):
    """§17.11"""
    best, which = ops.maxout(numpy.zeros(shape, dtype=dtype))
    assert best.shape == which.shape == shape[:2]
    assert not best.any()
    assert (best.dtype, which.dtype) == (dtype, "int32")
    if shape[0] == 0 or shape[1] == 0:
        assert ops.backprop_maxout(best, which, shape[2]).shape == shape


def test_backprop_maxout_rejects(ops, dtype):
    dY = numpy.ones((2, 3), dtype=dtype)
    for bad in (-1, 2):
        with pytest.raises(IndexError):
            ops.backprop_maxout(dY, numpy.full((2, 3), bad, dtype="i"), 2)
    with pytest.raises(ValueError, match="which"):
        ops.backprop_maxout(dY, numpy.zeros((2, 2), dtype="i"), 2)


@pytest.mark.parametrize("m, k, n", [(3, 4, 5), (1, 1, 1), (70, 65, 33), (0, 3, 2), (3, 0, 2), (3, 2, 0)])
@pytest.mark.parametrize("trans1", [False, True])
@pytest.mark.parametrize("trans2", [False, True])
def test_gemm(ops, m, k, n, trans1, trans2, rng):
    x, y = rng.normal(size=(m, k)).astype("f"), rng.normal(size=(k, n)).astype("f")
    expected = x.astype("d") @ y.astype("d")
    a = numpy.ascontiguousarray(x.T) if trans1 else x
    b = numpy.ascontiguousarray(y.T) if trans2 else y
    Y = ops.gemm(a, b, trans1=trans1, trans2=trans2)
    assert Y.dtype == "float32"
    assert_allclose(Y, expected, rtol=1e-4, atol=1e-5)
    out = numpy.full((m, n), numpy.nan, dtype="f")
    assert ops.gemm(a, b, out=out, trans1=trans1, trans2=trans2) is out
    assert_allclose(out, expected, rtol=1e-4, atol=1e-5)


def test_edge_ops_5_gemm_out(ops, rng):
    """§17.5: any strides are written through; a wrong shape or dtype is an error."""
    x, y = rng.normal(size=(3, 4)).astype("f"), rng.normal(size=(4, 2)).astype("f")
    wide = numpy.zeros((4, 2), dtype="f")
    ops.gemm(x, y, out=wide[1:])
    assert_allclose(wide, numpy.vstack([numpy.zeros((1, 2)), x @ y]), rtol=1e-5)
    strided = numpy.zeros((3, 4), dtype="f")
    ops.gemm(x, y, out=strided[:, ::2])
    assert_allclose(strided[:, ::2], x @ y, rtol=1e-5)
    assert not strided[:, 1::2].any()
    turned = numpy.zeros((2, 3), dtype="f")
    ops.gemm(x, y, out=turned.T)
    assert_allclose(turned.T, x @ y, rtol=1e-5)
    for out in (
        numpy.zeros((3, 3), "f"),
        numpy.zeros((6,), "f"),
        numpy.zeros((3, 2)),
        numpy.zeros((3, 2), "i"),
    ):
        with pytest.raises(ValueError, match="out"):
            ops.gemm(x, y, out=out)


def test_gemm_rejects(ops):
    x = numpy.ones((2, 3), dtype="f")
    with pytest.raises(ValueError):
        ops.gemm(x, x)
    with pytest.raises(ValueError):
        ops.gemm(x[0], x)


def test_gemm_of_other_dtypes():
    x = numpy.arange(6).reshape(2, 3)
    assert_array_equal(Ops().gemm(x, x, trans2=True), x @ x.T)
    assert_array_equal(NumpyOps(use_blis=False).gemm(x.astype("d"), x.astype("d"), trans2=True), x @ x.T)


def test_affine(ops, rng):
    X, W, b = (rng.normal(size=shape).astype("f") for shape in [(5, 3), (4, 3), (4,)])
    Y = ops.affine(X, W, b)
    assert Y.dtype == "float32"
    assert_allclose(Y, X.astype("d") @ W.T.astype("d") + b, rtol=1e-4, atol=1e-5)
    assert ops.affine(X, W, b.astype("d")).dtype == "float32"


def test_cblas():
    with pytest.raises(NotImplementedError):
        Ops().cblas()


def adam_arrays(rng, shape, dtype):
    w, g, m1 = (rng.normal(size=shape).astype(dtype) for _ in range(3))
    return [w, g, m1, rng.uniform(size=shape).astype(dtype)]


@pytest.mark.parametrize("shape", [(40,), (3, 5), (0,)])
@pytest.mark.parametrize("mod_rate", [1.0, 0.5])
def test_adam(ops, shape, mod_rate, dtype, rng):
    arrays = adam_arrays(rng, shape, dtype)
    w, g, m1, m2 = (a.astype("d") for a in arrays)
    m1 = 0.9 * m1 + (1 - 0.9) * g
    m2 = 0.99 * m2 + (1 - 0.99) * g * g
    result = ops.adam(*arrays, 0.9, 0.99, 1e-6, 0.01, mod_rate)
    assert all(a is b for a, b in zip(result, arrays, strict=True))
    for found, expected in zip(arrays, [w - 0.01 * m1 / (numpy.sqrt(m2) + 1e-6), 0 * g, m1, m2], strict=True):
        assert found.dtype == dtype
        assert_allclose(found, expected, rtol=1e-5, atol=1e-6)


def test_edge_vectors_9_adam_vector(ops):
    w, g, m1, m2 = (numpy.array([x], dtype="f") for x in (1, 0.5, 0, 0))
    ops.adam(w, g, m1, m2, 0.9, 0.999, 1e-8, 0.1)
    assert_allclose([w[0], g[0], m1[0], m2[0]], [0.68377, 0, 0.05, 2.5e-4], rtol=1e-5)


def test_edge_ops_6_adam_strides(ops, rng):
    """§17.6"""
    plain = adam_arrays(rng, (8,), "float32")
    before = [a.copy() for a in plain]
    strided = [numpy.repeat(a, 2) for a in plain]
    ops.adam(*[a[::2] for a in strided], 0.9, 0.999, 1e-8, 0.1)
    ops.adam(*plain, 0.9, 0.999, 1e-8, 0.1)
    for found, expected, untouched in zip(strided, plain, before, strict=True):
        assert_allclose(found[::2], expected, rtol=1e-6)
        assert_array_equal(found[1::2], untouched)


def test_adam_rejects_and_changes_nothing(ops):
    arrays = [numpy.ones(n, dtype="f") for n in (3, 3, 3, 4)]
    with pytest.raises(ValueError, match="incompatible shapes"):
        ops.adam(*arrays, 0.9, 0.999, 1e-8, 0.1)
    assert all((a == 1).all() for a in arrays)
    arrays = [numpy.ones(3, dtype="f") for _ in range(4)]
    for array in arrays:
        array.flags.writeable = False
        with pytest.raises(ValueError, match="read-only"):
            ops.adam(*arrays, 0.9, 0.999, 1e-8, 0.1)
        array.flags.writeable = True
    assert all((a == 1).all() for a in arrays)


@pytest.mark.parametrize("shape", [(6,), (2, 3), (1, 2, 3)])
def test_clip_gradient(ops, shape, dtype):
    g = numpy.arange(6, dtype=dtype).reshape(shape)
    norm = numpy.sqrt((numpy.arange(6.0) ** 2).sum())
    for threshold, factor in [(100.0, 1), (1.0, 1 / norm)]:
        target = g.copy()
        assert ops.clip_gradient(target, threshold) is target
        assert target.dtype == dtype
        assert_allclose(target, g * factor, rtol=1e-6)


@pytest.mark.parametrize("dtype, value", [("float16", 300.0), ("float32", 1e30)])
@pytest.mark.parametrize("step", [1, 2])
def test_clip_gradient_whose_squares_overflow(ops, dtype, value, step):
    """A gradient that explodes is what clipping is for: it must not become zero."""
    g = numpy.full(8, value, dtype=dtype)[::step]
    ops.clip_gradient(g, 1.0)
    assert_allclose(g, 1 / numpy.sqrt(len(g)), rtol=1e-3)


def test_clip_gradient_does_not_turn_it_round(ops, dtype):
    g = numpy.ones(3, dtype=dtype)
    with pytest.raises(ValueError, match="at least 0, got -1"):
        ops.clip_gradient(g, -1.0)
    assert_array_equal(g, 1)


def test_edge_ops_20_clip_zeros(ops, dtype):
    """§17.20"""
    g = numpy.zeros(3, dtype=dtype)
    assert_array_equal(ops.clip_gradient(g, 0), 0)
    assert_array_equal(ops.clip_gradient(g[:0], 1.0), numpy.zeros(0))


@pytest.mark.parametrize("t, decay", [(0, 0.1), (8, 0.5), (10**6, 0.9)])
def test_update_averages(ops, t, decay, dtype):
    ema, weights = numpy.zeros((2, 2), dtype=dtype), numpy.ones((2, 2), dtype=dtype)
    assert ops.update_averages(ema, weights, t, 0.9) is None
    assert_allclose(ema, 1 - decay, rtol=1e-6)
