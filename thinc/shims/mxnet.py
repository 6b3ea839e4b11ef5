"""MXNetShim: a name that is kept. MXNet is retired."""

from typing import Any, Dict, Optional

from .._util.frameworks import assert_mxnet_installed
from .shim import Shim


class MXNetShim(Shim):
    """Raise ImportError when made: MXNet is retired. Use ``PyTorchShim`` or ``JAXShim``."""

    def __init__(self, model: Any, config: Optional[Dict[str, Any]] = None, optimizer: Any = None):
        assert_mxnet_installed()

    def copy(self, ctx: Any = None) -> "MXNetShim":
        """Raise ImportError."""
        assert_mxnet_installed()
