"""The backward pass of a PyTorch module, from the arguments for ``torch.autograd.backward``."""

from typing import Any, Dict, List, Tuple

from .. import compat
from .._util.arrays import is_torch_array
from .._util.recursive import iterate_recursive
from ..types import ArgsKwargs
from .pytorch_grad_scaler import PyTorchGradScaler


def run_backward(grads: ArgsKwargs) -> None:
    """Run ``torch.autograd.backward`` for those outputs that depend on anything."""
    pairs, args, kwargs = _split(grads)
    if pairs:
        compat.torch.autograd.backward([Y for Y, _ in pairs], [dY for _, dY in pairs], *args, **kwargs)


def run_scaled_backward(
    scaler: PyTorchGradScaler, parameters: List[Any], inputs: ArgsKwargs, grads: ArgsKwargs
) -> None:
    """As `run_backward`, with gradients that are scaled on the way; those of inputs are zero if one overflowed."""
    torch = compat.torch
    pairs, args, kwargs = _split(grads)
    if not pairs:
        return
    gradients = [torch.ones_like(Y) if dY is None else dY for Y, dY in pairs]
    # What waits from earlier backward passes has been unscaled already.
    waiting = [parameter.grad for parameter in parameters]
    for parameter in parameters:
        parameter.grad = None
    torch.autograd.backward([Y for Y, _ in pairs], scaler.scale(gradients), *args, **kwargs)
    fresh = [parameter.grad for parameter in parameters if parameter.grad is not None]
    input_gradients = [X.grad for X in iterate_recursive(has_gradient, inputs)]
    each_once = {id(gradient): gradient for gradient in [*fresh, *input_gradients]}
    if scaler.unscale(each_once.values()):
        for gradient in input_gradients:
            gradient.zero_()
    for parameter, old in zip(parameters, waiting, strict=True):
        if old is not None:
            parameter.grad = old if parameter.grad is None else old.add_(parameter.grad)


def has_gradient(obj: Any) -> bool:
    """Whether `obj` is a tensor with a gradient."""
    return is_torch_array(obj) and gradient_of(obj) is not None


def gradient_of(tensor: Any) -> Any:
    """The gradient that a tensor has, or None; without the warning of those that never have one."""
    return tensor.grad if tensor.is_leaf or tensor.retains_grad else None


def _split(grads: ArgsKwargs) -> Tuple[List[Tuple[Any, Any]], Tuple[Any, ...], Dict[str, Any]]:
    """Pairs of tensors and gradients, and the other arguments."""
    (tensors, *args), kwargs = grads.args, dict(grads.kwargs)
    outputs = [tensors] if is_torch_array(tensors) else list(tensors)
    gradients = kwargs.pop("grad_tensors", None)
    if gradients is None:
        gradients = [None] * len(outputs)
    elif is_torch_array(gradients):
        gradients = [gradients]
    pairs = [(Y, dY) for Y, dY in zip(outputs, gradients, strict=True) if Y.requires_grad]
    return pairs, tuple(args), kwargs
