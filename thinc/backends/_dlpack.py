"""Tensors of other frameworks on a CUDA device as CuPy arrays, without a copy."""

from typing import Any

from .. import compat
from .._util.arrays import is_jax_gpu_array, is_tensorflow_gpu_array, is_torch_cuda_array


def is_cuda_tensor(data: Any) -> bool:
    """Whether `data` is a tensor of PyTorch, TensorFlow or JAX in the memory of a CUDA device."""
    return is_torch_cuda_array(data) or is_tensorflow_gpu_array(data) or is_jax_gpu_array(data)


def cuda_tensor_to_cupy(data: Any) -> Any:
    """A CuPy array that shares the memory of a tensor for which `is_cuda_tensor` holds."""
    if is_tensorflow_gpu_array(data):
        return compat.cupy_from_dlpack(compat.tensorflow.experimental.dlpack.to_dlpack(data))
    return compat.cupy_from_dlpack(data if is_jax_gpu_array(data) else data.detach())
