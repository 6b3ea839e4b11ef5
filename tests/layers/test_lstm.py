"""LSTM and bidirectional: the recurrence itself, directions, parameters, and their mended defects."""

import numpy
import pytest

from helpers.batches import assert_batches_equal, map_leaves
from helpers.gradcheck import check_model, gradients, to_float64
from helpers.layer_table import ints, no_steps, projection
from thinc import layers
from thinc.backends import NumpyOps
from thinc.model import Model
from thinc.types import Padded

RNG = numpy.random.default_rng(0)


def sequences(*lengths, width=3):
    return [RNG.normal(size=(n, width)).astype("float32") for n in lengths]


def padded(*lengths, width=3):
    return Model("any", None).ops.list2padded(sequences(*lengths, width=width))


def sigmoid(x):
    return 1 / (1 + numpy.exp(-x))


def read_one(X, Wx, bx, Wh, bh, h, c):
    """One direction over one sequence, in float64, gate by gate."""
    outputs = []
    for x in X.astype("float64"):
        f, i, o, g = (Wx[k] @ x + bx[k] + Wh[k] @ h + bh[k] for k in range(4))
        c = sigmoid(f) * c + sigmoid(i) * numpy.tanh(g)
        h = sigmoid(o) * numpy.tanh(c)
        outputs.append(h)
    return numpy.array(outputs)


def read_list(model, Xs):
    """The output of a whole LSTM for a list of sequences, from the layout of its parameters."""
    depth, dirs, nI = (model.get_dim(name) for name in ("depth", "dirs", "nI"))
    nH = model.get_dim("nO") // dirs
    rest = list(model.get_param("LSTM").astype("float64"))

    def take(*shape):
        n = int(numpy.prod(shape))
        block = numpy.array(rest[:n]).reshape(shape)
        del rest[:n]
        return block

    for layer in range(depth):
        width = nI if layer == 0 else nH * dirs
        parts = []
        for direction in range(dirs):
            weights = [take(4, nH, width), take(4, nH), take(4, nH, nH), take(4, nH)]
            c, h = model.get_param("HC0")[:, layer, direction]
            step = -1 if direction else 1
            parts.append([read_one(X[::step], *weights, h, c)[::step] for X in Xs])
        Xs = [numpy.concatenate(pair, axis=1) for pair in zip(*parts, strict=True)]
    assert not rest
    return Xs


@pytest.mark.parametrize("bi, depth", [(False, 1), (True, 1), (False, 3), (True, 2)])
@pytest.mark.parametrize("initial", [0, 1])
def test_output_is_that_of_the_equations(bi, depth, initial):
    model = layers.with_padded(layers.LSTM(4, 3, bi=bi, depth=depth)).initialize()
    lstm = model.layers[0]
    for name in lstm.param_names:
        lstm.set_param(name, RNG.normal(size=lstm.get_param(name).shape).astype("float32"))
    if not initial:
        lstm.get_param("HC0")[...] = 0
    Xs = sequences(2, 5, 1, 5)
    expected = read_list(lstm, Xs)
    for Ys in (model.predict(Xs), model(Xs, True)[0]):
        for y, e in zip(Ys, expected, strict=True):
            numpy.testing.assert_allclose(y, e, rtol=1e-4, atol=1e-5)


def test_parameters_are_drawn_gate_by_gate_in_the_order_of_storage():
    shapes = []

    def counting(ops, shape):
        shapes.append(shape)
        return ops.alloc_f(shape) + len(shapes)

    model = layers.LSTM(4, 3, bi=True, depth=2, init_W=counting, init_b=counting).initialize()
    block = [(2, 3)] * 4 + [(2,)] * 4 + [(2, 2)] * 4 + [(2,)] * 4
    upper = [(2, 4)] * 4 + block[4:]
    assert shapes == block * 2 + upper * 2
    expected = [numpy.full(numpy.prod(shape), i + 1) for i, shape in enumerate(shapes)]
    numpy.testing.assert_array_equal(model.get_param("LSTM"), numpy.concatenate(expected))
    assert model.get_param("HC0").shape == (2, 2, 2, 2) and not model.get_param("HC0").any()
    assert model.attrs == {"registry_name": "LSTM.v1", "dropout_rate": 0.0}


