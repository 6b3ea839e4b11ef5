"""chain, clone, add, concatenate, residual, noop: structure, initialization and results."""

import numpy
import pytest

from thinc import layers
from thinc.layers.chain import chain_no_types, init as chain_init
from thinc.model import Model
from thinc.types import Ragged

RNG = numpy.random.default_rng(0)


def floats(*shape):
    return RNG.normal(size=shape).astype("float32")


def dims(model):
    return {name: model.maybe_get_dim(name) for name in model.dim_names}


@pytest.mark.parametrize("name", ["add", "chain", "concatenate", "tuplify", "residual", "clone"])
def test_what_is_no_layer(name):
    """Such as a layer that was not called, or a list of layers in the place of arguments."""
    combinator = getattr(layers, name)
    others = {"residual": (), "clone": (2,)}.get(name, (layers.Linear(2),))
    cases = [(layers.Linear, r"call it, Linear\(\.\.\.\)"), (3, "3"), ([layers.Linear(2)], r"\[<thinc")]
    for layer, says in cases:
        with pytest.raises(TypeError, match=f"^{name} expects models, each as an argument, but got .*{says}"):
            combinator(layer, *others)


def test_chain_structure():
    inner = layers.chain(layers.Linear(3, 4), layers.Linear(5))
    assert (inner.name, dims(inner)) == ("linear>>linear", {"nO": 5, "nI": 4})
    outer = layers.chain(layers.reduce_sum(), inner, layers.Relu())
    assert (outer.name, dims(outer)) == ("reduce_sum>>linear>>linear>>relu", {"nO": None})
    assert outer.layers[1] is inner and len(outer.layers) == 3
    with pytest.raises(TypeError):
        layers.chain(inner)
    with pytest.raises(TypeError):
        chain_no_types(inner)
    assert chain_no_types(inner, inner, inner).layers == [inner] * 3


def test_chain_infers_widths_by_running_the_layers():
    model = layers.chain(layers.Linear(6), layers.Relu(5), layers.Softmax())
    model.initialize(X=floats(2, 3), Y=floats(2, 4))
    assert [dims(layer) for layer in model.layers] == [
        {"nO": 6, "nI": 3},
        {"nO": 5, "nI": 6},
        {"nO": 4, "nI": 5},
    ]
    assert dims(model) == {"nO": 4, "nI": 3}


def test_chain_gives_hidden_layers_without_a_width_that_of_the_output():
    model = layers.chain(layers.Linear(), layers.Linear())
    model.initialize(X=floats(2, 3), Y=floats(2, 4))
    assert [layer.get_dim("nO") for layer in model.layers] == [4, 4]


def test_chain_without_samples():
    model = layers.chain(layers.Linear(4, 3), layers.Linear(2, 4)).initialize()
    assert dims(model) == {"nO": 2, "nI": 3}
    model = layers.Relu(4, 3, dropout=0.1).initialize()
    assert dims(model) == {"nO": None, "nI": 3}
    with pytest.raises(ValueError):
        layers.chain(layers.Linear(4, 3), layers.Linear(2)).initialize()


def test_chain_without_samples_keeps_the_last_draw():
    """It draws twice, on which seeded programs depend."""
    model = layers.chain(layers.Linear(2, 2), layers.Linear(2, 2))
    numpy.random.seed(0)
    model.initialize()
    numpy.random.seed(0)
    for _ in range(2):
        again = [layers.Linear(2, 2).initialize() for _ in range(2)]
    for layer, other in zip(model.layers, again, strict=True):
        numpy.testing.assert_array_equal(layer.get_param("W"), other.get_param("W"))


def test_chain_with_samples_draws_once():
    model = layers.chain(layers.Linear(2, 2), layers.Linear(2, 2))
    numpy.random.seed(0)
    model.initialize(X=floats(1, 2))
    numpy.random.seed(0)
    for layer in model.layers:
        other = layers.Linear(2, 2).initialize()
        numpy.testing.assert_array_equal(layer.get_param("W"), other.get_param("W"))


def test_chain_init_can_be_called_with_positions():
    model = layers.chain(layers.Linear(2), layers.Linear(2))
    chain_init(model, floats(3, 4), None)
    assert dims(model) == {"nO": 2, "nI": 4}


