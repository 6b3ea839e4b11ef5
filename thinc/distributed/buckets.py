"""Averages many arrays over the workers in few messages: flat buffers of some megabytes."""

from typing import Any, Literal

import numpy

from .._util.arrays import copy_array, get_array_module, is_cupy_array, to_numpy
from .communicator import Communicator

Reduction = Literal["mean", "sum"]

# Large enough that latency does not count, small enough to stay in the cache between copy and sum.
BUCKET_BYTES = 4 * 2**20


def plan_buckets(
    shapes: list[tuple[int, ...]], dtypes: list[Any], bucket_bytes: int = BUCKET_BYTES
) -> list[list[int]]:
    """Divide arrays into buckets: runs of one type, in order, none larger than `bucket_bytes` but single arrays.

    Returns
    -------
    list of list of int
        The positions of the arrays in each bucket.
    """
    buckets: list[list[int]] = []
    filled = 0
    for i, (shape, dtype) in enumerate(zip(shapes, dtypes, strict=True)):
        nbytes = int(numpy.prod(shape, dtype=numpy.int64)) * numpy.dtype(dtype).itemsize
        if buckets and dtype == dtypes[i - 1] and filled + nbytes <= bucket_bytes:
            buckets[-1].append(i)
            filled += nbytes
        else:
            buckets.append([i])
            filled = nbytes
    return buckets


def pack(arrays: list[Any], xp: Any = numpy) -> Any:
    """The numbers of arrays of one type, one array after the other, as a new 1-d array, in main memory for NumPy."""
    members = map(to_numpy, arrays) if xp is numpy else arrays
    return xp.concatenate([array.reshape(-1) for array in members])


def unpack_into(buffer: Any, arrays: list[Any]) -> None:
    """Write what `pack` gave back into arrays of the same shapes."""
    start = 0
    for array in arrays:
        stop = start + array.size
        copy_array(array, buffer[start:stop].reshape(array.shape))
        start = stop


def average_(
    arrays: list[Any],
    communicator: Communicator,
    bucket_bytes: int = BUCKET_BYTES,
    *,
    reduction: Reduction = "mean",
) -> None:
    """Replace arrays of floats, in place, by their means over the workers: the same bits everywhere.

    Parameters
    ----------
    arrays : list of array
        Of the same shapes and types, in the same order, on every worker; on any device, in any layout.
    communicator : Communicator
    bucket_bytes : int
        The largest buffer to be made. It must be the same on every worker.
    reduction : {"mean", "sum"}
        The sums, if not the means.
    """
    if getattr(communicator, "takes_device_arrays", False):
        on_device = [array for array in arrays if is_cupy_array(array)]
        arrays = [array for array in arrays if not is_cupy_array(array)]
        if on_device:
            xp = get_array_module(on_device[0])
            _average_buckets(on_device, communicator, bucket_bytes, reduction, xp)
    _average_buckets(arrays, communicator, bucket_bytes, reduction, numpy)


def _average_buckets(
    arrays: list[Any], communicator: Communicator, bucket_bytes: int, reduction: Reduction, xp: Any
) -> None:
    """Average arrays in buffers of NumPy or, if all of them are on one device, of CuPy."""
    for bucket in plan_buckets(
        [array.shape for array in arrays], [array.dtype for array in arrays], bucket_bytes
    ):
        members = [arrays[i] for i in bucket]
        first = members[0]
        is_flat = len(members) == 1 and isinstance(first, xp.ndarray) and first.flags.c_contiguous
        buffer = first.reshape(-1) if is_flat else pack(members, xp)  # flat already: nothing to copy
        communicator.allreduce_(buffer)
        if reduction == "mean":
            buffer /= communicator.world_size
        if not is_flat:
            unpack_into(buffer, members)
