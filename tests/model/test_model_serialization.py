"""Models to and from dicts, bytes and files."""

import gc
from pathlib import Path, PurePosixPath

import numpy
import pytest
import srsly
from hypothesis import given, strategies as st
from numpy.testing import assert_array_equal

from helpers.examples import examples
from thinc.model import Model, deserialize_attr, serialize_attr
from thinc.shims import Shim
from thinc.types import Unserializable

GOLDEN = bytes.fromhex(
    "84a56e6f6465739184a5696e64657800a46e616d65a16da464696d7382a26e4f02a26e49c0a47265667381a163c0a561747472739181"
    "a161c40101a6706172616d739182a15785c4026e64c3c40474797065a33c6634c4046b696e64c400c4057368617065920202c4046461"
    "7461c410000000000000803f0000004000004040a162c0a57368696d739190"
)


def forward(model, X, is_train):
    return X, lambda dY: dY


class TextShim(Shim):
    """A network that is a text, which must not be ``bad``."""

    def __init__(self, text=""):
        super().__init__(None)
        self.text = text

    def to_bytes(self):
        return self.text.encode("utf8")

    def from_bytes(self, bytes_data):
        if bytes_data == b"bad":
            raise ValueError("a bad text")
        self.text = bytes_data.decode("utf8")


def build_golden():
    W = numpy.asarray([[0, 1], [2, 3]], dtype="f")
    return Model(
        "m",
        forward,
        dims={"nO": 2, "nI": None},
        params={"W": W, "b": None},
        refs={"c": None},
        attrs={"a": 1, "s": {1}},
    )


def build_tree(filled=True):
    """Three nodes; the empty one is what a receiver looks like before it is initialized."""
    rng = numpy.random.default_rng(0)
    W = rng.normal(size=(3, 2)).astype("f") if filled else None
    inner = Model(
        "inner",
        forward,
        dims={"nO": 3 if filled else None, "nI": None},
        params={"W": W, "b": None},
        attrs={"rate": 0.5 if filled else 0.1},
    )
    second = Model(
        "second", forward, shims=[TextShim("one" if filled else ""), TextShim("two" if filled else "")]
    )
    outer = Model("outer", forward, layers=[inner, second], refs={"inner": None, "unset": None})
    if filled:
        outer.set_ref("inner", inner)
    return outer


def snapshot(model):
    """What of a tree may not change."""
    return [
        (
            node.name,
            {name: node.maybe_get_dim(name) for name in node.dim_names},
            {name: node.maybe_get_ref(name) for name in node.ref_names},
            dict(node.attrs),
            {name: id(node.maybe_get_param(name)) for name in node.param_names},
            [shim.text for shim in node.shims],
        )
        for node in model.walk()
    ]


# Layout


def test_golden_bytes():
    assert build_golden().to_bytes() == GOLDEN
    receiver = build_golden()
    receiver.get_param("W")[...] = 9
    receiver.attrs["a"] = 5
    assert receiver.from_bytes(GOLDEN) is receiver
    assert_array_equal(receiver.get_param("W"), [[0, 1], [2, 3]])
    assert receiver.attrs == {"a": 1, "s": {1}}
    assert receiver.to_bytes() == GOLDEN


def test_to_dict():
    model = build_tree()
    msg = model.to_dict()
    assert list(msg) == ["nodes", "attrs", "params", "shims"]
    assert [list(info) for info in msg["nodes"]] == [["index", "name", "dims", "refs"]] * 3
    assert msg["nodes"][0] == {"index": 0, "name": "outer", "dims": {}, "refs": {"inner": 1, "unset": None}}
    assert msg["nodes"][1] == {"index": 1, "name": "inner", "dims": {"nO": 3, "nI": None}, "refs": {}}
    assert msg["attrs"] == [{}, {"rate": srsly.msgpack_dumps(0.5)}, {}]
    assert msg["params"][1]["W"] is model.layers[0].get_param("W")
    assert msg["params"][1]["b"] is None
    assert msg["shims"] == [[], [], [b"one", b"two"]]


def test_a_ref_that_the_constructor_took_comes_back():
    """`set_ref` takes nodes below only, the constructor any; what was saved with such a ref can be loaded."""

    def build():
        left = Model("left", forward)
        return Model(
            "root", forward, layers=[left, Model("right", forward, refs={"left": left, "none": None})]
        )

    model = build().from_bytes(build().to_bytes())
    assert model.layers[1].get_ref("left") is model.layers[0]
    assert model.can_from_bytes(model.to_bytes())


