"""Layers that map ids: strings2arrays, remap_ids, premap_ids."""

import copy

import numpy
import pytest

from thinc import layers
from thinc.config import registry

IDS = numpy.array([[3, 9], [4, 8], [3, 7]])
DTYPES = ["int32", "int64", "uint32", "uint64", "int8", "uint16"]


def test_strings_are_hashed():
    model = layers.strings2arrays()
    (first, second), backprop = model([["a", "hello", "b"], []], True)
    assert first.tolist() == [[1009084850], [613153351], [2**64 - 1780580861]]
    assert first.dtype == second.dtype == "uint64" and second.shape == (0, 1)
    assert backprop([first, second]) == []


def test_strings2arrays_takes_numpy_strings():
    model = layers.strings2arrays()
    (ids,) = model.predict([numpy.array(["a", "bc"])])
    assert ids.tolist() == model.predict([["a", "bc"]])[0].tolist()
    with pytest.raises(TypeError):
        model.predict([[b"a"]])


def test_remap_ids_v1():
    model = layers.remap_ids({"a": 3, 5: -7}, default=-1, dtype="int64")
    Y, backprop = model(["a", 5, "b"], True)
    assert Y.tolist() == [[3], [-7], [-1]] and Y.dtype == "int64"
    assert backprop(Y) == []
    assert layers.remap_ids().predict(["a"]).dtype == "int32"
    assert layers.remap_ids().predict([]).shape == (0, 1)
    assert layers.remap_ids({3: 5}).predict(numpy.array([3, 4])).tolist() == [[5], [0]]


def test_edge_layers_34_layers_do_not_share_the_default_table():
    model = layers.remap_ids()
    model.attrs["mapping_table"]["a"] = 3
    assert model.predict(["a"]).tolist() == [[3]]
    assert layers.remap_ids().predict(["a"]).tolist() == [[0]]
    table = {}
    model = layers.remap_ids(table)
    table["a"] = 5
    assert model.predict(["a"]).tolist() == [[5]]


def test_remap_ids_v2():
    model = layers.remap_ids_v2({3: 1, 4: -2}, default=7, column=0)
    assert model.name == "remap_ids"
    Y, backprop = model(IDS, True)
    assert Y.tolist() == [[1], [-2], [1]] and Y.dtype == "int32"
    dX = backprop(Y)
    assert dX.shape == IDS.shape and not dX.any()
    Y, backprop = model([3, "x"], True)
    assert Y.tolist() == [[1], [7]] and backprop(Y) == []


def test_remap_ids_v2_gets_its_table_later():
    model = layers.remap_ids_v2()
    with pytest.raises(ValueError, match="there is no table"):
        model.predict([1])
    model.attrs["mapping_table"] = {1: 2}
    assert model.predict([1]).tolist() == [[2]]


@pytest.mark.parametrize("build", [layers.remap_ids_v2, layers.premap_ids])
def test_a_matrix_of_ids_needs_a_column(build):
    with pytest.raises(ValueError, match=r"vector of ids, but got an array of shape \(3, 2\).*column"):
        build({3: 1}).predict(IDS)
    with pytest.raises(IndexError):
        build({3: 1}, column=2).predict(IDS)


@pytest.mark.parametrize("build", [layers.remap_ids_v2, layers.premap_ids])
@pytest.mark.parametrize("X", [numpy.zeros((0, 2), "uint64"), numpy.zeros((0, 0), "f"), []])
def test_no_ids(build, X):
    Y, backprop = build({3: 1}, column=1)(X, True)
    assert Y.shape == (0, 1) and Y.dtype == "int32"
    assert len(backprop(Y)) == 0


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("build", [layers.remap_ids_v2, layers.premap_ids])
def test_edge_layers_17_ids_of_every_integer_type(build, dtype):
    model = build({3: 1, 4: 5}, default=9, column=0)
    Y, backprop = model(IDS.astype(dtype), True)
    assert Y.tolist() == [[1], [5], [1]] and Y.dtype == "int32"
    assert backprop(Y).shape == IDS.shape
    vector = build({3: 1, 4: 5}, default=9)
    assert vector.predict(IDS[:, 1].astype(dtype)).tolist() == [[9]] * 3


