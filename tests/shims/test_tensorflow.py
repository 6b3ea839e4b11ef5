"""TensorFlowShim, TensorFlowWrapper and keras_subclass: what the contract of the wrappers does not say."""

import pickle

import numpy
import pytest
from numpy.testing import assert_array_equal

from helpers.contract_tensorflow import TENSORFLOW, of_a_class, sequential, subclass, two
from thinc.api import (
    SGD,
    Adam,
    ArgsKwargs,
    Linear,
    Model,
    Softmax,
    TensorFlowShim,
    TensorFlowWrapper,
    chain,
    keras_model_fns,
    keras_subclass,
    maybe_handshake_model,
)
from thinc.shims.shim import Shim


@pytest.fixture(autouse=True)
def tf():
    TENSORFLOW.require()
    import tensorflow

    return tensorflow


@pytest.fixture
def model():
    return TensorFlowWrapper(sequential())


def floats(*shape, seed=0):
    return numpy.random.default_rng(seed).normal(size=shape).astype("float32")


def update(model, X, optimizer):
    Y, backprop = model.begin_update(X)
    backprop(Y)
    model.finish_update(optimizer)


def weights_of(model):
    return [weight.copy() for weight in model.shims[0]._model.get_weights()]


def assert_same_weights(found, expected):
    for a, b in zip(found, expected, strict=True):
        assert_array_equal(a, b)


# What can be wrapped


def test_what_is_no_keras_model_is_refused():
    for wrong in (None, 3, Linear(2, 2)):
        with pytest.raises(ValueError, match="takes a Keras model"):
            TensorFlowWrapper(wrong)


def test_a_class_must_be_decorated(tf):
    class Plain(tf.keras.Model):
        def call(self, inputs):
            return inputs

    for use in (TensorFlowWrapper, maybe_handshake_model):
        with pytest.raises(ValueError, match="keras_subclass"):
            use(Plain())
    shim = TensorFlowShim(Plain())
    with pytest.raises(ValueError, match="keras_subclass"):
        shim.to_bytes()


def test_keras_on_another_framework_is_refused(tf, monkeypatch):
    monkeypatch.setattr(tf.keras.backend, "backend", lambda: "jax")
    with pytest.raises(ValueError, match="KERAS_BACKEND=tensorflow"):
        TensorFlowWrapper(sequential())


def test_the_node(model):
    assert isinstance(model.shims[0], Shim)
    assert model.name == "tensorflow"

    class Special(Model):
        pass

    network = sequential()
    special = TensorFlowWrapper(network, model_class=Special, model_name="special", optimizer="own")
    assert type(special) is Special and special.name == "special"
    assert special.shims[0]._model is network and special.shims[0]._optimizer == "own"


def test_summary(model):
    assert "Total params: 43" in str(model.shims[0])


# Classes


def test_keras_subclass_gives_properties():
    network = of_a_class()
    assert network.catalogue_name == "contract.v1" and "contract.v1" in keras_model_fns
    assert network.eg_x.shape == (2, 4) and network.eg_y.shape == (2, 3)
    assert network.eg_shape == (None, 4)
    assert network.eg_compile == {"optimizer": "adam", "loss": "mse"}
    assert network.eg_args == ArgsKwargs((5,), {"activation": "tanh"})
    for name in ("catalogue_name", "eg_shape", "eg_compile", "eg_x", "eg_y"):
        with pytest.raises(AttributeError):
            setattr(network, name, 1)


def test_compile_arguments(tf):
    @keras_subclass("compiled.v1", floats(2, 4), floats(2, 4), (None, 4), compile_args={"loss": "mae"})
    class Network(tf.keras.Model):
        def call(self, inputs):
            return inputs

    assert Network().eg_compile == {"optimizer": "adam", "loss": "mae"}


def test_arguments_must_be_json():
    with pytest.raises(ValueError, match="JSON"):
        subclass()(5, activation=numpy.tanh)


def test_the_handshake_builds():
    network = subclass()(6)
    assert not network.trainable_variables
    assert maybe_handshake_model(network) is network
    assert [tuple(weight.shape) for weight in network.weights] == [(4, 6), (6,), (6, 3), (3,)]
    assert network.compiled
    graph = sequential()
    assert maybe_handshake_model(graph) is graph


def test_edge_training_34_a_loaded_model_of_a_class_is_kept():
    saved, loaded = TensorFlowWrapper(of_a_class()), TensorFlowWrapper(subclass()(7))
    before = loaded.shims[0]._model
    loaded.from_bytes(saved.to_bytes())
    assert loaded.shims[0]._model is not before
    assert_array_equal(loaded.predict(floats(6, 4)), saved.predict(floats(6, 4)))


