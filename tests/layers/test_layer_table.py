"""What every layer must do, case by case of the table."""

import copy
import pickle
import re
from pathlib import Path

import numpy
import pytest

import helpers.layer_table
from helpers.batches import (
    as_float64,
    assert_batches_close,
    assert_batches_equal,
    assert_same_kind,
    copy_batch,
    leaves,
    map_leaves,
    random_like,
    strided,
    transposed,
)
from helpers.gradcheck import check_model, gradients, parameters, to_float64
from helpers.layer_table import LAYERS
from thinc import layers


def cases(condition=lambda case: True):
    return pytest.mark.parametrize("case", [c for c in LAYERS if condition(c)], ids=lambda case: case.id)


every_layer = cases()


def pickled(model):
    return pickle.loads(pickle.dumps(model))


def rng():
    return numpy.random.default_rng(5)


def train(model, X):
    """The forward pass in training, with the same dropout masks each time."""
    numpy.random.seed(6)
    return model(X, True)


def run(model, X, dY=None):
    """Output and input gradient of a step in training, and the output."""
    Y, backprop = train(model, X)
    return Y, backprop(random_like(Y, rng()) if dY is None else dY)


@every_layer
@pytest.mark.parametrize("is_train", [True, False])
def test_shapes_and_dtypes(case, is_train):
    model, X = case.model(), case.batch()
    Y, backprop = model(X, is_train)
    assert [leaf.shape for leaf in leaves(Y)] == case.shapes
    assert all(leaf.dtype == "float32" for leaf in leaves(Y))
    dX = backprop(random_like(Y, rng()))
    assert_same_kind(dX, X)
    for x, dx in zip(leaves(X), leaves(dX), strict=True):
        assert dx.shape == x.shape
        assert dx.dtype.kind == x.dtype.kind or dx.dtype.kind in "iu"
    for key, grad in gradients(model).items():
        assert grad.shape == parameters(model)[key].shape
        assert grad.dtype == "float32"


@every_layer
def test_numeric_gradients(case):
    check_model(to_float64(case.model()), as_float64(case.batch()), case.loss, constants=case.constants)


@every_layer
def test_float64_stays_float64_and_agrees_with_float32(case):
    Y, dX = run(case.model(), case.batch())
    dY = as_float64(random_like(Y, rng()))
    Y64, dX64 = run(to_float64(case.model()), as_float64(case.batch()), dY)
    assert all(leaf.dtype == "float64" for leaf in leaves(Y64))
    assert_batches_close(Y, Y64, rtol=1e-4, atol=1e-5)
    assert_batches_close(dX, dX64, rtol=1e-3, atol=1e-4)


@cases(lambda case: case.empty is not None)
def test_empty_input(case):
    model, X = case.model(), case.empty()
    assert [leaf.shape for leaf in leaves(model.predict(X))] == case.empty_shapes
    Y, dX = run(model, X)
    assert [leaf.shape for leaf in leaves(Y)] == case.empty_shapes
    assert_same_kind(dX, X)
    assert [len(leaf) for leaf in leaves(dX)] == [len(leaf) for leaf in leaves(X)]
    assert not any(grad.any() for grad in gradients(model).values())


@every_layer
@pytest.mark.parametrize("layout", [strided, transposed])
def test_memory_layout_and_read_only_arrays_make_no_difference(case, layout):
    model, other = case.model(), case.model()
    Y, dX = run(model, case.batch())
    dY = random_like(Y, rng())
    other_Y, other_dX = run(other, map_leaves(layout, case.batch()), map_leaves(layout, dY))
    assert_batches_close(other_Y, Y)
    assert_batches_close(other_dX, dX)
    for key, grad in gradients(model).items():
        numpy.testing.assert_allclose(gradients(other)[key], grad, rtol=1e-5, atol=1e-6)


@every_layer
def test_input_and_gradient_are_not_changed(case):
    model, X = case.model(), case.batch()
    before = copy_batch(X)
    Y, backprop = train(model, X)
    Y_before = copy_batch(Y)
    dY = random_like(Y, rng())
    dY_before = copy_batch(dY)
    backprop(dY)
    assert_batches_equal(X, before)
    assert_batches_equal(dY, dY_before)
    assert_batches_equal(Y, Y_before)
    model.predict(X)
    assert_batches_equal(X, before)


@every_layer
def test_backprop_can_run_twice_and_gradients_add_up(case):
    model = case.model()
    Y, backprop = train(model, case.batch())
    dY = random_like(Y, rng())
    first = copy_batch(backprop(dY))
    once = {key: grad.copy() for key, grad in gradients(model).items()}
    assert_batches_equal(backprop(dY), first)
    for key, grad in gradients(model).items():
        numpy.testing.assert_allclose(grad, 2 * once[key], rtol=1e-5, atol=1e-6)
    assert once.keys() == {key for key in parameters(model) if key[1] not in case.constants}


