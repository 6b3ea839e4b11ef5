"""Row gathering on every instruction set: any dtype, any rank, bad indices."""

import numpy
import pytest
from numpy.testing import assert_array_equal

import thinc.kernels.batching
from thinc.backends import NumpyOps
from thinc.kernels.batching import take_rows

pytestmark = pytest.mark.usefixtures("isa")


ROW_BYTES = [1, 2, 3, 4, 5, 8, 9, 12, 16, 17, 31, 63, 64, 65, 100, 127, 128, 129, 191, 1000, 2048, 3136, 5001]


@pytest.mark.parametrize("row_bytes", ROW_BYTES)
@pytest.mark.parametrize("n", [0, 1, 2, 5, 33])
def test_row_sizes(row_bytes, n):
    rng = numpy.random.default_rng(0)
    array = rng.integers(0, 256, size=(40, row_bytes)).astype("uint8")
    index = rng.integers(0, 40, size=n)
    assert_array_equal(take_rows(array, index), array[index])


@pytest.mark.parametrize("offset", range(0, 64, 7))
def test_any_alignment(offset):
    store = numpy.random.default_rng(0).integers(0, 256, size=20 * 200 + 64).astype("uint8")
    array = store[offset : offset + 20 * 200].reshape(20, 200)
    index = numpy.arange(20)[::-1]
    assert_array_equal(take_rows(array, index), array[::-1])


DTYPES = [
    "bool",
    "int8",
    "uint16",
    "int32",
    "int64",
    "float16",
    "float32",
    "float64",
    "complex128",
    "longdouble",
    ">f4",
    "S5",
    "U3",
    "M8[s]",
    "m8[ms]",
    [("a", "f4"), ("b", "i8")],
]


@pytest.mark.parametrize("dtype", DTYPES, ids=str)
@pytest.mark.parametrize("shape", [(9,), (9, 1), (9, 5), (9, 2, 3), (9, 2, 1, 2, 2), (9, 0, 3)])
def test_dtypes_and_ranks(dtype, shape):
    array = (
        numpy.arange(numpy.prod(shape))
        .reshape(shape)
        .astype("S5" if dtype == "S5" else "int64")
        .astype(dtype)
    )
    index = numpy.array([8, 0, 3, 3])
    rows = NumpyOps()._take_rows(array, index)
    assert_array_equal(rows, array[index])
    assert rows.dtype == array.dtype
    assert rows.flags.c_contiguous
    assert rows.flags.owndata
    assert not numpy.shares_memory(rows, array)


@pytest.mark.parametrize("dtype", ["int8", "uint8", "int32", "uint32", "int64", "uint64", ">i4"])
def test_index_dtypes(dtype):
    array = numpy.arange(12).reshape(4, 3)
    index = numpy.array([3, 0, 2]).astype(dtype)
    assert_array_equal(NumpyOps()._take_rows(array, index), array[[3, 0, 2]])
    assert_array_equal(NumpyOps()._take_rows(array, numpy.repeat(index, 2)[::2]), array[[3, 0, 2]])


@pytest.mark.parametrize(
    "make",
    [
        lambda a: a[:, ::2],
        lambda a: a[::-1],
        numpy.asfortranarray,
        lambda a: a.astype(object),
        lambda a: a.T,
    ],
)
def test_other_arrays(make):
    array = make(numpy.arange(36).reshape(6, 6))
    index = numpy.array([5, 0, 3, 3])
    rows = NumpyOps()._take_rows(array, index)
    assert_array_equal(rows, array[index])
    assert rows.flags.c_contiguous


@pytest.mark.parametrize("bad", [4, -1, 2**62, -(2**62)])
@pytest.mark.parametrize("position", [0, 1, 2])
def test_bad_indices(bad, position):
    index = numpy.array([0, 1, 2])
    index[position] = bad
    with pytest.raises(IndexError, match=f"row {bad} \\(position {position}"):
        NumpyOps()._take_rows(numpy.zeros((4, 3)), index)


def test_no_rows():
    assert NumpyOps()._take_rows(numpy.zeros((0, 3)), numpy.zeros(0, dtype="int64")).shape == (0, 3)
    with pytest.raises(IndexError):
        NumpyOps()._take_rows(numpy.zeros((0, 3)), numpy.zeros(1, dtype="int64"))


def test_shuffled_batches_hold_every_row_once():
    X = numpy.arange(1000 * 33, dtype="float32").reshape(1000, 33)
    ids = numpy.arange(1000)
    batches = NumpyOps().multibatch(64, X, ids, shuffle=True)
    for _ in range(2):
        seen = []
        for x, i in batches:
            assert_array_equal(x, X[i])
            seen.extend(i.tolist())
        assert seen != sorted(seen)
        assert sorted(seen) == list(range(1000))


def test_interface_for_cython():
    assert list(thinc.kernels.batching.__pyx_capi__) == ["gather_rows"]
