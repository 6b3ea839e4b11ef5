"""The with_* layers and other wrappers: kinds of batches, hooks, and their mended defects."""

import copy
import pickle

import numpy
import pytest

from helpers.batches import assert_batches_close, assert_batches_equal
from helpers.gradcheck import gradients
from helpers.layer_table import arrays, cube, floats, ids, ints, matrix, padded, ragged
from thinc import compat, layers
from thinc.backends import NumpyOps
from thinc.model import Model
from thinc.types import Padded, Ragged

RNG = numpy.random.default_rng(0)


def spy(seen):
    """A layer that passes its input on and keeps what it is given."""

    def forward(model, X, is_train):
        def backprop(dY):
            seen.append(("dY", dY))
            return dY

        seen.append(("X", X))
        return X, backprop

    def init(model, X, Y):
        seen.append(("init", X, Y))

    return Model("spy", forward, init=init, dims={"nO": None, "nI": None})


def placeholder(value):
    return Model("placeholder", lambda model, X, is_train: (X, lambda dY: value))


def raw_padded(Xp):
    return (Xp.data, Xp.size_at_t, Xp.lengths, Xp.indices)


BATCHES = [
    arrays(RNG),
    tuple(arrays(RNG)),
    [*arrays(RNG), floats(RNG, 2, 4), floats(RNG, 0, 4)],
    ragged(RNG),
    Ragged(floats(RNG, 3, 4), ints(2, 0, 1)),
    padded(RNG),
    # Sequences of one length can come in any order.
    Padded(floats(RNG, 3, 2, 4), ints(2, 2, 2), ints(3, 3), ints(0, 1)),
]


@pytest.mark.parametrize("X", BATCHES, ids=lambda X: type(X).__name__)
@pytest.mark.parametrize("wrap", [layers.with_list, layers.with_ragged, layers.with_padded])
def test_output_and_gradient_come_back_as_they_went_in(wrap, X):
    seen = []
    model = wrap(spy(seen))
    assert model.name == f"{wrap.__name__}(spy)"
    Y, backprop = model(X, True)
    dX = backprop(X)
    expected = list(X) if isinstance(X, tuple) and wrap is not layers.with_list else X
    assert_batches_equal(Y, expected)
    assert_batches_equal(dX, expected)
    assert_batches_equal(seen[1][1], seen[0][1])  # the gradient is converted like the input
    model.initialize(X=X, Y=X)
    assert_batches_equal(seen[2][1], seen[0][1])
    assert_batches_equal(seen[2][2], seen[0][1])


@pytest.mark.parametrize(
    "build",
    [
        lambda: layers.with_list(layers.map_list(layers.Linear(3, 4))),
        lambda: layers.with_ragged(layers.with_array(layers.Linear(3, 4))),
        lambda: layers.MultiHeadAttention(3, 4, nH=1),
        lambda: layers.chain(
            layers.padded2list(), layers.map_list(layers.Linear(3, 4)), layers.list2padded()
        ),
    ],
)
@pytest.mark.parametrize("rows", [[0], [1, 2], [3, 3]])
def test_part_of_a_padded_is_a_padded(build, rows):
    """The original positions of its sequences are those in the whole batch, with gaps, or the same one twice."""
    rng = numpy.random.default_rng(0)
    ops = NumpyOps()
    whole = ops.list2padded([rng.normal(size=(n, 4)).astype("float32") for n in (1, 3, 2, 2)])
    model = build().initialize()
    Y, backprop = model(whole[rows], True)
    expected = model.predict(whole)
    assert Y.lengths.tolist() == whole.lengths[rows].tolist()
    for k, (row, n) in enumerate(zip(rows, Y.lengths, strict=True)):
        numpy.testing.assert_allclose(Y.data[:n, k], expected.data[:n, row], rtol=1e-4, atol=1e-6)
    assert backprop(Y).lengths.tolist() == Y.lengths.tolist()


def test_with_padded_takes_raw_data_and_arrays():
    X = padded(RNG)
    seen = []
    model = layers.with_padded(spy(seen))
    Y, backprop = model(raw_padded(X), True)
    assert isinstance(Y, tuple) and isinstance(backprop(Y), tuple)
    assert_batches_equal(seen[0][1], X)
    model.initialize(X=raw_padded(X))
    seen.clear()
    data = cube(RNG)
    Y, backprop = model(data, True)
    assert Y is data and backprop(data) is data
    full = seen[0][1]
    assert full.size_at_t.tolist() == [2, 2, 2] and full.lengths.tolist() == [3, 3]
    assert full.indices.tolist() == [0, 1]
    model.initialize(X=data)


