"""Surprises of the published layers that are mended here, each under its number in the behaviour notes."""

import numpy
import pytest

from helpers.batches import as_float64, assert_batches_equal, copy_batch
from helpers.gradcheck import check_model, gradients, to_float64
from helpers.layer_table import arrays, ints, no_rows, padded, projection, ragged
from thinc import layers
from thinc.initializers import normal_init
from thinc.types import Padded, Ragged

RNG = numpy.random.default_rng(0)


def floats(*shape):
    return RNG.normal(size=shape).astype("float32")


def test_edge_layers_4_dish_has_the_derivative_at_the_preactivation():
    model = to_float64(layers.Dish(3, 5).initialize())
    check_model(model, RNG.normal(size=(4, 5)), projection)


@pytest.mark.parametrize("build", [layers.HardSigmoid, layers.HardTanh, layers.ReluK])
def test_edge_layers_5_hard_layers_use_init_b(build):
    model = build(3, 4, init_b=lambda ops, shape: ops.alloc_f(shape) + 0.25).initialize()
    assert (model.get_param("b") == 0.25).all()


def test_edge_layers_9_list_gradients_are_added_up_item_by_item():
    docs = [floats(2, 4), floats(3, 4)]
    for combine, n in ((layers.concatenate, 2), (layers.add, 1)):
        model = combine(layers.noop(), layers.noop())
        Y, backprop = model(docs, True)
        dX = backprop(Y)
        assert [len(x) for x in dX] == [2, 3]
        for x, dx in zip(docs, dX, strict=True):
            numpy.testing.assert_allclose(dx, 2 * x * (2 if n == 1 else 1), rtol=1e-6)


def no_gradient(value):
    """A layer that passes its input on, but returns a placeholder for a gradient."""
    return layers.noop().__class__("no_gradient", lambda model, X, is_train: (X, lambda dY: value))


@pytest.mark.parametrize("placeholder", [None, [], [[], []], [None, None]])
@pytest.mark.parametrize("combine", [layers.concatenate, layers.add])
def test_edge_layers_9_placeholders_count_as_no_gradient(combine, placeholder):
    docs = [floats(2, 4), floats(3, 4)]
    for children in ([no_gradient(placeholder), layers.noop()], [layers.noop(), no_gradient(placeholder)]):
        Y, backprop = combine(*children)(docs, True)
        dX = backprop(copy_batch(Y))
        expected = Y if combine is layers.add else docs
        assert_batches_equal(dX, [y[:, :4] for y in expected])


def test_edge_layers_9_only_placeholders_give_a_placeholder():
    for combine in (layers.concatenate, layers.add):
        Y, backprop = combine(no_gradient([]), no_gradient([]))(floats(2, 4), True)
        assert backprop(Y) == []
    assert layers.residual(no_gradient([]))(docs := [floats(2, 4)], True)[1](docs) == docs


def test_edge_layers_9_ragged_batches_are_added_and_concatenated():
    X = ragged(RNG)
    for model in (layers.concatenate(layers.noop(), layers.noop()), layers.add(layers.noop(), layers.noop())):
        Y, backprop = model(X, True)
        dX = backprop(Y)
        assert isinstance(dX, Ragged)
        assert dX.data.shape == X.data.shape
        assert dX.lengths.tolist() == X.lengths.tolist()


def test_edge_layers_9_ragged_batches_are_added_by_their_rows():
    X = Ragged(floats(6, 2, 3), ints(2, 4))
    flat = layers.noop()
    flat.replace_callbacks(lambda model, X, is_train: (X, lambda dY: Ragged(dY.data, dY.lengths)))
    for children in ([flat, layers.noop()], [layers.noop(), flat]):
        Y, backprop = layers.add(*children)(X, True)
        numpy.testing.assert_array_equal(Y.dataXd, 2 * X.dataXd)
        numpy.testing.assert_array_equal(backprop(Y).data, 2 * Y.data)


def test_edge_layers_9_batches_of_different_widths_are_not_broadcast():
    for model in (layers.add(layers.noop(), layers.Linear(1, 4)), layers.residual(layers.Linear(1, 4))):
        model.initialize(X=floats(2, 4))
        with pytest.raises(ValueError, match="different shapes"):
            model.predict(floats(2, 4))


