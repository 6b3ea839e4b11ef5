"""CupyOps: the reference operations on CuPy arrays, with the CUDA kernels of `_cuda` in front."""

from typing import Any

import numpy

from .. import compat
from ..config import registry
from ..types import DTypes, Floats2d
from ._cuda.activations import CudaActivations
from ._cuda.normalize import CudaNormalize
from ._cuda.padding import CudaPadding
from ._cuda.pooling import CudaPooling
from ._cuda.tables import CudaTables
from ._cuda.training import CudaTraining
from ._cuda.windows import CudaWindows
from ._dlpack import cuda_tensor_to_cupy, is_cuda_tensor
from ._ops_arrays import in_byte_order
from .ops import Ops


class _OptionalModule:
    """A class attribute that imports a module when first read; None if it is not installed."""

    def __init__(self, name: str) -> None:
        self.name = name

    def __get__(self, instance: Any, owner: type) -> Any:
        return getattr(compat, self.name)


@registry.ops("CupyOps")
class CupyOps(
    CudaActivations,
    CudaNormalize,
    CudaPadding,
    CudaPooling,
    CudaTables,
    CudaTraining,
    CudaWindows,
    Ops,
):
    """Array operations on a CUDA device.

    Can be made without CuPy; `xp` is then None.
    """

    name = "cupy"
    xp: Any = _OptionalModule("cupy")
    _xp2: Any = _OptionalModule("cupyx")

    def __init__(self, device_type: str = "gpu", device_id: int = 0, **kwargs: Any) -> None:
        super().__init__(device_type, device_id, **kwargs)

    def asarray(self, data: Any, dtype: DTypes | None = None) -> Any:
        """`data` as a CuPy array; what is on the device is not copied unless the dtype changes."""
        if is_cuda_tensor(data):
            data = cuda_tensor_to_cupy(data)
        elif not isinstance(data, (self.xp.ndarray, numpy.ndarray)) and hasattr(data, "numpy"):
            data = data.numpy()
        return self.xp.asarray(data, dtype=dtype)

    def to_numpy(self, data: Any, *, byte_order: str | None = None) -> numpy.ndarray:
        """`data` as a NumPy array; a CuPy array is copied from the device."""
        if not isinstance(data, numpy.ndarray):
            data = data.get()
        return in_byte_order(data, byte_order)

    def gemm(self, x: Any, y: Any, out: Any = None, trans1: bool = False, trans2: bool = False) -> Floats2d:
        """Matrix product; see `Ops.gemm`. ValueError for NumPy arrays."""
        if isinstance(x, numpy.ndarray) or isinstance(y, numpy.ndarray):
            raise ValueError(
                "gemm: got a NumPy array on the GPU backend. Call ops.asarray() on your data first."
            )
        return super().gemm(x, y, out=out, trans1=trans1, trans2=trans2)

    def erf(self, X: Any) -> Any:
        """Error function; see `Ops.erf`."""
        return self._xp2.scipy.special.erf(X).astype(X.dtype, copy=False)

    def _take_rows(self, array: Any, index: Any) -> Any:
        return array[self.xp.asarray(index)]
