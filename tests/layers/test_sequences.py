"""Windows, pooling, dropout, transfers between kinds of batches, and the wrappers for arrays."""

import numpy
import pytest

from helpers.batches import assert_batches_equal, copy_batch
from helpers.layer_table import arrays, ints, padded, ragged
from thinc import layers
from thinc.types import Padded, Ragged

RNG = numpy.random.default_rng(0)


def floats(*shape):
    return RNG.normal(size=shape).astype("float32")


@pytest.mark.parametrize("window", [0, 1, 2, 7])
def test_expand_window(window):
    model = layers.expand_window(window)
    assert (model.name, model.dim_names, model.attrs) == ("expand_window", (), {"window_size": window})
    X = floats(4, 3)
    around = numpy.vstack([numpy.zeros((window, 3)), X, numpy.zeros((window, 3))])
    expected = numpy.array([around[i : i + 2 * window + 1].ravel() for i in range(4)])
    Y, backprop = model(X, True)
    numpy.testing.assert_array_equal(Y, expected)
    counts = [sum(abs(i - j) <= window for j in range(4)) for i in range(4)]
    numpy.testing.assert_array_equal(backprop(numpy.ones_like(Y))[:, 0], counts)


def test_expand_window_stays_within_sequences():
    X = Ragged(floats(5, 2), ints(2, 0, 3))
    Y, backprop = layers.expand_window()(X, True)
    parts = [layers.expand_window().predict(part) for part in (X.data[:2], X.data[2:])]
    numpy.testing.assert_array_equal(Y.data, numpy.vstack(parts))
    assert Y.lengths.tolist() == [2, 0, 3]
    assert backprop(Y).data.shape == (5, 2)


@pytest.mark.parametrize("wrap", [lambda X: X, lambda X: Ragged(X, ints(3))])
def test_expand_window_takes_floats(wrap):
    with pytest.raises(ValueError, match="int32"):
        layers.expand_window().predict(wrap(numpy.ones((3, 2), dtype="int32")))


REDUCE = {
    "reduce_first": lambda x: x[0],
    "reduce_last": lambda x: x[-1],
    "reduce_max": lambda x: x.max(axis=0),
    "reduce_mean": lambda x: x.mean(axis=0),
    "reduce_sum": lambda x: x.sum(axis=0),
}


@pytest.mark.parametrize("name", REDUCE)
def test_pooling(name):
    model = getattr(layers, name)()
    assert (model.name, model.dim_names, model.param_names, model.attrs) == (name, (), (), {})
    X = ragged(RNG)
    Y, backprop = model(X, True)
    expected = [REDUCE[name](x) for x in numpy.split(X.data, [2, 3])]
    numpy.testing.assert_allclose(Y, expected, rtol=1e-6)
    dX = backprop(numpy.ones_like(Y))
    assert dX.lengths.tolist() == [2, 1, 3]
    sums = [x.sum(axis=0) for x in numpy.split(dX.data, [2, 3])]
    per_sequence = [2, 1, 3] if name == "reduce_sum" else [1, 1, 1]
    numpy.testing.assert_allclose(sums, numpy.repeat(per_sequence, 4).reshape(3, 4), rtol=1e-6)


@pytest.mark.parametrize("name", REDUCE)
def test_pooling_checks_the_gradient(name):
    Y, backprop = getattr(layers, name)()(ragged(RNG), True)
    with pytest.raises(ValueError, match="Shape mismatch in backprop"):
        backprop(Y[:2])
    with pytest.raises(ValueError, match="Type mismatch in backprop"):
        backprop(Y.astype("float64"))


def test_reduce_max_sends_the_gradient_to_the_first_of_equals():
    X = Ragged(numpy.ones((3, 1), dtype="float32"), ints(3))
    Y, backprop = layers.reduce_max()(X, True)
    assert backprop(Y).data.ravel().tolist() == [1, 0, 0]


@pytest.mark.parametrize("batch", [lambda: floats(50, 40), lambda: [floats(20, 40), floats(30, 40)]])
def test_dropout(batch):
    numpy.random.seed(0)
    model = layers.Dropout(0.25)
    assert (model.name, model.attrs) == ("dropout", {"dropout_rate": 0.25, "is_enabled": True})
    X = batch()
    Y, backprop = model(X, True)
    ones = [numpy.ones_like(x) for x in X] if isinstance(X, list) else numpy.ones_like(X)
    masks = backprop(ones)
    flat = numpy.concatenate([m.ravel() for m in masks])
    assert set(numpy.unique(flat)) == {0, numpy.float32(1 / 0.75)}
    assert 0.2 < (flat == 0).mean() < 0.3
    for x, y, mask in zip(X, Y, masks, strict=True):
        numpy.testing.assert_array_equal(y, x * mask)


@pytest.mark.parametrize("attrs", [{"dropout_rate": 0.0}, {"is_enabled": False}])
def test_dropout_that_is_off_passes_its_input_through(attrs):
    model = layers.Dropout(0.5)
    X = floats(3, 4)
    assert model.predict(X) is X
    model.attrs.update(attrs)
    Y, backprop = model(X, True)
    assert Y is X and backprop(X) is X


def test_transfers_have_fixed_names_and_no_state():
    for name in ("list2array", "list2ragged", "ragged2list", "list2padded", "padded2list"):
        model = getattr(layers, name)()
        assert (model.name, model.dim_names, model.param_names, model.attrs) == (name, (), (), {})