def test_loading_into_a_shim_without_a_model():
    saved = TensorFlowShim(of_a_class(), {"depth": 3})
    with pytest.raises(ValueError, match="there is none"):
        TensorFlowShim(None).to_bytes()
    shim = TensorFlowShim(None)
    assert shim.from_bytes(saved.to_bytes()) is shim
    assert shim.cfg == {"depth": 3}
    assert_same_weights(shim._model.get_weights(), saved._model.get_weights())


def test_a_class_that_is_not_there_cannot_be_loaded(model):
    data = TensorFlowShim(of_a_class()).to_bytes().replace(b"contract.v1", b"contract.v2")
    with pytest.raises(ValueError, match=r"load.*contract\.v2"):
        model.shims[0].from_bytes(data)


@pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")  # Keras' own
def test_an_hdf5_file_is_loaded(model, tmp_path):
    pytest.importorskip("h5py", reason="reading HDF5 needs: pip install h5py")
    network = sequential()
    network.save(tmp_path / "model.h5")
    update(model, floats(5, 4), SGD(0.1))
    model.shims[0].from_disk(tmp_path / "model.h5")
    assert_same_weights(weights_of(model), network.get_weights())


# Running


def test_one_trace_for_every_shape(tf):
    traces = []

    class Counting(tf.keras.layers.Layer):
        def call(self, X):
            traces.append(X.shape)
            return X * 1

    keras = tf.keras
    network = keras.Sequential([keras.layers.Input((4,)), keras.layers.Dense(3), Counting()])
    model, before = TensorFlowWrapper(network), len(traces)
    for _ in range(4):
        for n in (5, 2):
            update(model, floats(n, 4), SGD(0.1))
            model.predict(floats(n, 4))
    # Keras looks at a layer more than once; after two shapes it has seen all there is.
    n_traces = len(traces) - before
    update(model, floats(7, 4), SGD(0.1))
    assert len(traces) - before == n_traces <= 8


def test_eager_models_stay_eager(tf):
    calls = []

    class Counting(tf.keras.layers.Layer):
        def call(self, X):
            calls.append(X)
            return X * 1

    keras = tf.keras
    network = keras.Sequential([keras.layers.Input((4,)), Counting()])
    network.compile(run_eagerly=True)
    model = TensorFlowWrapper(network)
    calls.clear()
    for _ in range(3):
        model.predict(floats(5, 4))
    assert len(calls) == 3 and all(hasattr(call, "numpy") for call in calls)


def test_dropout_is_for_training(tf):
    keras = tf.keras
    model = TensorFlowWrapper(keras.Sequential([keras.layers.Input((100,)), keras.layers.Dropout(0.5)]))
    X = numpy.ones((2, 100), dtype="float32")
    assert_array_equal(model.predict(X), X)
    assert 20 < (model.begin_update(X)[0] == 0).sum() < 180


def test_statistics_are_gathered_and_saved(tf):
    keras = tf.keras
    model = TensorFlowWrapper(keras.Sequential([keras.layers.Input((3,)), keras.layers.BatchNormalization()]))
    X = floats(50, 3) + 4
    for _ in range(3):
        update(model, X, SGD(0.1))
    *_, mean, _ = weights_of(model)
    assert (mean > 0.05).all()
    other = TensorFlowWrapper(sequential()).from_bytes(model.to_bytes())
    assert_array_equal(other.predict(X), model.predict(X))


def test_edge_layers_20_no_backprop_after_predict_with_tensorflow(model):
    _, backprop = model(floats(5, 4), is_train=False)
    with pytest.raises(ValueError, match="begin_update"):
        backprop(floats(5, 3))


def test_edge_layers_20_several_outputs_with_tensorflow():
    model = TensorFlowWrapper(two())
    Y, backprop = model.begin_update((floats(6, 4), floats(6, 3)))
    assert [y.shape for y in Y] == [(6, 3), (6, 2)]
    dX = backprop([numpy.zeros_like(Y[0]), numpy.ones_like(Y[1])])
    assert [d.shape for d in dX] == [(6, 4), (6, 3)]
    assert (dX[1] == 0).all() and (dX[0] != 0).any()


