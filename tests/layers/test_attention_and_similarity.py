"""Attention, similarity, several softmaxes and pairs: values, initialization and mended defects."""

import numpy
import pytest

from helpers.batches import assert_batches_close
from helpers.layer_table import floats, ints, matrix, no_sequences, ragged
from thinc import layers
from thinc.layers.cauchysimilarity import inverse
from thinc.layers.parametricattention_v2 import KEY_TRANSFORM_REF
from thinc.types import Ragged

RNG = numpy.random.default_rng(0)


def test_edge_layers_3_each_block_of_multisoftmax_sums_to_one():
    X = floats(RNG, 5, 4)
    for nOs in ((2, 3), [2, 2, 2], (3,), (1, 4)):
        model = layers.MultiSoftmax(nOs).initialize(X=X)
        model.set_param("W", floats(RNG, sum(nOs), 4))
        A = X @ model.get_param("W").T
        for Y in (model.predict(X), model(X, True)[0]):
            end = 0
            for width in nOs:
                start, end = end, end + width
                exps = numpy.exp(A[:, start:end].astype("float64"))
                numpy.testing.assert_allclose(
                    Y[:, start:end], exps / exps.sum(axis=1, keepdims=True), rtol=1e-5
                )


def test_multisoftmax_starts_with_zeros_and_ignores_the_output_sample():
    model = layers.MultiSoftmax((2, 3)).initialize(X=matrix(RNG), Y=floats(RNG, 5, 9))
    assert model.get_dim("nO") == 5 and not model.get_param("W").any()
    with pytest.raises(ValueError, match="nI"):
        model.initialize(X=floats(RNG, 2, 9))


@pytest.mark.parametrize("build", [layers.ParametricAttention, layers.ParametricAttention_v2])
def test_attention_weighs_the_rows_of_each_sequence(build):
    model = build(nO=4).initialize()
    Q = model.get_param("Q")
    assert Q.dtype == "float32" and abs(Q).max() <= 0.1
    X = Ragged(floats(RNG, 6, 4), ints(2, 0, 1, 3))
    Y = model.predict(X)
    start = 0
    for length in X.lengths:
        rows = X.data[start : start + length]
        weights = numpy.exp(rows @ Q)
        numpy.testing.assert_allclose(
            Y.data[start : start + length], rows * (weights / weights.sum())[:, None], rtol=1e-5, atol=1e-7
        )
        start += length
    with pytest.raises(ValueError, match=r"para-attn expects a Ragged, but got ndarray.*with_ragged"):
        model.predict(X.data)


def test_edge_layers_15_attention_tells_the_width_to_its_key_transform():
    model = layers.ParametricAttention_v2(key_transform=layers.Gelu())
    model.initialize(X=ragged(RNG))
    key_transform = model.get_ref(KEY_TRANSFORM_REF)
    assert (key_transform.get_dim("nO"), key_transform.get_dim("nI")) == (4, 4)
    assert model.predict(ragged(RNG)).data.shape == (6, 4)
    with pytest.raises(ValueError, match="nO"):
        layers.ParametricAttention_v2(key_transform=layers.Gelu(3)).initialize(X=ragged(RNG))


@pytest.mark.parametrize("Y", [floats(RNG, 3, 7), Ragged(floats(RNG, 6, 7), ints(2, 1, 3))])
def test_edge_layers_15_the_key_transform_is_as_wide_as_the_rows_whatever_the_network_ends_in(Y):
    key_transform = layers.chain(layers.Gelu(5), layers.Linear())
    attention = layers.ParametricAttention_v2(key_transform=key_transform)
    X = ragged(RNG)
    model = layers.chain(attention, layers.noop()).initialize(X, Y)
    assert [layer.get_dim("nO") for layer in key_transform.layers] == [5, 4]
    assert model.predict(X).dataXd.shape == (6, 4)


