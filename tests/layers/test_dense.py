"""The dense layers: what they compute, against float64 NumPy, and how they are put together."""

import math

import numpy
import pytest

from helpers.gradcheck import to_float64
from thinc import layers
from thinc.initializers import glorot_uniform_init, he_normal_init, normal_init, zero_init

RNG = numpy.random.default_rng(0)


def sigmoid(a):
    return 1 / (1 + numpy.exp(-a))


def softmax(a):
    return numpy.exp(a) / numpy.exp(a).sum(axis=-1, keepdims=True)


erf = numpy.vectorize(math.erf)

ORACLES = {
    "Linear": lambda a: a,
    "Relu": lambda a: numpy.where(a > 0, a, 0),
    "Mish": lambda a: a * numpy.tanh(numpy.log1p(numpy.exp(a))),
    "Swish": lambda a: a * sigmoid(a),
    "Gelu": lambda a: a * 0.5 * (1 + erf(a / math.sqrt(2))),
    "Dish": lambda a: 0.5 * a * (a / numpy.sqrt(1 + a * a) + 1),
    "HardSwish": lambda a: a * numpy.clip(0.2 * a + 0.5, 0, 1),
    "HardSwishMobilenet": lambda a: a * numpy.clip(a + 3, 0, 6) / 6,
    "ClippedLinear": lambda a: numpy.clip(a, 0, 1),
    "HardSigmoid": lambda a: numpy.clip(0.2 * a + 0.5, 0, 1),
    "HardTanh": lambda a: numpy.clip(a, -1, 1),
    "ReluK": lambda a: numpy.clip(a, 0, 6),
    "Sigmoid": sigmoid,
    "Softmax": softmax,
    "Softmax_v2": softmax,
}
NAMES = list(ORACLES)


def initialized(name, nO=3, nI=4, **settings):
    model = getattr(layers, name)(nO, nI, init_W=normal_weights, init_b=normal_weights, **settings)
    return model.initialize()


def normal_weights(ops, shape):
    return ops.asarray_f(numpy.random.default_rng(1).normal(scale=2, size=shape))


def affine(model, X):
    W, b = (model.get_param(name).astype("float64") for name in "Wb")
    return X.astype("float64") @ W.T + b