def test_chain_does_not_measure_samples_of_layers_without_nI():
    class Doc:
        pass

    def embed(model, docs, is_train):
        return floats(len(docs), 3), lambda dY: []

    model = layers.chain(Model("embed", embed), layers.Linear(2))
    model.initialize(X=[Doc(), Doc()])
    assert dims(model) == {"nO": 2}
    Y, backprop = model([Doc()], True)
    assert backprop(Y) == []


def test_chain_with_an_output_that_has_no_width():
    model = layers.chain(layers.noop(), Model("text", lambda model, X, is_train: ("text", None)))
    model.initialize(X=floats(2, 3))
    assert model.has_dim("nO") is None


def test_chain_takes_its_width_from_the_output_if_the_last_layer_has_none():
    model = layers.chain(layers.Linear(4, 3), layers.noop())
    assert model.initialize(X=floats(2, 3)).get_dim("nO") == 4


def test_chain_runs_backwards_in_reverse():
    calls = []

    def step(name):
        def forward(model, X, is_train):
            return X + name, lambda dY: calls.append(name) or dY

        return Model(name, forward)

    model = layers.chain(step("a"), step("b"), step("c"))
    Y, backprop = model("x", True)
    assert Y == "xabc"
    assert backprop("d") == "d"
    assert calls == ["c", "b", "a"]


def forgetful(learns):
    """A layer whose callback lacks the ``return``."""

    def forward(model, X, is_train):
        def backprop(dY):
            dY * 2

        return X * 2, backprop

    return Model("forgetful", forward, params={"b": floats(2)} if learns else {})


@pytest.mark.parametrize("layer", [forgetful(False), layers.with_array(forgetful(False))])
def test_chain_reports_a_gradient_that_ends_before_layers_that_learn(layer):
    model = layers.chain(layers.Linear(4, 4), layer, layers.Linear(3, 4)).initialize()
    Y, backprop = model(floats(5, 4), True)
    with pytest.raises(ValueError, match=r"forgetful.*' returned None.*return"):
        backprop(Y)
    Y, backprop = model.begin_update(floats(5, 4), input_gradient=False)
    with pytest.raises(ValueError, match="returned None"):
        backprop(Y)


def test_chain_takes_no_gradient_where_nothing_is_left_to_learn():
    for first in (layers.noop(), layers.list2array(), layers.Dropout(0.1)):
        model = layers.chain(first, forgetful(True), layers.Linear(3, 4)).initialize()
        Y, backprop = model([floats(5, 4)] if first.name == "list2array" else floats(5, 4), True)
        assert backprop(Y) is None


def test_clone():
    layer = layers.Linear(4, 4).initialize()
    assert layers.clone(layer, 1) is layer
    none = layers.clone(layer, 0)
    assert (none.name, none.dim_names) == ("noop", ())
    with pytest.raises(KeyError):
        none.set_dim("nO", 3)
    with pytest.raises(TypeError):
        layers.clone(layer, -1)
    model = layers.clone(layer, 3)
    assert model.name == "linear>>linear>>linear"
    assert model.layers[0] is layer
    assert len({node.id for node in model.layers}) == 3
    for other in model.layers[1:]:
        numpy.testing.assert_array_equal(other.get_param("W"), layer.get_param("W"))
    layer.get_param("W")[:] = 0
    assert model.layers[1].get_param("W").any()


def test_add_structure():
    model = layers.add(layers.Linear(3), layers.Linear(3))
    assert (model.name, dims(model)) == ("add", {"nO": None, "nI": None})
    assert dims(layers.add(layers.Linear(3), layers.reduce_sum())) == {"nO": None}
    longer = layers.add(model, layers.noop(), layers.noop())
    assert longer is model and len(model.layers) == 4
    with pytest.raises(TypeError):
        layers.add(layers.noop())


def test_add_sets_widths_and_sums():
    model = layers.add(layers.Linear(), layers.Linear(), layers.Linear())
    X = floats(2, 4)
    model.initialize(X=X, Y=floats(2, 3))
    assert dims(model) == {"nO": 3, "nI": 4}
    expected = sum(layer.predict(X) for layer in model.layers)
    numpy.testing.assert_allclose(model.predict(X), expected, rtol=1e-6)
    del model.layers[:]
    Y, backprop = model(X, True)
    assert Y is X and backprop(X) is X


