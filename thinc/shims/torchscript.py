"""TorchScriptShim: as PyTorchShim, for modules that were compiled by TorchScript."""

import io
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Dict, Optional

from .. import compat
from .._util.frameworks import assert_pytorch_installed
from .._util.msgpack import describe
from .pytorch import PyTorchShim
from .pytorch_grad_scaler import PyTorchGradScaler


class TorchScriptShim(PyTorchShim):
    """Adapter around a TorchScript module, which is saved with its code.

    Parameters
    ----------
    model : torch.jit.ScriptModule, optional
        None for one that is to be loaded with ``from_bytes``.
    config, optimizer, mixed_precision, grad_scaler, device
        See `PyTorchShim`.

    Raises
    ------
    ValueError
        If the model is something else.
    ImportError
        Without PyTorch.
    """

    def __init__(
        self,
        model: Any,
        config: Optional[Dict[str, Any]] = None,
        optimizer: Any = None,
        mixed_precision: bool = False,
        grad_scaler: Optional[PyTorchGradScaler] = None,
        device: Any = None,
    ):
        assert_pytorch_installed()
        if model is not None and not isinstance(model, compat.torch.jit.ScriptModule):
            raise ValueError(
                f"TorchScriptShim takes a module that was compiled with 'torch.jit.script' or "
                f"'torch.jit.trace', or None, but got {type(model)}."
            )
        super().__init__(model, config, optimizer, mixed_precision, grad_scaler, device)

    def to_bytes(self) -> bytes:
        """Serialize the settings, and the module with its code."""
        return self._pack({"model": _save(self._loaded_model())})

    def from_bytes(self, bytes_data: bytes) -> "TorchScriptShim":
        """Load what ``to_bytes`` gave; return the shim.

        Raises
        ------
        ValueError
            If the data are damaged; nothing is changed then.
        """
        config, data = self._unpack(bytes_data, "model")
        device = self.device
        self._model = _load(data, device)
        self.cfg = config
        self._grad_scaler.to_(device)
        return self

    def __getstate__(self) -> Dict[str, Any]:
        # TorchScript modules cannot be pickled, nor all of them copied.
        state = self.__dict__.copy()
        if self._model is not None:
            state["_model"] = (_save(self._model), self.device, self._model.training)
        return state

    def __setstate__(self, state: Dict[str, Any]) -> None:
        saved = state["_model"]
        if saved is not None:
            data, device, training = saved
            state = {**state, "_model": _load(data, device).train(training)}
        super().__setstate__(state)


def script_module(model: Any) -> Any:
    """Compile a module with ``torch.jit.script``."""
    with no_deprecation_warnings():
        return compat.torch.jit.script(model)


@contextmanager
def no_deprecation_warnings() -> Iterator[None]:
    """TorchScript is deprecated: who wraps such a module knows, and who loads a model can do nothing about it."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", r".*torch\.jit", DeprecationWarning)
        yield


def _save(model: Any) -> bytes:
    buffer = io.BytesIO()
    with no_deprecation_warnings():
        compat.torch.jit.save(model, buffer)
    return buffer.getvalue()


def _load(data: bytes, device: Any) -> Any:
    # Apple's GPU has no float64, so a module that holds any cannot be loaded there at once.
    map_location = "cpu" if device.type == "mps" else device
    try:
        with no_deprecation_warnings():
            model = compat.torch.jit.load(io.BytesIO(data), map_location=map_location)
    except Exception as err:  # the decoder's errors have no common base
        raise ValueError(f"Cannot load a TorchScript module from {describe(data)}: {err}") from err
    return model.to(device)