def test_widths_come_from_samples():
    X = padded(2, 3)
    model = layers.LSTM(bi=True).initialize(X=X, Y=padded(2, 3, width=6))
    assert (model.get_dim("nI"), model.get_dim("nO")) == (3, 6)
    with pytest.raises(ValueError, match="nI"):
        model.initialize(X=padded(2, 3, width=5))


def test_padding_of_the_input_is_not_read_and_that_of_the_output_is_zero():
    model = layers.LSTM(4, 3, bi=True).initialize()
    X = padded(1, 4)
    Y = model.predict(X)
    assert not Y.data[1:, 1].any() and Y.data[:, 0].all()
    X.data[1:, 1] = numpy.nan
    assert_batches_equal(model.predict(X), Y)


def test_dropout_masks_the_weights_for_the_whole_batch():
    model = layers.LSTM(3, 3, dropout=0.5, init_b=lambda ops, shape: ops.alloc_f(shape) + 1).initialize()
    X = padded(2, 3)
    numpy.random.seed(0)
    mask = model.ops.get_dropout_mask(model.get_param("LSTM").shape, 0.5)
    numpy.random.seed(0)
    Y, backprop = model(X, True)
    backprop(Y)
    masked = layers.LSTM(3, 3).initialize()
    masked.set_param("LSTM", model.get_param("LSTM") * mask)
    assert_batches_equal(Y, masked.predict(X))
    grad = model.get_grad("LSTM")
    assert not grad[mask == 0].any() and grad[mask != 0].any()
    model.attrs["dropout_rate"] = 0.0
    assert not numpy.array_equal(model(X, True)[0].data, Y.data)


@pytest.mark.parametrize("depth", [0, -1])
def test_depth_is_at_least_one(depth):
    with pytest.raises(ValueError, match="depth must be at least 1"):
        layers.LSTM(4, 3, depth=depth)


@pytest.mark.parametrize("build", [layers.LSTM, lambda nO, nI: layers.bidirectional(layers.LSTM(nO, nI))])
def test_other_kinds_of_batches_are_refused(build):
    model = build(4, 3).initialize()
    for X in (sequences(2, 3), padded(2, 3).data):
        with pytest.raises(ValueError, match=r"expects a Padded, but got (list|ndarray).*with_padded"):
            model.predict(X)
    with pytest.raises(ValueError, match="width 3, but got 5"):
        model.predict(padded(2, 3, width=5))


@pytest.mark.parametrize("sizes", [[2, 2, 2], [1, 2, 1], [2, 1], [3, 1, 1], [2, -1, 3], []])
def test_inconsistent_sizes_are_refused(sizes):
    model = layers.LSTM(4, 3).initialize()
    X = padded(3, 1)
    bad = Padded(X.data, ints(*sizes), X.lengths, X.indices)
    for is_train in (True, False):
        if sizes == [2, 2, 2]:  # two sequences of three steps: another batch, but a consistent one
            model(bad, is_train)
            continue
        with pytest.raises(ValueError, match="size_at_t"):
            model(bad, is_train)


def reverse(Xs):
    return [X[::-1] for X in Xs]


def test_edge_layers_1_bidirectional_reverses_each_sequence():
    l2r, r2l = layers.LSTM(2, 3).initialize(), layers.LSTM(3, 3).initialize()
    model = layers.with_padded(layers.bidirectional(l2r, r2l))
    left, right = layers.with_padded(l2r), layers.with_padded(r2l)
    Xs = sequences(2, 5, 1)
    for y, a, b in zip(model.predict(Xs), left.predict(Xs), reverse(right.predict(reverse(Xs))), strict=True):
        numpy.testing.assert_allclose(y, numpy.concatenate([a, b], axis=1), rtol=1e-6)


@pytest.mark.parametrize("dtype", ["int64", "uint8", "uint32", "uint64"])
def test_bidirectional_takes_lengths_of_any_integer_type(dtype):
    model = layers.bidirectional(layers.LSTM(2, 3)).initialize()
    Xp = NumpyOps().list2padded(sequences(2, 5, 0))
    expected = model.predict(Xp).data
    Xp.lengths, Xp.size_at_t = Xp.lengths.astype(dtype), Xp.size_at_t.astype(dtype)
    Y, backprop = model(Xp, True)
    numpy.testing.assert_array_equal(Y.data, expected)
    assert backprop(Y).data.shape == Xp.data.shape


