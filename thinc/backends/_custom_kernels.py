"""The CUDA kernels of ``_cuda/*.cu``, compiled by CuPy for the GPU at hand when first asked for."""

import functools
import os
from typing import TYPE_CHECKING, Any

from .. import compat

if TYPE_CHECKING:
    KERNELS: Any

FOLDER = os.path.join(os.path.dirname(__file__), "_cuda")
ACTIVATIONS = (
    "Sigmoid", "Relu", "ClippedLinear", "Swish", "HardSwish", "HardSwishMobilenet", "Dish", "Gelu", "GeluApprox",
    "Mish",
)  # fmt: skip
RULES = ("Sgd", "Momentum", "Adam", "HeavyBall", "NAdam", "Lion")
_OF_REALS = (
    "maxout", "backprop_maxout", "seq2col", "backprop_seq2col",
    "reduce_sum", "backprop_reduce_sum", "reduce_max", "backprop_reduce_max",
    "gather_add", "scatter_add",
    "softmax", "backprop_softmax", "layernorm", "backprop_layernorm", "backprop_layernorm_weights",
    "cross_entropy_labels", "squared_error", "cosine_distance",
    "pad",
)  # fmt: skip

# The C++ names of all kernels.
KERNELS_LIST = [
    *(f"{name}<{real}>" for name in _OF_REALS for real in ("float", "double")),
    *(
        f"{name}<{kind}, {real}>"
        for name, kinds in (
            ("activate", ACTIVATIONS),
            ("backprop_activation", ACTIVATIONS),
            ("update", RULES),
        )
        for kind in kinds
        for real in ("float", "double")
    ),
    "pad<int>",
    "pad<long long>",
    "hash_data",
    "hash_rows",
]


def read_source() -> str:
    """The text of all kernels, which is compiled as one."""
    from pathlib import Path

    files = sorted(Path(FOLDER).glob("*.cu"), key=lambda path: (path.name != "common.cu", path.name))
    return "\n".join(path.read_text(encoding="utf8") for path in files)


@functools.cache
def compile_kernels() -> Any:
    """The CuPy module with the kernels of `KERNELS_LIST`; None without a GPU."""
    if not compat.has_cupy_gpu:
        return None
    return compat.cupy.RawModule(code=read_source(), options=("--std=c++11",), name_expressions=KERNELS_LIST)


def compile_mmh() -> Any:
    """The kernel ``hash_data(words, keys, N, seed)``; None without a GPU."""
    module = compile_kernels()
    return module and module.get_function("hash_data")


def __getattr__(name: str) -> Any:
    # Asking for it imports CuPy and needs the device, so not before somebody does.
    if name == "KERNELS":
        return compile_kernels()
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
