"""JAXShim and JAXWrapper: what the contract of the wrappers does not say."""

import pickle

import numpy
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from helpers.unusual_arrays import aligned
from thinc.api import (
    SGD,
    Adam,
    ArgsKwargs,
    JAXShim,
    JAXWrapper,
    Linear,
    Softmax,
    chain,
    fix_random_seed,
    registry,
    with_array,
)
from thinc.shims.shim import Shim

jax = pytest.importorskip("jax", reason="needs JAX: pip install thinc[jax]")
jnp = jax.numpy


def floats(*shape, seed=0):
    return numpy.random.default_rng(seed).normal(size=shape).astype("float32")


def dense(params, X):
    return jnp.tanh(X @ params["W"] + params["b"])


def dense_params():
    return {"W": floats(4, 3, seed=1), "b": floats(3, seed=2)}


@pytest.fixture
def model():
    return JAXWrapper(dense, dense_params())


def gradients(shim):
    found = {}

    def record(key, W, dW):
        found[key[1]] = dW.copy()
        return W, dW

    shim.finish_update(record)
    return found


def update(model, X, optimizer):
    Y, backprop = model.begin_update(X)
    backprop(Y)
    model.finish_update(optimizer)


# Compilation


def test_one_compilation_for_every_shape():
    traces = []

    def counted(params, X):
        traces.append(X.shape)
        return dense(params, X)

    model, optimizer = JAXWrapper(counted, dense_params()), Adam(0.01)
    for _ in range(4):
        for n in (5, 2):
            update(model, floats(n, 4), optimizer)
            model.predict(floats(n, 4))
    # The function is looked at once for training and once for prediction; later steps only run what was made of it.
    assert sorted(traces) == [(2, 4), (2, 4), (5, 4), (5, 4)]
    functions = model.shims[0]._functions
    for compiled in (functions.predict, functions.begin_update, functions.backprop):
        assert compiled._cache_size() == 2
    twin = model.copy()
    update(twin, floats(5, 4), optimizer)
    twin.predict(floats(2, 4))
    assert len(traces) == 4


def test_loading_and_swapping_parameters_compiles_nothing(model):
    traces = []
    model = JAXWrapper(lambda params, X: traces.append(X) or dense(params, X), dense_params())
    optimizer = Adam(0.01)
    update(model, floats(5, 4), optimizer)
    model.predict(floats(5, 4))
    model.from_bytes(model.to_bytes())
    with model.use_params(optimizer.averages):
        model.predict(floats(5, 4))
    model.shims[0].params = dense_params()
    update(model, floats(5, 4), optimizer)
    assert len(traces) == 2


# Modes and random keys


def noisy(params, X, *, is_train, key):
    assert (key is not None) == is_train
    return X @ params["W"] + (jax.random.normal(key, (3,)) if is_train else 0)


def test_functions_are_told_the_mode_and_get_random_keys():
    model, X = JAXWrapper(noisy, dense_params()), floats(5, 4)
    expected = X @ dense_params()["W"]
    assert_allclose(model.predict(X), expected, rtol=1e-5)
    noise = [model.begin_update(X)[0] - expected for _ in range(2)]
    assert all(abs(each).max() > 0.01 for each in noise)
    assert abs(noise[0] - noise[1]).max() > 0.01


def test_arguments_of_these_names_can_be_inputs():
    def attend(params, query, key, value):
        return jax.nn.softmax(query @ key.T) @ value * params["scale"]

    model = JAXWrapper(attend, {"scale": numpy.ones(1, "float32")})
    X = floats(5, 4)
    for inputs in ((X, X, X), {"query": X, "key": X, "value": X}):
        Y, backprop = model.begin_update(inputs)
        assert_allclose(Y, model.predict(inputs), rtol=1e-5)
        assert len(backprop(Y)) == 3


def test_random_keys_follow_the_seed():
    X, found = floats(5, 4), []
    for _ in range(2):
        fix_random_seed(7)
        model = JAXWrapper(noisy, dense_params())
        found.append([model.begin_update(X)[0] for _ in range(2)])
    assert_array_equal(found[0], found[1])


# Gradients