@pytest.mark.parametrize("build", [layers.remap_ids_v2, layers.premap_ids])
def test_edge_layers_17_negative_and_large_ids(build):
    model = build({-1: -5, 0: 7, -(2**63): 3, 2**63 + 5: 2**31 - 1}, default=-9)
    assert model.predict(numpy.array([-1, 0, -(2**63), 1])).tolist() == [[-5], [7], [3], [-9]]
    assert model.predict(numpy.array([-1, 0], dtype="int8")).tolist() == [[-5], [7]]
    assert model.predict(numpy.array([2**63 + 5], dtype="uint64")).tolist() == [[2**31 - 1]]


@pytest.mark.parametrize("duplicate", [lambda m: m.copy(), copy.deepcopy])
def test_edge_layers_17_premap_ids_can_be_copied(duplicate):
    model = layers.premap_ids({3: 1, 4: 5}, default=9, column=0)
    assert duplicate(model).predict(IDS).tolist() == [[1], [5], [1]]


@pytest.mark.parametrize("table", [{"a": 1}, {1: "a"}, {1.0: 2}, {1: None}])
def test_premap_ids_takes_integers_only(table):
    with pytest.raises(ValueError, match=r"Mapping\[int, int\]"):
        layers.premap_ids(table)


@pytest.mark.parametrize("table", [{2**64: 1}, {-(2**63) - 1: 1}, {1: 2**31}, {1: -(2**31) - 1}])
def test_premap_ids_says_what_does_not_fit(table):
    with pytest.raises(ValueError, match="must fit in 64 bits, values in 32"):
        layers.premap_ids(table)


def test_premap_ids_refuses_what_are_no_ids():
    model = layers.premap_ids({3: 1})
    assert model.predict([3, 4]).tolist() == [[1], [0]]
    for X in (numpy.ones(3), ["a"]):
        with pytest.raises(ValueError, match="expects integer ids"):
            model.predict(X)


def test_models_are_saved_with_the_remap_table_but_without_the_premap_table():
    model = layers.remap_ids({"a": 3}, default=2)
    other = layers.remap_ids().from_bytes(model.to_bytes())
    assert other.predict(["a", "b"]).tolist() == [[3], [2]]
    model = layers.premap_ids({3: 1}, default=2)
    other = layers.premap_ids({3: 5}).from_bytes(model.to_bytes())
    assert other.predict(numpy.array([3, 4])).tolist() == [[5], [2]]


def test_tables_in_a_configuration():
    for name in ("remap_ids.v1", "remap_ids.v2"):
        config = {"model": {"@layers": name, "mapping_table": {"a": 1}, "default": 4}}
        assert registry.resolve(config)["model"].predict(["a", "b"]).tolist() == [[1], [4]]


@pytest.mark.parametrize(
    "ids", [[2**63 + 1, 3], [2**64 - 1, -4], [numpy.uint64(3), numpy.int64(-4), 2**63 + 1]]
)
def test_premap_ids_takes_lists_of_integers_on_both_sides_of_2_to_the_63(ids):
    """Hashes are such lists. NumPy makes floats of them."""
    table = {2**63 + 1: 7, 3: 8, -4: 9, 2**64 - 1: 10}
    Y, backprop = layers.premap_ids(table)(ids, True)
    assert Y.ravel().tolist() == [table[int(id_)] for id_ in ids]
    assert backprop(Y) == []


@pytest.mark.parametrize("ids", [[2**64, 1], [-(2**63) - 1], [1.0, 2], ["a"], [None]])
def test_premap_ids_refuses_other_lists(ids):
    with pytest.raises(ValueError, match="integer ids"):
        layers.premap_ids({1: 2}).predict(ids)


def test_premap_ids_checks_the_default():
    with pytest.raises(ValueError, match=r"default.*32 bits.*1099511627776"):
        layers.premap_ids({1: 2}, default=2**40)
