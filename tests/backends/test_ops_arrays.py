"""Making, converting and reshaping arrays."""

import inspect

import numpy
import pytest
from numpy.testing import assert_array_equal

from thinc.backends import CupyOps, MPSOps, NumpyOps, Ops


class Tensor:
    """What a tensor of another framework looks like."""

    def __init__(self, array):
        self.array = array

    def numpy(self):
        return self.array


class DeviceArray:
    def __init__(self, array):
        self.array = array

    def get(self):
        return self.array


class Series:
    """Like pandas, whose `get` is something else."""

    def get(self, key):
        raise AssertionError

    def to_numpy(self):
        raise AssertionError

    def __array__(self, dtype=None, copy=None):
        return numpy.array([1, 2], dtype=dtype)


@pytest.mark.parametrize("cls", [NumpyOps, CupyOps, MPSOps])
def test_every_backend_has_the_signatures_of_the_reference(cls):
    for name in dir(cls):
        if name.startswith("_") or name in ("xp", "use_blis"):
            continue
        assert hasattr(Ops, name), f"{cls.__name__}.{name} is not in Ops"
        if name == "name":
            continue
        expected = inspect.signature(getattr(Ops, name)).parameters.values()
        found = inspect.signature(getattr(cls, name)).parameters.values()
        assert [(p.name, p.default) for p in found] == [(p.name, p.default) for p in expected], name


@pytest.mark.parametrize(
    "cls, name, device_type, device_id",
    [(Ops, "base", "cpu", -1), (NumpyOps, "numpy", "cpu", -1), (CupyOps, "cupy", "gpu", 0)],
)
def test_construction(cls, name, device_type, device_id):
    ops = cls()
    assert (ops.name, ops.device_type, ops.device_id) == (name, device_type, device_id)
    assert (cls("x", 3).device_type, cls("x", 3).device_id) == ("x", 3)


def test_base_ops_take_anything():
    assert Ops(numpy, other=1).device_type is numpy
    assert isinstance(MPSOps(), NumpyOps)
    assert MPSOps.name == "mps"


def test_alloc(ops):
    assert_array_equal(ops.alloc(3), numpy.zeros(3, "f"))
    assert ops.alloc((2, 3)).dtype == "float32"
    assert ops.alloc((2,), dtype=None).dtype == "float64"
    assert ops.alloc((2, 0, 1), zeros=False).shape == (2, 0, 1)
    for n in (1, 2, 3, 4):
        shape = tuple(range(2, 2 + n))
        floats = getattr(ops, f"alloc{n}f")(*shape)
        ints = getattr(ops, f"alloc{n}i")(*shape)
        assert (floats.shape, floats.dtype) == (shape, "float32")
        assert (ints.shape, ints.dtype) == (shape, "int32")
        assert not floats.any()
        assert not ints.any()
        assert getattr(ops, f"alloc{n}f")(*shape, dtype="float64", zeros=False).dtype == "float64"
    assert ops.alloc_f((2, 1)).dtype == "float32"
    assert ops.alloc_i((2, 1), dtype="uint64").dtype == "uint64"


@pytest.mark.parametrize("size", [3, 300])
def test_alloc_takes_shapes_as_numpy_does(ops, size):
    for shape in ([size, size], numpy.int64(size), (numpy.int32(size), size), numpy.array([size, size])):
        assert_array_equal(ops.alloc(shape), numpy.zeros(shape, "f"))
    for shape in (-1, (-size, -size), (2**40, 2**40)):
        with pytest.raises((ValueError, MemoryError)):
            ops.alloc(shape)
    with pytest.raises(TypeError):
        ops.alloc((2.5, size))


def test_reshape(ops):
    X = numpy.arange(24, dtype="f")
    for name, args in {
        "reshape1": (24,), "reshape2": (4, 6), "reshape3": (2, 3, 4), "reshape4": (1, 2, 3, 4),
    }.items():  # fmt: skip
        for suffix in ("", "f", "i"):
            Y = getattr(ops, name + suffix)(X, *args)
            assert Y.shape == args
            assert numpy.shares_memory(X, Y)
    assert ops.reshape(X, 24).shape == (24,)
    assert ops.reshape_f(X, (-1, 6)).shape == (4, 6)
    assert ops.reshape_i(X, (6, -1)).shape == (6, 4)
    with pytest.raises(ValueError, match="reshape"):
        ops.reshape2f(X, 5, 5)


