"""MPSOps: PyTorch layers on Apple's GPU, everything else on the CPU."""

from typing import Any

from ..config import registry
from .numpy_ops import NumpyOps


def _find_base() -> Any:
    try:
        from thinc_apple_ops import AppleOps
    except ImportError:
        return NumpyOps
    return AppleOps


_Base: Any = _find_base()


@registry.ops("MPSOps")
class MPSOps(_Base):  # type: ignore[misc]
    """Operations on arrays in main memory; PyTorch takes Apple's GPU as its default device.

    A subclass of `AppleOps` where thinc_apple_ops is installed, else of `NumpyOps`.
    """

    name = "mps"
