"""Embed, HashEmbed and array_getitem: rows, hashes, gradients and structure."""

import numpy
import pytest

from thinc import layers
from thinc.layers.array_getitem import floats_getitem, ints_getitem

RNG = numpy.random.default_rng(0)

# MurmurHash3 x64-128 of the eight bytes of an id, by seed and id.
HASHES = {
    (7, 1): (3089165797, 1536154270, 2023308811, 4074317197),
    (7, 2**63 + 5): (3908580491, 2556073767, 3592581439, 2695443709),
    (0, 0): (3428303819, 685728695, 3303603794, 4065689084),
}


@pytest.mark.parametrize("nV", [7, 1000, 2**16 + 1])
@pytest.mark.parametrize("seed, key", HASHES)
def test_hashembed_sums_the_rows_that_the_hash_names(seed, key, nV):
    model = layers.HashEmbed(3, nV, seed=seed).initialize()
    E = model.get_param("E")
    assert E.shape == (nV, 3)
    rows = [value % nV for value in HASHES[seed, key]]
    ids = numpy.array([key], dtype="uint64")
    numpy.testing.assert_allclose(model.predict(ids)[0], E[rows].sum(axis=0), rtol=1e-5, atol=1e-7)
    Y, backprop = model(ids, True)
    dX = backprop(numpy.ones_like(Y))
    assert dX.dtype == "int32" and dX.tolist() == [0]
    expected = numpy.zeros(nV)
    numpy.add.at(expected, rows, 1)
    numpy.testing.assert_array_equal(model.get_grad("E")[:, 0], expected)


@pytest.mark.parametrize("seed", [-1, 2**32, 1.5, "a"])
def test_hashembed_checks_the_seed(seed):
    with pytest.raises(ValueError, match=f"seed.*{seed}"):
        layers.HashEmbed(2, 5, seed=seed)


@pytest.mark.parametrize("nV", [2, 3])
def test_embed_refuses_a_mask(nV):
    with pytest.raises(ValueError, match=r"integers.*bool"):
        layers.Embed(3, nV).initialize().predict(numpy.array([True, False]))


def test_hashembed_counts_a_row_that_is_hit_twice_twice():
    model = layers.HashEmbed(2, 1, seed=0).initialize()
    Y, backprop = model(numpy.array([5, 9]), True)
    numpy.testing.assert_allclose(Y, 4 * model.get_param("E").repeat(2, axis=0), rtol=1e-6)
    backprop(numpy.ones_like(Y))
    assert model.get_grad("E").tolist() == [[8, 8]]


@pytest.mark.parametrize("dtype", ["int32", "int64", "uint32", "uint64"])
def test_hashembed_takes_any_integers(dtype):
    model = layers.HashEmbed(3, 50, seed=1).initialize()
    expected = model.predict(numpy.arange(9, dtype="uint64"))
    numpy.testing.assert_array_equal(model.predict(numpy.arange(9, dtype=dtype)), expected)


def test_hashembed_takes_negative_ids_as_uint64():
    model = layers.HashEmbed(3, 50, seed=1).initialize()
    minus_one = model.predict(numpy.array([-1]))
    numpy.testing.assert_array_equal(minus_one, model.predict(numpy.array([2**64 - 1], dtype="uint64")))


@pytest.mark.parametrize("build", [layers.Embed, layers.HashEmbed])
def test_gradients_of_the_table_add_up_over_calls(build):
    model = build(2, 5).initialize()
    ids = numpy.array([1, 1, 3])
    Y, backprop = model(ids, True)
    backprop(numpy.ones_like(Y))
    once = model.get_grad("E").copy()
    table = model.get_grad("E")
    backprop(numpy.ones_like(Y))
    numpy.testing.assert_array_equal(model.get_grad("E"), 2 * once)
    assert model.get_grad("E") is table


@pytest.mark.parametrize("build", [layers.Embed, layers.HashEmbed])
def test_dropout_is_one_mask_for_the_whole_batch(build):
    numpy.random.seed(1)
    model = build(200, 5, dropout=0.5).initialize()
    ids = numpy.arange(5)
    plain = model.predict(ids)
    Y, backprop = model(ids, True)
    kept = (Y != 0).all(axis=0)
    assert ((Y == 0).all(axis=0) | kept).all()
    assert 50 < kept.sum() < 150
    numpy.testing.assert_allclose(Y[:, kept], 2 * plain[:, kept], rtol=1e-6)
    backprop(numpy.ones_like(Y))
    grad = model.get_grad("E").sum(axis=0)
    assert (grad[~kept] == 0).all() and (grad[kept] > 0).all()
    model.attrs["dropout_rate"] = 0.0
    numpy.testing.assert_array_equal(model(ids, True)[0], plain)