@pytest.mark.parametrize(
    "batch", [lambda: floats(5, 4), lambda: arrays(RNG), lambda: ragged(RNG), lambda: padded(RNG)]
)
@pytest.mark.parametrize(
    "build",
    [
        lambda: layers.add(layers.noop(), layers.noop()),
        lambda: layers.residual(layers.noop()),
        lambda: layers.concatenate(layers.noop(), layers.noop()),
    ],
)
def test_edge_layers_10_sums_do_not_change_what_the_caller_holds(build, batch):
    X = batch()
    before = copy_batch(X)
    Y, backprop = build()(X, True)
    assert_batches_equal(X, before)
    dY = copy_batch(Y)
    backprop(dY)
    assert_batches_equal(dY, Y)
    assert_batches_equal(X, before)


@pytest.mark.parametrize("build", [layers.Embed, layers.HashEmbed])
def test_edge_layers_11_embeddings_do_not_change_the_gradient_they_are_given(build):
    model = build(8, 5, dropout=0.5).initialize()
    Y, backprop = model(numpy.arange(5), True)
    dY = numpy.ones_like(Y)
    backprop(dY)
    assert (dY == 1).all()


@pytest.mark.parametrize("column", [None, 1])
def test_edge_layers_12_hashembed_trains_on_an_empty_batch(column):
    model = layers.HashEmbed(3, 7, column=column, dropout=0.2).initialize()
    X = numpy.zeros((0,) if column is None else (0, 2), dtype="uint64")
    Y, backprop = model(X, True)
    assert Y.shape == (0, 3)
    dX = backprop(Y)
    assert dX.shape == X.shape and dX.dtype.kind in "iu"
    (grad,) = gradients(model).values()
    assert grad.shape == (7, 3) and not grad.any()


@pytest.mark.parametrize("shape", [(0, 2), (0, 0)])
@pytest.mark.parametrize("dtype", ["uint64", "float32"])
@pytest.mark.parametrize("build", [layers.Embed, layers.HashEmbed])
def test_edge_layers_13_column_selection_applies_to_empty_input(build, shape, dtype):
    if dtype == "float32" and shape == (0, 2):
        dtype = "int32"  # only a flattened empty list is of floats
    model = build(3, 7, column=1).initialize()
    X = numpy.zeros(shape, dtype=dtype)
    Y, backprop = model(X, True)
    assert Y.shape == (0, 3)
    assert backprop(Y).shape == shape


def test_edge_layers_13_hashembed_explains_that_it_takes_a_vector():
    model = layers.HashEmbed(3, 7).initialize()
    with pytest.raises(ValueError, match=r"HashEmbed expects a vector of ids.*column"):
        model.predict(numpy.zeros((2, 2), dtype="uint64"))


def test_edge_layers_13_embed_takes_ids_of_any_shape():
    model = layers.Embed(3, 7).initialize()
    ids = numpy.array([[0, 1], [1, 6]])
    Y, backprop = model(ids, True)
    assert Y.shape == (2, 2, 3)
    assert backprop(numpy.ones_like(Y)).shape == (2, 2)
    assert model.get_grad("E")[:, 0].tolist() == [1, 2, 0, 0, 0, 0, 1]


def test_edge_layers_19_an_empty_batch_gives_an_empty_batch_of_the_right_width():
    maxout = layers.Maxout(3, 4, normalize=True).initialize()
    Y, backprop = maxout(no_rows(), True)
    assert Y.shape == (0, 3)
    assert backprop(Y).shape == (0, 4)
    for layer in (
        layers.Linear(3, 4),
        layers.Maxout(3, 4, normalize=True, dropout=0.1),
        layers.Softmax(3, 4),
    ):
        model = layers.with_array(layer).initialize()
        Y, backprop = model([], True)
        assert Y == [] and backprop([]) == []
    tagger = layers.chain(layers.list2array(), layers.Relu(3, 4), layers.Softmax(2, 3)).initialize()
    Y, backprop = tagger([], True)
    assert Y.shape == (0, 2)
    assert backprop(Y) == []
    pooled = layers.chain(layers.reduce_mean(), layers.Linear(3, 4)).initialize()
    Y, backprop = pooled(Ragged(no_rows(), ints()), True)
    assert Y.shape == (0, 3)
    assert len(backprop(Y)) == 0