def test_refs_that_leave_the_tree_are_refused():
    outside = Model("outside", forward)
    model = Model("m", forward, refs={"left": outside, "right": outside, "none": None})
    with pytest.raises(ValueError, match=r"left.*right"):
        model.to_bytes()
    whole = Model("whole", forward, layers=[model, outside])
    assert whole.to_dict()["nodes"][1]["refs"] == {"left": 2, "right": 2, "none": None}


def test_big_endian_and_strided_arrays_are_written_little_endian_in_order():
    W = numpy.arange(6, dtype=">f4").reshape(2, 3)
    msg = srsly.msgpack_loads(Model("m", forward, params={"W": W, "T": W.T}).to_bytes())
    for name, expected in (("W", W), ("T", W.T)):
        array = msg["params"][0][name]
        assert array.dtype.str == "<f4"
        assert_array_equal(array, expected)


def test_numpy_integers_as_dims_and_empty_arrays():
    model = Model("m", forward, dims={"nO": numpy.int64(3)}, params={"W": numpy.zeros((0, 4), dtype="f")})
    receiver = Model("m", forward, dims={"nO": None}, params={"W": None}).from_bytes(model.to_bytes())
    assert receiver.get_dim("nO") == 3
    assert receiver.get_param("W").shape == (0, 4)
    assert receiver.to_bytes() == model.to_bytes()


# Round trips


@pytest.mark.parametrize("filled", [False, True])
def test_round_trip_into_fresh_and_filled_models(filled):
    data = build_tree().to_bytes()
    receiver = build_tree(filled).from_bytes(data)
    assert receiver.to_bytes() == data
    assert_array_equal(receiver.layers[0].get_param("W"), build_tree().layers[0].get_param("W"))
    assert receiver.get_ref("inner") is receiver.layers[0]
    assert [shim.text for shim in receiver.layers[1].shims] == ["one", "two"]
    assert receiver.layers[0].attrs == {"rate": 0.5}


def test_loaded_parameters_are_writable_copies():
    model, receiver = build_tree(), build_tree()
    receiver.from_dict(model.to_dict())
    receiver.layers[0].get_param("W")[...] = 0
    assert model.layers[0].get_param("W").any()
    receiver.from_bytes(model.to_bytes())
    receiver.layers[0].get_param("W")[...] = 0


def test_disk_round_trip_takes_strings_paths_and_path_likes(tmp_path):
    class OpenOnly:
        """All that is asked of a path."""

        def __init__(self, path):
            self.path = path

        def open(self, mode):
            return open(self.path, mode)

    model = build_tree()
    for path in (str(tmp_path / "a"), tmp_path / "b", OpenOnly(tmp_path / "c")):
        model.to_disk(path)
        assert model.can_from_disk(path)
        assert build_tree(False).from_disk(path).to_bytes() == model.to_bytes()
    assert Path(tmp_path / "a").read_bytes() == (tmp_path / "c").read_bytes() == model.to_bytes()


def test_failing_to_disk_leaves_the_old_file(tmp_path):
    path = tmp_path / "model"
    build_tree().to_disk(path)
    before = path.read_bytes()
    with pytest.raises(OverflowError):
        Model("m", forward, attrs={"big": 2**70}).to_disk(path)
    assert path.read_bytes() == before


def test_edge_model_15_a_message_can_unset_and_add():
    model = Model("m", forward, params={"W": None, "new": numpy.ones(1)}, refs={"me": None})
    model.set_ref("me", model)
    receiver = Model("m", forward, params={"W": numpy.ones(2)})
    assert not receiver.can_from_dict(model.to_dict())
    receiver.from_dict(model.to_dict())
    assert receiver.has_param("W") is None
    assert_array_equal(receiver.get_param("new"), [1])
    assert receiver.get_ref("me") is receiver


def test_names_are_overwritten():
    receiver = Model("other", forward).from_bytes(Model("m", forward).to_bytes())
    assert receiver.name == "m"


# Attributes


def test_unserializable_attrs_are_dropped_and_kept_by_the_receiver():
    attrs = {
        "set": {1},
        "function": forward,
        "model": Model("a", forward),
        "path": Path("a"),
        "pure": PurePosixPath("a"),
        "wrapped": Unserializable(1),
        "plain": [1, 2.5, "x", None, {"a": b"b"}],
    }
    model = Model("m", forward, attrs=attrs)
    assert list(model.to_dict()["attrs"][0]) == ["plain"]
    receiver = Model("m", forward, attrs={"set": {2}, "plain": 0}).from_bytes(model.to_bytes())
    assert receiver.attrs == {"set": {2}, "plain": attrs["plain"]}


@pytest.mark.parametrize(
    ("value", "error"),
    [(2**70, OverflowError), ("\ud800", UnicodeEncodeError)],
)
def test_other_errors_of_attrs_abort_saving(value, error):
    with pytest.raises(error):
        Model("m", forward, attrs={"a": value}).to_bytes()


