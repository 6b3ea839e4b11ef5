"""The loops of sparse linear models: hashing, and refusal of what would lead outside of an array."""

import numpy
import pytest

from thinc.backends._hashing import murmur3_x86_32
from thinc.kernels import sparse

KEYS = numpy.array([0, 1, 12345678901234567, 2**64 - 1], dtype="uint64")


@pytest.mark.parametrize("length", [1, 7, 8, 2**18, 2**31])
@pytest.mark.parametrize("mask", [False, True])
def test_slots_are_those_of_the_hash(length, mask):
    slots = sparse.hash_slots(KEYS, length, mask)
    hashes = numpy.stack([murmur3_x86_32(KEYS, seed) for seed in (0, 1)], axis=1)
    expected = hashes & numpy.uint32(length - 1) if mask else hashes % numpy.uint32(length)
    numpy.testing.assert_array_equal(slots, expected)


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
