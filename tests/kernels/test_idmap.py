"""IdMap against a dict."""

import copy
import pickle

import numpy
import pytest
from hypothesis import given, strategies as st

from helpers.examples import examples
from thinc.kernels.idmap import IdMap

KEYS = st.integers(-(2**63), 2**63 - 1) | st.integers(-3, 3)
VALUES = st.integers(-(2**31), 2**31 - 1)


@examples(100)
@given(st.dictionaries(KEYS, VALUES), st.lists(KEYS), VALUES)
def test_finds_what_a_dict_finds(mapping, others, default):
    table = IdMap(mapping)
    wanted = [*mapping, *others]
    found = table.find(numpy.array(wanted, dtype="int64"), default)
    assert found.tolist() == [mapping.get(key, default) for key in wanted]
    assert found.dtype == "int32" and len(table) == len(mapping)


def test_many_ids():
    keys = numpy.random.default_rng(0).integers(0, 2**64, size=5000, dtype="uint64")
    mapping = {int(key): i for i, key in enumerate(keys)}
    assert IdMap(mapping).find(keys).tolist() == list(range(5000))
    assert IdMap(mapping).find(keys[::2]).tolist() == list(range(0, 5000, 2))
    assert IdMap(mapping).find(keys.reshape(50, 100)).shape == (50, 100)


def test_a_key_with_and_without_sign_is_the_same():
    assert IdMap({-1: 5}).find(numpy.array([2**64 - 1], dtype="uint64")).tolist() == [5]
    with pytest.raises(ValueError, match="the same number of 64 bits"):
        IdMap({-1: 5, 2**64 - 1: 6})


@pytest.mark.parametrize("duplicate", [copy.copy, copy.deepcopy, lambda t: pickle.loads(pickle.dumps(t))])
def test_copies(duplicate):
    table = duplicate(IdMap({3: 4}))
    assert table.find(numpy.array([3, 4]), -1).tolist() == [4, -1]
