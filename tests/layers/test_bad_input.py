"""What does not fit is refused by an error that names the layer, what it got and what it expects; nothing changes.

For every layer of the table, everything below is a wrong input, a wrong gradient and a wrong sample, except for what
the layer is made for.
"""

import re

import numpy
import pytest

from helpers.batches import assert_batches_equal, copy_batch
from helpers.gradcheck import gradients, parameters
from helpers.layer_table import LAYERS, arrays, cube, ids, ints, matrix, padded, ragged, wide
from thinc import layers
from thinc.model import Model
from thinc.types import Padded, Ragged


def rng():
    return numpy.random.default_rng(0)


def with_lengths(*lengths, dtype="int32"):
    return Ragged(ragged(rng()).data, numpy.array(lengths, dtype=dtype))


WRONG = {
    "None": None,
    "text": "abc",
    "number": 3,
    "object": object(),
    "set": {1, 2},
    "list of numbers": [1.0, 2.0],
    "list with None": [matrix(rng()), None],
    "list of two widths": [matrix(rng()), wide(rng())],
    "strings": numpy.array([["a"] * 4] * 5),
    "objects": matrix(rng()).astype(object),
    "scalar": numpy.float32(3),
    "no dimensions": numpy.array(1.0, dtype="f"),
    "vector": matrix(rng())[0],
    "matrix": matrix(rng()),
    "wide": wide(rng()),
    "cube": cube(rng()),
    "integers": ids(rng(), 5, 4),
    "list": arrays(rng()),
    "pair": (matrix(rng()), matrix(rng())),
    "Ragged": ragged(rng()),
    "Ragged, lengths of too many rows": with_lengths(2, 9),
    "Ragged, negative lengths": with_lengths(-2, 8),
    "Ragged, lengths of floats": with_lengths(2, 4, dtype="float64"),
    "Padded": padded(rng()),
    "Padded, too few lengths": Padded(padded(rng()).data, ints(1, 1, 1), ints(3), ints(0)),
}
every_layer = pytest.mark.parametrize("case", LAYERS, ids=lambda case: case.id)

# No layer takes these, but for those that pass on whatever they are given,
GARBAGE = [
    "None",
    "text",
    "number",
    "object",
    "set",
    "list of numbers",
    "list with None",
    "strings",
    "objects",
]
PASS_ON = (
    r"noop|residual-noop|Dropout|with_array-padded|array_getitem"  # there is a Dropout in with_array-padded
)
# and those that take one kind of batch refuse others.
NOT_RAGGED = [kind for kind in WRONG if kind.startswith("Ragged")]
NOT_PADDED = [kind for kind in WRONG if kind.startswith("Padded")]
NOT_ARRAYS = ["scalar", "no dimensions", "vector", "matrix", "wide", "cube", "integers"]
NOT_LISTS = ["list", "pair", "list of two widths"]
BY_KIND = {
    # Dense layers, and combinations of them.
    r"(Linear|Relu|Mish|Swish|Gelu|Dish|Hard\w+|ClippedLinear|ReluK|Sigmoid|Maxout|Softmax|MultiSoftmax|LayerNorm)\b"
    r"|chain|clone|concatenate$|add$|residual$|window_block|tuplify|with_cpu$|with_debug|with_nvtx_range|resizable": [
        *(kind for kind in NOT_ARRAYS if kind != "matrix"), *NOT_LISTS, *NOT_RAGGED, *NOT_PADDED
    ],
    r"reduce_|ParametricAttention|ragged2list|concatenate-pooling": [
        *NOT_ARRAYS, *NOT_LISTS, *NOT_PADDED, *(kind for kind in NOT_RAGGED if "," in kind)
    ],
    r"LSTM|bidirectional|padded2list": [*NOT_ARRAYS, *NOT_LISTS, *NOT_RAGGED, "Padded, too few lengths"],
    r"list2": [*NOT_ARRAYS, *NOT_RAGGED, *NOT_PADDED, "list of two widths"],
    r"Embed|HashEmbed$": ["scalar", "matrix", "wide", "cube", *NOT_LISTS, *NOT_RAGGED, *NOT_PADDED],
    r"CauchySimilarity|siamese": [
        *NOT_ARRAYS, "list", "list of two widths", *NOT_RAGGED, *NOT_PADDED
    ],
    r"with_reshape": ["vector", "matrix", "wide", *NOT_LISTS, *NOT_RAGGED, *NOT_PADDED],
    r"with_array(2d)?(-|$)(?!pad)": ["wide", "list of two widths", "vector", "integers"],
    r"with_(list|ragged|padded)": ["vector", "list of two widths", "Ragged, lengths of too many rows"],
}  # fmt: skip
# The functions in these cases that are not of the package may raise what they like, as may sums of just anything.
FOREIGN = r"SparseLinear|with_flatten$|residual-noop"


