"""Conv1d: the sum it is, bad arguments, and PyTorch's with the same weights."""

import numpy
import pytest

from helpers.gradcheck import to_float64
from thinc import layers
from thinc.types import Ragged

RNG = numpy.random.default_rng(0)
SETTINGS = [
    (3, {}),
    (1, {"padding": 2}),
    (2, {}),
    (4, {"stride": 3}),
    (3, {"dilation": 2}),
    (3, {"stride": 2, "dilation": 3, "padding": 0}),
    (5, {"padding": 7}),
]


def convolve(X, W, b, stride=1, dilation=1, padding=None):
    k = W.shape[1]
    padding = dilation * (k - 1) // 2 if padding is None else padding
    X = numpy.pad(X, ((padding, padding), (0, 0)))
    starts = range(0, len(X) - dilation * (k - 1), stride)
    return numpy.array([sum(W[:, j] @ X[s + j * dilation] for j in range(k)) + b for s in starts]).reshape(
        (-1, len(b))
    )


def random_model(kernel_size, **settings):
    model = to_float64(layers.Conv1d(2, 3, kernel_size, **settings).initialize())
    for name in model.param_names:
        model.set_param(name, RNG.normal(size=model.get_param(name).shape))
    return model


@pytest.mark.parametrize("kernel_size, settings", SETTINGS)
def test_output_is_the_sum(kernel_size, settings):
    model = random_model(kernel_size, **settings)
    Xs = [RNG.normal(size=(n, 3)) for n in (6, 0, 1, 9)]
    expected = [convolve(X, model.get_param("W"), model.get_param("b"), **settings) for X in Xs]
    Y = model.predict(Ragged(numpy.concatenate(Xs), numpy.array([6, 0, 1, 9], "int32")))
    assert list(Y.lengths) == [len(y) for y in expected] and Y.lengths.dtype == "int32"
    numpy.testing.assert_allclose(Y.dataXd, numpy.concatenate(expected), rtol=1e-10, atol=1e-12)
    numpy.testing.assert_allclose(model.predict(Xs[3]), expected[3], rtol=1e-10, atol=1e-12)
    padded = model.predict(model.ops.list2padded([Xs[0], Xs[3]]))
    for y, e in zip(model.ops.padded2list(padded), (expected[0], expected[3]), strict=True):
        numpy.testing.assert_allclose(y, e, rtol=1e-10, atol=1e-12)


def test_sequences_without_a_window():
    model = random_model(5, padding=0)
    X = Ragged(RNG.normal(size=(5, 3)), numpy.array([3, 2], "int32"))
    Y, backprop = model(X, True)
    assert Y.dataXd.shape == (0, 2) and list(Y.lengths) == [0, 0]
    assert not backprop(Y).dataXd.any()


@pytest.mark.parametrize(
    "name, value", [("kernel_size", 0), ("stride", 0), ("dilation", -1), ("padding", -1)]
)
def test_bad_arguments_are_refused(name, value):
    with pytest.raises(ValueError, match=name):
        layers.Conv1d(2, 3, **{name: value})


def test_widths_come_from_samples():
    model = layers.Conv1d().initialize(X=numpy.ones((4, 3), "f"), Y=numpy.ones((4, 2), "f"))
    assert model.get_param("W").shape == (2, 3, 3)
    with pytest.raises(ValueError, match="width 3"):
        model.predict(numpy.ones((4, 9), "f"))


@pytest.mark.parametrize("kernel_size, settings", SETTINGS)
def test_pytorch_gives_the_same(kernel_size, settings):
    torch = pytest.importorskip("torch", reason="needs PyTorch: pip install thinc[torch]")
    model = random_model(kernel_size, **settings)
    settings = {"padding": model.attrs["padding"], **settings}
    network = torch.nn.Conv1d(3, 2, kernel_size, dtype=torch.float64, **settings)
    with torch.no_grad():
        network.weight.copy_(torch.tensor(model.get_param("W").transpose(0, 2, 1)))
        network.bias.copy_(torch.tensor(model.get_param("b")))
    X = RNG.normal(size=(11, 3))
    x = torch.tensor(X, requires_grad=True)
    y = network(x.T).T
    Y, backprop = model(X, True)
    dY = RNG.normal(size=Y.shape)
    y.backward(torch.tensor(dY))
    numpy.testing.assert_allclose(Y, y.detach().numpy(), rtol=1e-9, atol=1e-11)
    numpy.testing.assert_allclose(backprop(dY), x.grad.numpy(), rtol=1e-9, atol=1e-11)
    grad = network.weight.grad.numpy().transpose(0, 2, 1)
    numpy.testing.assert_allclose(model.get_grad("W"), grad, rtol=1e-9, atol=1e-11)
    numpy.testing.assert_allclose(model.get_grad("b"), network.bias.grad.numpy(), rtol=1e-9, atol=1e-11)