def test_embed():
    model = layers.Embed(nV=4)
    assert (model.name, model.dim_names, model.param_names) == ("embed", ("nO", "nV"), ("E",))
    model.initialize(X=numpy.arange(9), Y=numpy.zeros((9, 3), "float32"))
    E = model.get_param("E")
    assert E.shape == (4, 3) and abs(E).max() <= 0.1
    ids = numpy.array([0, 3, -1, -4])
    Y, backprop = model(ids, True)
    numpy.testing.assert_array_equal(Y, E[[0, 3, 3, 0]])
    dX = backprop(numpy.ones_like(Y))
    assert dX.dtype == "int32" and dX.tolist() == [0] * 4
    assert model.get_grad("E")[:, 0].tolist() == [2, 0, 0, 2]
    for out_of_range in (4, -5):
        with pytest.raises(IndexError):
            model.predict(numpy.array([out_of_range]))


def test_embed_needs_its_dimensions():
    for model in (layers.Embed(3), layers.Embed(nV=3)):
        with pytest.raises(ValueError):
            model.initialize(X=numpy.arange(3))
        assert model.has_param("E") is None


def test_lookup_does_not_hand_out_the_table():
    model = layers.Embed(3, 4).initialize()
    before = model.get_param("E").copy()
    model.predict(numpy.arange(4))[:] = 5
    numpy.testing.assert_array_equal(model.get_param("E"), before)


def test_structure_with_and_without_a_column():
    model = layers.HashEmbed(3, 7, seed=5)
    assert (model.name, model.dim_names) == ("hashembed", ("nO", "nV", "nI"))
    assert model.attrs == {"column": None, "seed": 5}
    assert model.has_dim("nI") is None
    model = layers.HashEmbed(3, 7, seed=5, column=1, dropout=0.0)
    assert [node.name for node in model.walk()] == ["ints-getitem>>hashembed", "ints-getitem", "hashembed"]
    assert model.dim_names == ("nO",)
    assert model.attrs == {"column": 1}
    assert model.layers[0].attrs == {"index": (slice(0, None), 1)}
    assert model.layers[1].attrs == {"column": 1, "seed": 5, "dropout_rate": 0.0}
    model = layers.Embed(3, 7)
    assert model.attrs == {"column": None}
    model = layers.Embed(3, 7, column=1, dropout=0.1)
    assert model.name == "ints-getitem>>embed"
    assert (model.attrs, model.layers[1].attrs) == ({"column": 1}, {"dropout_rate": 0.1})


@pytest.mark.parametrize("build", [layers.Embed, layers.HashEmbed])
def test_a_column_is_selected_and_its_gradient_is_zero(build):
    model = build(3, 7, column=1).initialize()
    X = RNG.integers(0, 7, size=(4, 3)).astype("uint64")
    Y, backprop = model(X, True)
    numpy.testing.assert_array_equal(Y, model.layers[1].predict(X[:, 1]))
    dX = backprop(Y)
    assert dX.shape == X.shape and dX.dtype == X.dtype and not dX.any()


def test_array_getitem():
    X = RNG.normal(size=(4, 3)).astype("float32")
    model = layers.array_getitem((slice(0, None), [0, 2]))
    assert (model.name, model.dim_names, model.attrs) == (
        "array-getitem",
        (),
        {"index": (slice(0, None), [0, 2])},
    )
    Y, backprop = model(X, True)
    numpy.testing.assert_array_equal(Y, X[:, [0, 2]])
    dX = backprop(Y)
    numpy.testing.assert_array_equal(dX, X * [1, 0, 1])
    assert dX.dtype == "float32"
    model.attrs["index"] = 2
    numpy.testing.assert_array_equal(model.predict(X), X[2])
    assert floats_getitem(0).name == "floats-getitem"
    assert ints_getitem(0).name == "ints-getitem"


def test_array_getitem_assigns_gradients_of_repeated_indices():
    X = numpy.zeros((3, 2), dtype="float32")
    _, backprop = layers.array_getitem([1, 1])(X, True)
    assert backprop(numpy.array([[1, 2], [3, 4]], dtype="float32")).tolist() == [[0, 0], [3, 4], [0, 0]]


def test_array_getitem_on_empty_input():
    assert layers.array_getitem(2).predict(numpy.zeros((0, 3))).shape == (0, 3)
    assert layers.array_getitem((slice(0, None), 2)).predict(numpy.zeros((0, 3))).shape == (0,)
    assert layers.array_getitem((slice(0, None), 2)).predict(numpy.zeros((0, 0))).shape == (0,)
    with pytest.raises(IndexError):
        layers.array_getitem((slice(0, None), 3)).predict(numpy.zeros((1, 3)))
