"""NumpyOps: check, allocate, release the GIL, call a kernel."""
cimport cython
cimport numpy as cnp

import numpy

from ..kernels._dispatch cimport RealKernels, active, real_kernels

from ..config import registry
from .ops import Ops

cnp.import_array()

ctypedef fused real:
    float
    double


@registry.ops("NumpyOps")
class NumpyOps(Ops):
    """Array operations on the CPU, by compiled kernels."""

    name = "numpy"
    xp = numpy

    def __init__(self, device_type="cpu", device_id=-1, *, use_blis=True):
        self.device_type = device_type
        self.device_id = device_id
        self.use_blis = use_blis
