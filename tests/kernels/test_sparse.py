"""The loops of sparse linear models: hashing, and refusal of what would lead outside of an array."""

import numpy
import pytest

from thinc.backends._hashing import murmur3_x86_32
from thinc.kernels import sparse
from thinc.kernels._dispatch import available_isas, use_isa

KEYS = numpy.array([0, 1, 12345678901234567, 2**64 - 1], dtype="uint64")


@pytest.mark.parametrize("length", [1, 7, 8, 2**18, 2**31])
@pytest.mark.parametrize("mask", [False, True])
def test_slots_are_those_of_the_hash(length, mask):
    keys = numpy.concatenate([KEYS, numpy.arange(100, dtype="uint64") * 2**58])
    hashes = numpy.stack([murmur3_x86_32(keys, seed) for seed in (0, 1)], axis=1)
    expected = hashes & numpy.uint32(length - 1) if mask else hashes % numpy.uint32(length)
    for isa in available_isas():
        with use_isa(isa):
            for n in (0, 1, 7, 8, 9, len(keys)):
                numpy.testing.assert_array_equal(sparse.hash_slots(keys[:n], length, mask), expected[:n])


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("size", [0, 1, 5, 6000])  # features of an example: few ones and many go other ways
@pytest.mark.parametrize("nO", [1, 2, 3])
@pytest.mark.parametrize("stride", [1, 64])
def test_scores_and_gradient(dtype, size, nO, stride):
    rng = numpy.random.default_rng(0)
    lengths = numpy.array([size, 0, 2 * size, 1], dtype="int32")
    n = int(lengths.sum())
    slots = rng.integers(0, 64, size=(n, 2)).astype("uint32")
    W, b, values, dY = (rng.normal(size=shape) for shape in (64 * nO, nO, n, (4, nO)))
    which = slots[:, :, None] + stride * numpy.arange(nO)  # (n, 2, nO)
    example = numpy.repeat(numpy.arange(4), lengths)
    expected = numpy.tile(b, (4, 1))
    numpy.add.at(expected, example, values[:, None] * W[which].sum(axis=1))
    dW = numpy.zeros_like(W)
    numpy.add.at(dW, which, (values[:, None] * dY[example])[:, None])
    W, b, values, dY, found = (X.astype(dtype) for X in (W, b, values, dY, numpy.zeros_like(dW)))
    tolerance = 1e-3 if dtype == "float32" else 1e-10
    Y = sparse.score(W, b, slots, values, lengths, stride)
    assert Y.dtype == dtype
    numpy.testing.assert_allclose(Y, expected, atol=tolerance, rtol=tolerance)
    sparse.add_gradient(found, dY, slots, values, lengths, stride)
    numpy.testing.assert_allclose(found, dW, atol=tolerance, rtol=tolerance)


def test_known_hashes():
    slots = sparse.hash_slots(KEYS[:3], 2**32 - 1, False)
    assert slots.tolist() == [[1669671676, 3935659133], [1392991556, 3741873941], [3482458499, 3446727454]]


def arguments(**changes):
    args = {
        "W": numpy.zeros(16, dtype="float32"),
        "b": numpy.zeros(2, dtype="float32"),
        "slots": numpy.array([[0, 7], [3, 3]], dtype="uint32"),
        "values": numpy.ones(2, dtype="float32"),
        "lengths": numpy.array([1, 1], dtype="int32"),
        "stride": 8,
        **changes,
    }
    return args.values()


def test_what_does_not_fit_is_refused():
    sparse.score(*arguments())
    for changes in [
        {"W": numpy.zeros(15, dtype="float32")},
        {"W": numpy.zeros(16, dtype="int32")},
        {"W": numpy.zeros(32, dtype="float32")[::2]},
        {"b": numpy.zeros(2)},
        {"slots": numpy.array([[0, 8], [3, 3]], dtype="uint32")},
        {"slots": numpy.zeros((3, 2), dtype="uint32")},
        {"slots": numpy.zeros((2, 2), dtype="int64")},
        {"values": numpy.ones(2)},
        {"lengths": numpy.array([1, 2], dtype="int32")},
        {"lengths": numpy.array([3, -1], dtype="int32")},
        {"lengths": numpy.array([1, 1])},
        {"stride": 9},
    ]:
        with pytest.raises(ValueError):
            sparse.score(*arguments(**changes))
    W, _, slots, values, lengths, stride = arguments()
    W.flags.writeable = False
    with pytest.raises(ValueError, match="read-only"):
        sparse.add_gradient(W, numpy.ones((2, 2), dtype="f"), slots, values, lengths, stride)
    with pytest.raises(ValueError, match="must be at least 1"):
        sparse.hash_slots(KEYS, 0, False)


@pytest.mark.parametrize("shape, dtype", [((3, 2), "f"), ((2, 3), "f"), ((4,), "f"), ((2, 2), "d")])
def test_gradients_that_do_not_fit_are_refused(shape, dtype):
    W, _, slots, values, lengths, stride = arguments()
    with pytest.raises(ValueError):
        sparse.add_gradient(W, numpy.ones(shape, dtype=dtype), slots, values, lengths, stride)
    assert not W.any()
