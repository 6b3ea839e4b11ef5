"""CupyOps: its kernels against the reference operations. Arrays are NumPy's, and the kernels run on the CPU."""

import inspect

import numpy
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from helpers.cuda_on_cpu import OpsOnCpu
from thinc import compat
from thinc.backends import CupyOps, NumpyOps, Ops, _custom_kernels
from thinc.backends._custom_kernels import KERNELS, KERNELS_LIST, compile_mmh

DTYPES = ["float32", "float64"]
TOLERANCE = {"float32": 2e-6, "float64": 1e-14}
SHAPES = [(0,), (1,), (5, 7), (2, 3, 4)]
ops = OpsOnCpu()


@pytest.fixture(params=DTYPES)
def dtype(request):
    return request.param


def normal(dtype, *shape, seed=0):
    return numpy.random.default_rng(seed).normal(size=shape).astype(dtype)


def check(cuda_kernels, name, *args, launched, **kwargs):
    """Compare with the reference in float64; every kernel named must have run, once each."""
    cuda_kernels.launched.clear()
    found = getattr(ops, name)(*args, **kwargs)
    assert [expression.split("<")[0] for expression in cuda_kernels.launched] == launched
    wide = [a.astype("float64") if getattr(a, "dtype", None) == "float32" else a for a in args]
    expected = getattr(Ops(), name)(*wide, **kwargs)
    if not isinstance(found, tuple):
        found, expected = (found,), (expected,)
    for ours, right in zip(found, expected, strict=True):
        assert ours.dtype == (args[0].dtype if right.dtype == "float64" else right.dtype)
        tolerance = TOLERANCE.get(ours.dtype.name, 0)
        assert_allclose(ours, right, rtol=tolerance, atol=tolerance)
    return found[0]


def test_importable_without_gpu():
    if not compat.has_cupy_gpu:
        assert KERNELS is None
        assert compile_mmh() is None
    assert "maxout<float>" in KERNELS_LIST
    with pytest.raises(AttributeError):
        _custom_kernels.unknown  # noqa: B018


FORWARD = [
    "sigmoid", "relu", "relu_k", "hard_sigmoid", "hard_tanh", "clipped_linear", "swish", "hard_swish",
    "hard_swish_mobilenet", "dish", "gelu", "gelu_approx", "mish",
]  # fmt: skip


@pytest.mark.parametrize("name", FORWARD)
@pytest.mark.parametrize("shape", SHAPES)
def test_activations(cuda_kernels, name, dtype, shape):
    X = normal(dtype, *shape) * 4
    launched = ["activate"] if X.size else []
    check(cuda_kernels, name, X, launched=launched)
    in_place = X.copy()
    assert getattr(ops, name)(in_place, inplace=True) is in_place
    assert_array_equal(in_place, getattr(ops, name)(X))
    turned = numpy.asfortranarray(X)
    assert getattr(ops, name)(turned, inplace=True) is turned
    assert_array_equal(turned, in_place)


@pytest.mark.parametrize("name", FORWARD[1:])
@pytest.mark.parametrize("shape", SHAPES)
def test_gradients_of_activations(cuda_kernels, name, dtype, shape):
    X, dY = normal(dtype, *shape) * 4, normal(dtype, *shape, seed=1)
    Y = getattr(ops, name)(X)
    given = {"relu": (Y,), "swish": (X, Y)}.get(name, (X,))
    backprop = f"backprop_{name}"
    launched = ["backprop_activation"] if X.size else []
    dX = check(cuda_kernels, backprop, dY, *given, launched=launched)
    for order in "CF":
        in_place = numpy.array(dY, order=order)
        assert getattr(ops, backprop)(in_place, *given, inplace=True) is in_place
        assert_array_equal(in_place, dX)
    if X.size:
        with pytest.raises(ValueError, match="shape"):
            getattr(ops, backprop)(dY[:0], *given)


@pytest.mark.parametrize("shape", SHAPES)
def test_gradient_of_sigmoid(cuda_kernels, dtype, shape):
    """In place, it takes the room of the output."""
    Y, dY = ops.sigmoid(normal(dtype, *shape) * 4), normal(dtype, *shape, seed=1)
    given = dY.copy()
    launched = ["backprop_activation"] if Y.size else []
    dX = check(cuda_kernels, "backprop_sigmoid", dY, Y, launched=launched)
    for order in "CF":
        in_place = numpy.array(Y, order=order)
        assert ops.backprop_sigmoid(dY, in_place, inplace=True) is in_place
        assert_array_equal(in_place, dX)
    assert_array_equal(dY, given)
    if Y.size:
        with pytest.raises(ValueError, match="shape"):
            ops.backprop_sigmoid(dY[:0], Y)


