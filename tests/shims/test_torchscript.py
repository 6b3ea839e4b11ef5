"""TorchScriptShim: what the contract of all wrappers does not cover."""

import pickle
import warnings

import numpy
import pytest

from thinc.api import (
    Adam,
    ArgsKwargs,
    Linear,
    Model,
    PyTorchGradScaler,
    PyTorchWrapper,
    PyTorchWrapper_v2,
    PyTorchWrapper_v3,
    Shim,
    TorchScriptShim,
    TorchScriptWrapper_v1,
    pytorch_to_torchscript_wrapper,
)
from thinc.shims.torchscript import script_module

torch = pytest.importorskip("torch", reason="needs PyTorch: pip install thinc[torch]")
X = numpy.random.default_rng(1).normal(size=(5, 4)).astype("float32")


class Net(torch.nn.Module):
    def __init__(self, nO: int = 3):
        super().__init__()
        self.dropout = torch.nn.Dropout(0.5)
        self.linear = torch.nn.Linear(4, nO)

    def forward(self, x):
        return self.linear(self.dropout(x))


def scripted(nO=3):
    return script_module(Net(nO))


def test_a_module_that_is_not_compiled():
    for make in (TorchScriptShim, TorchScriptWrapper_v1):
        with pytest.raises(ValueError, match=r"compiled with 'torch.jit.script'.*but got <class .*Net"):
            make(Net())


def test_edge_training_34_a_shim_without_a_module():
    shim = TorchScriptShim(None, {"a": 1})
    assert shim.device == torch.device("cpu")
    for run in (lambda: shim.predict(ArgsKwargs((), {})), shim.to_bytes):
        with pytest.raises(ValueError, match="no module yet"):
            run()
    assert pickle.loads(pickle.dumps(shim)).cfg == {"a": 1}
    source = TorchScriptShim(scripted(), {"b": 2})
    assert shim.from_bytes(source.to_bytes()) is shim
    assert shim.cfg == {"b": 2} and torch.equal(shim._model.linear.weight, source._model.linear.weight)


def test_the_module_is_replaced_by_the_loaded_one():
    model = TorchScriptWrapper_v1(scripted(3))
    other = TorchScriptWrapper_v1(scripted(2))
    assert other.from_bytes(model.to_bytes()).predict(X).shape == (5, 3)


def test_modes():
    model = TorchScriptWrapper_v1(scripted())
    module = model.shims[0]._model
    numpy.random.seed(1)
    torch.manual_seed(1)
    Y = model.predict(X)
    assert (model.predict(X) == Y).all() and module.training and module.dropout.training
    assert (model.begin_update(X)[0] != Y).any()
    module.eval()
    assert (model.predict(X) == Y).all() and not module.dropout.training


@pytest.mark.parametrize("is_train", [True, False])
def test_pickle_and_copies(is_train):
    model = TorchScriptWrapper_v1(scripted())
    Y, backprop = model.begin_update(X)
    backprop(Y)
    model.shims[0]._model.train(is_train)
    twin = model.copy()
    for W, copied in zip(*(m.shims[0]._model.parameters() for m in (model, twin)), strict=True):
        assert torch.equal(W.grad, copied.grad)
    for other in (twin, pickle.loads(pickle.dumps(model))):
        assert (other.predict(X) == model.predict(X)).all()
        assert other.shims[0]._model.training is is_train
        other.finish_update(Adam(0.1))


def test_conversion():
    def convert_inputs(model, X, is_train):
        raise AssertionError("not called")

    scaler = PyTorchGradScaler(True)
    model = PyTorchWrapper_v2(
        Net(), convert_inputs=convert_inputs, mixed_precision=True, grad_scaler=scaler, device="cpu"
    )
    converted = pytorch_to_torchscript_wrapper(model)
    shim = converted.shims[0]
    assert converted.name == "pytorch_script" and isinstance(shim, TorchScriptShim)
    assert converted.attrs == model.attrs
    assert shim._mixed_precision and shim._grad_scaler is scaler and shim.device == torch.device("cpu")
    assert isinstance(model.shims[0]._model, Net)


def test_conversion_of_what_cannot_be_converted():
    with pytest.raises(IndexError, match="no shims"):
        pytorch_to_torchscript_wrapper(Linear(2, 2))
    with pytest.raises(ValueError, match="expected a PyTorchShim"):
        pytorch_to_torchscript_wrapper(Model("other", lambda *_: None, shims=[Shim(None)]))
    model = PyTorchWrapper_v3(Net())
    model.shims[0]._model = object()
    with pytest.raises(ValueError, match=r"holds <class 'object'> and no PyTorch module"):
        pytorch_to_torchscript_wrapper(model)


def test_nothing_warns():
    """TorchScript is deprecated, but whoever loads a saved model can do nothing about that."""
    with warnings.catch_warnings(record=True) as seen:
        warnings.simplefilter("always")
        model = pytorch_to_torchscript_wrapper(PyTorchWrapper(Net()))
        TorchScriptWrapper_v1().from_bytes(model.to_bytes()).copy()
    assert [str(warning.message) for warning in seen] == []


def test_mixed_precision():
    plain = TorchScriptWrapper_v1(scripted())
    mixed = TorchScriptWrapper_v1(plain.shims[0]._model, mixed_precision=True)
    Y, expected = mixed.predict(X), plain.predict(X)
    assert Y.dtype == "float32" and (expected != Y).any()
    numpy.testing.assert_allclose(Y, expected, rtol=0.03, atol=0.03)
