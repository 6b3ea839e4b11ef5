"""The public face of the helpers for arrays, devices, seeds and validation.

The flags (``has_torch`` and so on) and modules (``torch``, ``cupy``, ``tf``, ``mx``) are those of
`thinc.compat`, looked up at each use: they follow ``enable_tensorflow``.
"""

# ruff: noqa: F401, F822 -- more is importable than `__all__` has, and flags come from `__getattr__`
from typing import Any

from . import compat
from ._util.array_info import ArrayInfo
from ._util.arrays import (
    copy_array,
    get_array_module,
    get_width,
    is_cupy_array,
    is_jax_array,
    is_jax_gpu_array,
    is_mxnet_array,
    is_mxnet_gpu_array,
    is_numpy_array,
    is_tensorflow_array,
    is_tensorflow_gpu_array,
    is_torch_array,
    is_torch_cuda_array,
    is_torch_gpu_array,
    is_torch_mps_array,
    is_xp_array,
    to_numpy as to_numpy,
)
from ._util.callables import partial
from ._util.categorical import to_categorical
from ._util.files import make_tempfile
from ._util.frameworks import (
    assert_jax_installed,
    assert_mxnet_installed,
    assert_pytorch_installed,
    assert_tensorflow_installed,
)
from ._util.profiling import use_nvtx_range
from ._util.recursive import convert_recursive, iterate_recursive
from ._util.seeds import fix_random_seed
from ._util.validation import (
    DATA_VALIDATION,
    DataValidationError,
    data_validation as data_validation,
    validate_fwd_input_output,
)
from .backends._context import (
    get_torch_default_device,
    gpu_is_available,
    prefer_gpu,
    require_cpu as require_cpu,
    require_gpu,
    set_active_gpu,
)
from .backends._convert import mxnet2xp as mxnet2xp, torch2xp, xp2mxnet as xp2mxnet, xp2torch
from .backends._convert_jax import get_jax_default_device, jax2xp as jax2xp, xp2jax as xp2jax
from .backends._convert_tensorflow import tensorflow2xp, xp2tensorflow

__all__ = [
    "get_array_module",
    "get_torch_default_device",
    "fix_random_seed",
    "is_cupy_array",
    "is_numpy_array",
    "set_active_gpu",
    "prefer_gpu",
    "require_gpu",
    "copy_array",
    "to_categorical",
    "get_width",
    "xp2torch",
    "torch2xp",
    "tensorflow2xp",
    "xp2tensorflow",
    "validate_fwd_input_output",
    "DataValidationError",
    "make_tempfile",
    "use_nvtx_range",
    "ArrayInfo",
    "has_cupy",
    "has_torch",
]

_NAMES_IN_COMPAT = {"tf": "tensorflow", "mx": "mxnet"}
_FROM_COMPAT = {
    *(
        "cupy",
        "torch",
        "jax",
        "has_cupy",
        "has_cupy_gpu",
        "has_gpu",
        "has_jax",
        "has_mxnet",
        "has_tensorflow",
    ),
    *("has_tensorflow_gpu", "has_torch", "has_torch_cuda_gpu", "has_torch_gpu", "has_torch_mps"),
    *("has_torch_mps_gpu", "has_torch_amp", *_NAMES_IN_COMPAT),
}


def __getattr__(name: str) -> Any:
    if name not in _FROM_COMPAT:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(compat, _NAMES_IN_COMPAT.get(name, name))


def __dir__() -> list[str]:
    return sorted({*globals(), *_FROM_COMPAT})