def test_tuples_load_as_lists_and_arrays_read_only():
    model = Model("m", forward, attrs={"t": (1, 2), "a": numpy.ones(2), "n": numpy.float32(0.5)})
    receiver = Model("m", forward).from_bytes(model.to_bytes())
    assert receiver.attrs["t"] == [1, 2]
    assert not receiver.attrs["a"].flags.writeable
    assert receiver.attrs["n"] == numpy.float32(0.5)


def test_attr_types_can_be_registered():
    class Text:
        def __init__(self, value):
            self.value = value

    @serialize_attr.register(Text)
    def _(_, value, name, model):
        return f"{name}:{model.name}:{value.value}".encode()

    @deserialize_attr.register(Text)
    def _(_, value, name, model):
        return Text(value.decode())

    model = Model("m", forward, attrs={"t": Text("x")})
    receiver = Model("m", forward, attrs={"t": Text("")}).from_bytes(model.to_bytes())
    assert receiver.attrs["t"].value == "t:m:x"
    # Without a value of the type, the receiver cannot know.
    with pytest.raises(ValueError, match=r"attribute 't' of model 'm'"):
        Model("m", forward).from_bytes(model.to_bytes())


# Messages that do not fit


def change(msg, path, value):
    *keys, last = path
    for key in keys:
        msg = msg[key]
    msg[last] = value


# What is wrong: where, the value, the error, and whether `can_from_dict` sees it.
MISFITS = {
    "no nodes": ((), None, ValueError, True),
    "too many nodes": (("nodes",), [{}] * 4, ValueError, True),
    "too few params": (("params",), [{}], ValueError, True),
    "nodes not a list": (("nodes",), 5, ValueError, True),
    "node not a dict": (("nodes", 1), [1], ValueError, True),
    "name not a string": (("nodes", 1, "name"), 5, ValueError, True),
    "no dims": (("nodes", 1, "dims"), None, ValueError, True),
    "unknown dim": (("nodes", 1, "dims", "nX"), 2, KeyError, True),
    "other dim": (("nodes", 1, "dims", "nO"), 4, ValueError, True),
    "dim not a number": (("nodes", 1, "dims", "nI"), "wide", ValueError, True),
    "ref out of range": (("nodes", 0, "refs", "inner"), 3, ValueError, True),
    "negative ref": (("nodes", 0, "refs", "inner"), -1, ValueError, True),
    "ref not below": (("nodes", 1, "refs", "up"), 0, ValueError, False),
    "broken attr": (("attrs", 1, "rate"), b"\xc1", ValueError, False),
    "attr not bytes": (("attrs", 1, "rate"), 5, ValueError, False),
    "attrs not a dict": (("attrs", 1), [1], ValueError, True),
    "param is text": (("params", 1, "W"), "text", ValueError, True),
    "param is an array of text": (("params", 1, "b"), numpy.asarray(["text"]), ValueError, True),
    "surplus shim": (("shims", 1), [b"x"], IndexError, True),
    "shims not a list": (("shims", 1), 5, ValueError, True),
    "first shim refuses": (("shims", 2, 0), b"bad", ValueError, False),
}


@pytest.mark.parametrize("title", MISFITS)
def test_edge_model_17_from_dict_that_fails_leaves_the_model_as_it_was(title):
    path, value, error, is_seen = MISFITS[title]
    msg = build_tree().to_dict()
    # Everything else in the message differs from the receiver.
    msg["nodes"][0]["name"] = "renamed"
    msg["params"][1]["W"] = numpy.zeros((3, 2), dtype="f")
    msg["attrs"][1]["rate"] = srsly.msgpack_dumps(0.25)
    if path:
        change(msg, path, value)
    else:
        del msg["nodes"]
    receiver = build_tree()
    before = snapshot(receiver)
    assert receiver.can_from_dict(msg, strict=False) is not is_seen
    with pytest.raises(error):
        receiver.from_dict(msg)
    assert snapshot(receiver) == before


def test_errors_name_the_model_and_the_node():
    msg = build_tree().to_dict()
    msg["nodes"][1]["dims"]["nO"] = 4
    with pytest.raises(ValueError, match="'nO' for model 'inner' from 3 to 4"):
        build_tree().from_dict(msg)
    with pytest.raises(ValueError, match=r"'outer'.*3 nodes.*1|'alone'.*3 nodes.*1"):
        Model("alone", forward).from_dict(build_tree().to_dict())


def test_fewer_shims_are_accepted():
    msg = build_tree().to_dict()
    msg["shims"][2] = [b"first"]
    receiver = build_tree().from_dict(msg)
    assert [shim.text for shim in receiver.layers[1].shims] == ["first", "two"]
    assert not receiver.can_from_dict(msg)


