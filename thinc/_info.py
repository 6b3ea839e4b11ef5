"""What this installation runs on: for bug reports, and to see which kernels were chosen."""

import platform
from importlib.util import find_spec
from typing import Any

import numpy

from . import about
from .kernels import _dispatch
from .kernels._threads import get_num_threads

FRAMEWORKS = ("torch", "jax", "tensorflow", "cupy", "ray", "mxnet")


def describe() -> dict[str, Any]:
    """Collect what `info` prints, as a dict of strings, lists and dicts."""
    from .kernels._gemm import describe as describe_products

    return {
        "thinc": about.__version__,
        "python": platform.python_version(),
        "numpy": numpy.__version__,
        "platform": platform.platform(),
        "cpu features": [name for name, found in _dispatch.features().items() if found],
        "kernels": _dispatch.current_isa(),
        "kernels available": _dispatch.available_isas(),
        "matrix products": describe_products(),
        "threads": get_num_threads(),
        "frameworks": [name for name in FRAMEWORKS if find_spec(name) is not None],
    }


def info() -> dict[str, Any]:
    """Print the version, CPU features, kernels, BLIS context, threads and frameworks found; also return them.

    No framework is imported for it.
    """
    found = describe()
    width = max(map(len, found))
    for name, value in found.items():
        print(f"{name:<{width}}  {_text(value)}")
    return found


def _text(value: Any) -> str:
    if isinstance(value, dict):
        entries = [f"{key} {_text(entry)}" for key, entry in value.items() if entry not in ("", None)]
        return "(" + ", ".join(entries) + ")"
    if isinstance(value, list):
        return " ".join(map(str, value)) or "none"
    return str(value)
