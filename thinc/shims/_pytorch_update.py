"""Let an optimizer of ours, which works on arrays, update the parameters of a PyTorch module."""

from typing import Any, List, Tuple

from .. import compat
from .._util.arrays import to_numpy
from ..backends import NumpyOps
from ..optimizers import Optimizer, is_ours, update_each
from ..util import torch2xp, xp2torch


def update_parameters(optimizer: Any, owner_id: int, named: List[Tuple[str, Any]]) -> None:
    """Update parameters that have a gradient, and set that to zero.

    Parameters
    ----------
    optimizer : callable
        ``optimizer(key, W, dW) -> (W, dW)``.
    owner_id : int
        The first part of the keys.
    named : list
        Names, the second part of the keys, and parameters.
    """
    # Adam alone takes nothing else.
    in_float32 = (
        isinstance(optimizer, Optimizer)
        and optimizer.rule is None
        and optimizer.b2 > 0
        and not optimizer.use_radam
    )
    keys = [(owner_id, name) for name, _ in named]
    weights = [_as_array(parameter.detach(), in_float32) for _, parameter in named]
    gradients = [_as_gradient(parameter, W) for (_, parameter), (W, _) in zip(named, weights, strict=True)]
    updated = update_each(optimizer, keys, [W for W, _ in weights], [dW for dW, _ in gradients])
    for (_, parameter), (W, is_view), (_, is_view_of_gradient), new in zip(
        named, weights, gradients, updated, strict=True
    ):
        if new is not W or not is_view:
            parameter.data.copy_(xp2torch(new, device=parameter.device).reshape(parameter.shape))
        if not (is_ours(optimizer) and is_view_of_gradient):  # ours have set it to zero
            parameter.grad.zero_()


def gradient_type(parameter: Any) -> Tuple[Tuple[int, ...], str]:
    """Shape and type of what `gradient_as_array` gives."""
    dtype = "float64" if parameter.dtype == compat.torch.float64 else "float32"
    return tuple(parameter.shape) or (1,), dtype


def gradient_as_array(parameter: Any) -> Any:
    """The gradient of a parameter as a NumPy array, which shares its memory where it can be."""
    return to_numpy(_as_array(parameter.grad, False)[0])


def set_gradient(parameter: Any, array: Any) -> None:
    """Copy an array into the gradient of a parameter, which need not have one."""
    gradient = compat.torch.from_numpy(array).reshape(parameter.shape)
    if parameter.grad is None or parameter.grad.is_sparse:
        parameter.grad = compat.torch.empty_like(parameter)
    parameter.grad.copy_(gradient)


def _as_array(tensor: Any, in_float32: bool) -> Tuple[Any, bool]:
    """The numbers of a tensor as an array of at least one dimension, and whether it shares its memory.

    It does not where the tensor is elsewhere, sparse, or in half precision: then the array is float32.
    """
    dense = tensor.to_dense() if tensor.is_sparse else tensor
    if dense.is_floating_point() and (in_float32 or dense.element_size() < 4):
        dense = dense.float()  # the same tensor, if it is float32 already
    if dense.is_cpu:
        array = dense.numpy()
    else:
        # A module on a CUDA device does not need CuPy to be trained.
        array = torch2xp(dense, ops=NumpyOps() if compat.cupy is None else None)
    is_view = dense is tensor and (dense.is_cpu or (dense.is_cuda and compat.cupy is not None))
    return array if array.ndim else array.reshape(1), is_view


def _as_gradient(parameter: Any, W: Any) -> Tuple[Any, bool]:
    gradient, is_view = _as_array(parameter.grad, W.dtype == "float32")
    return (gradient, is_view) if gradient.dtype == W.dtype else (gradient.astype(W.dtype), False)
