"""PyTorchWrapper and its converters, PyTorchRNNWrapper and PyTorchLSTM."""

from functools import partial

import numpy
import pytest

from helpers.batches import assert_batches_close
from helpers.contract import arrays_of
from thinc.api import (
    SGD,
    Adam,
    ArgsKwargs,
    Config,
    Linear,
    Padded,
    PyTorchLSTM,
    PyTorchRNNWrapper,
    PyTorchWrapper,
    PyTorchWrapper_v2,
    PyTorchWrapper_v3,
    Ragged,
    chain,
    list2padded,
    noop,
    padded2list,
    registry,
    torch2xp,
    with_array,
    xp2torch,
)
from thinc.layers import pytorchwrapper
from thinc.layers.pytorchwrapper import convert_pytorch_default_inputs, convert_pytorch_default_outputs

torch = pytest.importorskip("torch", reason="needs PyTorch: pip install thinc[torch]")
torch.set_num_threads(1)  # more cost time with networks of this size


def floats(*shape, seed=1):
    return numpy.random.default_rng(seed).normal(size=shape).astype("float32")


class Call(torch.nn.Module):
    """Runs a function of ours as a module."""

    def __init__(self, function):
        super().__init__()
        self.function = function

    def forward(self, *args, **kwargs):
        return self.function(*args, **kwargs)


def model_of(function, **settings):
    return PyTorchWrapper_v3(Call(function), **settings)


@pytest.mark.parametrize("wrap", [PyTorchWrapper, PyTorchWrapper_v2, PyTorchWrapper_v3, PyTorchRNNWrapper])
def test_the_node(wrap):
    model = wrap(torch.nn.Linear(4, 3))
    assert model.name == "pytorch" and model.dim_names == ("nI", "nO") and model.has_dim("nO") is None
    assert list(model.attrs) == ["convert_inputs", "convert_outputs"]
    assert model.initialize(floats(2, 4), floats(2, 3)) is model
    assert model.has_dim("nO") is model.has_dim("nI") is None
    assert isinstance(model.shims[0], pytorchwrapper.PyTorchShim) and pytorchwrapper.PyTorchGradScaler


def test_what_is_no_module():
    with pytest.raises(ValueError, match=r"takes a torch.nn.Module, but got <class 'str'>"):
        PyTorchWrapper("network")


def test_configuration():
    @registry.layers("test_torch_linear.v1")
    def make(nI: int):
        return torch.nn.Linear(nI, 3)

    text = """
    [model]
    @layers = "{}"
    [model.pytorch_model]
    @layers = "test_torch_linear.v1"
    nI = 4
    """
    for name in ("PyTorchWrapper.v1", "PyTorchWrapper.v2", "PyTorchWrapper.v3", "PyTorchRNNWrapper.v1"):
        model = registry.resolve(Config().from_str(text.format(name)))["model"]
        assert isinstance(model.shims[0]._model, torch.nn.Linear)
    lstm = {"model": {"@layers": "PyTorchLSTM.v1", "nO": 4, "nI": 3}}
    assert registry.resolve(lstm)["model"].name == "with_padded(pytorch)"


# Inputs


X1, X2, IDS = floats(2, 3), floats(2, 3, seed=2), numpy.array([1, 2])


@pytest.mark.parametrize(
    ("X", "expected"),
    [
        (X1, lambda a: a),
        ([X1, X2], lambda a, b: a + 2 * b),
        ((X1, X2), lambda a, b: a + 2 * b),
        ({"a": X1, "b": X2}, lambda a, b: a + 2 * b),
        (ArgsKwargs((X1,), {"b": X2}), lambda a, b: a + 2 * b),
        (([X1, {"b": X2}], 2), lambda ab, n: ab[0] + n * ab[1]["b"]),
    ],
    ids=["array", "list", "tuple", "dict", "ArgsKwargs", "nested"],
)
def test_structures_of_inputs(X, expected):
    model = model_of(expected)
    Y, backprop = model.begin_update(X)
    numpy.testing.assert_allclose(Y, X1 if X is X1 else X1 + 2 * X2, rtol=1e-6)
    dY = floats(2, 3, seed=3)
    dX = backprop(dY)
    assert type(dX) is (tuple if isinstance(X, list) else type(X))
    if isinstance(X, dict):
        assert list(dX) == ["a", "b"]
    arrays = [leaf for leaf in arrays_of(dX) if isinstance(leaf, numpy.ndarray)]
    for found, factor in zip(arrays, [1, 2], strict=False):
        numpy.testing.assert_array_equal(found, factor * dY)
    assert len(arrays) == (1 if X is X1 else 2)