def test_with_ragged_takes_raw_data():
    X = ragged(RNG)
    seen = []
    model = layers.with_ragged(spy(seen))
    Y, backprop = model((X.data, X.lengths), True)
    assert_batches_equal(seen[0][1], X)
    assert isinstance(Y, tuple) and isinstance(backprop(Y), tuple)
    numpy.testing.assert_array_equal(Y[1], X.lengths)


@pytest.mark.parametrize("n", [2, 4])
def test_edge_layers_30_tuples_of_sequences_are_sequences(n):
    Xs = tuple(floats(RNG, length, 4) for length in (2, 1, 3, 2)[:n])
    for wrap in (layers.with_ragged, layers.with_padded):
        Y, backprop = wrap(layers.noop())(Xs, True)
        assert_batches_equal(Y, list(Xs))
        assert_batches_equal(backprop(Y), list(Xs))


@pytest.mark.parametrize("X", [arrays(RNG), padded(RNG)])
def test_edge_layers_30_with_ragged_gives_integer_arrays_as_lengths(X):
    seen = []
    Y, backprop = layers.with_ragged(spy(seen))(X, True)
    backprop(Y)
    for _, batch in seen:
        assert isinstance(batch.lengths, numpy.ndarray) and batch.lengths.dtype == "int32"


@pytest.mark.parametrize("wrap", [layers.with_ragged, layers.with_padded])
def test_wrappers_say_what_they_take(wrap):
    with pytest.raises(ValueError, match=r"with_\w+\(noop\) expects .* or a list of arrays, but got ndarray"):
        wrap(layers.noop()).predict(matrix(RNG))


def test_edge_layers_6_with_reshape_has_a_backward_pass():
    X = cube(RNG)
    linear = layers.Linear(5, 4)
    model = layers.with_reshape(linear).initialize(X=X)
    assert (model.get_dim("nO"), model.get_dim("nI")) == (5, 4)
    Y, backprop = model(X, True)
    numpy.testing.assert_allclose(Y, X @ linear.get_param("W").T, rtol=1e-4, atol=1e-6)
    dX = backprop(Y)
    numpy.testing.assert_allclose(dX, Y @ linear.get_param("W"), rtol=1e-4, atol=1e-6)
    with pytest.raises(ValueError, match=r"three dimensions, but got one of shape \(5, 4\)"):
        model.predict(matrix(RNG))


def stack(model, Xs, is_train):
    return numpy.stack(Xs), list


@pytest.mark.parametrize("X", [[], [[]], [[], []]])
def test_with_flatten_of_empty_lists_keeps_their_number(X):
    for model in (
        layers.with_flatten(Model("rows", lambda model, X, is_train: (matrix(RNG)[:0], list))),
        layers.with_flatten_v2(layers.map_list(layers.noop())),
        layers.with_flatten_v2(layers.with_array(layers.Linear(3, 4).initialize())),
    ):
        Y, backprop = model(X, True)
        assert [len(item) for item in Y] == [0] * len(X)
        assert [len(item) for item in backprop(Y)] == [0] * len(X)


@pytest.mark.parametrize("backprop_layer", [list, numpy.asarray])
def test_with_flatten_v2_takes_layers_that_return_arrays(backprop_layer):
    model = layers.with_flatten_v2(
        Model("stack", lambda model, X, is_train: (numpy.stack(X), backprop_layer))
    )
    X = matrix(RNG)
    Y, backprop = model([list(X[:2]), [], list(X[2:])], True)
    assert [y.shape for y in Y] == [(2, 4), (0, 4), (3, 4)]
    dX = backprop(Y)
    assert [len(d) for d in dX] == [2, 0, 3]
    numpy.testing.assert_array_equal(numpy.concatenate([*dX[0], *dX[2]]), X.reshape(-1))


