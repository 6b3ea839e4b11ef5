"""Launching kernels on CuPy's arrays."""

from typing import Any

import numpy

from .. import _custom_kernels

REALS = {"float32": "float", "float64": "double"}
INTEGERS = {"int32": "int", "int64": "long long"}
BLOCK = 128  # threads
MAX_BLOCKS = 65535
WARP = 32


def has_kernel(*arrays: Any) -> bool:
    """Whether the arrays are all float32, or all float64."""
    return arrays[0].dtype.name in REALS and all(array.dtype == arrays[0].dtype for array in arrays)


def flag(ops: Any) -> Any:
    """What a kernel sets to 1 if something is wrong with its input; reading it waits for the kernel."""
    return ops.alloc((1,), dtype="int32")


def launch(name: str, like: Any, n_threads: int, *args: Any, of: str = "") -> None:
    """Run ``name<T>``, or ``name<of, T>``, with the T of an array, in about as many threads as there is work for.

    `args` are contiguous arrays, and numbers: an int becomes a long long and a float a T, as the kernels have them.
    """
    real = like.dtype.type
    types = ", ".join(filter(None, (of, REALS[like.dtype.name])))
    launch_named(
        f"{name}<{types}>", n_threads, *(real(arg) if isinstance(arg, float) else arg for arg in args)
    )


def launch_named(expression: str, n_threads: int, *args: Any) -> None:
    """Run a kernel of `KERNELS_LIST`."""
    if n_threads == 0:
        return
    blocks = min(-(-n_threads // BLOCK), MAX_BLOCKS)
    kernel = _custom_kernels.KERNELS.get_function(expression)
    kernel((blocks,), (BLOCK,), tuple(numpy.int64(arg) if type(arg) is int else arg for arg in args))