@pytest.mark.parametrize("dtype", ["int32", "int64", "uint8", "bool", "uint16"])
def test_edge_layers_20_training_31_integer_inputs_ask_for_no_gradient(dtype):
    model = model_of(lambda x, ids: x[ids.long()])
    ids = numpy.array([1, 0, 1], dtype=dtype)
    Y, backprop = model.begin_update((X1, ids))
    numpy.testing.assert_array_equal(Y, X1[ids.astype("int64")])
    dX, d_ids = backprop(numpy.ones_like(Y))
    assert d_ids is None
    numpy.testing.assert_array_equal(dX[1], [3 - (ids == 0).sum()] * 3)


def test_integer_inputs_alone():
    model = chain(PyTorchWrapper(torch.nn.Embedding(7, 4)), Linear(2, 4).initialize())
    before = model.layers[0].shims[0]._model.weight.clone()
    Y, backprop = model.begin_update(numpy.array([1, 5]))
    assert backprop(Y) is None
    model.finish_update(SGD(0.1))
    assert (model.layers[0].shims[0]._model.weight != before).any(dim=1).tolist() == [
        i in (1, 5) for i in range(7)
    ]


@pytest.mark.parametrize("dtype", ["float64", "float16"])
def test_other_floats_ask_for_gradients(dtype):
    X = X1.astype(dtype)
    Y, backprop = model_of(lambda x: x * 2).begin_update(X)
    dX = backprop(numpy.ones_like(Y))
    assert dX.dtype == Y.dtype == dtype and (dX == 2).all()


@pytest.mark.parametrize(
    "view", [lambda x: x[::-1], lambda x: x[:, ::-1], lambda x: x.T, lambda x: x[:, ::2]], ids=range(4)
)
def test_edge_training_30_inputs_with_any_strides(view):
    X = view(floats(4, 4))
    model = model_of(lambda x: x * 2)
    Y, backprop = model.begin_update(X)
    numpy.testing.assert_array_equal(Y, X * 2)
    dY = view(floats(4, 4, seed=2))
    numpy.testing.assert_array_equal(backprop(dY), dY * 2)


def test_read_only_inputs_are_copied():
    X = floats(2, 3)
    X.flags.writeable = False
    model = model_of(lambda x: x.mul_(2))
    assert (model.predict(X) == floats(2, 3) * 2).all() and (floats(2, 3) == X).all()


def test_no_gradient_for_an_input_that_nobody_wants_one_for():
    module = torch.nn.Linear(4, 3)
    seen = []
    module.register_forward_pre_hook(lambda _, args: seen.append(args[0].requires_grad))
    model = PyTorchWrapper(module)
    for wanted in (True, False):
        Y, backprop = model.begin_update(floats(2, 4), input_gradient=wanted)
        module.zero_grad()
        assert (backprop(Y) is None) is not wanted
        numpy.testing.assert_allclose(module.bias.grad, Y.sum(axis=0), rtol=1e-5)
    assert seen == [True, False]


def test_gradients_of_inputs_that_are_not_used():
    dX = model_of(lambda a, b: b * 2).begin_update((X1, X2))[1](X2)
    assert dX[0] is None and (dX[1] == 2 * X2).all()


# Outputs


def several(x, y):
    return {"sum": x + y, "parts": [x * y, (x > 0, None, x.sum())]}


def test_edge_layers_20_several_outputs_are_paired_with_their_gradients():
    model = model_of(several)
    Y, backprop = model.begin_update((X1, X2))
    assert list(Y) == ["sum", "parts"] and type(Y["parts"]) is list and type(Y["parts"][1]) is tuple
    assert (Y["parts"][1][0] == (X1 > 0)).all() and Y["parts"][1][1] is None
    d_sum, d_product, d_total = floats(2, 3, seed=3), floats(2, 3, seed=4), numpy.float32(2)
    dX = backprop({"sum": d_sum, "parts": (d_product, [numpy.zeros((2, 3)), None, d_total])})
    numpy.testing.assert_allclose(dX[0], d_sum + d_product * X2 + 2, rtol=1e-5)
    numpy.testing.assert_allclose(dX[1], d_sum + d_product * X1, rtol=1e-5)


