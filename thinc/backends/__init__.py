"""Array backends, and which one is in use."""

from ..compat import has_cupy
from ._context import (
    context_ops,
    context_pools as context_pools,
    contextvars_eq_thread_ops,
    get_array_ops as get_array_ops,
    get_current_ops,
    get_ops as get_ops,
    set_current_ops,
    set_gpu_allocator as set_gpu_allocator,
    use_ops,
    use_pytorch_for_gpu_memory as use_pytorch_for_gpu_memory,
    use_tensorflow_for_gpu_memory as use_tensorflow_for_gpu_memory,
)
from ._param_server import ParamServer
from .cupy_ops import CupyOps
from .mps_ops import MPSOps
from .numpy_ops import NumpyOps
from .ops import Ops

__all__ = [
    "set_current_ops",
    "get_current_ops",
    "use_ops",
    "ParamServer",
    "Ops",
    "CupyOps",
    "MPSOps",
    "NumpyOps",
    "has_cupy",
]