@pytest.mark.parametrize("name", FORWARD)
def test_activations_far_out(cuda_kernels, name, dtype):
    """As on the CPU, where the reference clips swish, and fails on some infinities."""
    X = numpy.array([-1e30, -800, -100, -45, -20, 20, 45, 100, 800, 1e30, numpy.nan], dtype)
    dY = numpy.ones_like(X)
    Y = getattr(NumpyOps(), name)(X)
    assert_allclose(getattr(ops, name)(X), Y, rtol=1e-6, atol=1e-6)
    if name != "sigmoid":
        given = {"relu": (Y,), "swish": (X, Y)}.get(name, (X,))
        found, expected = (getattr(o, f"backprop_{name}")(dY, *given) for o in (ops, NumpyOps()))
        assert_allclose(found, expected, rtol=1e-6, atol=1e-6)


@pytest.mark.parametrize("settings", [(2, 1, -1, 3), (-0.5, 0.25, 0, 1), (0, 0.5, 0, 1)])
def test_settings_of_activations(cuda_kernels, dtype, settings):
    X, dY = normal(dtype, 40) * 3, normal(dtype, 40, seed=1)
    check(cuda_kernels, "clipped_linear", X, *settings, launched=["activate"])
    backprop = ["backprop_activation"] if settings[0] else []
    check(cuda_kernels, "backprop_clipped_linear", dY, X, *settings, launched=backprop)
    check(cuda_kernels, "mish", X, 0.5, launched=["activate"])
    check(cuda_kernels, "backprop_mish", dY, X, 0.5, launched=["backprop_activation"])


@pytest.mark.parametrize("shape", [(1, 1, 1), (5, 7, 3), (2, 3, 1)])
def test_maxout(cuda_kernels, dtype, shape):
    X = numpy.random.default_rng(0).integers(-2, 2, size=shape).astype(dtype)
    X[0, 0, -1] = numpy.nan
    for x in (X, numpy.asfortranarray(X)):
        check(cuda_kernels, "maxout", x, launched=["maxout"])
    which = numpy.random.default_rng(1).integers(0, shape[2], size=shape[:2])
    for kind in ("int32", "int64"):
        dY = normal(dtype, *shape[:2])
        check(cuda_kernels, "backprop_maxout", dY, which.astype(kind), shape[2], launched=["backprop_maxout"])
    for bad in (-1, shape[2]):
        which[-1, -1] = bad
        with pytest.raises(IndexError, match="number of pieces"):
            ops.backprop_maxout(dY, which, shape[2])


@pytest.mark.parametrize("nW", [0, 1, 3])
@pytest.mark.parametrize("lengths", [None, [9], [2, 0, 4, 1, 2]])
def test_windows(cuda_kernels, dtype, nW, lengths):
    X = normal(dtype, 9, 5)
    n = None if lengths is None else numpy.array(lengths, "i")
    check(cuda_kernels, "seq2col", X, nW, lengths=n, launched=["seq2col"])
    check(cuda_kernels, "seq2col", numpy.asfortranarray(X), nW, lengths=n, launched=["seq2col"])
    dY = normal(dtype, 9, 5 * (2 * nW + 1))
    check(cuda_kernels, "backprop_seq2col", dY, nW, lengths=n, launched=["backprop_seq2col"])
    for name in ("seq2col", "backprop_seq2col"):
        with pytest.raises(AssertionError, match="lengths must sum up"):
            getattr(ops, name)(dY, nW, lengths=numpy.array([8]))
        with pytest.raises(ValueError, match="negative"):
            getattr(ops, name)(dY, -1)


@pytest.mark.parametrize("lengths", [[1], [3, 1, 2], [4] * 5])
def test_pooling(cuda_kernels, dtype, lengths):
    X = numpy.random.default_rng(0).integers(-2, 2, size=(sum(lengths), 5)).astype(dtype)
    n = numpy.array(lengths)
    check(cuda_kernels, "reduce_sum", X, n, launched=["reduce_sum"])
    check(cuda_kernels, "reduce_mean", X, n, launched=["reduce_sum"])
    check(cuda_kernels, "reduce_max", X, n, launched=["reduce_max"])
    X[0, 0] = numpy.nan
    maxes, which = ops.reduce_max(X, n)
    assert numpy.isnan(maxes[0, 0]) and which[0, 0] == 0
    d = normal(dtype, len(lengths), 5)
    check(cuda_kernels, "backprop_reduce_max", d, which, n, launched=["backprop_reduce_max"])
    for name in ("backprop_reduce_sum", "backprop_reduce_mean"):
        check(cuda_kernels, name, d, n, launched=["backprop_reduce_sum"])
    which[-1, -1] = lengths[-1]
    with pytest.raises(IndexError, match="its own sequence"):
        ops.backprop_reduce_max(d, which, n)
    with pytest.raises(ValueError, match="lengths must be"):
        ops.reduce_max(X, numpy.array([0]))


