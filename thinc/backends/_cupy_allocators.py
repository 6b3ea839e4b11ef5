"""Memory for CuPy from the pool of another framework, so that both share the device."""

from typing import Any

from .. import compat
from .._util.frameworks import assert_pytorch_installed, assert_tensorflow_installed

_MIN_BYTES = 1024


def cupy_pytorch_allocator(size_in_bytes: int) -> Any:
    """A CuPy memory pointer to a block that belongs to a PyTorch tensor, at least 1024 bytes."""
    assert_pytorch_installed()
    torch, cupy = compat.torch, compat.cupy
    device_id = cupy.cuda.Device().id
    block = torch.empty(max(size_in_bytes, _MIN_BYTES), dtype=torch.uint8, device=f"cuda:{device_id}")
    return _pointer(block.data_ptr(), block.numel(), block, device_id)


def cupy_tensorflow_allocator(size_in_bytes: int) -> Any:
    """A CuPy memory pointer to a block that belongs to a TensorFlow tensor, at least 1024 bytes."""
    assert_tensorflow_installed()
    tensorflow, cupy = compat.tensorflow, compat.cupy
    device_id = cupy.cuda.Device().id
    with tensorflow.device(f"/GPU:{device_id}"):
        block = tensorflow.zeros((max(size_in_bytes, _MIN_BYTES),), dtype=tensorflow.uint8)
    array = compat.cupy_from_dlpack(tensorflow.experimental.dlpack.to_dlpack(block))
    return _pointer(array.data.ptr, array.nbytes, array, device_id)


def _pointer(address: int, size: int, owner: Any, device_id: int) -> Any:
    memory = compat.cupy.cuda.memory
    return memory.MemoryPointer(memory.UnownedMemory(address, size, owner, device_id), 0)
