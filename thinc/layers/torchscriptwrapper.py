"""TorchScriptWrapper: a PyTorch module, compiled by TorchScript, as a layer that is saved with its code."""

from typing import Any, Callable

from .. import compat
from .._util.frameworks import assert_pytorch_installed
from ..model import Model
from ..shims import PyTorchGradScaler, PyTorchShim, TorchScriptShim
from ..shims.torchscript import script_module
from .pytorchwrapper import forward as forward, model_of_shim


def TorchScriptWrapper_v1(
    torchscript_model: Any = None,
    convert_inputs: Callable[..., Any] | None = None,
    convert_outputs: Callable[..., Any] | None = None,
    mixed_precision: bool = False,
    grad_scaler: PyTorchGradScaler | None = None,
    device: Any = None,
) -> Model[Any, Any]:
    """Run a TorchScript module.

    Parameters
    ----------
    torchscript_model : torch.jit.ScriptModule, optional
        None makes a model to load a saved one into.
    convert_inputs, convert_outputs, mixed_precision, grad_scaler, device
        See `PyTorchWrapper_v3`.

    Raises
    ------
    ImportError
        Without PyTorch.
    ValueError
        If the module was not compiled.
    """
    shim = TorchScriptShim(
        torchscript_model, mixed_precision=mixed_precision, grad_scaler=grad_scaler, device=device
    )
    return model_of_shim("pytorch_script", shim, convert_inputs, convert_outputs)


def pytorch_to_torchscript_wrapper(model: Model[Any, Any]) -> Model[Any, Any]:
    """Compile the module of a `PyTorchWrapper` with ``torch.jit.script``.

    Parameters
    ----------
    model : Model
        Its first shim holds the module. It is not changed, but shares its parameters with the new model.

    Returns
    -------
    Model
        With the same settings and on the same device.

    Raises
    ------
    ValueError
        If the shim is no PyTorchShim, or holds no ``torch.nn.Module``.
    IndexError
        If there is no shim.
    """
    assert_pytorch_installed()
    if not model.shims:
        raise IndexError(f"Cannot convert model '{model.name}' to TorchScript: it has no shims.")
    shim = model.shims[0]
    if not isinstance(shim, PyTorchShim):
        raise ValueError(
            f"Cannot convert model '{model.name}' to TorchScript: expected a PyTorchShim, but got {type(shim)}."
        )
    module = shim._model
    if not isinstance(module, compat.torch.nn.Module):
        raise ValueError(
            f"Cannot convert model '{model.name}' to TorchScript: its shim holds {type(module)} and no PyTorch module."
        )
    return TorchScriptWrapper_v1(
        script_module(module),
        convert_inputs=model.attrs["convert_inputs"],
        convert_outputs=model.attrs["convert_outputs"],
        mixed_precision=shim._mixed_precision,
        grad_scaler=shim._grad_scaler,
        device=shim.device,
    )
