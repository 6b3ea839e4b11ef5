"""Batches to the tensors that a PyTorch module takes, and what it returns to batches; the same for gradients."""

from collections.abc import Iterator
from typing import Any, Callable

from .._util.arrays import is_torch_array, is_xp_array
from .._util.constants import is_constant
from .._util.recursive import convert_recursive
from ..model import Model
from ..types import ArgsKwargs, Padded
from ..util import torch2xp, xp2torch
from ._framework import batch_to_call
from ._gradients import fit_gradient
from ._kinds import expect_kind


def convert_pytorch_default_inputs(
    model: Model[Any, Any], X: Any, is_train: bool
) -> tuple[ArgsKwargs, Callable[..., Any]]:
    """Make tensors of all arrays in nested lists, tuples, dicts and ArgsKwargs.

    Returns
    -------
    inputs : ArgsKwargs
        ``X`` itself if it is one; the items of a dict as keywords; those of a list or tuple as arguments; anything
        else as the only argument. In training gradients are recorded for tensors of floats.
    get_dX : callable
        Puts gradients in the place of the tensors, None for those without: into a tuple for a list.
    """
    shim: Any = model.shims[0]
    device = shim.device
    records = is_train and not is_constant(X)

    def to_tensor(array: Any) -> Any:
        return xp2torch(array, requires_grad=records and array.dtype.kind in "fc", device=device)

    def to_array(gradient: Any) -> Any:
        return torch2xp(gradient, ops=model.ops)

    Xt, restore = batch_to_call(X, to_tensor)
    return Xt, lambda gradients: convert_recursive(is_torch_array, to_array, restore(gradients))


def convert_pytorch_default_outputs(
    model: Model[Any, Any], X_Yt: tuple[Any, Any], is_train: bool
) -> tuple[Any, Callable[..., Any]]:
    """Make arrays of all tensors in nested lists, tuples and dicts; of float32 where mixed precision gives half.

    Returns
    -------
    Y
        The output in arrays.
    get_dYt : callable
        Takes the gradient, in the structure of the output; None, and a key that is left out of a dict, stand for no
        gradient. Returns an ArgsKwargs of pairs of tensors and their gradients.
    """
    _, Yt = X_Yt
    shim: Any = model.shims[0]

    def to_array(tensor: Any) -> Any:
        if shim._mixed_precision and tensor.is_floating_point() and tensor.element_size() < 4:
            tensor = tensor.detach().float()  # what other layers take
        return torch2xp(tensor, ops=model.ops)

    def get_dYt(dY: Any) -> ArgsKwargs:
        if is_torch_array(Yt) and dY is not None:
            return ArgsKwargs(((Yt,),), {"grad_tensors": _to_gradient(model, Yt, dY)})
        pairs = list(_pair(model, Yt, dY))
        return ArgsKwargs((tuple(Y for Y, _ in pairs),), {"grad_tensors": tuple(dY for _, dY in pairs)})

    return convert_recursive(is_torch_array, to_array, Yt), get_dYt


def _pair(model: Model[Any, Any], Yt: Any, dY: Any) -> Iterator[tuple[Any, Any]]:
    """Each tensor of the output with its gradient, where it has one."""
    if dY is None:
        return
    if is_torch_array(Yt):
        if Yt.requires_grad:
            yield Yt, _to_gradient(model, Yt, dY)
    elif isinstance(Yt, dict):
        if not isinstance(dY, dict) or not dY.keys() <= Yt.keys():
            raise ValueError(
                f"Cannot run the backward pass of '{model.name}': its output is a dict with {list(Yt)}, so the "
                f"gradient must be one, too, but got {list(dY) if isinstance(dY, dict) else type(dY)}."
            )
        for key, value in dY.items():
            yield from _pair(model, Yt[key], value)
    elif isinstance(Yt, (list, tuple)):
        if not isinstance(dY, (list, tuple)) or len(dY) != len(Yt):
            raise ValueError(
                f"Cannot run the backward pass of '{model.name}': its output is a {type(Yt).__name__} of {len(Yt)}, "
                f"so the gradient must be one, too, but got {type(dY)}"
                + (f" of {len(dY)}." if isinstance(dY, (list, tuple)) else ".")
            )
        for item, value in zip(Yt, dY, strict=True):
            yield from _pair(model, item, value)


def _to_gradient(model: Model[Any, Any], Yt: Any, dY: Any) -> Any:
    """The gradient of an output tensor as a tensor on the same device."""
    if not is_xp_array(dY):  # arithmetic on arrays without dimensions gives plain numbers
        dY = model.ops.xp.asarray(dY)
    if dY.shape != Yt.shape:
        raise ValueError(
            f"Shape mismatch in backprop of '{model.name}'. Y: {tuple(Yt.shape)}, dY: {tuple(dY.shape)}"
        )
    return xp2torch(dY, device=Yt.device)


def convert_rnn_inputs(
    model: Model[Any, Any], Xp: Padded, is_train: bool
) -> tuple[ArgsKwargs, Callable[..., Any]]:
    """The data of a Padded, and None for the state to begin with."""
    expect_kind(model, Padded, Xp)
    records = is_train and not is_constant(Xp)
    shim: Any = model.shims[0]
    data: Any = Xp.data
    if _has_no_steps(Xp):  # PyTorch takes one at least; what comes out is cut off again
        width = data.shape[2] or model.maybe_get_dim("nI") or getattr(shim._model, "input_size", 0)
        data = model.ops.alloc((1, max(1, data.shape[1]), width), dtype=data.dtype)
    Xt = xp2torch(data, requires_grad=records, device=shim.device)

    def get_dX(gradients: ArgsKwargs) -> Any:
        dXt = gradients.args[0]
        return None if dXt is None else _padded_like(model, Xp, dXt)

    return ArgsKwargs((Xt, None), {}), get_dX


def convert_rnn_outputs(
    model: Model[Any, Any], Xp_YtS: tuple[Padded, Any], is_train: bool
) -> tuple[Padded, Callable[..., Any]]:
    """A Padded of the first of two outputs; the second one is the state at the end."""
    Xp, (Yt, _) = Xp_YtS
    Yt = _cut_off(Xp, Yt)

    def get_dYt(dYp: Padded) -> ArgsKwargs:
        dY: Any = dYp.data
        if _has_no_steps(Xp):
            dY = fit_gradient(model, dY, tuple(Yt.shape))
        return ArgsKwargs((Yt,), {"grad_tensors": _to_gradient(model, Yt, dY)})

    return _padded_like(model, Xp, Yt), get_dYt


def _has_no_steps(Xp: Padded) -> bool:
    return 0 in Xp.data.shape[:2]


def _cut_off(Xp: Padded, tensor: Any) -> Any:
    n_steps, n_sequences = Xp.data.shape[:2]
    return tensor[:n_steps, :n_sequences] if _has_no_steps(Xp) else tensor


def _padded_like(model: Model[Any, Any], Xp: Padded, tensor: Any) -> Padded:
    return Padded(torch2xp(_cut_off(Xp, tensor), ops=model.ops), Xp.size_at_t, Xp.lengths, Xp.indices)