def test_inputs_by_name(tf):
    keras = tf.keras
    x, y = keras.layers.Input((4,), name="x"), keras.layers.Input((4,), name="y")
    model = TensorFlowWrapper(keras.Model({"x": x, "y": y}, keras.layers.Multiply()([x, y])))
    X = {"y": floats(5, 4), "x": floats(5, 4, seed=1)}
    Y, backprop = model.begin_update(X)
    assert_array_equal(Y, X["x"] * X["y"])
    dX = backprop(numpy.ones_like(Y))
    assert_array_equal(dX["x"], X["y"])
    assert_array_equal(dX["y"], X["x"])


def test_edge_training_31_a_second_call_of_backprop_is_refused_by_tensorflow(model):
    Y, backprop = model.begin_update(floats(5, 4))
    backprop(Y)
    gradients = model.shims[0].gradients
    with pytest.raises(ValueError, match=r"twice.*begin_update"):
        backprop(Y)
    assert model.shims[0].gradients is gradients


def test_the_input_gradient_can_be_left_out_with_tensorflow(model):
    Y, backprop = model.begin_update(floats(5, 4), input_gradient=False)
    assert backprop(Y) is None
    before = weights_of(model)
    model.finish_update(SGD(0.1))
    assert (weights_of(model)[0] != before[0]).any()


def test_between_layers_of_ours(model):
    whole = chain(Linear(4, 2), model, Softmax(2, 3)).initialize()
    Y, backprop = whole.begin_update(floats(5, 2))
    assert backprop(Y - 1).shape == (5, 2)
    whole.finish_update(Adam(0.01))
    assert model.shims[0].gradients is None


# Updating


def test_an_update_needs_gradients(model):
    with pytest.raises(ValueError, match="no gradients"):
        model.shims[0].finish_update(SGD(0.1))


def test_one_call_of_the_optimizer(model):
    calls = []
    Y, backprop = model.begin_update(floats(5, 4))
    backprop(Y)
    assert len(model.shims[0].gradients) == 4
    model.finish_update(lambda key, W, dW: (calls.append((key, W.shape, dW.shape)) or W - dW, dW))
    assert calls == [((model.shims[0].id, "tensorflow-shim"), (43,), (43,))]


def test_weights_without_a_gradient_stay(tf):
    keras = tf.keras
    network = keras.Sequential([keras.layers.Input((4,)), keras.layers.Dense(3), keras.layers.Dense(2)])
    network.layers[0].trainable = False
    model, before = TensorFlowWrapper(network), network.get_weights()
    update(model, floats(5, 4), SGD(0.1))
    assert_same_weights(weights_of(model)[:2], before[:2])
    assert (weights_of(model)[2] != before[2]).any()


def test_edge_training_15_some_weights_are_swapped_by_name(model):
    before = weights_of(model)
    shim = model.shims[0]
    path = shim._model.weights[1].path
    with model.use_params({f"tensorflow_{shim.id}_{path}": numpy.ones(5, "float32"), "other": 1}):
        assert (weights_of(model)[1] == 1).all()
        assert_array_equal(weights_of(model)[0], before[0])
    assert_same_weights(weights_of(model), before)


@pytest.mark.parametrize("n", [42, 44])
def test_weights_that_do_not_fit_are_refused(model, n):
    before, shim = weights_of(model), model.shims[0]
    path = shim._model.weights[1].path
    for params in (
        {(shim.id, "tensorflow-shim"): numpy.zeros(n, "float32")},
        {f"tensorflow_{shim.id}_{path}": numpy.zeros(n, "float32")},
    ):
        with pytest.raises(ValueError, match="Cannot use these parameters"), model.use_params(params):
            pass
    assert_same_weights(weights_of(model), before)


# Copies and devices


def test_copies_have_a_class_of_their_own_and_the_same_settings():
    class Special(TensorFlowShim):
        pass

    shim = Special(sequential(), {"depth": 3})
    copied = shim.copy()
    assert type(copied) is Special and copied.cfg == {"depth": 3} and copied.cfg is not shim.cfg
    assert copied.id > shim.id
    assert TensorFlowShim(None).copy()._model is None


@pytest.mark.parametrize("make", [sequential, of_a_class])
def test_pickle(make):
    model = TensorFlowWrapper(make())
    Y, backprop = model.begin_update(floats(5, 4))
    backprop(Y)
    loaded = pickle.loads(pickle.dumps(model))
    assert loaded.shims[0].id == model.shims[0].id
    for each in (model, loaded):
        each.finish_update(SGD(0.1))
    assert_same_weights(weights_of(loaded), weights_of(model))


def test_devices(model):
    before = weights_of(model)
    model.to_cpu()
    assert_same_weights(weights_of(model), before)
    with pytest.raises(ValueError, match="expected 'cpu' or 'gpu'"):
        model.shims[0].to_device("tpu", 0)