def must_refuse(case, kind):
    if re.match(PASS_ON, case.id) or (case.id == "LayerNorm" and kind == "integers"):
        return False
    if kind in GARBAGE:
        return True
    kinds = [kinds for pattern, kinds in BY_KIND.items() if re.match(pattern, case.id)]
    return any(kind in refused for refused in kinds)


def state(model):
    """All that a call that fails must not change."""
    dims = [[node.maybe_get_dim(name) for name in node.dim_names] for node in model.walk()]
    params = {key: param.copy() for key, param in parameters(model).items()}
    return dims, params, {key: grad.copy() for key, grad in gradients(model).items()}


def assert_state(model, expected):
    dims, *arrays_by_key = state(model)
    assert dims == expected[0]
    for found, before in zip(arrays_by_key, expected[1:], strict=True):
        assert found.keys() == before.keys()
        for key, array in found.items():
            numpy.testing.assert_array_equal(array, before[key])


def refuses(case, model, call):
    """Whether the call is refused; then the message has to be a good one, and nothing has changed."""
    before = state(model)
    try:
        call()
    except Exception as err:
        message = str(err)
        if not re.match(FOREIGN, case.id):
            assert isinstance(err, (TypeError, ValueError, IndexError, AssertionError)), repr(err)
            assert any(node.name in message for node in model.walk()), message
            assert "expect" in message and "got" in message, message
        assert_state(model, before)
        return True
    return False


@every_layer
def test_wrong_input(case):
    model = case.model()
    for kind, X in WRONG.items():
        for call in (lambda X=X: model(X, True), lambda X=X: model(X, False)):
            assert refuses(case, model, call) or not must_refuse(case, kind), kind
        for call in (lambda X=X: model.predict(X), lambda X=X: model.begin_update(X)):
            refuses(case, model, call)


@every_layer
def test_wrong_samples(case):
    """Of the input and of the output."""
    for sample in WRONG.values():
        if sample is not None:
            model = case.build()
            refuses(case, model, lambda X=sample, model=model: model.initialize(X=X))
            model = case.build()
            refuses(case, model, lambda Y=sample, model=model: model.initialize(X=case.batch(), Y=Y))


@every_layer
def test_wrong_gradients(case):
    model = case.model()
    Y, backprop = model(case.batch(), True)
    for kind, dY in WRONG.items():
        fits = isinstance(dY, numpy.ndarray) and dY.shape == getattr(Y, "shape", None)
        is_refused = refuses(case, model, lambda dY=dY: backprop(dY))
        assert is_refused or fits or re.match(PASS_ON, case.id) or not must_refuse_gradient(Y, kind), kind
        for node in model.walk():  # what was accepted counts for nothing
            node._params._grads.clear()


def must_refuse_gradient(Y, kind):
    """What is neither a gradient of such an output nor something that means "no gradient"."""
    if kind in GARBAGE:
        return True
    if isinstance(Y, numpy.ndarray):
        return True
    kinds = {Ragged: "Ragged", Padded: "Padded"}
    return type(Y) in kinds and not kind.startswith(kinds[type(Y)])


# More than one layer