def test_asarray(ops):
    X = numpy.ones((2, 3), dtype="f")
    assert ops.asarray(X) is X
    assert ops.asarray(X, dtype="float32") is X
    assert ops.asarray(X, dtype="float64").dtype == "float64"
    assert ops.asarray(Tensor(X)) is X
    assert ops.asarray(DeviceArray(X)) is X
    assert ops.asarray(Tensor(X), dtype="int32").dtype == "int32"
    assert ops.asarray(Series()).tolist() == [1, 2]
    assert_array_equal(ops.asarray([[1, 2], [3, 4]]), [[1, 2], [3, 4]])
    big = [1, 2**63 + 1, 2**64 - 1]
    assert ops.asarray(big, dtype="uint64").tolist() == big
    assert ops.asarray1i([1.9, -1.9]).tolist() == [1, -1]
    for n in "1234_":
        assert getattr(ops, f"asarray{n}f")([1, 2]).dtype == "float32"
        assert getattr(ops, f"asarray{n}i")([1, 2]).dtype == "int32"
        assert getattr(ops, f"asarray{n}f")([1, 2], dtype="float64").dtype == "float64"


def test_as_contig(ops):
    X = numpy.arange(6, dtype="f").reshape(2, 3)
    assert ops.as_contig(X) is X
    assert ops.as_contig(X, "float32") is X
    assert ops.as_contig(X, dtype="float64").dtype == "float64"
    Y = ops.as_contig(X.T)
    assert Y.flags.c_contiguous
    assert_array_equal(Y, X.T)
    scalar = ops.as_contig(numpy.array(1, dtype="i"), dtype="float32")
    assert (scalar.shape, scalar.dtype) == ((), "float32")


def test_to_numpy(ops):
    X = numpy.array([1, 2], dtype="<i4")
    assert ops.to_numpy(X) is X
    swapped = ops.to_numpy(X, byte_order=">")
    assert swapped.dtype.str == ">i4"
    assert_array_equal(swapped, X)
    for wrong in ([1, 2], Tensor(X)):
        with pytest.raises(ValueError, match="asarray"):
            ops.to_numpy(wrong)


@pytest.mark.parametrize("drop, value", [(None, 1), (0, 1), (0.0, 1), (-1, 1), (1, 0), (1.5, 0)])
def test_dropout_mask_without_chance(ops, drop, value):
    mask = ops.get_dropout_mask((3, 4), drop)
    assert mask.dtype == "float32"
    assert_array_equal(mask, numpy.full((3, 4), value))


def test_dropout_mask(ops):
    numpy.random.seed(1)
    mask = ops.get_dropout_mask((200, 100), 0.25)
    assert mask.dtype == "float32"
    assert set(numpy.unique(mask)) == {numpy.float32(0), numpy.float32(1 / 0.75)}
    assert abs((mask == 0).mean() - 0.25) < 0.02  # 6 standard deviations
    numpy.random.seed(1)
    assert_array_equal(ops.get_dropout_mask((200, 100), 0.25), mask)
    assert (ops.get_dropout_mask((200, 100), 0.25) != mask).any()
    assert ops.get_dropout_mask(5, 0.5).shape == (5,)


@pytest.mark.parametrize("dtype", ["float32", "float64", "int32", "uint8"])
@pytest.mark.parametrize("inner", [(), (5,), (2, 3)], ids=str)
@pytest.mark.parametrize("steps", [4, 7])
def test_insert_into_rows(ops, steps, inner, dtype):
    rng = numpy.random.default_rng(0)
    Xs = [rng.integers(1, 99, (n, *inner)).astype(dtype) for n in (2, 0, 4, 1)]
    Y = ops.insert_into((4, steps, *inner), Xs)
    assert Y.dtype == dtype and Y.shape == (4, steps, *inner)
    for row, X in zip(Y, Xs, strict=True):
        assert_array_equal(row[: len(X)], X)
        assert not row[len(X) :].any()
    assert_array_equal(ops.insert_into((5, steps, *inner), Xs), [*Y, numpy.zeros_like(Y[0])])
    assert_array_equal(ops.insert_into([4, steps, *inner], tuple(Xs)), Y)


def test_insert_into_too_small_a_shape(ops):
    Xs = [numpy.ones((n, 3), "f") for n in (2, 4)]
    for shape in ((2, 3, 3), (2, 4, 2), (1, 4, 3)):
        with pytest.raises((ValueError, IndexError)):
            ops.insert_into(shape, Xs)


def test_tile_and_insert_into(ops):
    X = numpy.arange(4, dtype="f").reshape(2, 2)
    assert_array_equal(ops.tile(X, (2, 3)), numpy.tile(X, (2, 3)))
    rows = [numpy.array([1, 2], dtype="i"), numpy.array([3], dtype="i")]
    Y = ops.insert_into((3, 3), rows)
    assert Y.dtype == "int32"
    assert Y.tolist() == [[1, 2, 0], [3, 0, 0], [0, 0, 0]]
    with pytest.raises(IndexError):
        ops.insert_into((1, 1), [])