@every_layer
def test_calls_do_not_share_memory(case):
    """A second call must not overwrite what the backward pass of the first one needs."""
    model, X = case.model(), case.batch()
    Y, dX = run(case.model(), X)
    kept, backprop = train(model, X)
    other, _ = model(map_leaves(lambda leaf: leaf[...] * 0 if leaf.dtype.kind == "f" else leaf, X), True)
    del other
    assert_batches_equal(kept, Y)
    assert_batches_equal(backprop(random_like(Y, rng())), dX)


@every_layer
def test_prediction_has_the_same_backward_pass_without_dropout(case):
    model, other, X = case.model(), case.model(), case.batch()
    for m in (model, other):
        for node in m.walk():
            if "dropout_rate" in node.attrs:
                node.attrs["dropout_rate"] = 0.0
    Y, dX = run(model, X)
    predicted, backprop = other(X, False)
    assert_batches_close(predicted, Y, rtol=1e-6, atol=1e-6)
    assert_batches_close(backprop(random_like(Y, rng())), dX)
    for key, grad in gradients(model).items():
        numpy.testing.assert_allclose(gradients(other)[key], grad, rtol=1e-5, atol=1e-6)


@every_layer
def test_leaving_out_the_input_gradient_changes_nothing_else(case):
    model, other, X = case.model(), case.model(), case.batch()
    Y, _ = run(model, X)
    numpy.random.seed(6)
    other_Y, backprop = other.begin_update(X, input_gradient=False)
    assert_batches_equal(other_Y, Y)
    backprop(random_like(Y, rng()))
    assert gradients(other).keys() == gradients(model).keys()
    for key, grad in gradients(model).items():
        numpy.testing.assert_array_equal(gradients(other)[key], grad)


@every_layer
def test_bytes_round_trip(case):
    model, X = case.model(), case.batch()
    data = model.to_bytes()
    loaded = case.build().from_bytes(data)
    assert loaded.to_bytes() == data
    assert_batches_equal(loaded.predict(X), model.predict(X))
    Y, dX = run(model, X)
    loaded_Y, loaded_dX = run(loaded, X)
    assert_batches_equal(loaded_Y, Y)
    assert_batches_equal(loaded_dX, dX)


@every_layer
@pytest.mark.parametrize(
    "duplicate", [lambda m: m.copy(), copy.deepcopy, lambda m: pickle.loads(pickle.dumps(m))]
)
def test_copies_are_equal_and_independent(case, duplicate):
    model, X = case.model(), case.batch()
    Y = model.predict(X)
    other = duplicate(model)
    for param in parameters(model).values():
        param += 1
    assert_batches_equal(other.predict(X), Y)


@cases(lambda case: case.bad is not None)
def test_bad_input_is_refused_and_changes_nothing(case):
    model, bad = case.model(), case.bad(rng())
    before = {key: param.copy() for key, param in parameters(model).items()}
    for is_train in (True, False):
        with pytest.raises(case.error):
            model(bad, is_train)
    assert not gradients(model)
    for key, param in parameters(model).items():
        numpy.testing.assert_array_equal(param, before[key])
    assert_batches_close(model.predict(case.batch()), case.model().predict(case.batch()))


@cases(lambda case: case.build().param_names)
@pytest.mark.parametrize("axis", [0, 1], ids=["rows", "columns"])
def test_a_gradient_that_does_not_fit_leaves_no_gradients(case, axis):
    model = case.model()
    Y, backprop = train(model, case.batch())
    with pytest.raises(ValueError):
        backprop(map_leaves(lambda leaf: numpy.concatenate([leaf, leaf], axis=min(axis, leaf.ndim - 1)), Y))
    assert not gradients(model)


@every_layer
def test_initialize_draws_new_parameters(case):
    model = case.build().initialize()
    before = {key: param.copy() for key, param in parameters(model).items()}
    model.initialize()
    for key, param in parameters(model).items():
        assert param.shape == before[key].shape
        assert param.dtype == "float32"


# No part of the table: they have nothing to train and are tested on their own, or need a framework or a machine.
ELSEWHERE = {
    "premap_ids", "remap_ids", "remap_ids_v2", "strings2arrays",
    "PyTorchLSTM", "PyTorchRNNWrapper", "PyTorchWrapper", "PyTorchWrapper_v2", "PyTorchWrapper_v3",
    "TorchScriptWrapper_v1", "pytorch_to_torchscript_wrapper",
    "TensorFlowWrapper", "keras_subclass", "MXNetWrapper", "JAXWrapper",
    "with_signpost_interval",
}  # fmt: skip


def test_the_table_has_every_layer():
    text = Path(helpers.layer_table.__file__).read_text(encoding="utf8")
    missing = {name for name in layers.__all__ if not re.search(rf"\b{name}\b", text)}
    assert missing - ELSEWHERE == set()