def test_edge_layers_16_copies_of_attention_use_their_own_key_transform():
    model = layers.ParametricAttention_v2(key_transform=layers.Gelu(4, 4), nO=4).initialize()
    X = ragged(RNG)
    Y = model.predict(X)
    twice = layers.clone(model, 2)
    other = twice.layers[1]
    assert other.get_ref(KEY_TRANSFORM_REF) is other.layers[0]
    assert other.layers[0] is not model.layers[0]
    other.layers[0].get_param("W")[...] = 0
    assert_batches_close(model.predict(X), Y)


@pytest.mark.parametrize(
    "X",
    [no_sequences(), Ragged(numpy.zeros((0, 4), "f"), ints(0, 0)), Ragged(numpy.zeros((0, 0), "f"), ints())],
)
@pytest.mark.parametrize("build", [layers.ParametricAttention, layers.ParametricAttention_v2])
def test_edge_layers_19_attention_on_empty_sequences(build, X):
    model = build(nO=4).initialize()
    Y, backprop = model(X, True)
    assert Y.dataXd.shape == (0, 4) and Y.lengths is X.lengths
    assert backprop(Y).dataXd.shape == (0, 4)
    assert not model.get_grad("Q").any()


def test_cauchy_similarity():
    model = layers.CauchySimilarity().initialize(X=(floats(RNG, 3, 4), floats(RNG, 3, 4)))
    assert model.get_param("W").tolist() == [1, 1, 1, 1] and model.get_dim("nO") == 1
    X1, X2 = floats(RNG, 3, 4), floats(RNG, 3, 4)
    numpy.testing.assert_allclose(model.predict((X1, X2)), 1 / (1 + ((X1 - X2) ** 2).sum(axis=1)), rtol=1e-5)
    assert model.predict((X1, X1)).tolist() == [1, 1, 1]
    for pair in ((X1, X2[:2]), (X1[:, :3], X2[:, :3])):
        with pytest.raises(ValueError, match="expects a pair of arrays with 4 columns"):
            model.predict(pair)


def test_inverse():
    total = numpy.array([0.0, 1.0, 3.0])
    Y, backward = inverse(total)
    assert Y.tolist() == [1, 0.5, 0.25]
    assert backward(numpy.ones(3)).tolist() == [-1, -0.25, -0.0625]


def test_edge_layers_35_siamese_infers_widths_and_always_initializes_its_layer():
    X = (floats(RNG, 3, 4), floats(RNG, 3, 4))
    model = layers.siamese(layers.Linear(2), layers.CauchySimilarity())
    assert (model.has_dim("nI"), model.get_dim("nO")) == (None, 1)
    model.initialize(X=X)
    assert (model.get_dim("nI"), model.layers[1].get_dim("nI")) == (4, 2)
    model = layers.siamese(layers.Linear(2, 4), layers.CauchySimilarity(2)).initialize()
    assert model.predict(X).shape == (3,)
    without_nI = layers.siamese(layers.chain(layers.noop(), layers.Linear(2)), layers.CauchySimilarity())
    assert without_nI.initialize(X=X).predict(X).shape == (3,)


def test_siamese_uses_one_layer_for_both_sides():
    layer = layers.Linear(2, 4)
    model = layers.siamese(layer, layers.CauchySimilarity(2)).initialize()
    X = floats(RNG, 3, 4)
    assert model.predict((X, X)).tolist() == [1, 1, 1]
    Y, backprop = model((X, 2 * X), True)
    assert [dx.shape for dx in backprop(Y)] == [(3, 4), (3, 4)]
    assert layer.has_grad("W")


@pytest.mark.parametrize(
    "build, name", [(layers.Logistic, "logistic"), (layers.sigmoid_activation, "sigmoid_activation")]
)
def test_logistic(build, name):
    X = floats(RNG, 3, 4, 2)
    model = build()
    assert model.name == name
    Y, backprop = model(X, True)
    numpy.testing.assert_allclose(Y, 1 / (1 + numpy.exp(-X)), rtol=1e-5)
    numpy.testing.assert_allclose(backprop(X), X * Y * (1 - Y), rtol=1e-5, atol=1e-7)
