"""Which backend is in use: per context, with a record per thread."""

import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from importlib import import_module
from typing import Any

from .. import compat
from .._util.arrays import is_cupy_array
from .._util.frameworks import assert_pytorch_installed, assert_tensorflow_installed
from ..config import registry
from ._cupy_allocators import cupy_pytorch_allocator, cupy_tensorflow_allocator
from .cupy_ops import CupyOps
from .mps_ops import MPSOps
from .numpy_ops import NumpyOps
from .ops import Ops

context_ops: ContextVar[Ops | None] = ContextVar("context_ops", default=None)
# The dict is replaced by a larger one, never changed.
context_pools: ContextVar[dict[Any, Any]] = ContextVar("context_pools", default={})  # noqa: B039
_thread_record = threading.local()


def get_ops(name: str, **kwargs: Any) -> Ops:
    """A new backend.

    Parameters
    ----------
    name
        The class attribute `name` of a class in the registry `ops`: "numpy", "cupy", "mps", or that of
        another package. "cpu" is the best for this machine: thinc_bigendian_ops or thinc_apple_ops where
        installed, else "numpy".
    **kwargs
        For the constructor.

    Raises
    ------
    ValueError
        If there is no such backend.
    """
    if name == "cpu":
        for package in ("thinc_apple_ops", "thinc_bigendian_ops"):
            _import_if_installed(package)
    backends: Any = registry.ops
    by_name = {cls.name: cls for cls in backends.get_all().values()}
    if name == "cpu":
        cls = by_name.get("bigendian") or by_name.get("apple") or by_name["numpy"]
    elif name in by_name:
        cls = by_name[name]
    else:
        known = ", ".join(sorted({"cpu", *by_name}))
        raise ValueError(f"Invalid backend: {name!r}. Expected one of: {known}")
    return cls(**kwargs)


def _import_if_installed(package: str) -> None:
    """Import a package for the backends it registers."""
    try:
        import_module(package)
    except ImportError:
        return


def get_array_ops(arr: Any) -> Ops:
    """A new `CupyOps` for a CuPy array, a new `NumpyOps` for anything else."""
    return CupyOps() if is_cupy_array(arr) else NumpyOps()


def get_current_ops() -> Ops:
    """The backend in use in this context; if none was chosen, the one for the CPU, which is set."""
    ops = context_ops.get()
    if ops is None:
        require_cpu()
        ops = context_ops.get()
    return ops  # type: ignore[return-value]


def set_current_ops(ops: Ops) -> None:
    """Use this backend from now on in this context."""
    if ops is not None and not isinstance(ops, Ops):
        raise TypeError(f"Cannot use {ops!r} as a backend: expected an Ops object, such as get_ops('cpu')")
    context_ops.set(ops)
    _thread_record.ops = ops


@contextmanager
def use_ops(name: str, **kwargs: Any) -> Iterator[None]:
    """Use the backend `name` (see `get_ops`) inside a ``with`` block; afterwards the one from before."""
    ops = get_ops(name, **kwargs)
    before = get_current_ops()
    set_current_ops(ops)
    try:
        yield
    finally:
        set_current_ops(before)


def contextvars_eq_thread_ops() -> bool:
    """Whether context and thread have backends of the same type; notebooks can lose context variables."""
    return type(context_ops.get()) is type(getattr(_thread_record, "ops", None))


def require_cpu() -> bool:
    """Use the best backend for the CPU. Returns True."""
    set_current_ops(get_ops("cpu"))
    return True


def gpu_is_available() -> bool:
    """Whether there is a GPU to use, through CuPy or, on a Mac, PyTorch."""
    return compat.has_gpu


def prefer_gpu(gpu_id: int = 0) -> bool:
    """Use a GPU if there is one. Returns whether there is."""
    available = gpu_is_available()
    if available:
        require_gpu(gpu_id)
    return available


def require_gpu(gpu_id: int = 0) -> bool:
    """Use a GPU: the CUDA device `gpu_id`, or Apple's. Returns True.

    Raises
    ------
    ValueError
        If there is no GPU, or no library to use it with.
    """
    if sys.platform == "darwin":
        if compat.torch is None:
            raise ValueError(
                "Cannot use GPU, PyTorch is not installed. Install it with: pip install thinc[torch]"
            )
        if not compat.has_torch_mps:
            raise ValueError(
                "Cannot use GPU, the installed PyTorch does not support MPS. Install a newer one."
            )
    elif not compat.has_cupy:
        raise ValueError("Cannot use GPU, CuPy is not installed. Install it with: pip install thinc[cuda12x]")
    if not compat.has_gpu:
        raise ValueError("No GPU devices detected")
    if compat.has_cupy_gpu:
        set_active_gpu(gpu_id)
        set_current_ops(CupyOps())
    else:
        set_current_ops(MPSOps())
    return True


def set_active_gpu(gpu_id: int) -> Any:
    """Select a CUDA device for CuPy and PyTorch, and return it as a ``cupy.cuda.Device``.

    Raises
    ------
    ValueError
        If there is no CUDA device.
    """
    if not compat.has_cupy_gpu:
        raise ValueError("No CUDA GPU devices detected")
    device = compat.cupy.cuda.device.Device(gpu_id)
    device.use()
    if compat.has_torch_cuda_gpu:
        compat.torch.cuda.set_device(gpu_id)
    return device


def get_torch_default_device() -> Any:
    """The ``torch.device`` that belongs to the backend in use.

    Raises
    ------
    ValueError
        Without PyTorch.
    """
    torch = compat.torch
    if torch is None:
        raise ValueError("Cannot get the default PyTorch device: PyTorch is not installed")
    ops = get_current_ops()
    if isinstance(ops, CupyOps):
        return torch.device(f"cuda:{torch.cuda.current_device()}")
    return torch.device("mps" if isinstance(ops, MPSOps) else "cpu")


def set_gpu_allocator(allocator: str) -> None:
    """Let CuPy take device memory from "pytorch" or "tensorflow"; ValueError for other names."""
    if allocator == "pytorch":
        use_pytorch_for_gpu_memory()
    elif allocator == "tensorflow":
        use_tensorflow_for_gpu_memory()
    else:
        raise ValueError(
            f"Invalid 'gpu_allocator' argument: {allocator!r}. Expected 'pytorch' or 'tensorflow'"
        )


def use_pytorch_for_gpu_memory() -> None:
    """Let CuPy take device memory from PyTorch. Does nothing unless PyTorch's default device is CUDA."""
    assert_pytorch_installed()
    if get_torch_default_device().type == "cuda":
        _use_pool("pytorch", cupy_pytorch_allocator)


def use_tensorflow_for_gpu_memory() -> None:
    """Let CuPy take device memory from TensorFlow. Does nothing without a CUDA device."""
    assert_tensorflow_installed()
    if compat.has_cupy_gpu:
        _use_pool("tensorflow", cupy_tensorflow_allocator)


def _use_pool(name: str, allocator: Any) -> None:
    cuda = compat.cupy.cuda
    pools = context_pools.get()
    if name not in pools:
        pools = {**pools, name: cuda.MemoryPool(allocator=allocator)}
        context_pools.set(pools)
    cuda.set_allocator(pools[name].malloc)
