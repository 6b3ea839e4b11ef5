"""NumpyOps: the reference operations with the compiled ones of the `_cpu_*` modules in front."""
from importlib.util import find_spec

import numpy

from ..config import registry
from ._cpu_activations import CpuActivations
from ._cpu_attention import CpuAttention
from ._cpu_fused import CpuFused
from ._cpu_gated import CpuGated
from ._cpu_lstm import CpuLSTM, backprop_lstm, lstm_forward_training
from ._cpu_matrix import CpuMatrix
from ._cpu_maxout import CpuMaxout
from ._cpu_memory import CpuMemory
from ._cpu_normalize import CpuNormalize
from ._cpu_padding import CpuPadding
from ._cpu_random import CpuRandom
from ._cpu_selection import CpuSelection
from ._cpu_sequences import CpuSequences, check_seq2col_lengths
from ._cpu_tables import CpuTables
from ._cpu_training import CpuTraining
from .ops import Ops

__all__ = [
    "NumpyOps", "has_blis", "check_seq2col_lengths", "cpu_clip_gradient", "add_gradient_noise",
    "lstm_forward_training", "backprop_lstm",
]

# Whether the package blis is installed; `use_blis` does not depend on it, as our kernels need no other.
has_blis = find_spec("blis") is not None


@registry.ops("NumpyOps")
class NumpyOps(
    CpuActivations,
    CpuAttention,
    CpuFused,
    CpuGated,
    CpuLSTM,
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


def cpu_clip_gradient(gradient, threshold):
    """Scale a gradient in place so that its Euclidean norm is at most `threshold`."""
    NumpyOps().clip_gradient(gradient, threshold)


def add_gradient_noise(gradient, noise_level, timestep):
    """Add Gaussian noise to a gradient, in place (Neelakantan et al. 2015, https://arxiv.org/abs/1511.06807).

    Its standard deviation is ``noise_level / (1 + timestep) ** 0.55``; below 1e-6 nothing is added. The numbers
    are drawn from ``numpy.random``.
    """
    scale = noise_level / (1 + timestep) ** 0.55
    if scale >= 1e-6:
        gradient += numpy.random.normal(0, scale, gradient.shape).astype(gradient.dtype)
