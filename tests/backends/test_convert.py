"""Arrays to tensors and back: PyTorch itself where installed, small stand-ins for the others."""

import types

import numpy
import pytest
from numpy.testing import assert_array_equal

from helpers.unusual_arrays import unusual_arrays
from thinc import compat
from thinc.backends import MPSOps, NumpyOps, _convert, _convert_tensorflow
from thinc.backends._convert import mxnet2xp, torch2xp, xp2mxnet, xp2torch
from thinc.backends._convert_jax import jax2xp, xp2jax
from thinc.backends._convert_tensorflow import tensorflow2xp, xp2tensorflow


@pytest.fixture
def torch():
    return pytest.importorskip("torch")


@pytest.fixture(params=sorted(unusual_arrays()))
def unusual(request):
    return unusual_arrays()[request.param]


def test_edge_training_30_model_33_unusual_arrays_to_torch(torch, unusual):
    """Training §9.30: no crash, no warning, the same values."""
    tensor = xp2torch(unusual)
    assert tuple(tensor.shape) == unusual.shape
    assert_array_equal(tensor.numpy(), unusual)


def test_xp2torch_shares_memory(torch):
    X = numpy.zeros((2, 3), dtype="f")
    for array in (X, X.T, X[:, ::2]):
        tensor = xp2torch(array)
        assert tensor.dtype == torch.float32
        array[...] = 5
        assert (tensor == 5).all()
        array[...] = 0


def test_xp2torch_requires_grad(torch):
    assert not xp2torch(numpy.zeros(2)).requires_grad
    tensor = xp2torch(numpy.zeros(2), requires_grad=True)
    assert tensor.requires_grad
    assert tensor.is_leaf
    with pytest.raises(RuntimeError):
        xp2torch(numpy.zeros(2, dtype="i"), requires_grad=True)


def test_xp2torch_device(torch):
    assert xp2torch(numpy.zeros(2), device="meta").device.type == "meta"
    assert xp2torch(numpy.zeros(2)).device.type == "cpu"


def test_xp2torch_rejects_text(torch):
    with pytest.raises(TypeError):
        xp2torch(numpy.array(["a"]))


@pytest.mark.parametrize("ops", [None, NumpyOps(), MPSOps()])
def test_torch2xp(torch, ops):
    tensor = torch.ones(2, 3, requires_grad=True)
    array = torch2xp(tensor, ops=ops)
    assert isinstance(array, numpy.ndarray)
    array[...] = 4
    assert (tensor == 4).all()
    assert_array_equal(torch2xp(tensor.to(torch.bfloat16)), numpy.full((2, 3), 4, dtype="f"))
    assert_array_equal(torch2xp(tensor.t()), array.T)


@pytest.mark.parametrize("name", ["torch", "tensorflow", "mxnet", "jax"])
def test_missing_frameworks(monkeypatch, name):
    for key in (name, f"has_{name}"):
        monkeypatch.setitem(vars(compat), key, None if key == name else False)
    to, back = {
        "torch": (xp2torch, torch2xp),
        "tensorflow": (xp2tensorflow, tensorflow2xp),
        "mxnet": (xp2mxnet, mxnet2xp),
        "jax": (xp2jax, jax2xp),
    }[name]
    for convert in (to, back):
        with pytest.raises(ImportError, match="pip install"):
            convert(numpy.zeros(2))


class Picky:
    """A tensor library with the limits of the real ones."""

    def __init__(self, array):
        strides = array.strides
        if not array.flags.writeable or not array.dtype.isnative or any(s < 0 for s in strides):
            raise AssertionError("must not be handed over like this")
        if any(s % array.itemsize for s in strides):
            raise AssertionError("strides must be multiples of the item size")
        if array.dtype.name in ("uint16", "uint32", "uint64") or array.dtype.type is numpy.longdouble:
            raise TypeError("unsupported dtype")
        self.array = array
        self.device = "/device:CPU:0"

    def __array__(self, dtype=None, copy=None):
        return self.array

    def numpy(self):
        return self.array

    def detach(self):
        return self


class Scope:
    def __init__(self, device):
        assert device == "/device:CPU:0"

    def __enter__(self):
        return self

    def __exit__(self, *exc):
        return None


class Variable:
    def __init__(self, tensor, trainable):
        self.tensor, self.trainable = tensor, trainable


@pytest.fixture
def tensorflow(monkeypatch):
    module = types.SimpleNamespace(
        convert_to_tensor=Picky,
        device=Scope,
        Variable=Variable,
        stop_gradient=lambda tensor: ("stopped", tensor),
    )
    monkeypatch.setitem(vars(compat), "tensorflow", module)
    monkeypatch.setitem(vars(compat), "has_tensorflow", True)
    monkeypatch.setattr(_convert_tensorflow, "_ALIGNMENT", 2**62)  # what is shared needs the real one


def test_tensorflow(tensorflow, unusual):
    kind, tensor = xp2tensorflow(unusual)
    assert kind == "stopped"
    assert_array_equal(tensor.array, unusual)
    assert_array_equal(tensorflow2xp(tensor), unusual)
    assert_array_equal(xp2tensorflow(unusual, requires_grad=True).array, unusual)
    for requires_grad in (False, True):
        variable = xp2tensorflow(unusual, requires_grad=requires_grad, as_variable=True)
        assert variable.trainable is requires_grad


class FakeCupyOps(_convert.CupyOps):
    def asarray(self, data, dtype=None):
        return ("on the device", data)


def test_ops_decide_where_the_array_is(tensorflow):
    tensor = Picky(numpy.zeros(2))
    assert tensorflow2xp(tensor, ops=FakeCupyOps())[0] == "on the device"
    assert tensorflow2xp(tensor, ops=NumpyOps()) is tensor.array


@pytest.mark.parametrize("which", ["torch", "tensorflow"])
@pytest.mark.parametrize(
    "make_ops, expected", [(lambda: None, "cupy"), (FakeCupyOps, "cupy"), (NumpyOps, "numpy")]
)
def test_tensors_on_a_gpu(monkeypatch, tensorflow, which, make_ops, expected):
    """Such a tensor stays on the device unless NumpyOps ask for it."""

    class Cuda(Picky):
        dtype = "float32"

        def cpu(self):
            return self

    tensor = Cuda(numpy.zeros(2))
    monkeypatch.setitem(vars(compat), "torch", types.SimpleNamespace(bfloat16="bfloat16"))
    module = {"torch": _convert, "tensorflow": _convert_tensorflow}[which]
    check = {"torch": "is_torch_cuda_array", "tensorflow": "is_tensorflow_gpu_array"}[which]
    monkeypatch.setattr(module, check, lambda data: isinstance(data, Cuda))
    monkeypatch.setattr(module, "cuda_tensor_to_cupy", lambda data: "cupy")
    found = {"torch": torch2xp, "tensorflow": tensorflow2xp}[which](tensor, ops=make_ops())
    assert found == "cupy" if expected == "cupy" else found is tensor.array
