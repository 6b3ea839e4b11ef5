"""Padding of sequences on the GPU: one kernel, in place of a copy for each sequence."""

import math
from typing import Any

import numpy

from .._ops_padding import PaddingOps
from .launch import INTEGERS, REALS, launch_named


class CudaPadding(PaddingOps):
    """Sequences of different lengths as one array."""

    def _fill_padded(self, output: Any, seqs: Any) -> None:
        types = REALS | INTEGERS
        if output.dtype.name not in types or not output.size:
            super()._fill_padded(output, seqs)
            return
        seqs = [self.as_contig(seq) for seq in seqs]  # alive until the kernel has been queued
        pointers = self.xp.asarray(numpy.array([address(seq) for seq in seqs], dtype="uint64"))
        sizes = self.xp.asarray(numpy.array([seq.size for seq in seqs], dtype="int64"))
        longest = math.prod(output.shape[1:])
        kernel = f"pad<{types[output.dtype.name]}>"
        launch_named(kernel, output.size, output, pointers, sizes, len(seqs), longest)


def address(array: Any) -> int:
    """Where the data of an array is, in the memory of its device."""
    return array.ctypes.data if isinstance(array, numpy.ndarray) else array.data.ptr
