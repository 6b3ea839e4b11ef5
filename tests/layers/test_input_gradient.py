"""begin_update(X, input_gradient=False): the same training, without the gradient nobody asks for."""

import numpy
import pytest
from numpy.testing import assert_array_equal

from thinc.api import (
    Dropout,
    Linear,
    Maxout,
    Model,
    NumpyOps,
    Padded,
    Ragged,
    Relu,
    Softmax,
    Swish,
    add,
    chain,
    clone,
    concatenate,
    list2array,
    residual,
    with_array,
    with_array2d,
    with_debug,
)

X = numpy.random.default_rng(0).normal(size=(6, 4)).astype("float32")
LENGTHS = numpy.asarray([1, 5], dtype="int32")

MODELS = {
    "linear": (lambda: Linear(3, 4), X),
    "softmax": (lambda: Softmax(3, 4, init_W=numpy_init), X),
    "maxout": (lambda: Maxout(3, 4, normalize=True), X),
    "chain": (lambda: chain(Relu(5, 4), Swish(5, 5), Softmax(3, 5, init_W=numpy_init)), X),
    "nested chains": (lambda: chain(chain(chain(Linear(4, 4), Relu(5, 4)), Relu(4, 5)), Linear(2, 4)), X),
    "layers without parameters": (
        lambda: chain(Dropout(0.0), chain(Dropout(0.0), Relu(5, 4)), Linear(3, 5)),
        X,
    ),
    "residual": (lambda: chain(residual(Relu(4, 4)), Linear(3, 4)), X),
    "concatenate": (lambda: chain(concatenate(Relu(5, 4), Linear(2, 4)), Linear(3, 7)), X),
    "add": (lambda: chain(add(Relu(5, 4), Linear(5, 4)), Linear(3, 5)), X),
    "clone": (lambda: clone(Relu(4, 4), 3), X),
    "with_array, list": (lambda: with_array(chain(Relu(5, 4), Linear(3, 5)), pad=1), [X[:2], X[2:]]),
    "with_array, Ragged": (lambda: with_array(Relu(5, 4)), Ragged(X, LENGTHS)),
    "with_array2d, Ragged": (lambda: with_array2d(Relu(5, 4)), Ragged(X, LENGTHS)),
    "with_array2d, Padded": (lambda: with_array2d(Relu(5, 4)), NumpyOps().list2padded([X[:2], X[2:]])),
    "list2array": (lambda: chain(list2array(), Relu(5, 4)), [X[:2], X[2:]]),
}


def numpy_init(ops, shape):
    return ops.asarray2f(numpy.random.default_rng(1).normal(size=shape))


def arrays_of(batch):
    if isinstance(batch, (Ragged, Padded)):
        return [batch.data]
    return batch if isinstance(batch, list) else [batch]


def gradients(model: Model) -> dict:
    return {
        (i, name): node.get_grad(name).copy()
        for i, node in enumerate(model.walk())
        for name in node.grad_names
    }


def times_two(batch):
    if isinstance(batch, Ragged):
        return Ragged(batch.data * 2, batch.lengths)
    if isinstance(batch, Padded):
        return Padded(batch.data * 2, batch.size_at_t, batch.lengths, batch.indices)
    return [Y * 2 for Y in batch] if isinstance(batch, list) else batch * 2


@pytest.mark.parametrize("name", MODELS)
def test_same_outputs_and_gradients(name):
    build, batch = MODELS[name]
    model = build().initialize()
    Y, backprop = model.begin_update(batch)
    dX = backprop(times_two(Y))
    assert all(a.shape == b.shape for a, b in zip(arrays_of(dX), arrays_of(batch), strict=True))
    expected = gradients(model)
    copy = model.copy()
    for node in copy.walk():
        for grad_name in node.grad_names:
            node.get_grad(grad_name)[...] = 0
    Y2, backprop = copy.begin_update(batch, input_gradient=False)
    assert backprop(times_two(Y2)) is None
    for a, b in zip(arrays_of(Y), arrays_of(Y2), strict=True):
        assert_array_equal(a, b)
    found = gradients(copy)
    assert expected and found.keys() == expected.keys()
    for key, gradient in expected.items():
        assert_array_equal(found[key], gradient)


def test_the_product_is_left_out(monkeypatch):
    model = chain(Relu(5, 4), Relu(5, 5), Linear(3, 5)).initialize()
    for node in model.walk():
        node.ops = NumpyOps(use_blis=False)  # whose products are calls that can be counted
    products = []

    multiply = NumpyOps.gemm
    monkeypatch.setattr(NumpyOps, "gemm", lambda *a, **k: products.append(1) or multiply(*a, **k))
    for input_gradient, expected in ((True, 6), (False, 5)):
        Y, backprop = model.begin_update(X, input_gradient=input_gradient)
        products.clear()
        backprop(Y)
        assert len(products) == expected


def twice(layer: Model) -> Model:
    """A combinator from elsewhere: it works on the gradient of its child's input."""

    def forward(model, X, is_train):
        Y, backprop = model.layers[0](X, is_train)
        return Y * 2, lambda dY: backprop(dY * 2) * 1

    return Model("twice", forward, layers=[layer])


def bias() -> Model:
    """A layer from elsewhere that returns the array it was given."""

    def forward(model, X, is_train):
        def backprop(dY):
            model.inc_grad("b", dY.sum(axis=0))
            return dY

        return X, backprop

    return Model("bias", forward, params={"b": numpy.zeros(4, dtype="float32")})


@pytest.mark.parametrize(
    "build", [twice, lambda layer: chain(twice(layer), layer), lambda layer: chain(bias(), layer)]
)
def test_layers_from_elsewhere_get_every_gradient(build):
    model = build(Relu(4, 4).initialize())
    found = []
    for input_gradient in (True, False):
        Y, backprop = model.begin_update(X, input_gradient=input_gradient)
        dX = backprop(Y)
        assert (dX is None) == (not input_gradient)
        found.append(gradients(model))
        for node in model.walk():
            for name in node.grad_names:
                node.get_grad(name)[...] = 0
    assert found[0].keys() == found[1].keys()
    for key, gradient in found[0].items():
        assert_array_equal(found[1][key], gradient)


def test_a_gradient_that_goes_elsewhere_is_computed():
    """Such a layer has no parameters, but hands its gradient to another model; so may a hook."""
    received = []

    def forward(model, X, is_train):
        return X * 2, received.append

    for first in (Model("listener", forward), with_debug(Dropout(0.0), on_backprop=received.append)):
        Y, backprop = chain(first, Linear(3, 4)).initialize().begin_update(X, input_gradient=False)
        received.clear()
        assert backprop(Y) is None
        assert received[0].shape == X.shape


def test_nothing_is_left_behind():
    """Only the input of that one call is constant: the same array is not, in the next one or inside a layer."""
    model = Linear(3, 4).initialize()
    with pytest.raises(ValueError):
        model.begin_update(X[:, :2], input_gradient=False)
    Y, backprop = model.begin_update(X)
    assert backprop(Y).shape == X.shape
