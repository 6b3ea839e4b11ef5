"""PyTorchShim: run, train, save and move a PyTorch module."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager, nullcontext
from typing import Any, Callable, Dict, Optional, Tuple

from .. import compat
from .._util.arrays import is_torch_array
from .._util.frameworks import assert_pytorch_installed
from .._util.msgpack import describe, pack, unpack
from .._util.recursive import convert_recursive, iterate_recursive
from ..backends import CupyOps, context_pools, get_current_ops, set_gpu_allocator
from ..types import ArgsKwargs
from ..util import get_torch_default_device
from ._pytorch_backward import gradient_of, has_gradient, run_backward, run_scaled_backward
from ._pytorch_mode import evaluation_mode
from ._pytorch_state import default_deserialize_torch_model, default_serialize_torch_model, swapped
from ._pytorch_update import gradient_as_array, gradient_type, set_gradient, update_parameters
from .pytorch_grad_scaler import PyTorchGradScaler
from .shim import Shim


class PyTorchShim(Shim):
    """Adapter around a PyTorch module.

    Parameters
    ----------
    model : torch.nn.Module
        Moved to the device.
    config, optimizer
        See `Shim`.
    mixed_precision : bool
        Run the module under ``torch.autocast``: float16 on CUDA devices, bfloat16 on the CPU.
    grad_scaler : PyTorchGradScaler, optional
        Scales gradients on CUDA devices, where float16 needs it; by default with its default settings if
        `mixed_precision`, else not at all. On other devices gradients are not scaled.
    device : torch.device, optional
        By default the one of the backend in use.
    serialize_model : callable, optional
        ``f(model) -> bytes``; by default `default_serialize_torch_model`.
    deserialize_model : callable, optional
        ``f(model, bytes, device) -> model``; by default `default_deserialize_torch_model`.

    Raises
    ------
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
        serialize_model: Optional[Callable[[Any], bytes]] = None,
        deserialize_model: Optional[Callable[[Any, bytes, Any], Any]] = None,
    ):
        assert_pytorch_installed()
        super().__init__(model, config, optimizer)
        if device is None:
            device = get_torch_default_device()
        if model is not None:
            model.to(device)
        if grad_scaler is None:
            grad_scaler = PyTorchGradScaler(mixed_precision)
        grad_scaler.to_(device)
        self._grad_scaler = grad_scaler
        self._mixed_precision = mixed_precision
        self._serialize_model = serialize_model or default_serialize_torch_model
        self._deserialize_model = deserialize_model or default_deserialize_torch_model
        if isinstance(get_current_ops(), CupyOps) and "pytorch" not in context_pools.get():
            # One pool of device memory for both, so that neither starves the other.
            set_gpu_allocator("pytorch")
            compat.cupy.get_default_memory_pool().free_all_blocks()

    @property
    def device(self) -> Any:
        """Where the parameters are; for a module without any, the device of the backend in use."""
        for parameter in () if self._model is None else self._model.parameters():
            return parameter.device
        return get_torch_default_device()

    def __call__(self, inputs: ArgsKwargs, is_train: bool) -> Tuple[Any, Callable[..., Any]]:
        """Run the module; return its outputs and the callback of the backward pass.

        Parameters
        ----------
        inputs : ArgsKwargs
            What to call the module with.
        is_train : bool

        Returns
        -------
        outputs
            What the module returned.
        backprop : callable
            Takes an ArgsKwargs for ``torch.autograd.backward``, adds to the gradients of the parameters, and
            returns the inputs with the gradient, or None, in the place of each tensor.
        """
        if is_train:
            return self.begin_update(inputs)
        return self.predict(inputs), _no_backprop

    def predict(self, inputs: ArgsKwargs) -> Any:
        """Run the module in evaluation mode, without recording gradients; leave its mode as it was."""
        model = self._loaded_model()
        with evaluation_mode(model), compat.torch.no_grad(), self._autocast():
            return model(*inputs.args, **inputs.kwargs)

    def begin_update(self, inputs: ArgsKwargs) -> Tuple[Any, Callable[..., Any]]:
        """Run the module in training mode, in which it stays; see `__call__` for the callback.

        Parts of a module in training mode that are in evaluation mode are left so: they are frozen.
        """
        model = self._loaded_model()
        if not model.training:
            model.train()
        with self._autocast():
            outputs = model(*inputs.args, **inputs.kwargs)
        n_calls = 0

        def backprop(grads: ArgsKwargs) -> Any:
            nonlocal n_calls
            n_calls += 1
            if n_calls > 1:  # each call is to return the gradient of its own
                for tensor in iterate_recursive(has_gradient, inputs):
                    tensor.grad = None
            try:
                if self._scales_gradients():
                    run_scaled_backward(self._grad_scaler, list(model.parameters()), inputs, grads)
                else:
                    run_backward(grads)
            except RuntimeError as err:
                if n_calls == 1:
                    raise
                raise RuntimeError(
                    f"Cannot run this backward pass of a PyTorch model a second time: {err}. PyTorch frees "
                    "what it needs for it after the first time, unless 'convert_outputs' passes "
                    "'retain_graph': True along with 'grad_tensors'; or run 'begin_update' again."
                ) from err
            return convert_recursive(is_torch_array, gradient_of, inputs)

        return outputs, backprop

    def finish_update(self, optimizer: Any) -> None:
        """Update each parameter that has a gradient, and set the gradient to zero.

        Parameters
        ----------
        optimizer : callable
            ``optimizer((shim.id, name), W, dW) -> (W, dW)`` with arrays. They share the memory of the
            parameter; but half precision comes as float32 and a single number as an array of one.

        Notes
        -----
        If a scaled gradient overflowed, the step is left out, and the scale made smaller.
        """
        named = [] if self._model is None else self._model.named_parameters()
        todo = [(name, parameter) for name, parameter in named if parameter.grad is not None]
        if not self._grad_scaler.found_inf:
            update_parameters(optimizer, self.id, todo)
        else:
            for _, parameter in todo:
                parameter.grad.zero_()
        self._grad_scaler.update()

    def gradient_types(self) -> Dict[str, Tuple[Tuple[int, ...], str]]:
        """Name to shape and type of the gradient of each parameter, frozen ones too, as an array.

        Raises
        ------
        NotImplementedError
            If gradients are scaled, as on CUDA devices in mixed precision: each worker has a scale of its own.
        """
        if self._scales_gradients():
            raise NotImplementedError(
                "Cannot average the gradients of a PyTorch module in mixed precision on a CUDA device: they are "
                "scaled. Pass mixed_precision=False."
            )
        return {name: gradient_type(p) for name, p in self._loaded_model().named_parameters()}

    def get_gradients(self) -> Dict[str, Any]:
        """Name to gradient of what has one; the memory is that of the parameter's ``grad`` where it can be."""
        named = self._loaded_model().named_parameters()
        return {name: gradient_as_array(p) for name, p in named if p.grad is not None}

    def set_gradients(self, gradients: Mapping[str, Any]) -> None:
        """Copy arrays into the gradients of parameters of these names."""
        parameters = dict(self._loaded_model().named_parameters())
        for name, array in gradients.items():
            set_gradient(parameters[name], array)

    @contextmanager
    def use_params(self, params: Optional[Mapping[Any, Any]]) -> Iterator[None]:
        """Swap in other values for a block, such as an optimizer's averages.

        Parameters
        ----------
        params : dict
            To arrays, from ``(shim.id, name)``, as optimizers have them, or ``"pytorch_ID_NAME"``, where NAME may
            also be that of a buffer. What is not in it stays.

        Raises
        ------
        ValueError
            If a string key with this id names nothing in the module, or a shape differs. Nothing is changed then.
        """
        with nullcontext() if self._model is None else swapped(self._model, self.id, params or {}):
            yield

    def to_device(self, device_type: str, device_id: int) -> None:
        """Move the module to ``"cpu"``, or ``"gpu"``: a CUDA device, or Apple's GPU where there is none."""
        if device_type == "cpu":
            device = "cpu"
        elif device_type != "gpu":
            raise ValueError(f"Invalid device type {device_type!r}: expected 'cpu' or 'gpu'")
        elif compat.has_torch_mps_gpu and not compat.has_torch_cuda_gpu:
            device = "mps"
        else:
            device = f"cuda:{device_id}"
        if self._model is not None:
            self._model.to(device)
        self._grad_scaler.to_(device)

    def to_bytes(self) -> bytes:
        """Serialize the settings and what ``serialize_model`` gives: by default the state of the module."""
        return self._pack({"state": self._serialize_model(self._loaded_model())})

    def from_bytes(self, bytes_data: bytes) -> "PyTorchShim":
        """Load what ``to_bytes`` gave; return the shim.

        Raises
        ------
        ValueError
            If the data are damaged or those of another module; nothing is changed then.
        """
        config, state = self._unpack(bytes_data, "state")
        device = self.device
        self._model = self._deserialize_model(self._model, state, device)
        self.cfg = config
        self._grad_scaler.to_(device)
        return self

    def copy(self) -> "PyTorchShim":
        """Copy the module and its gradients, under a fresh id."""
        copied: Any = super().copy()
        if self._model is not None:
            pairs = zip(self._model.parameters(), copied._model.parameters(), strict=True)
            for parameter, twin in pairs:
                twin.grad = None if parameter.grad is None else parameter.grad.clone()
        return copied

    def _pack(self, parts: Dict[str, bytes]) -> bytes:
        return pack({"config": self.cfg, **parts})

    def _unpack(self, data: bytes, part: str) -> Tuple[Dict[str, Any], bytes]:
        """The settings and one part of what `_pack` gave."""
        what = f"the PyTorch module of {type(self).__name__}"
        msg = unpack(data, what)
        if not isinstance(msg, dict) or not isinstance(msg.get("config"), dict) or part not in msg:
            raise ValueError(
                f"Cannot load {what}: expected a dict with 'config' and '{part}', got {describe(msg)}."
            )
        return msg["config"], msg[part]

    def _loaded_model(self) -> Any:
        if self._model is None:
            raise ValueError(f"{type(self).__name__} has no module yet: load one with 'from_bytes'.")
        return self._model

    def _autocast(self) -> Any:
        if not self._mixed_precision:
            return nullcontext()
        return compat.torch.autocast(self.device.type)

    def _scales_gradients(self) -> bool:
        """Only float16 on CUDA devices needs it: bfloat16 has the range of float32."""
        return self._grad_scaler._enabled and self.device.type == "cuda"


def _no_backprop(grads: Any) -> None:
    raise ValueError(
        "Cannot run the backward pass of a prediction: a PyTorch model records what that needs only in training. "
        "Use 'begin_update(X)', or 'model(X, is_train=True)'."
    )
