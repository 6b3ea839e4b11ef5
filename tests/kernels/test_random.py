"""The generator of dropout masks: published test vectors, its readable twin, statistics, seeds."""

import math

import numpy
import pytest
from numpy.testing import assert_array_equal

from thinc.backends import NumpyOps
from thinc.backends._cpu_random import random_bits
from thinc.backends._random_reference import dropout_mask, philox4x32, random_bits as reference_bits
from thinc.kernels._dispatch import available_isas, use_isa

KEYS = [0, 1, 0xDEADBEEFCAFE, 2**53 - 1, 2**64 - 1]


@pytest.fixture(params=available_isas())
def ops(request):
    with use_isa(request.param):
        yield NumpyOps()


@pytest.mark.parametrize(
    "counter, key, words",
    [
        # the known answers of the authors' Random123 library, philox4x32 with 10 rounds
        ([0] * 4, (0, 0), "6627e8d5 e169c58d bc57ac4c 9b00dbd8"),
        ([0xFFFFFFFF] * 4, (0xFFFFFFFF, 0xFFFFFFFF), "408f276d 41c83b0e a20bc7c6 6d5451fd"),
        (
            [0x243F6A88, 0x85A308D3, 0x13198A2E, 0x03707344],
            (0xA4093822, 0x299F31D0),
            "d16cfe09 94fdcceb 5001e420 24126ea1",
        ),
    ],
)
def test_twin_gives_known_answers(counter, key, words):
    found = philox4x32([[c] for c in counter], key)[:, 0]
    assert [f"{int(word):08x}" for word in found] == words.split()


@pytest.mark.parametrize("key", KEYS)
def test_bits_equal_the_twins(ops, key):
    expected = reference_bits(1000, key)
    for n in [0, 1, 2, 15, 16, 17, 63, 64, 65, 127, 128, 129, 1000]:
        assert_array_equal(random_bits(n, key), expected[:n])


@pytest.mark.parametrize("first", [64, 640, 2**34 - 64, 2**40])
def test_any_part_of_a_stream(ops, first):
    # counters beyond 32 bits included: block 2**32 begins at element 2**34
    assert_array_equal(random_bits(200, 7, first), reference_bits(200, 7, first))
    assert_array_equal(random_bits(1000, 7)[640:], random_bits(360, 7, 640))


def test_bad_part():
    with pytest.raises(ValueError, match="divisible by 64"):
        random_bits(10, 1, 5)
    with pytest.raises(ValueError, match="n >= 0"):
        random_bits(-1, 1)


@pytest.mark.parametrize("drop", [1e-12, 0.1, 0.2, 0.5, 1 / 3, 0.9, 1 - 1e-12])
@pytest.mark.parametrize("shape", [0, 1, 7, 64, 65, (3, 5), (2, 0, 3), (40, 50)])
def test_mask_equals_the_twins(ops, shape, drop):
    numpy.random.seed(3)
    key = int(numpy.random.random() * 2**53)
    numpy.random.seed(3)
    mask = ops.get_dropout_mask(shape, drop)
    assert mask.dtype == "float32"
    assert_array_equal(mask, dropout_mask(shape if isinstance(shape, tuple) else (shape,), drop, key))


def test_one_draw_per_mask(ops):
    numpy.random.seed(0)
    numpy.random.random()
    expected = numpy.random.random()
    numpy.random.seed(0)
    ops.get_dropout_mask((100, 100), 0.5)
    assert numpy.random.random() == expected


def test_seeds_and_masks(ops):
    numpy.random.seed(1)
    first, second = ops.get_dropout_mask((30, 30), 0.5), ops.get_dropout_mask((30, 30), 0.5)
    assert (first != second).any()
    numpy.random.seed(1)
    assert_array_equal(ops.get_dropout_mask((30, 30), 0.5), first)
    numpy.random.seed(1)
    assert_array_equal(ops.get_dropout_mask((90,), 0.5), first.ravel()[:90])


@pytest.mark.parametrize("drop", [0.1, 0.5, 0.8])
def test_share_and_scale(ops, drop):
    numpy.random.seed(5)
    n = 200_000
    mask = ops.get_dropout_mask((n,), drop)
    kept = mask != 0
    deviation = math.sqrt(drop * (1 - drop) / n)
    assert abs(kept.mean() - (1 - drop)) < 5 * deviation
    assert set(mask[kept]) == {numpy.float32(1 / (1 - drop))}
    assert abs(mask.mean() - 1) < 5 * deviation / (1 - drop)
    # neighbours, in both orders of the layout, are independent
    for distance in (1, 4, 16, 64):
        both = (kept[:-distance] & kept[distance:]).mean()
        assert abs(both - (1 - drop) ** 2) < 6 * deviation


def test_edges(ops):
    state = numpy.random.get_state()[2]
    for drop in (None, 0, 0.0, -1.0):
        assert_array_equal(ops.get_dropout_mask((2, 3), drop), numpy.ones((2, 3), dtype="float32"))
    for drop in (1, 1.0, 2.5, math.inf):
        assert_array_equal(ops.get_dropout_mask((2, 3), drop), numpy.zeros((2, 3), dtype="float32"))
    assert numpy.random.get_state()[2] == state
    assert ops.get_dropout_mask(5, numpy.float32(0.5)).shape == (5,)
    with pytest.raises(ValueError, match="NaN"):
        ops.get_dropout_mask((2,), math.nan)
