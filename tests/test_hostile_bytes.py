"""Bytes from nowhere: a documented error, nothing loaded by halves, no code run, memory within bounds."""

import sys
import tracemalloc
from pathlib import Path

import numpy
import pytest
import srsly
from hypothesis import given, strategies as st

from helpers.examples import examples

FUZZ = Path(__file__).parent / "fuzz"
sys.path.insert(0, str(FUZZ))
from targets import TARGETS, sealed  # noqa: E402

CORPUS = {
    name: [file.read_bytes() for file in sorted((FUZZ / "corpus" / name).iterdir())] for name in TARGETS
}
PACKED = ["model", "optimizer", "checkpoint"]
WHOLE = {name: (FUZZ / "corpus" / name / "whole").read_bytes() for name in PACKED}
many = examples(100)

# What may stand where something else was.
HOSTILE = [
    None,
    True,
    -1,
    2**40,
    2**63,
    1e308,
    float("nan"),
    "",
    "x" * 40,
    b"",
    b"\xc1" * 8,
    [],
    {},
    {"nodes": []},
    [[[]]],
    numpy.zeros((0, 3), "f"),
    numpy.array(["text"]),
    numpy.array(["text"] * 4),
    numpy.array([2**40]),
    numpy.zeros((4, 3), "complex64"),
    {b"nd": True, b"type": "|O", b"kind": b"", b"shape": [1], b"data": b"\x00" * 8},
    {b"nd": True, b"type": "<f4", b"kind": b"", b"shape": [2**40], b"data": b"\x00" * 8},
    {b"nd": True, b"type": "<f4", b"kind": b"", b"shape": [-1, -1], b"data": b"\x00" * 8},
    {b"nd": True, b"type": [["a", "|O"]], b"kind": b"V", b"shape": [1], b"data": b"\x00" * 8},
    {b"nd": False, b"type": "<f8", b"data": b""},
    {b"complex": True, b"data": "__import__('os')"},
]


@pytest.mark.parametrize("name", TARGETS)
def test_the_corpus_holds_what_loads(name):
    assert any(TARGETS[name](data) for data in CORPUS[name])


@pytest.mark.parametrize("name", TARGETS)
@many
@given(data=st.data())
def test_damaged_bytes(name, data):
    original = bytearray(data.draw(st.sampled_from(CORPUS[name])))
    for _ in range(data.draw(st.integers(1, 4))):
        start = data.draw(st.integers(0, len(original)))
        stop = start + data.draw(st.integers(0, 8))
        original[start:stop] = data.draw(st.binary(max_size=8))
    TARGETS[name](bytes(original))


@pytest.mark.parametrize("name", TARGETS)
@many
@given(data=st.binary(max_size=200))
def test_any_bytes(name, data):
    TARGETS[name](data)


def replaced(value, choose):
    """The value with something hostile in one place."""
    children = (
        range(len(value)) if isinstance(value, list) else list(value) if isinstance(value, dict) else []
    )
    if not children or choose(st.integers(0, 4)) == 0:
        return choose(st.sampled_from(HOSTILE))
    key = choose(st.sampled_from(children))
    if isinstance(value, dict) and choose(st.integers(0, 5)) == 0:
        return {k: v for k, v in value.items() if k != key}
    changed = value.copy()
    changed[key] = replaced(value[key], choose)
    return changed


@pytest.mark.parametrize("name", PACKED)
@many
@given(data=st.data())
def test_messages_with_something_else_in_a_place(name, data):
    message = srsly.msgpack_loads(WHOLE[name])
    if name == "checkpoint" and data.draw(st.booleans()):
        model = srsly.msgpack_loads(message["model"])
        message["model"] = srsly.msgpack_dumps(replaced(model, data.draw))
    else:
        message = replaced(message, data.draw)
    TARGETS[name](srsly.msgpack_dumps(message))


@pytest.mark.parametrize("name", PACKED)
@pytest.mark.parametrize(
    "header", [b"\xdd\xff\xff\xff\xff", b"\xdf\xff\xff\xff\xff", b"\xc6\xff\xff\xff\xff"]
)
@pytest.mark.parametrize("depth", [1, 400])
def test_claims_of_size_are_refused_before_memory_is_taken(name, header, depth):
    data = header * depth + b"\x00" * 1000
    tracemalloc.start()
    try:
        assert not TARGETS[name](data)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < 5_000_000


def test_no_pickle_is_opened():
    """The bytes of a pickle that would create a file, everywhere where bytes are taken."""

    class Bomb:
        def __reduce__(self):
            return (pytest.fail, ("a pickle was opened",))

    import pickle

    bomb = pickle.dumps(Bomb())
    for name, load in TARGETS.items():
        assert load(bomb) is False, name
    array = {b"nd": True, b"type": "|O", b"kind": b"O", b"shape": [1], b"data": bomb}
    for value in (bomb, array):
        for name in PACKED:
            message = srsly.msgpack_loads(WHOLE[name])
            for key in message:
                TARGETS[name](srsly.msgpack_dumps({**message, key: value}))


def test_what_is_sealed_is_what_is_checked():
    """The targets reach behind the checksum; without the right one nothing is looked at."""
    from thinc.api import Adam

    payload = WHOLE["optimizer"]
    whole = sealed(b"optimizer 1", payload)
    with pytest.raises(ValueError, match="checksum"):
        Adam().from_bytes(whole[:-1] + b"\x00\x00")
    with pytest.raises(ValueError, match="another kind"):
        Adam().from_bytes(sealed(b"optimizer 2", payload))
