"""Arrays to TensorFlow and back, without copies where possible."""

from typing import Any

import numpy

from .. import compat
from .._util.arrays import is_numpy_array, is_tensorflow_gpu_array
from .._util.frameworks import assert_tensorflow_installed
from ._convert import _for_ops, _from_numpy, _plain_strides
from ._dlpack import cuda_tensor_to_cupy
from .cupy_ops import CupyOps
from .ops import Ops

_ALIGNMENT = 64  # bytes; TensorFlow ends the process when it meets a buffer that starts anywhere else


def xp2tensorflow(xp_tensor: Any, requires_grad: bool = False, as_variable: bool = False) -> Any:
    """Convert an array to a TensorFlow tensor.

    Parameters
    ----------
    xp_tensor
        A NumPy or CuPy array; the tensor is on the same device. It shares the memory if the array is contiguous
        and, on the CPU, writeable and starts at a multiple of 64 bytes; do not write to it then, as TensorFlow
        takes its tensors for constants. In all other cases TensorFlow copies.
    requires_grad
        Let gradients flow to the tensor.
    as_variable
        Make a ``tensorflow.Variable``, trainable if `requires_grad`.

    Raises
    ------
    ImportError
        If TensorFlow is not installed, or ``enable_tensorflow`` was not called.
    """
    assert_tensorflow_installed()
    tensorflow = compat.tensorflow
    if is_numpy_array(xp_tensor):
        tensor = _from_numpy(_to_tensor, xp_tensor)
    else:
        tensor = tensorflow.experimental.dlpack.from_dlpack(_plain_strides(xp_tensor).__dlpack__())
    if as_variable:
        with tensorflow.device(tensor.device):
            return tensorflow.Variable(tensor, trainable=requires_grad)
    return tensor if requires_grad else tensorflow.stop_gradient(tensor)


def tensorflow2xp(tf_tensor: Any, *, ops: Ops | None = None) -> Any:
    """Convert a TensorFlow tensor to an array.

    Parameters
    ----------
    tf_tensor
        A tensor, or a variable.
    ops
        The backend the array is for. None means where the tensor is: NumPy for the CPU, CuPy for CUDA.

    Returns
    -------
    An array that shares the memory of a tensor on the same device. NumPy's is read-only then, as TensorFlow takes
    its tensors for constants: copy it to write. Of a variable it is a copy. bfloat16 becomes float32.
    """
    assert_tensorflow_installed()
    is_variable = isinstance(tf_tensor, compat.tensorflow.Variable)
    if is_tensorflow_gpu_array(tf_tensor) and (ops is None or isinstance(ops, CupyOps)):
        return cuda_tensor_to_cupy(tf_tensor.read_value() if is_variable else tf_tensor)
    array = tf_tensor.numpy() if is_variable else numpy.asarray(tf_tensor)
    if array.dtype.kind == "V":  # the types of ml_dtypes
        array = array.astype("float32")
    return _for_ops(array, ops)


def _to_tensor(array: numpy.ndarray) -> Any:
    tensorflow = compat.tensorflow
    if array.flags.c_contiguous and array.dtype.kind in "iufc" and array.ctypes.data % _ALIGNMENT == 0:
        return tensorflow.experimental.dlpack.from_dlpack(array.__dlpack__())
    return tensorflow.convert_to_tensor(array)