@pytest.mark.parametrize(
    "build",
    [
        lambda: layers.bidirectional(layers.LSTM(2, 4)),
        lambda: layers.concatenate(layers.GRU(3, 4), layers.noop()),
        lambda: layers.add(layers.LSTM(4, 4), layers.Dropout(0.5)),
        lambda: layers.residual(layers.with_ragged(layers.Conv1d(4, 4))),
    ],
)
@pytest.mark.parametrize("X", [[], Ragged(no_rows(), ints())])
def test_edge_layers_19_sequence_layers_train_on_no_sequences(build, X):
    """The gradient has lost the width that the output has, or the other way around."""
    model = layers.with_padded(build()).initialize()
    Y, backprop = model(X, True)
    assert len(Y) == len(backprop(Y)) == 0
    assert not any(grad.any() for grad in gradients(model).values())


def test_edge_layers_19_a_concatenation_with_a_part_that_has_lost_its_width():
    """A list of no sequences has no width, so what comes out of one has none, while the other part has."""
    model = layers.chain(
        layers.concatenate(layers.with_list(layers.noop()), layers.with_array(layers.Linear(3, 4))),
        layers.with_array(layers.Relu(2, 7)),
    ).initialize()
    Y, backprop = model(Ragged(no_rows(), ints()), True)
    assert Y.dataXd.shape == (0, 2)
    assert len(backprop(Y)) == 0


@pytest.mark.parametrize("lengths", [ints(0, 0), ints(0)])
def test_edge_layers_19_sequences_without_rows_are_pooled_to_zeros(lengths):
    for layer in (layers.reduce_mean(), layers.reduce_sum()):
        Y, backprop = layer(Ragged(no_rows(), lengths), True)
        assert Y.shape == (len(lengths), 4) and not Y.any()
        assert backprop(Y).dataXd.shape[0] == 0


def test_edge_layers_25_a_concatenation_that_is_extended_keeps_its_name_and_learns_its_new_width():
    first = layers.concatenate(layers.Linear(2, 4), layers.Linear(3, 4))
    first.initialize(X=floats(2, 4))
    assert first.get_dim("nO") == 5
    model = layers.concatenate(first, layers.Linear(1, 4))
    assert model is first
    assert model.name == "linear|linear" and len(model.layers) == 3
    model.initialize(X=floats(2, 4))
    assert model.get_dim("nO") == 6


def test_edge_layers_25_padded_outputs_are_concatenated():
    X = padded(RNG)
    Y, backprop = layers.concatenate(layers.noop(), layers.Dropout())(X, True)
    assert isinstance(Y, Padded)
    numpy.testing.assert_array_equal(Y.data, numpy.concatenate([X.data, X.data], axis=2))
    numpy.testing.assert_array_equal(backprop(Y).data, 2 * X.data)


def test_edge_layers_26_maxout_is_drawn_with_the_scale_of_its_first_two_axes():
    model = layers.Maxout(10, 500, nP=2)
    numpy.random.seed(0)
    W = model.initialize().get_param("W")
    bound = (6 / 12) ** 0.5
    assert 0.99 * bound < abs(W).max() <= bound


def test_edge_layers_27_hashembed_takes_the_number_of_its_node_for_a_seed():
    model = layers.HashEmbed(3, 7)
    assert model.attrs["seed"] == model.id
    model = layers.HashEmbed(3, 7, column=0)
    assert model.layers[1].attrs["seed"] == model.layers[1].id
    assert layers.HashEmbed(3, 7, seed=0).attrs["seed"] == 0


@pytest.mark.parametrize("combine", [layers.concatenate, layers.add])
def test_edge_layers_28_ids_do_not_pin_a_width(combine):
    model = combine(layers.HashEmbed(3, 7), layers.HashEmbed(3, 7))
    model.initialize(X=numpy.arange(5, dtype="uint64"))
    assert [node.has_dim("nI") for node in model.walk()] == [None] * 3
    model.initialize(X=numpy.arange(9, dtype="uint64"))
    assert model.predict(numpy.arange(9, dtype="uint64")).shape[0] == 9


