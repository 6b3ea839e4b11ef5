"""Arrays to tensors of other frameworks and back, without copies where possible."""

from typing import Any, NoReturn

import numpy

from .. import compat
from .._util.arrays import (
    is_numpy_array,
    is_torch_cuda_array,
    is_torch_mps_array,
)
from .._util.frameworks import assert_mxnet_installed, assert_pytorch_installed
from ._context import get_torch_default_device
from ._dlpack import cuda_tensor_to_cupy
from .cupy_ops import CupyOps
from .ops import Ops

# What the frameworks lack, and what holds the same values.
_WIDER = {
    "uint16": "int32",
    "uint32": "int64",
    "uint64": "int64",
    "longdouble": "float64",
    "clongdouble": "complex128",
}


def xp2torch(xp_tensor: Any, requires_grad: bool = False, device: Any = None) -> Any:
    """Convert an array to a PyTorch tensor.

    Parameters
    ----------
    xp_tensor
        A NumPy or CuPy array. On the CPU the tensor shares its memory, unless it is read-only, has negative
        strides or a dtype that PyTorch lacks.
    requires_grad
        Record operations on the tensor; RuntimeError for integers.
    device
        Where the tensor shall be; None means `get_torch_default_device`.
    """
    assert_pytorch_installed()
    torch = compat.torch
    device = get_torch_default_device() if device is None else device
    if is_numpy_array(xp_tensor):
        tensor = _from_numpy(torch.from_numpy, xp_tensor)
    else:
        tensor = torch.utils.dlpack.from_dlpack(_plain_strides(xp_tensor))
    tensor = tensor.to(device)
    if requires_grad:
        tensor.requires_grad_()
    return tensor


def torch2xp(torch_tensor: Any, *, ops: Ops | None = None) -> Any:
    """Convert a PyTorch tensor to an array.

    Parameters
    ----------
    torch_tensor
        Any tensor; it is detached first.
    ops
        The backend the array is for. None means where the tensor is: NumPy for the CPU, CuPy for CUDA.

    Returns
    -------
    An array that shares the memory of the tensor if that is on the same device, and if NumPy has its dtype
    (bfloat16 becomes float32).
    """
    assert_pytorch_installed()
    torch = compat.torch
    tensor = torch_tensor.detach()
    if tensor.dtype == torch.bfloat16:  # neither NumPy nor CuPy has it
        tensor = tensor.float()
    if is_torch_cuda_array(tensor) and (ops is None or isinstance(ops, CupyOps)):
        return cuda_tensor_to_cupy(tensor)
    if is_torch_cuda_array(tensor) or is_torch_mps_array(tensor):
        tensor = tensor.cpu()
    return _for_ops(tensor.numpy(), ops)


def xp2mxnet(xp_tensor: Any, requires_grad: bool = False) -> NoReturn:
    """Raise ImportError: MXNet is retired. Use `xp2torch` or `xp2jax`."""
    assert_mxnet_installed()


def mxnet2xp(mx_tensor: Any, *, ops: Ops | None = None) -> NoReturn:
    """Raise ImportError: MXNet is retired. Use `torch2xp` or `jax2xp`."""
    assert_mxnet_installed()


def _for_ops(array: numpy.ndarray, ops: Ops | None) -> Any:
    return ops.asarray(array) if isinstance(ops, CupyOps) else array


def _from_numpy(convert: Any, array: numpy.ndarray) -> Any:
    """Share the memory of `array`, or of a copy where the framework would refuse it, warn or crash."""
    if not array.dtype.isnative:
        array = array.astype(array.dtype.newbyteorder("="))
    array = _plain_strides(array)
    if not array.flags.writeable:
        array = array.copy()
    try:
        return convert(array)
    except TypeError:
        wider = _WIDER.get(array.dtype.name) or _WIDER.get(array.dtype.type.__name__)
        if wider is None:
            raise
        return convert(array.astype(wider))


def _plain_strides(array: Any) -> Any:
    """`array`, or a contiguous copy if a stride is negative or no multiple of the item size."""
    if any(stride < 0 or stride % array.itemsize for stride in array.strides):
        return array.copy()
    return array