def test_edge_layers_7_with_flatten_splits_rows():
    seen = []
    inner = layers.chain(Model("stack", stack), spy(seen))
    model = layers.with_flatten(inner)
    X = [list(floats(RNG, 3, 2)), list(floats(RNG, 1, 2))]
    Y, backprop = model(X, True)
    assert [y.shape for y in Y] == [(3, 2), (1, 2)]
    dX = backprop(Y)
    assert [len(dx) for dx in dX] == [3, 1]
    assert_batches_equal(dX, X)
    model.initialize(X=X, Y=[floats(RNG, 3, 5), floats(RNG, 1, 5)])
    samples = [call for call in seen if call[0] == "init"]
    assert samples[0][1].shape == (4, 2) and samples[0][2].shape == (4, 5)


@pytest.mark.parametrize("build", [layers.with_flatten, layers.with_flatten_v2])
def test_with_flatten_passes_placeholders_on(build):
    if build is layers.with_flatten:
        layer = Model("any", lambda model, X, is_train: (numpy.zeros((len(X), 2)), lambda dY: []))
    else:
        layer = placeholder([])
    Y, backprop = build(layer)([["a", "b"], [], ["c"]], True)
    assert [len(y) for y in Y] == [2, 0, 1]
    assert backprop(Y) == []


def test_edge_layers_8_with_cpu_trains_only_in_training():
    X = numpy.ones((4, 100), dtype="float32")
    model = layers.with_cpu(layers.Dropout(0.5), NumpyOps())
    assert_batches_equal(model.predict(X), X)
    assert (model(X, True)[0] == 0).any()


def test_with_cpu_converts_the_arrays_of_a_batch():
    class Elsewhere(NumpyOps):
        def asarray(self, data, dtype=None):
            moved.append(data)
            return data

    moved = []
    ops = Elsewhere()
    layer = layers.Linear(3, 4)
    layer.ops = ops
    model = layers.with_cpu(layer, ops)
    assert layer.ops is not ops and model.ops is ops
    assert model.dim_names == layer.dim_names
    model.initialize(X=matrix(RNG))
    Y, backprop = model(matrix(RNG), True)
    assert len(moved) == 1 and moved[0] is Y
    backprop(Y)
    assert len(moved) == 2
    documents = [object(), object()]
    assert layers.with_cpu(layers.noop(), ops).predict(documents) == documents
    layers.with_cpu(layers.noop(), ops).predict([(matrix(RNG), ragged(RNG)), padded(RNG)])
    assert len(moved) == 2 + 1 + 2 + 4


@pytest.mark.parametrize("idx, position", [(0, 0), (1, 1), (-1, 2), (-3, 0)])
@pytest.mark.parametrize("kind", [tuple, list])
def test_edge_layers_14_with_getitem_takes_negative_positions_and_lists(idx, position, kind):
    X = kind([floats(RNG, 2, 4) for _ in range(3)])
    model = layers.with_getitem(idx, layers.Linear(5)).initialize(X=X)
    Y, backprop = model(X, True)
    assert type(Y) is kind and len(Y) == 3
    assert [y.shape[1] for y in Y] == [5 if i == position else 4 for i in range(3)]
    assert all(Y[i] is X[i] for i in range(3) if i != position)
    dX = backprop(Y)
    assert type(dX) is kind and [dx.shape for dx in dX] == [(2, 4)] * 3


@pytest.mark.parametrize("idx", [3, -4])
def test_edge_layers_14_with_getitem_checks_the_position(idx):
    model = layers.with_getitem(idx, layers.noop())
    with pytest.raises(IndexError, match=f"position {idx}, but got 3 items"):
        model.predict((1, 2, 3))


def make_spy_hooks():
    calls = []
    hooks = {
        "on_init": lambda model, X, Y: calls.append(("init", model)),
        "on_forward": lambda model, X, is_train: calls.append(("forward", model, is_train)),
        "on_backprop": lambda dY: calls.append(("backprop", dY)),
    }
    return calls, hooks


def test_with_debug_calls_the_hooks_first():
    calls, hooks = make_spy_hooks()
    layer = layers.Linear(3, 4)
    model = layers.with_debug(layer, **hooks)
    assert model is layer and model.name == "linear"
    model.initialize(X=matrix(RNG))
    Y, backprop = model(matrix(RNG), True)
    backprop(Y)
    assert [call[0] for call in calls] == ["init", "forward", "backprop"]
    assert calls[1][1:] == (layer, True) and calls[2][1] is Y
    no_init = layers.Linear(3, 4)
    no_init.init = None
    layers.with_debug(no_init, **hooks).initialize()
    assert calls[-1] == ("init", no_init)


