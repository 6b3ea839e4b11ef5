"""Which framework an array belongs to, and copies between arrays.

A framework's arrays exist only once it has been imported, so the checks look into ``sys.modules`` and never
import anything.
"""

import math
import sys
from typing import Any

import numpy

from ..types import Padded, Ragged


def is_numpy_array(obj: Any) -> bool:
    """Whether `obj` is a NumPy array."""
    return isinstance(obj, numpy.ndarray)


def is_cupy_array(obj: Any) -> bool:
    """Whether `obj` is a CuPy array."""
    return _is_instance(obj, "cupy", "ndarray")


def is_xp_array(obj: Any) -> bool:
    """Whether `obj` is a NumPy or a CuPy array."""
    return is_numpy_array(obj) or is_cupy_array(obj)


def is_torch_array(obj: Any) -> bool:
    """Whether `obj` is a PyTorch tensor."""
    return _is_instance(obj, "torch", "Tensor")


def is_torch_cuda_array(obj: Any) -> bool:
    """Whether `obj` is a PyTorch tensor on a CUDA device."""
    return is_torch_array(obj) and bool(obj.is_cuda)


def is_torch_mps_array(obj: Any) -> bool:
    """Whether `obj` is a PyTorch tensor on Apple's GPU."""
    return is_torch_array(obj) and bool(getattr(obj, "is_mps", False))


def is_torch_gpu_array(obj: Any) -> bool:
    """Whether `obj` is a PyTorch tensor on a GPU of either kind."""
    return is_torch_cuda_array(obj) or is_torch_mps_array(obj)


def is_tensorflow_array(obj: Any) -> bool:
    """Whether `obj` is a TensorFlow tensor or variable."""
    return _is_instance(obj, "tensorflow", "Tensor") or _is_instance(obj, "tensorflow", "Variable")


def is_tensorflow_gpu_array(obj: Any) -> bool:
    """Whether `obj` is a TensorFlow tensor on a GPU."""
    return is_tensorflow_array(obj) and "GPU:" in obj.device


def is_jax_array(obj: Any) -> bool:
    """Whether `obj` is a JAX array (those that stand for one while a function is traced are, too)."""
    return _is_instance(obj, "jax", "Array")


def is_jax_gpu_array(obj: Any) -> bool:
    """Whether `obj` is a JAX array on a GPU."""
    return is_jax_array(obj) and any(device.platform != "cpu" for device in obj.devices())


def is_mxnet_array(obj: Any) -> bool:
    """Whether `obj` is an MXNet array."""
    return _is_instance(getattr(obj, "as_nd_ndarray", lambda: obj)(), "mxnet.ndarray", "NDArray")


def is_mxnet_gpu_array(obj: Any) -> bool:
    """Whether `obj` is an MXNet array on a GPU."""
    return is_mxnet_array(obj) and obj.context.device_type != "cpu"


def _is_instance(obj: Any, module_name: str, class_name: str) -> bool:
    cls = getattr(sys.modules.get(module_name), class_name, None)
    return isinstance(cls, type) and isinstance(obj, cls)


def get_array_module(arr: Any) -> Any:
    """The module that made an array.

    Returns
    -------
    ``numpy`` or ``cupy``

    Raises
    ------
    ValueError
        If `arr` is no array of either.
    """
    if isinstance(arr, numpy.ndarray):
        return numpy
    if is_cupy_array(arr):
        return sys.modules["cupy"]
    raise ValueError(
        f"Only numpy and cupy arrays are supported, but found {type(arr)} instead. If get_array_module "
        "module wasn't called directly, this might indicate a bug in Thinc."
    )


def to_numpy(data: Any) -> numpy.ndarray:
    """`data` as a NumPy array: the same object if it is one, else a copy."""
    if isinstance(data, numpy.ndarray):
        return data
    if is_cupy_array(data):
        return data.get()
    return numpy.array(data)


def is_finite(array: Any) -> bool:
    """Whether an array of floats has neither NaNs nor infinities."""
    xp = get_array_module(array)
    with numpy.errstate(all="ignore"):
        # Either of them makes the sum one of them. The reverse does not hold: a sum can overflow.
        return bool(xp.isfinite(array.sum()) or xp.isfinite(array).all())


def widen(array: Any) -> Any:
    """The array, or float32 in the place of float16, whose squares soon leave its range."""
    return array.astype("float32") if array.dtype.kind == "f" and array.dtype.itemsize < 4 else array


def copy_array(dst: Any, src: Any) -> None:
    """Write `src` into the array `dst`, across devices if need be.

    Parameters
    ----------
    dst : array
        Changed in place.
    src : array, scalar or list
        Anything that broadcasts to the shape of `dst`.
    """
    if is_cupy_array(dst):
        dst[...] = sys.modules["cupy"].asarray(src)
    elif isinstance(dst, numpy.ndarray) and isinstance(src, numpy.ndarray):
        dst[...] = src
    else:
        numpy.copyto(dst, src.get() if is_cupy_array(src) else src)


def get_width(X: Any, *, dim: int = -1) -> int:
    """The width of a batch: how many columns a layer has to take.

    Parameters
    ----------
    X : array, Ragged, Padded, list or tuple
        Of a sequence, the first item counts.
    dim : int
        The dimension that holds the width.

    Returns
    -------
    int
        Of a 1-d array, which holds classes, the largest plus one; 0 if there is nothing to measure.

    Raises
    ------
    ValueError
        If `X` is none of these.
    """
    if isinstance(X, Ragged) and not X.data.size:  # the data has lost its width
        return get_width(X.data.reshape((0, math.prod(X.data_shape[1:]))), dim=dim)
    if isinstance(X, (Ragged, Padded)):
        return get_width(X.data, dim=dim)
    if hasattr(X, "shape") and hasattr(X, "ndim"):
        if X.ndim == 0:
            return 0
        if X.ndim == 1:
            return int(X.max()) + 1 if X.shape[0] else 0
        return X.shape[dim]
    if isinstance(X, (list, tuple)):
        return get_width(X[0], dim=dim) if X else 0
    raise ValueError(f"Cannot get width of {type(X)}: expected an array, Ragged, Padded, list or tuple")