# Asking first


def test_can_from_dict_of_what_fits():
    msg = build_tree().to_dict()
    assert build_tree().can_from_dict(msg)
    assert build_tree().can_from_dict(msg, strict=False)
    fresh = build_tree(False)
    assert fresh.can_from_dict(msg, strict=False)
    assert not fresh.can_from_dict(msg)  # the attribute differs
    fresh.layers[0].attrs.clear()
    assert fresh.can_from_dict(msg)
    fresh.name = "other"
    assert not fresh.can_from_dict(msg)


@pytest.mark.parametrize(
    ("path", "value"),
    [
        (("nodes", 1, "dims", "nO"), None),
        (("params", 1, "stranger"), None),
        (("params", 1, "W"), numpy.zeros((2, 3), dtype="f")),
        (("shims", 2), [b"one"]),
    ],
)
def test_can_from_dict_of_what_does_not(path, value):
    msg = build_tree().to_dict()
    change(msg, path, value)
    assert not build_tree().can_from_dict(msg, strict=False)


def test_can_from_dict_skips_own_attrs_that_cannot_be_written():
    msg = Model("m", forward, attrs={"a": 1}).to_dict()
    for value in ({1}, 2**70):
        assert Model("m", forward, attrs={"a": value}).can_from_dict(msg)
    assert not Model("m", forward, attrs={"a": True}).can_from_dict(msg)


def test_edge_model_18_strict_comparison_is_on_bytes():
    msg = Model("m", forward, attrs={"a": {"x": 1, "y": 2}}).to_dict()
    assert not Model("m", forward, attrs={"a": {"y": 2, "x": 1}}).can_from_dict(msg)


@pytest.mark.parametrize(
    "value", [5, None, "text", [1, 2], {}, {"nodes": 1}, {"nodes": [1]}, {"nodes": [{}]}]
)
def test_edge_model_16_can_from_bytes_of_other_valid_messages(value):
    model = build_golden()
    data = srsly.msgpack_dumps(value)
    assert model.can_from_bytes(data) is False
    assert model.can_from_bytes(data, strict=False) is False
    with pytest.raises(ValueError, match="'m'"):
        model.from_bytes(data)


def test_can_from_disk(tmp_path):
    model = build_golden()
    assert model.can_from_disk(tmp_path / "missing") is False
    assert model.can_from_disk(tmp_path) is False
    assert model.can_from_disk(str(tmp_path / "missing" / "below")) is False
    model.to_disk(tmp_path / "file")
    assert model.can_from_disk(tmp_path / "file") is True
    assert model.can_from_disk(tmp_path / "file" / "below") is False
    (tmp_path / "file").write_bytes(b"")
    assert model.can_from_disk(tmp_path / "file") is False


# Hostile bytes


def test_every_truncation_is_an_error_that_names_the_model():
    collecting = gc.isenabled()
    for end in range(len(GOLDEN)):
        model = build_golden()
        assert model.can_from_bytes(GOLDEN[:end]) is False
        with pytest.raises(ValueError, match="'m'"):
            model.from_bytes(GOLDEN[:end])
        assert_array_equal(model.get_param("W"), [[0, 1], [2, 3]])
    assert gc.isenabled() == collecting


@examples(300)
@given(st.integers(0, len(GOLDEN) - 1), st.integers(0, 255))
def test_a_changed_byte_loads_or_raises_cleanly(position, byte):
    data = bytearray(GOLDEN)
    data[position] = byte
    model = build_golden()
    before = model.to_bytes()
    try:
        model.from_bytes(bytes(data))
    except (ValueError, KeyError):
        assert model.to_bytes() == before
    assert isinstance(model.can_from_bytes(bytes(data)), bool)


def test_objects_are_never_unpickled():
    bomb = numpy.asarray([1], dtype="f")
    msg = {b"nd": True, b"type": "|O", b"kind": b"", b"shape": [1], b"data": bomb.tobytes() * 2}
    data = srsly.msgpack_dumps({**build_golden().to_dict(), "params": [{"W": msg}]})
    with pytest.raises(ValueError, match="'m'"):
        build_golden().from_bytes(data)


def test_what_cannot_be_decoded_does_not_fit():
    msg = build_tree().to_dict()
    msg["attrs"][1]["new"] = []  # what bytes stand for is not known before they are decoded
    msg_of_text = build_tree().to_dict()
    msg_of_text["params"][1]["W"] = numpy.full((3, 2), "text")
    for bad in (msg, msg_of_text):
        assert not build_tree().can_from_dict(bad)
        with pytest.raises(ValueError, match="Cannot load"):
            build_tree().from_dict(bad)