@pytest.mark.parametrize(
    ("dY", "expected"),
    [
        ({"sum": X1}, X1),
        ({"sum": X1, "parts": None}, X1),
        ({"parts": [None, (None, None, 2.0)]}, 2 * numpy.ones((2, 3))),
        (None, None),
        ({}, None),
    ],
    ids=["left out", "None", "only one", "no output", "no key"],
)
def test_outputs_without_a_gradient(dY, expected):
    dX = model_of(several).begin_update((X1, X2))[1](dY)
    if expected is None:
        assert dX == (None, None)
    else:
        numpy.testing.assert_allclose(dX[0], expected)


def test_tuples_train():
    torch.manual_seed(1)
    module = torch.nn.GRU(4, 3)
    model, X, optimizer = PyTorchWrapper(module), floats(5, 2, 4), Adam(0.01)
    losses = []
    for _ in range(20):
        Y, backprop = model.begin_update(X)
        losses.append(sum((y**2).sum() for y in Y))
        assert backprop(Y).shape == X.shape
        model.finish_update(optimizer)
    assert losses[-1] < 0.7 * losses[0]


@pytest.mark.parametrize(
    ("dY", "message"),
    [
        (X1, "its output is a dict with"),
        ({"other": X1}, r"so the gradient must be one, too, but got \['other'\]"),
        ({"parts": [X1]}, "its output is a list of 2, so the gradient must be one, too, but got .* of 1"),
        ({"parts": X1}, "its output is a list of 2, .* but got <class 'numpy.ndarray'>"),
        ({"sum": X1[:1]}, r"Shape mismatch in backprop of 'pytorch'. Y: \(2, 3\), dY: \(1, 3\)"),
    ],
)
def test_gradients_of_another_structure(dY, message):
    with pytest.raises(ValueError, match=message):
        model_of(several).begin_update((X1, X2))[1](dY)


def test_gradients_of_another_shape():
    Y, backprop = model_of(lambda x: x * 2).begin_update(X1)
    with pytest.raises(ValueError, match="Shape mismatch in backprop of 'pytorch'"):
        backprop(numpy.ones((5, 2, 3), "f"))
    assert (backprop(Y) == 2 * Y).all()


def test_edge_layers_20_backprop_of_a_prediction():
    Y, backprop = model_of(lambda x: x * 2)(X1, is_train=False)
    with pytest.raises(ValueError, match=r"backward pass of a prediction.*begin_update"):
        backprop(Y)


def test_default_converters():
    """What plug-ins that wrap them see."""
    model = PyTorchWrapper(torch.nn.Linear(3, 2))
    inputs, get_dX = convert_pytorch_default_inputs(model, X1, True)
    (Xt,) = inputs.args
    assert not inputs.kwargs and Xt.requires_grad
    assert (get_dX(ArgsKwargs((Xt.detach(),), {})) == X1).all()
    assert not convert_pytorch_default_inputs(model, X1, False)[0].args[0].requires_grad
    Yt = model.shims[0]._model(Xt)
    Y, get_dYt = convert_pytorch_default_outputs(model, (X1, Yt), True)
    dYt = get_dYt(Y)
    assert dYt.args[0][0] is Yt and list(dYt.kwargs) == ["grad_tensors"]
    assert torch.equal(dYt.kwargs["grad_tensors"], Yt.detach())


def test_converters_of_ones_own():
    def convert_inputs(model, X, is_train):
        """Documents of words, as transformers take them: a batch and a mask."""
        lengths = [len(x) for x in X]
        batch = numpy.zeros((len(X), max(lengths), 3), "f")
        for row, x in zip(batch, X, strict=True):
            row[: len(x)] = x
        Xt = xp2torch(batch, requires_grad=is_train)

        def get_dX(d):
            return [dx[:n] for dx, n in zip(torch2xp(d.kwargs["x"]), lengths, strict=True)]

        return ArgsKwargs((), {"x": Xt, "lengths": lengths}), get_dX

    def convert_outputs(model, X_Yt, is_train):
        X, Yt = X_Yt
        Ys = [y[: len(x)] for y, x in zip(torch2xp(Yt), X, strict=True)]

        def get_dYt(dYs):
            dY = numpy.zeros(Yt.shape, "f")
            for row, d in zip(dY, dYs, strict=True):
                row[: len(d)] = d
            return ArgsKwargs(([Yt],), {"grad_tensors": [xp2torch(dY)]})

        return Ys, get_dYt

    model = model_of(
        lambda x, lengths: x * len(lengths), convert_inputs=convert_inputs, convert_outputs=convert_outputs
    )
    Xs = [floats(2, 3), floats(4, 3)]
    Ys, backprop = model.begin_update(Xs)
    assert_batches_close(Ys, [X * 2 for X in Xs])
    assert_batches_close(backprop(Xs), [X * 2 for X in Xs])
    twin = model.copy()
    assert twin.attrs["convert_inputs"] is convert_inputs
    assert_batches_close(twin.predict(Xs), Ys)


