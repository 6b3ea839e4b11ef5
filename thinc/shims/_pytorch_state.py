"""The state of a PyTorch module: to bytes and back, and other values for a while."""

import copy
import io
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any, List, Tuple

from .. import compat
from .._util.msgpack import describe
from ..util import xp2torch


def default_serialize_torch_model(model: Any) -> bytes:
    """The state dict of a module, as ``torch.save`` writes it."""
    buffer = io.BytesIO()
    compat.torch.save(model.state_dict(), buffer)
    return buffer.getvalue()


def default_deserialize_torch_model(model: Any, state_bytes: bytes, device: Any) -> Any:
    """Load what `default_serialize_torch_model` gave into a module, and move it to the device.

    Only tensors and plain values are loaded, never code.

    Raises
    ------
    ValueError
        If the data are damaged, hold anything else, or do not fit the module; nothing is changed then.
    """
    try:
        state = compat.torch.load(io.BytesIO(state_bytes), map_location=device, weights_only=True)
    except Exception as err:  # the decoder's errors have no common base
        raise ValueError(
            f"Cannot load the state of a PyTorch module from {describe(state_bytes)}: {err} "
            "(Either it is not complete, or it holds more than tensors and plain values; in that case give "
            "a 'serialize_model' and a 'deserialize_model' of your own.)"
        ) from err
    _load_state(model, state)
    model.to(device)
    return model


def _load_state(model: Any, state: Any) -> None:
    """As ``load_state_dict``, which copies what fits before it complains of the rest."""
    before = copy.deepcopy(model.state_dict())
    try:
        model.load_state_dict(state)
    except Exception as err:
        model.load_state_dict(before)
        raise ValueError(
            f"Cannot load this state into a PyTorch module of type {type(model)}: {err}"
        ) from err


@contextmanager
def swapped(model: Any, owner_id: int, params: Mapping[Any, Any]) -> Iterator[None]:
    """Put other values into the parameters and buffers of a module for a block; see ``PyTorchShim.use_params``."""
    pairs = _find_params(model, owner_id, params)
    kept = [(tensor, tensor.detach().clone()) for tensor, _ in pairs]
    try:
        # Through `data`, so that backward passes that have yet to run do not take this for a change.
        for tensor, value in pairs:
            tensor.data.copy_(value)
        yield
    finally:
        for tensor, value in kept:
            tensor.data.copy_(value)


def _find_params(model: Any, owner_id: int, params: Mapping[Any, Any]) -> List[Tuple[Any, Any]]:
    """Tensors of the module and the values for them."""
    prefix = f"pytorch_{owner_id}_"
    named = {key[len(prefix) :]: key for key in params if isinstance(key, str) and key.startswith(prefix)}
    unknown = dict(named)
    found = {}
    for tensors in (model.named_parameters, model.named_buffers):
        for name, tensor in tensors(remove_duplicate=False):
            unknown.pop(name, None)
            key = named.get(name, (owner_id, name))
            if key not in params:
                continue
            value = xp2torch(params[key], device=tensor.device)
            if value.numel() != tensor.numel() or (tensor.ndim and value.shape != tensor.shape):
                raise ValueError(
                    f"Cannot use {key!r} as a parameter: it has the shape {tuple(value.shape)}, but "
                    f"'{name}' of the PyTorch module has {tuple(tensor.shape)}."
                )
            found[id(tensor)] = (tensor, value.reshape(tensor.shape))
    if unknown:
        raise ValueError(
            f"Cannot use the parameters {sorted(unknown)}: the PyTorch module has no such parameters or buffers."
        )
    return list(found.values())