def test_edge_layers_1_bidirectional_gives_the_right_half_of_gradient_and_sample_to_the_right_layer():
    seen = {}

    def spy(name):
        def forward(model, X, is_train):
            return X, lambda dY: seen.setdefault(name, dY)

        def init(model, X, Y):
            seen[name + " sample"] = (X, Y)

        return Model(name, forward, init=init)

    model = layers.bidirectional(spy("left"), spy("right"))
    X, Y = padded(3, 1), padded(3, 1, width=6)
    model.initialize(X=X, Y=Y)
    assert_batches_equal(seen["left sample"][0], X)
    numpy.testing.assert_array_equal(seen["left sample"][1].data, Y.data[..., :3])
    numpy.testing.assert_array_equal(seen["right sample"][0].data[:, 0], X.data[::-1, 0])
    numpy.testing.assert_array_equal(seen["right sample"][1].data[:, 0], Y.data[::-1, 0, 3:])
    output, backprop = model(X, True)
    numpy.testing.assert_array_equal(output.data, numpy.concatenate([X.data, X.data], axis=2))
    dX = backprop(Y)
    numpy.testing.assert_array_equal(seen["left"].data, Y.data[..., :3])
    numpy.testing.assert_array_equal(seen["right"].data[:, 0], Y.data[::-1, 0, 3:])
    numpy.testing.assert_array_equal(dX.data, Y.data[..., :3] + Y.data[..., 3:])


def test_edge_layers_1_bidirectional_copies_the_layer():
    l2r = layers.LSTM(2, 3)
    model = layers.bidirectional(l2r)
    assert model.name == "bilstm" and model.layers[0] is l2r
    model.initialize()
    assert not numpy.array_equal(l2r.get_param("LSTM"), model.layers[1].get_param("LSTM"))


@pytest.mark.parametrize("lengths", [(1,), (4,), (3, 1), (1, 1), (2, 4, 0, 1)])
@pytest.mark.parametrize("bi", [False, True])
def test_edge_layers_2_gradients_are_exact(lengths, bi):
    model = to_float64(layers.LSTM(4, 3, bi=bi, depth=2).initialize())
    model.set_param("LSTM", RNG.normal(size=model.get_param("LSTM").shape))
    X = map_leaves(lambda x: x.astype("float64"), padded(*lengths))
    check_model(model, X, projection, constants=("HC0",))


def test_edge_layers_2_a_sequence_of_one_step_has_a_gradient():
    model = layers.LSTM(4, 3).initialize()
    Y, backprop = model(padded(1), True)
    assert backprop(map_leaves(numpy.ones_like, Y)).data.all()
    assert gradients(model)[(0, "LSTM")].any()


@pytest.mark.parametrize("X", [no_steps(), padded(), padded(0, 0)])
@pytest.mark.parametrize("bi", [False, True])
def test_edge_layers_19_lstm_without_steps(X, bi):
    nI = X.data.shape[2] or 4
    for model in (layers.LSTM(6, nI, bi=bi), layers.bidirectional(layers.LSTM(3, nI))):
        model.initialize()
        Y, backprop = model(X, True)
        assert Y.data.shape == (*X.data.shape[:2], 6)
        dX = backprop(Y)
        assert dX.data.size == 0 and dX.lengths is X.lengths
        assert model.predict(X).data.shape == Y.data.shape
        assert not any(grad.any() for grad in gradients(model).values())


def test_edge_layers_22_an_odd_width_cannot_be_shared_by_two_directions():
    with pytest.raises(ValueError, match="must be even, but got 5"):
        layers.LSTM(5, 3, bi=True)
    model = layers.LSTM(nI=3, bi=True)
    with pytest.raises(ValueError, match="must be even, but got 5"):
        model.initialize(Y=padded(2, width=5))
    assert model.has_dim("nO") is None
    assert layers.LSTM(5, 3).initialize().predict(padded(2)).data.shape == (2, 1, 5)