def test_attributes_that_cannot_be_saved_are_kept():
    make = partial(PyTorchWrapper, torch.nn.Linear(3, 2), convert_inputs=lambda *args: NotImplemented)
    model = make()
    kept = dict(model.attrs)
    model.from_bytes(model.to_bytes())
    assert model.attrs == kept


def test_inside_other_layers():
    inner = chain(Linear(3, 3), PyTorchWrapper(torch.nn.Linear(3, 2)))
    model = with_array(inner).initialize()
    data = Ragged(floats(5, 3), numpy.array([2, 3], dtype="i"))
    Y, backprop = model.begin_update(data)
    assert Y.data.shape == (5, 2) and backprop(Y).data.shape == (5, 3)


# Sequences


def padded():
    data = floats(3, 2, 4)
    return Padded(data, *(numpy.array(x, dtype="i") for x in ([2, 2, 1], [3, 2], [1, 0])))


def test_rnn_wrapper_keeps_the_padding():
    model, Xp = PyTorchRNNWrapper(torch.nn.GRU(4, 3)), padded()
    Yp, backprop = model.begin_update(Xp)
    dXp = backprop(Yp)
    for batch, width in ((Yp, 3), (dXp, 4)):
        assert batch.data.shape == (3, 2, width)
        for name in ("size_at_t", "lengths", "indices"):
            assert getattr(batch, name) is getattr(Xp, name)
    assert model.begin_update(Xp, input_gradient=False)[1](Yp) is None
    with pytest.raises(ValueError, match=r"expects a Padded"):
        model.predict(floats(2, 4))
    with pytest.raises(ValueError, match="Shape mismatch in backprop"):
        model.begin_update(Xp)[1](Xp)


@pytest.mark.parametrize("bi", [False, True])
@pytest.mark.parametrize("depth", [1, 2])
def test_lstm(bi, depth):
    model = PyTorchLSTM(6, 4, bi=bi, depth=depth)
    assert model.name == "with_padded(pytorch)" and (model.get_dim("nO"), model.get_dim("nI")) == (6, 4)
    inner = model.layers[0]
    assert (inner.get_dim("nO"), inner.get_dim("nI")) == (6, 4)
    network = inner.shims[0]._model
    assert (network.num_layers, network.bidirectional, network.hidden_size) == (depth, bi, 3 if bi else 6)
    Xs = [floats(n, 4, seed=n) for n in (3, 3, 3)]
    Ys, backprop = model.begin_update(Xs)
    expected = network(torch.tensor(numpy.stack(Xs, axis=1)))[0].detach().numpy()
    assert_batches_close(Ys, list(expected.transpose(1, 0, 2)))
    assert [dX.shape for dX in backprop(Ys)] == [(3, 4)] * 3
    assert chain(list2padded(), model, padded2list()).predict(Xs)[0].shape == (3, 6)


def test_lstm_without_layers():
    assert PyTorchLSTM(4, 4, depth=0).name == noop().name


def test_edge_layers_21_odd_widths_in_two_directions():
    with pytest.raises(ValueError, match="must be even, but got 5"):
        PyTorchLSTM(5, 4, bi=True)
    assert PyTorchLSTM(5, 4).predict([floats(2, 4)])[0].shape == (2, 5)


def test_dropout_of_the_lstm_is_for_training():
    model = PyTorchLSTM(4, 4, depth=2, dropout=0.5)
    Xs = [floats(5, 4)]
    assert_batches_close(model.predict(Xs), model.predict(Xs))
    assert (model.begin_update(Xs)[0][0] != model.predict(Xs)[0]).any()


@pytest.mark.parametrize("bi", [False, True])
@pytest.mark.parametrize("lengths", [[], [0], [0, 0]])
@pytest.mark.parametrize("is_train", [True, False])
def test_edge_layers_19_pytorch_lstm_on_empty_sequences(bi, lengths, is_train):
    """PyTorch takes neither batches without sequences nor sequences without steps."""
    model = PyTorchLSTM(6, 4, bi=bi)
    Xs = [floats(n, 4) for n in lengths]
    Y, backprop = model(Xs, is_train)
    assert [y.shape for y in Y] == [(0, 6) for _ in lengths]
    if is_train:
        assert [dX.shape for dX in backprop(Y)] == [X.shape for X in Xs]
        assert not any(
            p.grad.any() for p in model.layers[0].shims[0]._model.parameters() if p.grad is not None
        )