def test_pooling_of_empty_sequences(cuda_kernels, dtype):
    n, X = numpy.array([0, 2, 0, 0, 1, 0]), normal(dtype, 3, 4)
    check(cuda_kernels, "reduce_sum", X, n, launched=["reduce_sum"])
    check(cuda_kernels, "reduce_mean", X, n, launched=["reduce_sum"])
    for name in ("backprop_reduce_sum", "backprop_reduce_mean"):
        check(cuda_kernels, name, normal(dtype, 6, 4), n, launched=["backprop_reduce_sum"])


def test_tables(cuda_kernels, dtype):
    table = normal(dtype, 6, 3)
    indices = numpy.random.default_rng(1).integers(0, 6, size=(5, 4)).astype("i")
    check(cuda_kernels, "gather_add", table, indices, launched=["gather_add"])
    check(cuda_kernels, "gather_add", table, indices[:, :0], launched=["gather_add"])
    check(cuda_kernels, "gather_add", table, indices[:0], launched=[])
    for bad in (-1, 6):
        indices[2, 3] = bad
        with pytest.raises(IndexError, match="less than the number of rows"):
            ops.gather_add(table, indices)
        with pytest.raises(IndexError, match="less than the number of rows"):
            ops.gather_add(table, indices.astype("i8"))
    values, rows = normal(dtype, 5, 3), numpy.array([0, 5, -1, 5, 0], "i")
    cuda_kernels.launched.clear()
    found, expected = table.copy(), table.copy()
    ops.scatter_add(found, rows, values)
    assert len(cuda_kernels.launched) == 1
    Ops().scatter_add(expected, rows, values)
    assert_allclose(found, expected, rtol=1e-6)
    rows[0] = 6
    with pytest.raises(IndexError, match="too large"):
        ops.scatter_add(table, rows, values)


def test_hash_embedding(cuda_kernels, dtype):
    table, ids = normal(dtype, 11, 3), numpy.arange(7, dtype="uint64") ** 9
    (Y, rows), (expected, right) = (o._hash_embed(table, ids, 5) for o in (ops, Ops()))
    assert_array_equal(rows, right)
    assert_allclose(Y, expected, rtol=1e-6)
    dE, dY = numpy.ones_like(table), normal(dtype, 7, 3)
    d_expected = dE.copy()
    ops._backprop_hash_embed(dE, rows, dY)
    Ops()._backprop_hash_embed(d_expected, rows, dY)
    assert_allclose(dE, d_expected, rtol=1e-5)
    names = [expression.split("<")[0] for expression in cuda_kernels.launched]
    assert names == ["hash_rows", "gather_add", "scatter_add"]
    with pytest.raises(ValueError, match="no rows"):
        ops._hash_embed(table[:0], ids, 5)
    with pytest.raises(ValueError, match="7 rows for 6 ids"):
        ops._backprop_hash_embed(dE, rows[:6], dY)


@pytest.mark.parametrize("seed", [0, 7, 2**32 - 1])
def test_hash(cuda_kernels, seed):
    keys = numpy.random.default_rng(0).integers(0, 2**64 - 1, size=50, dtype="uint64")
    assert_array_equal(ops.hash(keys, seed), Ops().hash(keys, seed))
    assert cuda_kernels.launched == ["hash_data"]
    assert ops.hash(keys[:0], seed).shape == (0, 4)
    with pytest.raises(OverflowError):
        ops.hash(keys, -1)
    with pytest.raises(ValueError, match="one dimension"):
        ops.hash(keys[None], seed)


@pytest.mark.parametrize("shape", [(1, 1), (3, 5), (2, 31), (2, 2, 33), (1, 100)])
def test_softmax(cuda_kernels, dtype, shape):
    X, dY = normal(dtype, *shape) * 5, normal(dtype, *shape, seed=1)
    for temperature in (1.0, 0.5, -2.0):
        check(cuda_kernels, "softmax", X, temperature=temperature, launched=["softmax"])
    Y = ops.softmax(X)
    check(cuda_kernels, "backprop_softmax", Y, dY, temperature=0.5, launched=["backprop_softmax"])
    check(cuda_kernels, "softmax", X, axis=0, launched=[])
    X[0, 0] = numpy.nan
    assert_array_equal(numpy.isnan(ops.softmax(X)), numpy.isnan(Ops().softmax(X)))


