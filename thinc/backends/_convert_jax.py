"""Arrays to JAX and back, without copies where possible."""

from typing import Any

from .. import compat
from .._util.arrays import is_jax_gpu_array, is_numpy_array
from .._util.frameworks import assert_jax_installed
from ._context import get_current_ops
from ._dlpack import cuda_tensor_to_cupy
from .cupy_ops import CupyOps
from .ops import Ops

_ALIGNMENT = 64  # bytes; XLA copies a buffer that starts anywhere else


def get_jax_default_device() -> Any:
    """The JAX device for the current ops: the active GPU under CupyOps, else the CPU.

    Raises
    ------
    ImportError
        If JAX is not installed.
    ValueError
        If the ops are on a GPU that this JAX cannot use.
    """
    assert_jax_installed()
    ops = get_current_ops()
    return get_jax_device("gpu", ops.device_id) if isinstance(ops, CupyOps) else get_jax_device("cpu", 0)


def get_jax_device(device_type: str, device_id: int) -> Any:
    """A JAX device by type (``"cpu"`` or ``"gpu"``) and number; ValueError if JAX has no such device."""
    if device_type not in ("cpu", "gpu"):
        raise ValueError(f"Invalid device type {device_type!r} for JAX: expected 'cpu' or 'gpu'")
    if device_type == "cpu":
        device_id = 0
    try:
        devices = compat.jax.local_devices(backend=device_type)
    except RuntimeError as err:  # no such backend in this installation
        raise ValueError(
            f"JAX has no {device_type} here: {err}. Install it for your GPU with: pip install jax[cuda12]"
        ) from err
    if not 0 <= device_id < len(devices):
        raise ValueError(
            f"JAX has {len(devices)} devices of type {device_type}, so none of number {device_id}"
        )
    return devices[device_id]


def xp2jax(xp_tensor: Any, *, device: Any = None) -> Any:
    """Convert an array to a JAX array.

    Parameters
    ----------
    xp_tensor
        A NumPy or CuPy array. The result shares its memory if it is on the same device, contiguous (or the
        transpose of such an array) and, on the CPU, starts at a multiple of 64 bytes; do not write to it then,
        as JAX takes its arrays for constants. In all other cases JAX copies. JAX has 64-bit types only with its
        setting ``jax_enable_x64``: otherwise these become 32-bit.
    device
        A JAX device. None means where the array is: the CPU for NumPy's, its GPU for CuPy's.

    Raises
    ------
    ImportError
        If JAX is not installed.
    TypeError
        If JAX has nothing for the dtype.
    """
    assert_jax_installed()
    jax = compat.jax
    if not is_numpy_array(xp_tensor):
        array = jax.dlpack.from_dlpack(xp_tensor)
        return array if device is None else jax.device_put(array, device)
    if device is None:
        device = get_jax_device("cpu", 0)
    array = xp_tensor
    if not array.dtype.isnative:
        array = array.astype(array.dtype.newbyteorder("="))
    if array.dtype.char in "gG":  # long doubles
        array = array.astype(array.dtype.char.replace("g", "d").replace("G", "D"))
    if _can_be_shared(array) and device.platform == "cpu":
        return jax.dlpack.from_dlpack(array)
    return jax.numpy.array(array, copy=True, device=device)


def jax2xp(jax_array: Any, *, ops: Ops | None = None) -> Any:
    """Convert a JAX array to an array of a backend.

    Parameters
    ----------
    jax_array
        A JAX array; computations that it waits for are finished first.
    ops
        The backend the array is for. None means where the array is: NumPy for the CPU, CuPy for CUDA.

    Returns
    -------
    An array that shares the memory, if that is on the same device. NumPy's is read-only then, as JAX takes its
    arrays for constants: copy it to write. bfloat16 and the 8-bit floats become float32.
    """
    assert_jax_installed()
    import numpy

    if is_jax_gpu_array(jax_array) and (ops is None or isinstance(ops, CupyOps)):
        return cuda_tensor_to_cupy(jax_array)
    array = numpy.asarray(jax_array)
    if array.dtype.kind == "V":  # the types of ml_dtypes
        array = array.astype("float32")
    return ops.asarray(array) if isinstance(ops, CupyOps) else array


def _can_be_shared(array: Any) -> bool:
    flags = array.flags
    return (
        flags.writeable  # DLPack cannot say that an array is not
        and (flags.c_contiguous or flags.f_contiguous)
        and array.dtype.kind in "biufc"
        and (array.itemsize < 8 or compat.jax.config.jax_enable_x64)
        and array.ctypes.data % _ALIGNMENT == 0
    )