@pytest.mark.parametrize("build", [layers.list2array, layers.list2ragged, layers.list2padded])
@pytest.mark.parametrize("batch", [lambda: floats(3, 4), lambda: ragged(RNG)])
def test_edge_layers_31_layers_that_take_lists_say_so(build, batch):
    with pytest.raises(ValueError, match="expects a list of arrays, but got"):
        build().predict(batch())


REDUCE = [layers.reduce_first, layers.reduce_last, layers.reduce_max, layers.reduce_mean, layers.reduce_sum]


@pytest.mark.parametrize("build", REDUCE)
def test_edge_layers_32_pooling_checks_that_the_lengths_fit(build):
    X = floats(6, 4)
    for lengths in (ints(2, 2), ints(2, 5)):
        with pytest.raises(IndexError, match="lengths must sum up to the number of rows"):
            build().predict(Ragged(X, lengths))
    with pytest.raises(ValueError, match="lengths must be"):
        build().predict(Ragged(X, ints(7, -1)))


@pytest.mark.parametrize("dtype", ["int64", "uint32", "uint64"])
@pytest.mark.parametrize("build", REDUCE)
def test_edge_layers_32_pooling_takes_lengths_of_any_integer_type(build, dtype):
    X = floats(6, 4)
    expected = build().predict(Ragged(X, ints(2, 1, 3)))
    Y, backprop = build()(Ragged(X, ints(2, 1, 3).astype(dtype)), True)
    numpy.testing.assert_array_equal(Y, expected)
    assert backprop(Y).data.shape == (6, 4)


@pytest.mark.parametrize("build", REDUCE[:3])
def test_edge_layers_32_pooling_that_picks_rows_refuses_empty_sequences(build):
    with pytest.raises(ValueError, match="all sequence lengths must be > 0"):
        build().predict(Ragged(floats(3, 4), ints(3, 0)))


def test_edge_layers_37_dropout_keeps_the_inner_shape_of_a_ragged():
    X = Ragged(floats(6, 2, 3), ints(2, 4))
    Y, backprop = layers.Dropout(0.5)(X, True)
    assert Y.dataXd.shape == (6, 2, 3)
    dX = backprop(Y)
    assert dX.dataXd.shape == (6, 2, 3)
    # Twice the same mask.
    numpy.testing.assert_allclose(dX.dataXd, numpy.where(Y.dataXd != 0, 4 * X.dataXd, 0), rtol=1e-6)


def test_edge_layers_37_dropout_turns_tuples_into_lists_and_drops_everything_at_1():
    Y, _ = layers.Dropout(1.0)((floats(2, 3), floats(1, 3)), True)
    assert isinstance(Y, list)
    assert not any(y.any() for y in Y)


def test_float64_models_keep_their_type_through_normal_init():
    """A guard for the checks above: the test models are float64 throughout."""
    model = to_float64(layers.Linear(3, 4, init_W=normal_init).initialize())
    assert model.predict(as_float64(floats(2, 4))).dtype == "float64"


def test_edge_layers_29_windows_of_arrays_and_ragged_cross_sequences():
    """The padding of with_array is for lists: this is how published models were trained."""
    X = ragged(RNG)
    for pad in (0, 1):
        model = layers.with_array(layers.expand_window(1), pad=pad)
        crossing = layers.expand_window(1).predict(X.data)
        numpy.testing.assert_array_equal(model.predict(X).data, crossing)
        numpy.testing.assert_array_equal(model.predict(X.data), crossing)
        docs = numpy.concatenate(model.predict(layers.ragged2list().predict(X)))
        assert numpy.array_equal(docs, crossing) == (pad == 0)


def test_edge_layers_29_with_array_gives_three_dimensions_of_a_padded():
    X = padded(RNG)
    linear = layers.Linear(3, 4).initialize()
    with pytest.raises(ValueError, match=r"^linear expects Floats2d of width 4, but got .* \(3, 2, 4\)"):
        layers.with_array(linear).predict(X)
    assert layers.with_array2d(linear).predict(X).data.shape == (3, 2, 3)
