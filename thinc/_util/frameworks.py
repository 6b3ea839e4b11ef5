"""Checks that a framework is there, with the remedy if it is not."""

from .. import compat


def assert_pytorch_installed() -> None:
    """Raise ImportError unless PyTorch can be imported."""
    if compat.torch is None:
        raise ImportError(
            "PyTorch is needed here, but cannot be imported. Install it with: pip install thinc[torch]"
        )


def assert_tensorflow_installed() -> None:
    """Raise ImportError unless TensorFlow support is on."""
    if not compat.has_tensorflow:
        raise ImportError(_needs_enabling("TensorFlow", "tensorflow"))


def assert_mxnet_installed() -> None:
    """Raise ImportError unless MXNet support is on."""
    if not compat.has_mxnet:
        raise ImportError(_needs_enabling("MXNet", "mxnet"))


def _needs_enabling(framework: str, name: str) -> str:
    return (
        f"{framework} support is needed here, but is off. Install it with: pip install thinc[{name}], "
        f"and turn it on with: thinc.api.enable_{name}()"
    )