@pytest.mark.parametrize("shape", [(1, 1), (3, 5), (70, 33), (130, 4)])
def test_layernorm(cuda_kernels, dtype, shape):
    X, dY = normal(dtype, *shape) * 3 + 1, normal(dtype, *shape, seed=1)
    G, b = normal(dtype, shape[1], seed=2), normal(dtype, shape[1], seed=3)
    _, mu, rstd = Ops()._layernorm(X.astype("f8"), G, b)
    if shape[1] > 1:  # the variance of one value is 0, so rstd is 10 000
        check(cuda_kernels, "_layernorm", X, G, b, launched=["layernorm"])
        expected = Ops()._backprop_layernorm(*(a.astype("f8") for a in (dY, X, G, mu, rstd)))
        found = ops._backprop_layernorm(dY, X, G, mu.astype(dtype), rstd.astype(dtype))
        for ours, right in zip(found, expected, strict=True):
            assert ours.dtype == dtype
            assert_allclose(ours, right, rtol=1e-4, atol=100 * TOLERANCE[dtype])
    else:
        assert_array_equal(ops._layernorm(X, G, b)[0], b[None])


@pytest.mark.parametrize("dtype", [*DTYPES, "int32", "int64", "float16"])
@pytest.mark.parametrize("width", [(), (3,), (2, 2)])
def test_pad(cuda_kernels, dtype, width):
    seqs = [normal("f8", n, *width, seed=n).astype(dtype) for n in (2, 0, 5)]
    seqs.append(numpy.asfortranarray(seqs[0]))
    padded = ops.pad(seqs, round_to=4)
    assert padded.shape == (4, 8, *width)
    assert_array_equal(padded, Ops().pad(seqs, round_to=4))
    assert len(cuda_kernels.launched) == (dtype != "float16")


@pytest.mark.parametrize("n", [0, 1, 37])
def test_adam(cuda_kernels, dtype, n):
    arrays = [normal(dtype, n, seed=i) for i in range(4)]
    arrays[3] **= 2
    expected = [array.astype("f8") for array in arrays]
    Ops().adam(*expected, 0.9, 0.999, 1e-8, 0.1)
    found = ops.adam(*arrays, 0.9, 0.999, 1e-8, 0.1)
    assert all(ours is array for ours, array in zip(found, arrays, strict=True))
    for ours, right in zip(found, expected, strict=True):
        assert_allclose(ours, right, rtol=10 * TOLERANCE[dtype], atol=TOLERANCE[dtype])
    assert len(cuda_kernels.launched) == (n > 0)
    with pytest.raises(ValueError, match="incompatible shapes"):
        ops.adam(arrays[0], numpy.zeros(n + 1, dtype), *arrays[2:], 0.9, 0.999, 1e-8, 0.1)


def test_what_has_no_kernel_goes_to_the_reference(cuda_kernels):
    X = numpy.arange(6, dtype="float16").reshape(3, 2)
    n = numpy.array([1, 2])
    assert ops.reduce_sum(X, n).tolist() == [[0, 1], [6, 8]]
    assert ops.reduce_max(X, n)[0].tolist() == [[0, 1], [4, 5]]
    assert ops.maxout(X[None])[1].tolist() == [[1, 1, 1]]
    assert ops.maxout(numpy.zeros((0, 2, 3), dtype="f"))[0].shape == (0, 2)
    assert ops.reduce_max(numpy.zeros((0, 2), dtype="f"), n[:0])[0].shape == (0, 2)
    for name in set(FORWARD) - {"gelu"}:  # which needs cupyx for erf
        assert getattr(ops, name)(X).dtype == "float16"
    assert ops.softmax(X).dtype == "float16"
    assert cuda_kernels.launched == []


def test_signatures_are_those_of_the_reference():
    def signature(cls, name):
        parameters = inspect.signature(getattr(cls, name)).parameters.values()
        return [(parameter.name, parameter.kind, parameter.default) for parameter in parameters]

    for name, _ in inspect.getmembers(Ops, inspect.isfunction):
        if name != "__init__":
            assert signature(CupyOps, name) == signature(Ops, name), name


def test_conversions(cuda_kernels):
    class OnDevice:
        def get(self):
            return numpy.array([1, 2], dtype="<i4")

    class Tensor:
        def numpy(self):
            return numpy.array([1.5])

    X = numpy.zeros(2, dtype="f")
    assert ops.to_numpy(OnDevice()).tolist() == [1, 2]
    assert ops.to_numpy(OnDevice(), byte_order=">").dtype.str == ">i4"
    assert ops.to_numpy(X) is X
    assert ops.asarray(X) is X
    assert ops.asarray(X, "float64").dtype == "float64"
    assert ops.asarray(Tensor(), dtype="float32").tolist() == [1.5]
    assert ops.asarray([1, 2**64 - 1], dtype="uint64").tolist() == [1, 2**64 - 1]
    with pytest.raises(ValueError, match="asarray"):
        ops.gemm(X[None], X[None], trans2=True)
    assert sorted(i for b in ops.minibatch(2, numpy.arange(5), shuffle=True) for i in b) == list(range(5))