def test_edge_layers_20_integers_have_no_gradient():
    model = JAXWrapper(lambda params, ids, X: params["W"][ids] * X, dense_params())
    ids, X = numpy.array([0, 3, 3]), floats(3, 3)
    Y, backprop = model.begin_update((ids, X))
    d_ids, dX = backprop(numpy.ones_like(Y))
    assert d_ids is None
    assert_allclose(dX, dense_params()["W"][ids])
    assert_allclose(gradients(model.shims[0])["W"], [X[0], [0] * 3, [0] * 3, X[1] + X[2]])


def test_edge_layers_20_tuples_are_backpropagated():
    model = JAXWrapper(lambda params, X: (X @ params["W"], X.sum(), params["b"]), dense_params())
    X = floats(5, 4)
    Y, backprop = model.begin_update(X)
    assert isinstance(Y, tuple) and [y.shape for y in Y] == [(5, 3), (), (3,)]
    dX = backprop((numpy.ones_like(Y[0]), None, numpy.full(3, 2, "float32")))
    assert_allclose(dX, numpy.ones((5, 3)) @ dense_params()["W"].T, rtol=1e-5)
    found = gradients(model.shims[0])
    assert_allclose(found["W"], X.T @ numpy.ones((5, 3)), rtol=1e-5)
    assert_allclose(found["b"], [2, 2, 2])


def test_edge_layers_20_no_backprop_after_predict(model):
    _, backprop = model(floats(5, 4), is_train=False)
    with pytest.raises(ValueError, match="begin_update"):
        backprop(floats(5, 3))


def test_edge_training_31_backprop_may_be_called_again(model):
    Y, backprop = model.begin_update(floats(5, 4))
    first, second = backprop(Y), backprop(2 * Y)
    assert_allclose(second, 2 * first, rtol=1e-5)
    thrice = gradients(model.shims[0])
    Y, backprop = model.begin_update(floats(5, 4))
    backprop(Y)
    assert_allclose(thrice["W"], 3 * gradients(model.shims[0])["W"], rtol=1e-5)


def test_gradients_of_integer_outputs_do_not_count():
    model = JAXWrapper(lambda params, X: (X @ params["W"], X.argmax(axis=1)), dense_params())
    (Y, best), backprop = model.begin_update(floats(5, 4))
    assert best.dtype == "int32"
    for d_best in (None, best):
        assert backprop((Y, d_best)).shape == (5, 4)


@pytest.mark.parametrize(
    "d_first, message",
    [(floats(5, 2), "Shape mismatch"), ((floats(5, 3), floats(5, 3)), "structure"), ({}, "structure")],
)
def test_wrong_gradients_are_refused(d_first, message):
    model = JAXWrapper(lambda params, X: [(dense(params, X),), X], dense_params())
    _, backprop = model.begin_update(floats(5, 4))
    with pytest.raises(ValueError, match=message):
        backprop([d_first if isinstance(d_first, (tuple, dict)) else (d_first,), floats(5, 4)])
    assert gradients(model.shims[0]) == {}


def test_the_input_gradient_can_be_left_out(model):
    X = floats(5, 4)
    Y, backprop = model.begin_update(X, input_gradient=False)
    assert backprop(Y) is None
    without = gradients(model.shims[0])
    Y, backprop = model.begin_update(X)
    assert backprop(Y).shape == X.shape
    assert_array_equal(without["W"], gradients(model.shims[0])["W"])


def test_float64_gradients_are_taken(model):
    Y, backprop = model.begin_update(floats(5, 4))
    assert backprop(Y.astype("float64")).dtype == "float32"


def test_empty_batches(model):
    Y, backprop = model.begin_update(floats(0, 4))
    assert Y.shape == (0, 3) and backprop(Y).shape == (0, 4)
    assert (gradients(model.shims[0])["W"] == 0).all()


# Parameters


def test_names_are_paths():
    params = {"a": [floats(2), {"b": floats(3)}], "c": (floats(1), 5, "relu", None)}
    shim = JAXShim(lambda params: params["a"][0], params)
    assert shim._tree.trained_names == ["a.0", "a.1.b", "c.0"]
    assert JAXShim(dense, floats(2))._tree.trained_names == ["params"]
    names = JAXShim(dense, {"a.b": floats(1), "a": {"b": floats(2)}})._tree.trained_names
    assert len(set(names)) == 2


