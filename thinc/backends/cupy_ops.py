"""CupyOps: the reference operations on CuPy arrays, with kernels where array code is slow on a GPU."""

from typing import Any

import numpy

from .. import compat
from ..config import registry
from ..types import DTypes, Floats2d, Ints2d
from . import _custom_kernels
from ._dlpack import cuda_tensor_to_cupy, is_cuda_tensor
from ._ops_arrays import in_byte_order
from ._ops_pooling import sequence_lengths
from .ops import Ops


class _OptionalModule:
    """A class attribute that imports a module when first read; None if it is not installed."""

    def __init__(self, name: str) -> None:
        self.name = name

    def __get__(self, instance: Any, owner: type) -> Any:
        return getattr(compat, self.name)


@registry.ops("CupyOps")
class CupyOps(Ops):
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

    def maxout(self, X: Any) -> tuple[Floats2d, Ints2d]:
        """The largest of each unit's pieces; see `Ops.maxout`."""
        if not _has_kernel(X) or X.ndim != 3 or X.size == 0:
            return super().maxout(X)
        X = self.as_contig(X)
        best = self.alloc(X.shape[:2], dtype=X.dtype, zeros=False)
        which = self.alloc(X.shape[:2], dtype="int32", zeros=False)
        _launch("maxout", X.dtype, best.size, (best, which, X, best.size, X.shape[2]))
        return best, which

    def reduce_max(self, X: Any, lengths: Any) -> tuple[Floats2d, Ints2d]:
        """Maxima over sequences; see `Ops.reduce_max`."""
        if not _has_kernel(X) or X.ndim != 2:
            return super().reduce_max(X, lengths)
        sizes = sequence_lengths("reduce_max", lengths, rows=len(X), at_least=1)
        X = self.as_contig(X)
        B, nO = len(sizes), X.shape[1]
        maxes = self.alloc((B, nO), dtype=X.dtype)
        which = self.alloc((B, nO), dtype="int32")
        _launch("reduce_max", X.dtype, maxes.size, (maxes, which, X, self._ends(sizes), B, nO))
        return maxes, which

    def hash(self, ids: Any, seed: int) -> Any:
        """MurmurHash3_x64_128 of each id; see `Ops.hash`."""
        if not 0 <= seed < 2**32:
            raise OverflowError(f"hash: the seed must be in [0, 2**32), got {seed}")
        keys = self.as_contig(self.asarray(ids), dtype="uint64")
        words = self.alloc((len(keys), 4), dtype="uint32")
        if len(keys):
            grid, block = _launch_size(len(keys))
            _custom_kernels.MMH(grid, block, (words, keys, numpy.int64(len(keys)), numpy.uint32(seed)))
        return words

    def _sum_sequences(self, X: Any, sizes: numpy.ndarray) -> Any:
        if not _has_kernel(X) or X.ndim != 2:
            return super()._sum_sequences(X, sizes)
        X = self.as_contig(X)
        B, nO = len(sizes), X.shape[1]
        sums = self.alloc((B, nO), dtype=X.dtype)
        _launch("reduce_sum", X.dtype, sums.size, (sums, X, self._ends(sizes), B, nO))
        return sums

    def _ends(self, sizes: numpy.ndarray) -> Any:
        return self.xp.asarray(numpy.cumsum(sizes))

    def _take_rows(self, array: Any, index: Any) -> Any:
        return array[self.xp.asarray(index)]


def _has_kernel(X: Any) -> bool:
    return X.dtype in ("float32", "float64")


def _launch(name: str, dtype: Any, n_threads: int, args: tuple) -> None:
    if n_threads == 0:
        return
    real = {"float32": "float", "float64": "double"}[dtype.name]
    kernel = _custom_kernels.KERNELS.get_function(f"{name}<{real}>")
    kernel(*_launch_size(n_threads), tuple(numpy.int64(arg) if isinstance(arg, int) else arg for arg in args))


def _launch_size(n_threads: int) -> tuple[tuple[int], tuple[int]]:
    return (min(-(-n_threads // 128), 65535),), (128,)
