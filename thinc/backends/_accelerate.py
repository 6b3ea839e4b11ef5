"""Apple's Accelerate, whose products run on a unit of the processor that only it can use."""

import ctypes
import sys

import numpy

LIBRARY = "/System/Library/Frameworks/Accelerate.framework/Accelerate"
ROUTINES = ("cblas_sgemm", "cblas_saxpy", "cblas_daxpy")


def find_routines() -> tuple[int, int, int]:
    """The addresses of single-precision products, and of additions in both precisions; zeros without Accelerate.

    It is taken where NumPy takes it: wheels for older systems bring another library, as Accelerate had errors there.
    """
    if sys.platform != "darwin" or not _numpy_uses_it():
        return 0, 0, 0
    return routines_of(LIBRARY)


def routines_of(library: str) -> tuple[int, int, int]:
    """The addresses of the routines in a library with the C interface of BLAS, for 32-bit integers."""
    functions = ctypes.CDLL(library)
    addresses = [ctypes.cast(functions[name], ctypes.c_void_p).value or 0 for name in ROUTINES]
    return addresses[0], addresses[1], addresses[2]


def _numpy_uses_it() -> bool:
    config = getattr(numpy.__config__, "CONFIG", {})
    name: str = config.get("Build Dependencies", {}).get("blas", {}).get("name", "")
    return name.lower() == "accelerate"
