"""PyTorchWrapper: a PyTorch module as a layer."""

from typing import Any, Callable

from .. import compat
from .._util.frameworks import assert_pytorch_installed
from ..config import registry
from ..model import Model
from ..shims import PyTorchGradScaler, PyTorchShim
from ..types import Padded
from ._pytorch_convert import (
    convert_pytorch_default_inputs,
    convert_pytorch_default_outputs,
    convert_rnn_inputs,
    convert_rnn_outputs,
)


@registry.layers("PyTorchWrapper.v1")
def PyTorchWrapper(
    pytorch_model: Any,
    convert_inputs: Callable[..., Any] | None = None,
    convert_outputs: Callable[..., Any] | None = None,
) -> Model[Any, Any]:
    """Run a PyTorch module; see `PyTorchWrapper_v3`, which has more settings."""
    return PyTorchWrapper_v3(pytorch_model, convert_inputs, convert_outputs)


@registry.layers("PyTorchWrapper.v2")
def PyTorchWrapper_v2(
    pytorch_model: Any,
    convert_inputs: Callable[..., Any] | None = None,
    convert_outputs: Callable[..., Any] | None = None,
    mixed_precision: bool = False,
    grad_scaler: PyTorchGradScaler | None = None,
    device: Any = None,
) -> Model[Any, Any]:
    """Run a PyTorch module; see `PyTorchWrapper_v3`, which has more settings."""
    return PyTorchWrapper_v3(
        pytorch_model, convert_inputs, convert_outputs, mixed_precision, grad_scaler, device
    )


@registry.layers("PyTorchWrapper.v3")
def PyTorchWrapper_v3(
    pytorch_model: Any,
    convert_inputs: Callable[..., Any] | None = None,
    convert_outputs: Callable[..., Any] | None = None,
    mixed_precision: bool = False,
    grad_scaler: PyTorchGradScaler | None = None,
    device: Any = None,
    serialize_model: Callable[[Any], bytes] | None = None,
    deserialize_model: Callable[[Any, bytes, Any], Any] | None = None,
) -> Model[Any, Any]:
    """Run a PyTorch module.

    Its parameters are trained and saved with the model. On the same device arrays and tensors share their memory,
    so nothing is copied on the way in or out.

    Parameters
    ----------
    pytorch_model : torch.nn.Module
        Moved to the device.
    convert_inputs
        ``f(model, X, is_train) -> (inputs, get_dX)``: what to call the module with, an ArgsKwargs of tensors, and a
        function from an ArgsKwargs of their gradients to the gradient of ``X``.
        By default see `convert_pytorch_default_inputs`.
    convert_outputs
        ``f(model, (X, Yt), is_train) -> (Y, get_dYt)``: the output, and a function from its gradient to an
        ArgsKwargs for ``torch.autograd.backward``. By default see `convert_pytorch_default_outputs`.
    mixed_precision
        Run the module in half precision where PyTorch thinks it fit: float16 on CUDA devices, bfloat16 on the CPU.
    grad_scaler
        Settings of the gradient scaling that float16 needs.
    device : torch.device
        By default that of the backend in use.
    serialize_model
        ``f(pytorch_model) -> bytes``: by default the tensors of the state dict.
    deserialize_model
        ``f(pytorch_model, bytes, device) -> pytorch_model``. The default loads tensors only, never code.

    Returns
    -------
    Model
        Of any input that the module takes. Its dimensions are never inferred.

    Raises
    ------
    ImportError
        Without PyTorch.
    ValueError
        If `pytorch_model` is not a module.
    """
    assert_pytorch_installed()
    if not isinstance(pytorch_model, compat.torch.nn.Module):
        raise ValueError(f"PyTorchWrapper takes a torch.nn.Module, but got {type(pytorch_model)}.")
    shim = PyTorchShim(
        pytorch_model,
        mixed_precision=mixed_precision,
        grad_scaler=grad_scaler,
        device=device,
        serialize_model=serialize_model,
        deserialize_model=deserialize_model,
    )
    return model_of_shim("pytorch", shim, convert_inputs, convert_outputs)


@registry.layers("PyTorchRNNWrapper.v1")
def PyTorchRNNWrapper(
    pytorch_model: Any,
    convert_inputs: Callable[..., Any] | None = None,
    convert_outputs: Callable[..., Any] | None = None,
) -> Model[Padded, Padded]:
    """Run a recurrent PyTorch module, such as ``torch.nn.LSTM``, on padded sequences.

    Parameters
    ----------
    pytorch_model : torch.nn.Module
        Is called with a tensor (steps, B, nI) and None, and returns a tensor (steps, B, nO) and its last state,
        which is not used. It sees the padding as well.
    convert_inputs, convert_outputs
        See `PyTorchWrapper_v3`.
    """
    return PyTorchWrapper(
        pytorch_model, convert_inputs or convert_rnn_inputs, convert_outputs or convert_rnn_outputs
    )


def model_of_shim(
    name: str,
    shim: PyTorchShim,
    convert_inputs: Callable[..., Any] | None,
    convert_outputs: Callable[..., Any] | None,
) -> Model[Any, Any]:
    """The node that runs a shim."""
    return Model(
        name,
        forward,
        attrs={
            "convert_inputs": convert_inputs or convert_pytorch_default_inputs,
            "convert_outputs": convert_outputs or convert_pytorch_default_outputs,
        },
        shims=[shim],
        dims={"nI": None, "nO": None},
    )


def forward(model: Model[Any, Any], X: Any, is_train: bool) -> tuple[Any, Callable[..., Any]]:
    Xt, get_dX = model.attrs["convert_inputs"](model, X, is_train)
    Yt, backprop_module = model.shims[0](Xt, is_train)
    Y, get_dYt = model.attrs["convert_outputs"](model, (X, Yt), is_train)

    def backprop(dY: Any) -> Any:
        return get_dX(backprop_module(get_dYt(dY)))

    return Y, backprop