def test_list2array_and_list2ragged():
    Xs = arrays(RNG)
    Y, backprop = layers.list2array()(Xs, True)
    numpy.testing.assert_array_equal(Y, numpy.vstack(Xs))
    assert_batches_equal(backprop(Y), Xs)
    Yr, backprop = layers.list2ragged()(Xs, True)
    numpy.testing.assert_array_equal(Yr.data, Y)
    assert Yr.lengths.tolist() == [2, 3, 1] and Yr.lengths.dtype == "int32"
    assert_batches_equal(backprop(Yr), Xs)
    assert [len(x) for x in backprop(Ragged(Y, ints(1, 5)))] == [1, 5]
    assert_batches_equal(layers.ragged2list().predict(Yr), Xs)


def test_ragged2list_gives_back_the_lengths():
    X = ragged(RNG)
    Ys, backprop = layers.ragged2list()(X, True)
    dX = backprop(Ys)
    numpy.testing.assert_array_equal(dX.data, X.data)
    assert dX.lengths is X.lengths


def test_inner_shapes_survive_ragged():
    Xs = [floats(2, 3, 2), floats(1, 3, 2)]
    Yr, backprop = layers.list2ragged()(Xs, True)
    assert Yr.data.shape == (3, 6) and Yr.dataXd.shape == (3, 3, 2)
    assert_batches_equal(layers.ragged2list().predict(Yr), Xs)
    assert_batches_equal(backprop(Yr), Xs)


def test_list2padded_and_back():
    Xs = [floats(2, 4), floats(3, 4), floats(2, 4), floats(0, 4)]
    Yp, backprop = layers.list2padded()(Xs, True)
    assert Yp.size_at_t.tolist() == [3, 3, 1]
    assert Yp.lengths.tolist() == [3, 2, 2, 0]
    assert Yp.indices.tolist() == [1, 2, 0, 3]
    assert_batches_equal(backprop(Yp), Xs)
    Ys, backprop = layers.padded2list()(Yp, True)
    assert_batches_equal(Ys, Xs)
    assert_batches_equal(backprop(Ys), Yp)


WITH = [layers.with_array, layers.with_array2d]


@pytest.mark.parametrize("build", WITH)
def test_with_array_structure(build):
    model = build(layers.Maxout(3, 4, 2), pad=1)
    assert (model.name, model.attrs) == ("with_array(maxout)", {"pad": 1})
    assert {name: model.maybe_get_dim(name) for name in model.dim_names} == {"nO": 3, "nI": 4, "nP": 2}


@pytest.mark.parametrize("build", WITH)
@pytest.mark.parametrize(
    "batch", [lambda: floats(5, 4), lambda: arrays(RNG), lambda: tuple(arrays(RNG)), lambda: ragged(RNG)]
)
def test_with_array_initializes_from_any_kind_and_takes_over_the_dimensions(build, batch):
    X = batch()
    Y = copy_batch(X)
    model = build(layers.Linear())
    assert model.has_dim("nO") is None
    model.initialize(X=X, Y=Y)
    assert (model.get_dim("nO"), model.get_dim("nI")) == (4, 4)
    assert type(model.predict(X)) is (list if isinstance(X, tuple) else type(X))


def test_with_array_does_not_overrule_a_width():
    model = layers.with_array(layers.Linear(nI=4))
    model.set_dim("nO", 3)
    with pytest.raises(ValueError, match="nO"):
        model.initialize(X=arrays(RNG), Y=arrays(RNG))


def test_with_array2d_gives_the_layer_rows():
    model = layers.with_array2d(layers.Linear()).initialize(X=padded(RNG), Y=padded(RNG))
    X = padded(RNG)
    Y, backprop = model(X, True)
    assert isinstance(Y, Padded)
    expected = model.layers[0].predict(X.data.reshape(6, 4)).reshape(3, 2, 4)
    numpy.testing.assert_allclose(Y.data, expected, rtol=1e-6)
    assert backprop(Y).data.shape == X.data.shape
    three = Ragged(floats(6, 2, 2), ints(2, 4))
    assert model.predict(three).data.shape == (6, 4)


def test_with_array_gives_the_layer_the_data_in_its_shape():
    shapes = []

    def forward(model, X, is_train):
        shapes.append(X.shape)
        return X, lambda dY: shapes.append(dY.shape) or dY

    layer = layers.noop()
    layer.replace_callbacks(forward)
    X = Ragged(floats(6, 2, 3), ints(2, 4))
    Y, backprop = layers.with_array(layer)(X, True)
    backprop(Y)
    assert shapes == [(6, 2, 3), (6, 2, 3)]
    layers.with_array(layer).predict(padded(RNG))
    assert shapes[2] == (3, 2, 4)
    layers.with_array2d(layer).predict(X)
    assert shapes[3] == (6, 6)


@pytest.mark.parametrize("build", WITH)
def test_padding_keeps_windows_apart(build):
    Xs = [floats(2, 4), floats(0, 4), floats(3, 4)]
    model = build(layers.expand_window(1), pad=1)
    Ys, backprop = model(Xs, True)
    for X, Y in zip(Xs, Ys, strict=True):
        numpy.testing.assert_array_equal(Y, layers.expand_window(1).predict(X))
    dXs = backprop([numpy.ones_like(Y) for Y in Ys])
    assert [dX.shape for dX in dXs] == [X.shape for X in Xs]
    assert dXs[0][:, 0].tolist() == [2, 2] and dXs[2][:, 0].tolist() == [2, 3, 2]
    together = build(layers.expand_window(1)).predict(Xs)
    assert together[0][1, -1] == Xs[2][0, -1]