@pytest.mark.parametrize("is_train", [True, False])
@pytest.mark.parametrize("name", NAMES)
def test_forward(name, is_train):
    model = initialized(name)
    X = RNG.normal(size=(50, 4)).astype("float32")
    Y, _ = model(X, is_train)
    numpy.testing.assert_allclose(Y, ORACLES[name](affine(model, X)), rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("name", NAMES)
def test_float64_forward_is_exact(name):
    model = to_float64(initialized(name))
    X = RNG.normal(size=(50, 4))
    # The reference operations bound the argument of sigma by 20, and approximate erf.
    numpy.testing.assert_allclose(model.predict(X), ORACLES[name](affine(model, X)), rtol=1e-7, atol=3e-7)


def test_maxout_takes_the_largest_piece():
    model = layers.Maxout(3, 4, 2, init_W=normal_weights, init_b=normal_weights).initialize()
    X = RNG.normal(size=(50, 4)).astype("float32")
    pieces = numpy.einsum("bi,opi->bop", X, model.get_param("W")) + model.get_param("b")
    numpy.testing.assert_allclose(model.predict(X), pieces.max(axis=-1), rtol=1e-4, atol=1e-5)


def test_maxout_sends_the_gradient_of_equal_pieces_to_the_first():
    model = layers.Maxout(1, 1, 3).initialize()
    model.set_param("W", numpy.array([[[1.0], [2.0], [2.0]]], dtype="float32"))
    _, backprop = model(numpy.ones((1, 1), dtype="float32"), True)
    backprop(numpy.ones((1, 1), dtype="float32"))
    assert model.get_grad("b").tolist() == [[0, 1, 0]]
    assert model.get_grad("W").tolist() == [[[0], [1], [0]]]


@pytest.mark.parametrize("name", [*NAMES, "Maxout"])
def test_linear_gradients_of_the_parameters(name):
    """dW = dAᵀ X and db = Σ dA hold whatever the activation: with one input of ones, they are equal."""
    model = initialized(name, nI=1)
    X = numpy.ones((6, 1), dtype="float32")
    Y, backprop = model(X, True)
    backprop(RNG.normal(size=Y.shape).astype("float32"))
    numpy.testing.assert_allclose(model.get_grad("W")[..., 0], model.get_grad("b"), rtol=1e-5, atol=1e-6)


MODULES = {
    "Linear": ("linear", glorot_uniform_init),
    "Relu": ("relu", glorot_uniform_init),
    "Mish": ("mish", glorot_uniform_init),
    "Swish": ("swish", he_normal_init),
    "Gelu": ("gelu", he_normal_init),
    "Dish": ("dish", he_normal_init),
    "HardSwish": ("hardswish", he_normal_init),
    "HardSwishMobilenet": ("hardswishmobilenet", he_normal_init),
    "ClippedLinear": ("clipped_linear", glorot_uniform_init),
    "HardSigmoid": ("clipped_linear", glorot_uniform_init),
    "HardTanh": ("clipped_linear", glorot_uniform_init),
    "ReluK": ("clipped_linear", glorot_uniform_init),
    "Sigmoid": ("sigmoid", zero_init),
    "Softmax": ("softmax", zero_init),
    "Softmax_v2": ("softmax", zero_init),
    "Maxout": ("maxout", glorot_uniform_init),
}


@pytest.mark.parametrize("name", MODULES)
def test_structure_and_default_initializers(name):
    model_name, init_W = MODULES[name]
    model = getattr(layers, name)(3, 4)
    dims, shape = (("nO", "nI"), (3,)) if name != "Maxout" else (("nO", "nI", "nP"), (3, 3))
    assert (model.name, model.dim_names, model.param_names) == (model_name, dims, ("W", "b"))
    assert model.ref_names == () and model.layers == []
    assert model.has_param("W") is None
    numpy.random.seed(7)
    model.initialize()
    numpy.random.seed(7)
    numpy.testing.assert_array_equal(model.get_param("W"), init_W(model.ops, (*shape, 4)))
    numpy.testing.assert_array_equal(model.get_param("b"), numpy.zeros(shape, dtype="float32"))


@pytest.mark.parametrize("name", MODULES)
def test_weights_are_drawn_before_the_bias(name):
    def draw(ops, shape):
        return normal_init(ops, shape, mean=1)

    model = getattr(layers, name)(2, 3, init_W=draw, init_b=draw)
    numpy.random.seed(0)
    model.initialize()
    numpy.random.seed(0)
    W = draw(model.ops, model.get_param("W").shape)
    numpy.testing.assert_array_equal(model.get_param("W"), W)
    numpy.testing.assert_array_equal(model.get_param("b"), draw(model.ops, model.get_param("b").shape))


CONFLICT = [name for name in MODULES if name not in ("Sigmoid", "Softmax", "Softmax_v2")]


@pytest.mark.parametrize("name", MODULES)
def test_widths_are_inferred(name):
    model = getattr(layers, name)()
    model.initialize(X=numpy.zeros((2, 5), "float32"), Y=numpy.zeros((2, 6), "float32"))
    assert (model.get_dim("nI"), model.get_dim("nO")) == (5, 6)
    assert model.get_param("W").shape[0] == 6 and model.get_param("W").shape[-1] == 5


@pytest.mark.parametrize("name", MODULES)
def test_without_widths_nothing_is_initialized(name):
    model = getattr(layers, name)(nI=3)
    with pytest.raises(ValueError, match="nO"):
        model.initialize()
    assert model.has_param("W") is None


@pytest.mark.parametrize("name", CONFLICT)
def test_samples_that_contradict_the_layer_are_an_error_and_change_nothing(name):
    model = getattr(layers, name)(nO=3)
    with pytest.raises(ValueError, match="nO"):
        model.initialize(X=numpy.zeros((2, 5), "float32"), Y=numpy.zeros((2, 6), "float32"))
    assert model.has_dim("nI") is None
    assert model.has_param("W") is None


@pytest.mark.parametrize("name", ["Sigmoid", "Softmax", "Softmax_v2"])
def test_output_layers_keep_the_widths_they_have(name):
    model = getattr(layers, name)(nO=3)
    model.initialize(X=numpy.zeros((2, 5), "float32"), Y=numpy.zeros((2, 6), "float32"))
    assert (model.get_dim("nI"), model.get_dim("nO")) == (5, 3)
    model.initialize(X=numpy.zeros((2, 7), "float32"))
    assert model.get_dim("nI") == 5
    with pytest.raises(ValueError):
        model.predict(numpy.zeros((2, 7), "float32"))


def test_maxout_does_not_infer_its_pieces():
    model = layers.Maxout(3, 4, nP=None)
    with pytest.raises(ValueError, match="nP"):
        model.initialize()


COMPOSITES = [name for name in MODULES if name not in ("Linear", "Sigmoid", "Softmax", "Softmax_v2")]


@pytest.mark.parametrize("name", COMPOSITES)
def test_normalization_and_dropout_are_nested_behind_the_layer(name):
    core = MODULES[name][0]
    build = getattr(layers, name)
    model = build(3, 4, normalize=True, dropout=0.1)
    assert [node.name for node in model.walk()] == [
        f"{core}>>layernorm>>dropout",
        f"{core}>>layernorm",
        "dropout",
        core,
        "layernorm",
    ]
    assert model.dim_names == ("nO", "nI")
    assert model.has_dim("nO") is None
    assert model.get_dim("nI") == 4
    assert model.layers[0].get_dim("nO") == 3
    assert model.layers[1].attrs == {"dropout_rate": 0.1, "is_enabled": True}
    assert [node.name for node in build(3, 4, dropout=0.0).walk()] == [f"{core}>>dropout", core, "dropout"]
    assert [node.name for node in build(3, 4, normalize=True).walk()] == [
        f"{core}>>layernorm",
        core,
        "layernorm",
    ]


def test_clipped_linear_reads_its_attributes_at_each_call():
    model = layers.ClippedLinear(1, 1, slope=2.0, offset=1.0, min_val=-1.0, max_val=4.0).initialize()
    assert model.attrs == {"slope": 2.0, "offset": 1.0, "min_val": -1.0, "max_val": 4.0}
    model.set_param("W", numpy.ones((1, 1), dtype="float32"))
    X = numpy.array([[-5.0], [0.5], [5.0]], dtype="float32")
    assert model.predict(X).ravel().tolist() == [-1, 2, 4]
    model.attrs["max_val"] = 3.0
    Y, backprop = model(X, True)
    assert Y.ravel().tolist() == [-1, 2, 3]
    assert backprop(numpy.ones_like(X)).ravel().tolist() == [0, 2, 0]


@pytest.mark.parametrize("temperature", [0, -1.0, float("nan")])
def test_softmax_refuses_temperatures_of_zero_and_below(temperature):
    with pytest.raises(ValueError, match=r"softmax temperature.*zero"):
        layers.Softmax_v2(temperature=temperature)
    model = layers.Softmax_v2(2, 2).initialize()
    model.attrs["softmax_temperature"] = temperature
    with pytest.raises(ValueError, match=r"softmax temperature.*zero"):
        model.predict(numpy.zeros((1, 2), "float32"))


def test_softmax_temperature_divides_the_logits_and_their_gradient():
    hot, plain = initialized("Softmax_v2", temperature=2.0), initialized("Softmax_v2")
    X = RNG.normal(size=(5, 4)).astype("float32")
    numpy.testing.assert_allclose(hot.predict(X), softmax(affine(hot, X) / 2), rtol=1e-5)
    dY = RNG.normal(size=(5, 3)).astype("float32")
    numpy.testing.assert_allclose(hot(X, True)[1](dY), plain(X, True)[1](dY) / 2, rtol=1e-5, atol=1e-6)


def test_softmax_without_normalization_predicts_logits_and_trains_on_probabilities():
    model = initialized("Softmax_v2", normalize_outputs=False, temperature=0.5)
    assert model.attrs == {"softmax_normalize": False, "softmax_temperature": 0.5}
    X = RNG.normal(size=(5, 4)).astype("float32")
    Y, backprop = model(X, False)
    numpy.testing.assert_allclose(Y, affine(model, X), rtol=1e-5, atol=1e-5)
    with pytest.raises(ValueError, match="backprop is not supported"):
        backprop(Y)
    numpy.testing.assert_allclose(model(X, True)[0].sum(axis=1), 1, rtol=1e-5)


@pytest.mark.parametrize("name", ["Softmax", "Softmax_v2"])
def test_softmax_checks_the_gradient(name):
    model = initialized(name)
    Y, backprop = model(RNG.normal(size=(5, 4)).astype("float32"), True)
    with pytest.raises(ValueError, match="Shape mismatch in backprop"):
        backprop(Y[:2])
    with pytest.raises(ValueError, match="Type mismatch in backprop"):
        backprop(Y.astype("float64"))
    assert model.grad_names == ()


def test_layernorm():
    model = layers.LayerNorm()
    assert (model.name, model.dim_names, model.param_names) == ("layernorm", ("nI", "nO"), ("G", "b"))
    X = RNG.normal(3, 5, size=(6, 8)).astype("float32")
    model.initialize(X=X)
    assert model.get_dim("nI") == model.get_dim("nO") == 8
    assert (model.get_param("G") == 1).all() and (model.get_param("b") == 0).all()
    model.set_param("G", RNG.normal(size=8).astype("float32"))
    model.set_param("b", RNG.normal(size=8).astype("float32"))
    normed = (X - X.mean(1, keepdims=True)) / numpy.sqrt(X.var(1, keepdims=True) + 1e-8)
    expected = normed * model.get_param("G") + model.get_param("b")
    numpy.testing.assert_allclose(model.predict(X), expected, rtol=1e-4, atol=1e-5)


def test_layernorm_takes_its_width_from_the_output_if_there_is_no_input():
    assert layers.LayerNorm().initialize(Y=numpy.zeros((2, 3), "float32")).get_dim("nI") == 3
    with pytest.raises(ValueError):
        layers.LayerNorm().initialize()
    model = layers.LayerNorm(4)
    with pytest.raises(ValueError, match="nI"):
        model.initialize(X=numpy.zeros((2, 3), "float32"))
    assert model.has_param("G") is None


def test_layernorm_of_constant_rows_is_finite():
    model = layers.LayerNorm(3).initialize()
    Y, backprop = model(numpy.full((2, 3), 7, dtype="float32"), True)
    assert not Y.any()
    assert numpy.isfinite(backprop(numpy.ones((2, 3), dtype="float32"))).all()
