"""NumpyOps: the reference operations with the compiled ones of the `_cpu_*` modules in front."""
import numpy

from ..config import registry
from ._cpu_activations import CpuActivations
from ._cpu_matrix import CpuMatrix
from ._cpu_maxout import CpuMaxout
from ._cpu_memory import CpuMemory
from ._cpu_normalize import CpuNormalize
from ._cpu_padding import CpuPadding
from ._cpu_random import CpuRandom
from ._cpu_selection import CpuSelection
from ._cpu_sequences import CpuSequences
from ._cpu_tables import CpuTables
from ._cpu_training import CpuTraining
from .ops import Ops


@registry.ops("NumpyOps")
class NumpyOps(
    CpuActivations,
    CpuMatrix,
    CpuNormalize,
    CpuMaxout,
    CpuMemory,
    CpuPadding,
    CpuRandom,
    CpuSelection,
    CpuSequences,
    CpuTables,
    CpuTraining,
    Ops,
):
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
