"""GRU: the recurrence itself, and PyTorch's with the same weights."""

import numpy
import pytest

from helpers.gradcheck import to_float64
from thinc import layers
from thinc.backends import NumpyOps, Ops
from thinc.types import Padded

RNG = numpy.random.default_rng(0)


def sequences(*lengths, width=3, dtype="float32"):
    return [RNG.normal(size=(n, width)).astype(dtype) for n in lengths]


def sigmoid(x):
    return 1 / (1 + numpy.exp(-x))


def read_one(X, Wx, bx, Wh, bh):
    h, outputs = numpy.zeros(Wh.shape[2]), []
    for x in X.astype("float64"):
        (a_r, a_z, a_c), (u_r, u_z, u_c) = Wx @ x + bx, Wh @ h + bh
        z = sigmoid(a_z + u_z)
        h = (1 - z) * numpy.tanh(a_c + sigmoid(a_r + u_r) * u_c) + z * h
        outputs.append(h)
    return numpy.array(outputs)


def random_model(nO, nI, **settings):
    model = layers.with_padded(layers.GRU(nO, nI, **settings)).initialize()
    gru = model.layers[0]
    gru.set_param("GRU", RNG.normal(size=gru.get_param("GRU").shape).astype("float32"))
    return model


@pytest.mark.parametrize("bi, depth", [(False, 1), (True, 1), (False, 3), (True, 2)])
def test_output_is_that_of_the_equations(bi, depth):
    model = random_model(4, 3, bi=bi, depth=depth)
    rest = list(model.layers[0].get_param("GRU").astype("float64"))
    nH = 4 // (1 + bi)

    def take(*shape):
        n = int(numpy.prod(shape))
        block = numpy.array(rest[:n]).reshape(shape)
        del rest[:n]
        return block

    Xs = sequences(2, 5, 1, 5)
    Ys = Xs
    for layer in range(depth):
        width = 3 if layer == 0 else 4
        parts = []
        for step in (1, -1)[: 1 + bi]:
            weights = [take(3, nH, width), take(3, nH), take(3, nH, nH), take(3, nH)]
            parts.append([read_one(Y[::step], *weights)[::step] for Y in Ys])
        Ys = [numpy.concatenate(pair, axis=1) for pair in zip(*parts, strict=True)]
    assert not rest
    for found in (model.predict(Xs), model(Xs, True)[0]):
        for y, expected in zip(found, Ys, strict=True):
            numpy.testing.assert_allclose(y, expected, rtol=1e-4, atol=1e-5)


def test_the_reference_gives_the_same():
    model = to_float64(random_model(4, 3, bi=True, depth=2))
    Xs = sequences(2, 4, 1, dtype="float64")
    found = {}
    for ops in (NumpyOps(), type("PlainOps", (Ops,), {"name": "plain"})()):
        X = ops.list2padded(Xs)
        params, sizes = model.layers[0].get_param("GRU"), X.size_at_t
        rows = ops._pack_steps(X.data, sizes)
        Y, state = ops._gru(params, rows, sizes, (2, 2, 2), True)
        found[type(ops)] = Y, *ops._backprop_gru(Y, sizes, params, state, (2, 2, 2))
    for a, b in zip(*found.values(), strict=True):
        numpy.testing.assert_allclose(a, b, rtol=1e-10, atol=1e-12)


@pytest.mark.parametrize(
    "settings, message",
    [({"depth": 0}, "at least 1"), ({"bi": True, "nO": 3}, "must be even"), ({"dropout": 2.0}, "dropout")],
)
def test_bad_arguments_are_refused(settings, message):
    with pytest.raises(ValueError, match=message):
        layers.GRU(**{"nO": 4, "nI": 3, **settings})


@pytest.mark.parametrize("sizes", [[1, 2, 1], [2, 1], [2, -1, 1]])
def test_inconsistent_sizes_are_refused(sizes):
    model = layers.GRU(4, 3).initialize()
    X = NumpyOps().list2padded(sequences(3, 1))
    with pytest.raises(ValueError, match="size"):
        model.predict(Padded(X.data, numpy.array(sizes, "int32"), X.lengths, X.indices))


@pytest.mark.parametrize("bi, depth", [(False, 1), (True, 2)])
def test_pytorch_gives_the_same(bi, depth):
    torch = pytest.importorskip("torch", reason="needs PyTorch: pip install thinc[torch]")
    model = to_float64(random_model(6, 3, bi=bi, depth=depth))
    network = torch.nn.GRU(3, 6 // (1 + bi), depth, bidirectional=bi).double()
    flat = model.layers[0].get_param("GRU")
    names = [
        f"{name}_l{layer}{'_reverse' * direction}"
        for layer in range(depth)
        for direction in range(1 + bi)
        for name in ("weight_ih", "bias_ih", "weight_hh", "bias_hh")
    ]
    start = 0
    with torch.no_grad():
        for name in names:
            param = getattr(network, name)
            param.copy_(torch.tensor(flat[start : start + param.numel()]).reshape(param.shape))
            start += param.numel()
    Xs = sequences(2, 5, 1, dtype="float64")
    inputs = [torch.tensor(X, requires_grad=True) for X in Xs]
    packed = torch.nn.utils.rnn.pack_sequence(inputs, enforce_sorted=False)
    expected = torch.nn.utils.rnn.unpack_sequence(network(packed)[0])
    Ys, backprop = model(Xs, True)
    dYs = [RNG.normal(size=Y.shape) for Y in Ys]
    sum((y * torch.tensor(dY)).sum() for y, dY in zip(expected, dYs, strict=True)).backward()
    dXs = backprop(dYs)
    for Y, y, dX, x in zip(Ys, expected, dXs, inputs, strict=True):
        numpy.testing.assert_allclose(Y, y.detach().numpy(), rtol=1e-9, atol=1e-11)
        numpy.testing.assert_allclose(dX, x.grad.numpy(), rtol=1e-9, atol=1e-11)
    grads = numpy.concatenate([getattr(network, name).grad.numpy().ravel() for name in names])
    numpy.testing.assert_allclose(model.layers[0].get_grad("GRU"), grads, rtol=1e-9, atol=1e-11)
