"""resizable and its helpers."""

from functools import partial

import numpy
import pytest

from helpers.layer_table import floats, matrix
from thinc import layers
from thinc.initializers import normal_init
from thinc.layers.resizable import resize_linear_weighted, resize_model

RNG = numpy.random.default_rng(0)
RESIZE = partial(resize_linear_weighted, fill_defaults={"b": -2.0})
X = matrix(RNG)


@pytest.mark.parametrize(
    "build", [layers.Linear, layers.Softmax, layers.Maxout, layers.Softmax_v2, layers.Sigmoid]
)
def test_outputs_are_added(build):
    layer = build(3, 4, init_W=partial(normal_init, mean=0.5))
    model = layers.resizable(layer, RESIZE).initialize()
    assert model.name == f"resizable({layer.name})" and model.get_dim("nO") == 3
    before = {name: layer.get_param(name).copy() for name in layer.param_names}
    assert resize_model(model, 5) is model
    wider = model.layers[0]
    assert wider is not layer and wider.get_dim("nO") == 5 and wider.name == layer.name
    assert (model.get_dim("nO"), wider.get_dim("nI")) == (3, 4)  # the wrapper's own are left alone
    for name, old in before.items():
        new = wider.get_param(name)
        numpy.testing.assert_array_equal(new[:3], old)
        assert (new[3:] == (-2 if name == "b" else 0)).all() and len(new) == 5
        numpy.testing.assert_array_equal(layer.get_param(name), old)
    Y, backprop = model(X, True)
    assert Y.shape == (5, 5) and backprop(Y).shape == X.shape


def test_sparse_linear_keeps_the_weights_of_its_classes():
    inputs = (numpy.arange(4, dtype="uint64"), numpy.ones(4, dtype="f"), numpy.array([4], dtype="i"))
    layer = layers.SparseLinear_v2(2, length=10).initialize()
    layer.set_param("W", floats(RNG, 20))
    model = layers.resizable(layer, RESIZE)
    before = model.predict(inputs)
    after = resize_model(model, 3).predict(inputs)
    numpy.testing.assert_array_equal(after[:, :2], before)
    assert after[0, 2] == -2


def test_what_is_not_initialized_is_told_its_size():
    layer = layers.Linear(nI=4)
    assert RESIZE(layer, 3) is layer and layer.get_dim("nO") == 3
    assert RESIZE(layer, 3) is layer
    layer = layers.Linear(2)
    assert RESIZE(layer, 3) is layer and layer.get_dim("nO") == 3
    new = RESIZE(layers.Linear(2, 4), 3)
    assert new.get_param("W").shape == (3, 4) and new.get_param("W").any()


def test_edge_layers_36_layers_do_not_shrink():
    with pytest.raises(ValueError, match="from 3 outputs to 2: it can only grow"):
        RESIZE(layers.Linear(3, 4).initialize(), 2)


def test_only_single_layers_can_be_resized():
    inner = layers.Linear(3, 4)
    chain = layers.chain(inner, layers.Linear(2, 3))
    with_ref = layers.Linear(3, 4)
    with_ref.set_ref("self", with_ref)
    for layer in (chain, with_ref):
        with pytest.raises(AssertionError, match="Cannot resize"):
            RESIZE(layer, 5)


def test_the_function_is_called_with_the_layer_and_the_size():
    calls = []

    def resize(layer, nO):
        calls.append((layer, nO))
        return other

    layer, other = layers.Linear(3, 4), layers.Linear(5, 4)
    model = layers.resizable(layer, resize)
    resize_model(model, 5)
    assert calls == [(layer, 5)] and model.layers == [other]


@pytest.mark.parametrize(
    "build", [lambda: layers.Embed(3, 5), lambda: layers.SwiGLU(3, 4), lambda: layers.LSTM(3, 4)]
)
def test_layers_whose_outputs_are_another_axis_are_refused(build):
    with pytest.raises(ValueError, match=r"Cannot resize .* not the first axis of"):
        RESIZE(build().initialize(), 5)