def test_edge_layers_16_copies_of_models_with_hooks_are_on_their_own():
    calls, hooks = make_spy_hooks()
    original = layers.with_nvtx_range(layers.with_debug(layers.Linear(3, 4), **hooks)).initialize()
    W = original.get_param("W").copy()
    other = original.copy()
    other.initialize()
    assert calls[-1] == ("init", other)
    numpy.testing.assert_array_equal(original.get_param("W"), W)
    other.set_param("W", W * 0)
    assert not other.predict(matrix(RNG)).any()
    assert calls[-1] == ("forward", other, False)
    Y, backprop = other(matrix(RNG), True)
    backprop(Y)
    assert other.has_grad("W") and not original.has_grad("W")
    for duplicate in (copy.deepcopy, lambda model: pickle.loads(pickle.dumps(model))):
        model = layers.with_nvtx_range(layers.with_debug(layers.Linear(3, 4))).initialize()
        model = duplicate(model)
        assert model.predict(matrix(RNG)).shape == (5, 3)


class FakeNvtx:
    def __init__(self):
        self.open = []
        self.log = []

    def RangePush(self, message, color):
        self.open.append(message)
        self.log.append((message, color))

    def RangePop(self):
        self.open.pop()


def test_with_nvtx_range_labels_the_passes(monkeypatch):
    import sys
    from types import SimpleNamespace

    model = layers.with_nvtx_range(layers.Linear(3, 4), forward_color=1, backprop_color=2).initialize()
    named = layers.with_nvtx_range(layers.noop(), "mine")
    nvtx = FakeNvtx()
    fake = SimpleNamespace(cuda=SimpleNamespace(nvtx=nvtx), ndarray=type("ndarray", (), {}))
    fake.get_array_module = lambda *args: numpy
    monkeypatch.setitem(sys.modules, "cupy", fake)
    Y, backprop = model(matrix(RNG), True)
    backprop(Y)
    assert nvtx.log == [("linear forward", 1), ("linear backprop", 2)]
    named.predict(1)
    assert nvtx.log[-1] == ("mine forward", -1)
    with pytest.raises(ValueError):
        model.predict(floats(RNG, 2, 9))
    assert nvtx.open == []


def test_with_signpost_interval(monkeypatch):
    from contextlib import contextmanager

    class Signposter:
        def __init__(self):
            self.log = []

        @contextmanager
        def use_interval(self, message):
            self.log.append(message)
            yield

    signposter = Signposter()
    monkeypatch.setattr(compat, "has_os_signpost", False, raising=False)
    with pytest.raises(ValueError, match="os_signpost"):
        layers.with_signpost_interval(layers.noop(), signposter)
    monkeypatch.setattr(compat, "has_os_signpost", True)
    model = layers.with_signpost_interval(layers.Linear(3, 4), signposter)
    model.initialize()
    Y, backprop = model(matrix(RNG), True)
    backprop(Y)
    assert signposter.log == ["linear init", "linear forward", "linear backprop"]
    no_init = layers.noop()
    no_init.init = None
    layers.with_signpost_interval(no_init, signposter, "mine").initialize().predict(1)
    assert signposter.log[3:] == ["mine forward"]


@pytest.mark.parametrize("gradient", [None, [], [[], []]])
def test_edge_layers_9_tuplify_adds_up_gradients_and_skips_placeholders(gradient):
    docs = [floats(RNG, 2, 4), floats(RNG, 3, 4)]
    model = layers.tuplify(layers.noop(), placeholder(gradient), layers.noop())
    Y, backprop = model(docs, True)
    assert len(Y) == 3
    assert_batches_close(backprop(Y), [2 * doc for doc in docs])


def test_edge_layers_9_tuplify_adds_up_ragged_gradients():
    X = ragged(RNG)
    Y, backprop = layers.tuplify(layers.noop(), layers.noop())(X, True)
    assert_batches_equal(backprop(Y), Ragged(2 * X.data, X.lengths))


def test_edge_layers_10_tuplify_does_not_change_what_the_caller_holds():
    X = matrix(RNG)
    before = X.copy()
    Y, backprop = layers.tuplify(layers.noop(), layers.noop())(X, True)
    backprop(Y)
    numpy.testing.assert_array_equal(X, before)


