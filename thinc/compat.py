"""Optional frameworks and devices, looked up when first asked for.

Importing this module imports nothing. ``has_torch`` and ``has_cupy`` say whether the package is installed;
asking for a module (``torch``) or a device (``has_torch_cuda_gpu``) imports the framework. A module that is
missing or fails to import is ``None``, and its flags are then false. TensorFlow stays off until
`enable_tensorflow` is called. MXNet is retired: its names are kept, and say so when they are used.
"""

import importlib
import sys
import warnings
from collections.abc import Callable
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from packaging.version import Version

    # The static view of what `__getattr__` finds.
    cupy: Any
    cupyx: Any
    cublas: Any
    torch: Any
    jax: Any
    h5py: Any
    os_signpost: Any
    cupy_from_dlpack: Any
    cupy_version: Version
    torch_version: Version
    has_cupy: bool
    has_cupy_gpu: bool
    has_torch: bool
    has_torch_gpu: bool
    has_torch_cuda_gpu: bool
    has_torch_mps: bool
    has_torch_mps_gpu: bool
    has_torch_amp: bool
    has_jax: bool
    has_os_signpost: bool
    has_gpu: bool

__all__ = ["cupy", "cupyx", "torch", "tensorflow", "mxnet", "h5py", "os_signpost"]

tensorflow: Any = None
has_tensorflow: bool = False
has_tensorflow_gpu: bool = False
mxnet: Any = None
has_mxnet: bool = False
MXNET_IS_RETIRED = (
    "MXNet is needed here, but was retired in 2023: none of its releases runs with NumPy 2. "
    "Use PyTorch instead (pip install thinc[torch]), or JAX (pip install thinc[jax])."
)


def __getattr__(name: str) -> Any:
    find = _LOOKUPS.get(name)
    if find is None:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = globals()[name] = find()
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *_LOOKUPS})


def enable_tensorflow() -> None:
    """Import TensorFlow and turn its support on.

    Raises
    ------
    ImportError
        If TensorFlow is not installed.
    """
    global tensorflow, has_tensorflow, has_tensorflow_gpu
    _warn_deprecated("TensorFlow")
    module = importlib.import_module("tensorflow")
    importlib.import_module("tensorflow.experimental.dlpack")
    gpus = module.config.experimental.list_physical_devices("GPU")
    tensorflow, has_tensorflow, has_tensorflow_gpu = module, True, bool(gpus)


def enable_mxnet() -> None:
    """Say that MXNet is retired.

    Raises
    ------
    ImportError
        Always; the message names what to use instead.
    """
    _warn_deprecated("MXNet")
    raise ImportError(MXNET_IS_RETIRED)


def _warn_deprecated(framework: str) -> None:
    message = f"Built-in {framework} support is deprecated and will be removed in a later version"
    warnings.warn(message, DeprecationWarning, stacklevel=3)


def _load(name: str) -> Any:
    """The module `name`, or None where it is missing or broken."""
    try:
        return importlib.import_module(name)
    except ImportError:
        return None


def _installed(name: str) -> bool:
    if name in globals():  # looked up before: then we know whether it really imports
        return globals()[name] is not None
    if name in sys.modules:
        return sys.modules[name] is not None
    return find_spec(name) is not None


def _load_framework(name: str) -> Any:
    module = _load(name) if _installed(name) else None
    globals()[f"has_{name}"] = module is not None
    return module


def _this(name: str) -> Any:
    return getattr(sys.modules[__name__], name)


def _version(name: str) -> Any:
    from packaging.version import Version

    module = _this(name)
    return Version("0.0.0" if module is None else module.__version__)


def _part_of_cupy(name: str) -> Any:
    return None if _this("cupy") is None else _load(name)


def _cupy_from_dlpack() -> Any:
    cupy = _this("cupy")
    return getattr(cupy, "from_dlpack", None) or getattr(cupy, "fromDlpack", None)


def _has_cupy_gpu() -> bool:
    cupy = _this("cupy") if _this("has_cupy") else None
    if cupy is None:
        return False
    try:
        cupy.cuda.runtime.getDeviceCount()
    except cupy.cuda.runtime.CUDARuntimeError:  # no driver or no device
        return False
    return True


def _torch_module() -> Any:
    return _this("torch") if _this("has_torch") else None


def _has_torch_cuda_gpu() -> bool:
    torch = _torch_module()
    return torch is not None and bool(torch.cuda.is_available())


def _has_torch_mps(check: str) -> bool:
    if sys.platform != "darwin":  # nothing to find elsewhere, so leave torch alone
        return False
    mps = getattr(getattr(_torch_module(), "backends", None), "mps", None)
    return mps is not None and bool(getattr(mps, check)())


def _has_torch_amp() -> bool:
    from packaging.version import Version

    if _torch_module() is None or _this("torch_version") < Version("1.9.0"):
        return False
    return _this("has_torch_cuda_gpu") or find_spec("torch_xla") is not None


_LOOKUPS: dict[str, Callable[[], Any]] = {
    "cupy": lambda: _load_framework("cupy"),
    "cupyx": lambda: _part_of_cupy("cupyx"),
    "cublas": lambda: _part_of_cupy("cupy.cublas"),
    "cupy_version": lambda: _version("cupy"),
    "cupy_from_dlpack": _cupy_from_dlpack,
    "has_cupy": lambda: _installed("cupy"),
    "has_cupy_gpu": _has_cupy_gpu,
    "torch": lambda: _load_framework("torch"),
    "torch_version": lambda: _version("torch"),
    "has_torch": lambda: _installed("torch"),
    "has_torch_gpu": lambda: _this("has_torch_cuda_gpu"),
    "has_torch_cuda_gpu": _has_torch_cuda_gpu,
    "has_torch_mps": lambda: _has_torch_mps("is_built"),
    "has_torch_mps_gpu": lambda: _has_torch_mps("is_available"),
    "has_torch_amp": _has_torch_amp,
    "jax": lambda: _load_framework("jax"),
    "has_jax": lambda: _installed("jax"),
    "h5py": lambda: _load("h5py"),
    "os_signpost": lambda: _load("os_signpost"),
    "has_os_signpost": lambda: _this("os_signpost") is not None,
    "has_gpu": lambda: _this("has_cupy_gpu") or _this("has_torch_mps_gpu"),
}