def test_what_is_no_array_belongs_to_the_function():
    params = {"W": floats(4, 3), "activation": jnp.tanh, "power": 2, "unset": None}
    model = JAXWrapper(lambda p, X: p["activation"](X @ p["W"]) ** p["power"], params)
    X = floats(5, 4)
    assert_allclose(model.predict(X), numpy.tanh(X @ params["W"]) ** 2, rtol=1e-5)
    update(model, X, SGD(0.1))
    found = model.shims[0].params
    assert found["activation"] is jnp.tanh and found["power"] == 2 and found["unset"] is None
    assert (found["W"] != params["W"]).any()


def test_arrays_that_are_not_floats_are_kept_and_saved():
    params = {"W": floats(4, 3), "shift": numpy.array([3], dtype="int32"), "key": jax.random.key(4)}

    def apply(params, X):
        return X @ params["W"] + params["shift"] + jax.random.uniform(params["key"], (3,))

    model, X = JAXWrapper(apply, params), floats(5, 4)
    update(model, X, SGD(0.1))
    other = JAXWrapper(apply, {**params, "shift": numpy.array([9], dtype="int32"), "key": jax.random.key(5)})
    assert abs(other.predict(X) - model.predict(X)).max() > 1
    other.from_bytes(model.to_bytes())
    assert_array_equal(other.predict(X), model.predict(X))


def test_the_arrays_given_are_not_shared():
    W = aligned(4, 3)
    model = JAXWrapper(dense, {"W": W, "b": jnp.zeros(3)})
    W += 1
    assert (model.predict(floats(5, 4)) == 0).all()
    update(model, floats(5, 4), SGD(0.1))
    assert (W == 1).all()


def test_what_was_read_out_stays_as_it_was(model):
    before = model.shims[0].params
    values = {name: numpy.array(leaf) for name, leaf in before.items()}
    update(model, floats(5, 4), SGD(0.1))
    for name, leaf in before.items():
        assert_array_equal(leaf, values[name])
        assert (numpy.asarray(model.shims[0].params[name]) != values[name]).any()


def test_parameters_can_be_replaced(model):
    new = {"W": floats(4, 3, seed=8), "b": floats(3, seed=9)}
    model.shims[0].params = new
    assert_allclose(model.predict(floats(5, 4)), numpy.tanh(floats(5, 4) @ new["W"] + new["b"]), rtol=1e-5)
    before = model.to_bytes()
    for wrong in (
        {"W": new["W"]},
        {"W": floats(3, 3), "b": new["b"]},
        [new["W"], new["b"]],
        {"W": 1, "b": 2},
    ):
        with pytest.raises(ValueError):
            model.shims[0].params = wrong
    assert model.to_bytes() == before


@pytest.mark.parametrize("dtype", ["bfloat16", "float16"])
def test_narrow_parameters_are_updated_in_float32(dtype):
    params = {name: jnp.asarray(leaf, dtype) for name, leaf in dense_params().items()}
    model = JAXWrapper(dense, params)
    X = jnp.asarray(floats(5, 4), dtype)
    seen = []
    Y, backprop = model.begin_update(ArgsKwargs((X,), {}))
    backprop(numpy.ones_like(Y))
    model.finish_update(lambda key, W, dW: (seen.append((W.dtype, dW.dtype)) or W - dW, dW))
    assert seen == [("float32", "float32")] * 2
    assert model.shims[0].params["W"].dtype == dtype
    other = JAXWrapper(dense, params).from_bytes(model.to_bytes())
    assert other.shims[0].params["W"].dtype == dtype
    assert_array_equal(other.shims[0].params["W"], model.shims[0].params["W"])


def test_use_params_swaps_what_it_is_given(model):
    shim, X = model.shims[0], floats(5, 4)
    expected = numpy.tanh(X @ dense_params()["W"] + 1)
    with model.use_params({(shim.id, "b"): numpy.ones(3, "float32"), (shim.id, "other"): 1}):
        assert_allclose(model.predict(X), expected, rtol=1e-5)
    before = model.to_bytes()
    with pytest.raises(ValueError, match="'b'"), model.use_params({(shim.id, "b"): numpy.ones(2, "float32")}):
        pass
    assert model.to_bytes() == before


