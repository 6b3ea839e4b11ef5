"""MXNetWrapper: a name that is kept. MXNet is retired."""

from typing import Any, Callable, Optional

from .._util.frameworks import assert_mxnet_installed
from ..config import registry
from ..model import Model


@registry.layers("MXNetWrapper.v1")
def MXNetWrapper(
    mxnet_model: Any,
    convert_inputs: Optional[Callable[..., Any]] = None,
    convert_outputs: Optional[Callable[..., Any]] = None,
    model_class: type[Model[Any, Any]] = Model,
    model_name: str = "mxnet",
) -> Model[Any, Any]:
    """Raise ImportError: MXNet is retired. Use `PyTorchWrapper` or `JAXWrapper`."""
    assert_mxnet_installed()


def forward(model: Model[Any, Any], X: Any, is_train: bool) -> tuple[Any, Callable[..., Any]]:
    """Raise ImportError: MXNet is retired."""
    assert_mxnet_installed()


def convert_mxnet_default_inputs(model: Model[Any, Any], X: Any, is_train: bool) -> Any:
    """Raise ImportError: MXNet is retired."""
    assert_mxnet_installed()


def convert_mxnet_default_outputs(model: Model[Any, Any], X_Ymxnet: Any, is_train: bool) -> Any:
    """Raise ImportError: MXNet is retired."""
    assert_mxnet_installed()