def test_concatenate_structure():
    a, b = layers.Linear(3), layers.Linear(2)
    assert layers.concatenate().name == "noop"
    assert layers.concatenate(a) is a
    model = layers.concatenate(a, b)
    assert (model.name, dims(model)) == ("linear|linear", {"nO": None, "nI": None})
    assert dims(layers.concatenate(layers.Linear(3), layers.reduce_sum())) == {"nO": None}
    assert layers.concatenate(*[layers.Linear(1), layers.Linear(1)]).name == "linear|linear"


def test_concatenate_initializes_and_splits_the_gradient():
    model = layers.concatenate(layers.Linear(3), layers.Linear(2))
    X = floats(5, 4)
    model.initialize(X=X)
    assert dims(model) == {"nO": 5, "nI": 4}
    Y, backprop = model(X, True)
    numpy.testing.assert_allclose(Y, numpy.hstack([layer.predict(X) for layer in model.layers]), rtol=1e-6)
    dY = floats(5, 5)
    first, second = (layer(X, True)[1] for layer in model.layers)
    expected = first(dY[:, :3]) + second(dY[:, 3:])
    numpy.testing.assert_allclose(backprop(dY), expected, rtol=1e-5, atol=1e-6)
    with pytest.raises(ValueError, match=r"like the output.*\(5, 5\)"):
        backprop(floats(5, 4))


def test_concatenate_takes_a_sample_of_its_own_output():
    model = layers.concatenate(layers.Linear(2), layers.Relu(3)).initialize(floats(4, 6), floats(4, 5))
    assert model.get_dim("nO") == 5
    assert [layer.get_dim("nO") for layer in model.layers] == [2, 3]


@pytest.mark.parametrize(
    ("build", "X"),
    [
        (lambda: layers.concatenate(layers.Linear(2), layers.Relu(1)), floats(6, 4)),
        (lambda: layers.with_array(layers.concatenate(layers.Linear(2), layers.Relu(1))), floats(6, 4)),
        (lambda: layers.uniqued(layers.Embed(3, 9)), numpy.array([4, 1, 4])),
        (lambda: layers.with_reshape(layers.Linear(3)), floats(2, 3, 4)),
    ],
)
def test_a_width_that_is_given_is_not_that_of_what_a_chain_ends_in(build, X):
    """The output sample of a chain goes to all its layers that do not know their width, combinators among them."""
    model = layers.chain(build(), layers.noop()).initialize(X, floats(2, 3, 7))
    assert model.layers[0].get_dim("nO") == 3
    assert model.predict(X).shape[-1] == 3


def test_concatenate_gives_each_layer_without_a_width_that_of_the_output():
    model = layers.concatenate(layers.Linear(), layers.Linear())
    model.initialize(X=floats(2, 4), Y=floats(2, 3))
    assert model.get_dim("nO") == 6


def test_concatenate_pooled_sequences():
    X = Ragged(floats(4, 3), numpy.array([1, 3], dtype="int32"))
    model = layers.concatenate(layers.reduce_max(), layers.reduce_mean())
    Y, backprop = model(X, True)
    numpy.testing.assert_allclose(Y[0], numpy.concatenate([X.data[0], X.data[0]]), rtol=1e-6)
    numpy.testing.assert_allclose(Y[1, 3:], X.data[1:].mean(axis=0), rtol=1e-5)
    dX = backprop(numpy.ones_like(Y))
    assert isinstance(dX, Ragged)
    numpy.testing.assert_allclose(dX.data[0], 2)
    numpy.testing.assert_allclose(dX.data[1:].sum(axis=0), 2, rtol=1e-6)


def test_residual():
    model = layers.residual(layers.Linear())
    assert (model.name, dims(model)) == ("residual(linear)", {"nO": None, "nI": None})
    X = floats(5, 4)
    model.initialize(X=X, Y=X)
    assert dims(model) == {"nO": 4, "nI": 4}
    numpy.testing.assert_allclose(model.predict(X), X + model.layers[0].predict(X), rtol=1e-6)


def test_residual_passes_the_output_sample_only_where_it_is_needed():
    model = layers.residual(layers.Linear(4, 4))
    model.initialize(X=floats(2, 4), Y=floats(2, 9))
    assert dims(model) == {"nO": 4, "nI": 4}


def test_noop_keeps_its_children_without_touching_them():
    child = layers.Linear(3, 4)
    model = layers.noop(child, child)
    assert (model.name, model.dim_names, model.layers) == ("noop", (), [child, child])
    X = floats(2, 9)
    Y, backprop = model.initialize(X=X)(X, True)
    assert Y is X and backprop(X) is X
    assert child.has_param("W") is None
