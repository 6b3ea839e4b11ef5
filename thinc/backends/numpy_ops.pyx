"""NumpyOps: the reference operations with the compiled ones of the `_cpu_*` modules in front."""
import numpy

from ..config import registry
from ._cpu_activations import CpuActivations
from ._cpu_matrix import CpuMatrix
from ._cpu_sequences import CpuSequences
from ._cpu_tables import CpuTables
from .ops import Ops


@registry.ops("NumpyOps")
class NumpyOps(CpuActivations, CpuMatrix, CpuSequences, CpuTables, Ops):
    """Array operations on the CPU, by compiled kernels.

    Parameters
    ----------
    device_type, device_id
        Kept as attributes; a CPU has no use for them.
    use_blis
        Multiply matrices with our kernels and BLIS; otherwise with `numpy.dot`.
    """

    name = "numpy"
    xp = numpy

    def __init__(self, device_type="cpu", device_id=-1, *, use_blis=True):
        self.device_type = device_type
        self.device_id = device_id
        self.use_blis = use_blis
