"""Matrix products for raw arrays, called as Cython code calls them."""

import ctypes

from helpers.c_interface import POINTER, capsule_address, capsule_name
from thinc.kernels import _gemm

SIZE = ctypes.c_ssize_t
REAL = {"float32": ctypes.c_float, "float64": ctypes.c_double}


def c_function(module, name, *argtypes):
    """A function of a Cython module's C interface; it is called without the GIL."""
    capsule = module.__pyx_capi__[name]
    return ctypes.CFUNCTYPE(None, *argtypes)(capsule_address(capsule, capsule_name(capsule)))


def strides(X):
    return [stride // X.itemsize for stride in X.strides]


def multiply(A, B, C, alpha=1.0, beta=0.0, bias=None):
    """C = alpha * A B + beta * C + bias, by `sgemm` or `dgemm` of `thinc.kernels._gemm`."""
    real = REAL[str(C.dtype)]
    operand = [POINTER, SIZE, SIZE]
    function = c_function(
        _gemm,
        "sgemm" if C.dtype == "float32" else "dgemm",
        *[SIZE, SIZE, SIZE, real, *operand, *operand, real, POINTER, SIZE, POINTER],
    )
    M, K = A.shape
    function(
        *[M, B.shape[1], K, alpha, A.ctypes.data, *strides(A), B.ctypes.data, *strides(B)],
        *[beta, C.ctypes.data, strides(C)[0], None if bias is None else bias.ctypes.data],
    )
    return C


def matrix(rng, rows, columns, transposed, dtype):
    """Normally distributed values; transposed: the columns are adjacent in memory, not the rows."""
    if transposed:
        return rng.normal(size=(columns, rows)).astype(dtype).T
    return rng.normal(size=(rows, columns)).astype(dtype)