def test_tuplify_gives_each_layer_its_sample():
    X = matrix(RNG)
    model = layers.tuplify(layers.Linear(), layers.Linear(2)).initialize(X=X, Y=(floats(RNG, 5, 7), X))
    assert model.name == "tuple(linear, linear)" and model.dim_names == ("nI",)
    assert [layer.get_dim("nO") for layer in model.layers] == [7, 2]
    assert model.get_dim("nI") == 4
    with pytest.raises(TypeError):
        layers.tuplify(layers.noop())


def test_edge_layers_23_wrappers_leave_dimensions_unset_as_saved_models_have_them():
    X = arrays(RNG)
    for wrap in (layers.with_padded, layers.with_list):
        layer = layers.LSTM(3) if wrap is layers.with_padded else layers.map_list(layers.Linear(3))
        model = wrap(layer).initialize(X=X)
        assert model.dim_names == layer.dim_names
        assert model.maybe_get_dim("nI") is None
    model = layers.with_cpu(layers.Linear(3), NumpyOps()).initialize(X=matrix(RNG))
    assert model.has_dim("nI") is None
    model.set_dim("nI", 4)
    assert layers.with_ragged(layers.Linear(3, 4)).dim_names == ()


@pytest.mark.parametrize("build", [lambda layer: layers.tuplify(layer, layers.noop()), layers.with_reshape])
def test_edge_layers_24_layers_are_drawn_twice_without_samples(build):
    numpy.random.seed(0)
    linear = layers.Linear(3, 4)
    build(linear).initialize()
    numpy.random.seed(0)
    other = layers.Linear(3, 4).initialize().initialize()
    numpy.testing.assert_array_equal(linear.get_param("W"), other.get_param("W"))


def test_map_list_initializes_with_the_first_items():
    model = layers.map_list(layers.Linear()).initialize(X=arrays(RNG), Y=[floats(RNG, 2, 7)])
    assert (model.layers[0].get_dim("nI"), model.layers[0].get_dim("nO")) == (4, 7)
    layers.map_list(layers.Linear(2, 3)).initialize(X=[], Y=[])
    Y, backprop = model(arrays(RNG), True)
    with pytest.raises(ValueError):
        backprop(Y[:2])


def test_edge_layers_33_uniqued_runs_a_layer_once_for_each_id():
    seen = []
    model = layers.uniqued(layers.chain(spy(seen), layers.Embed(3, 9, column=0)), column=1).initialize()
    X = numpy.array([[1, 5], [2, 7], [3, 5], [4, 6], [5, 5]])
    Y, backprop = model(X, True)
    assert seen[-1][1].tolist() == [[1, 5], [4, 6], [2, 7]]
    E = model.layers[0].layers[1].layers[1].get_param("E")
    numpy.testing.assert_array_equal(Y, E[[1, 2, 1, 4, 1]])
    dX = backprop(numpy.ones_like(Y))
    assert dX.shape == X.shape
    assert [grad[:, 0].tolist() for grad in gradients(model).values()] == [[0, 3, 1, 0, 1, 0, 0, 0, 0]]


@pytest.mark.parametrize("X", [ids(RNG, 6), ids(RNG, 1), ids(RNG, 0), ids(RNG, 6, 1)[:, 0]])
def test_edge_layers_33_uniqued_takes_vectors(X):
    model = layers.uniqued(layers.Embed(3, 7)).initialize()
    Y, backprop = model(X, True)
    numpy.testing.assert_array_equal(Y, model.layers[0].get_param("E")[X])
    assert backprop(Y).shape == X.shape
    assert model.get_dim("nO") == 3 if model.has_dim("nO") else True


def test_edge_layers_33_uniqued_shares_a_float_gradient_within_its_group():
    layer = Model("twice", lambda model, X, is_train: (2.0 * X.astype("f"), lambda dY: 2 * dY))
    X = numpy.array([[4], [1], [4], [4]])
    _, backprop = layers.uniqued(layer)(X, True)
    dX = backprop(numpy.array([[1], [5], [2], [3]], dtype="f"))
    assert dX.dtype == "float32" and dX.ravel().tolist() == [4, 10, 4, 4]
    assert layers.uniqued(placeholder([]))(X, True)[1](X) == []