def test_initialization_that_fails_in_the_middle_changes_nothing():
    first, second = layers.Linear(3), layers.Linear(2, 7)
    model = layers.chain(first, second)
    before = state(model)
    with pytest.raises(ValueError, match=r"'nI' for model 'linear' from 7 to 3"):
        model.initialize(X=matrix(rng()))
    assert_state(model, before)
    assert first.has_param("W") is None and first.has_dim("nI") is None
    model = layers.chain(first, layers.Linear(2, 3)).initialize(X=matrix(rng()))
    before = state(model)
    with pytest.raises(ValueError):
        model.initialize(X=wide(rng()))
    assert_state(model, before)


def test_the_innermost_layer_answers():
    model = layers.chain(layers.Relu(3, 4), layers.with_array(layers.Linear(2, 3))).initialize()
    with pytest.raises(
        ValueError, match=r"^relu expects Floats2d of width 4, but got an array .*\(5, 9\)"
    ) as caught:
        model.predict(wide(rng()))
    assert isinstance(caught.value.__cause__, ValueError)


def test_errors_of_other_layers_are_left_alone():
    class OwnError(ValueError):
        pass

    def forward(model, X, is_train):
        raise OwnError("mine")

    def hook(*args):
        raise OwnError("mine")

    for model in (
        Model("own", forward),
        layers.with_debug(layers.Linear(2, 4).initialize(), on_forward=hook),
        layers.with_array(Model("own", forward)),
        layers.chain(layers.noop(), Model("own", forward)),
        layers.with_debug(Model("own", forward)),
    ):
        with pytest.raises(OwnError, match=r"^mine$"):
            model.predict(matrix(rng()))


def test_errors_of_initializers_are_left_alone_and_nothing_changes():
    def init_b(ops, shape):
        raise KeyError("mine")

    model = layers.Linear(2, init_b=init_b)
    before = state(model)
    with pytest.raises(KeyError, match=r"^'mine'$"):
        model.initialize(X=matrix(rng()))
    assert_state(model, before)
    assert model.has_param("W") is None


def test_layers_with_hooks_are_explained_too():
    model = layers.with_debug(layers.Linear(2, 4)).initialize()
    with pytest.raises(TypeError, match=r"^linear expects Floats2d of width 4, but got None"):
        model.predict(None)


def test_what_is_not_initialized_says_so():
    with pytest.raises(KeyError, match=r"'W' for model 'linear'.*initialize"):
        layers.Linear(2, 4).predict(matrix(rng()))


@pytest.mark.parametrize(
    "X, description",
    [
        (None, "None"),
        ([], "an empty list"),
        ((1, 2.5), r"a tuple of 2: 1, 2\.5"),
        ([matrix(rng()), None], r"a list of 2: an array of float32 with shape \(5, 4\), None"),
        (ragged(rng()), r"a Ragged of 3 sequences with data of shape \(6, 4\)"),
        (padded(rng()), r"a Padded with data of shape \(3, 2, 4\)"),
        ("text", "an object of type str"),
    ],
)
def test_what_was_got_is_described(X, description):
    with pytest.raises((TypeError, ValueError), match=f"^linear expects .* but got {description}: "):
        layers.Linear(2, 4).initialize().predict(X)


@pytest.mark.parametrize(
    "build", [lambda: layers.LSTM(3, 4), lambda: layers.GRU(3, 4), lambda: layers.SinusoidalPositions(4)]
)
@pytest.mark.parametrize("dtype", ["int32", "bool"])
def test_steps_are_floats(build, dtype):
    """Positions were rounded to integers, and the LSTM failed in its backward pass."""
    X = padded(rng())
    X.data = X.data.astype(dtype)
    with pytest.raises(ValueError, match=rf"expects .* got .*{dtype}"):
        build().initialize().predict(X)


def test_a_gradient_that_fits_but_of_a_single_item_too_few():
    docs = arrays(rng())
    for model in (
        layers.with_array(layers.Linear(3, 4)),
        layers.with_padded(layers.LSTM(3, 4)),
        layers.Dropout(0.3),
        layers.ragged2list(),
    ):
        model.initialize()
        X = docs if model.name != "ragged2list" else ragged(rng())
        Y, backprop = model(X, True)
        before = copy_batch(Y)
        with pytest.raises(ValueError, match=r"expect.*got"):
            backprop(Y[:-1])
        assert_batches_equal(Y, before)