def test_an_optimizer_that_fails_changes_nothing(model):
    update(model, floats(5, 4), SGD(0.1))
    Y, backprop = model.begin_update(floats(5, 4))
    backprop(Y)
    before = model.to_bytes()
    with pytest.raises(NotImplementedError):
        model.finish_update(Adam(0.1, beta1=0.0))
    assert model.to_bytes() == before
    model.finish_update(SGD(0.1))
    assert model.to_bytes() != before


# Saving


@pytest.mark.parametrize(
    "params",
    [
        {"W": floats(4, 3)},
        {"W": floats(4, 3), "b": floats(3), "c": floats(1)},
        {"W": floats(3, 4), "b": floats(3)},
    ],
)
def test_bytes_of_another_tree_are_refused(model, params):
    data = JAXShim(dense, params).to_bytes()
    before = model.to_bytes()
    with pytest.raises(ValueError, match="load"):
        model.shims[0].from_bytes(data)
    assert model.to_bytes() == before


def test_settings_are_saved():
    data = JAXShim(dense, dense_params(), {"depth": 3}).to_bytes()
    shim = JAXShim(dense, dense_params())
    assert shim.from_bytes(data) is shim
    assert shim.cfg == {"depth": 3}


def test_pickle(model):
    update(model, floats(5, 4), SGD(0.1))
    loaded = pickle.loads(pickle.dumps(model))
    assert_array_equal(loaded.predict(floats(5, 4)), model.predict(floats(5, 4)))
    assert loaded.shims[0].id == model.shims[0].id
    update(loaded, floats(5, 4), SGD(0.1))


# Devices and arguments


def test_devices(model):
    shim = model.shims[0]
    before = model.predict(floats(5, 4))
    shim.to_device("cpu", 0)
    model.to_cpu()
    assert_array_equal(model.predict(floats(5, 4)), before)
    with pytest.raises(ValueError, match="expected 'cpu' or 'gpu'"):
        shim.to_device("tpu", 0)
    with pytest.raises(ValueError, match="JAX has"):
        shim.to_device("gpu", 1000)
    (device,) = jax.devices("cpu")
    placed = JAXShim(dense, dense_params(), device=device)
    assert placed.params["W"].devices() == {device}


def test_invalid_arguments():
    with pytest.raises(ValueError, match="expected a function"):
        JAXWrapper(None, dense_params())
    with pytest.raises(ValueError, match=r"'W'.*complex64"):
        JAXWrapper(dense, {"W": numpy.ones(2, "complex64")})


def test_it_is_a_shim_and_in_the_registry(model):
    assert isinstance(model.shims[0], Shim)
    assert registry.layers.get("JAXWrapper.v1") is JAXWrapper
    assert model.name == "jax" and set(model.dim_names) == {"nI", "nO"}


def test_between_layers_of_ours():
    model = with_array(chain(Linear(4, 2), JAXWrapper(dense, dense_params()), Softmax(2, 3))).initialize()
    X = [floats(5, 2), floats(0, 2), floats(3, 2)]
    Y, backprop = model.begin_update(X)
    dX = backprop([y - 1 for y in Y])
    assert [y.shape for y in Y] == [(5, 2), (0, 2), (3, 2)]
    assert [d.shape for d in dX] == [x.shape for x in X]
    model.finish_update(Adam(0.01))


def test_converters_of_your_own():
    def convert_inputs(model, X, is_train):
        return ArgsKwargs((jnp.asarray(X["data"]),), {}), lambda d: {"data": numpy.asarray(d.args[0])}

    def convert_outputs(model, X_Yj, is_train):
        X, Yj = X_Yj
        return {"data": numpy.asarray(Yj), **{k: X[k] for k in ("name",)}}, lambda dY: dY["data"]

    model = JAXWrapper(dense, dense_params(), convert_inputs, convert_outputs)
    Y, backprop = model.begin_update({"data": floats(5, 4), "name": "batch"})
    assert Y["name"] == "batch"
    assert backprop(Y)["data"].shape == (5, 4)
