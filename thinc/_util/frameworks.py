"""Checks that a framework is there, with the remedy if it is not."""

from typing import NoReturn

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
        raise ImportError(
            "TensorFlow support is needed here, but is off. Install it with: pip install thinc[tensorflow], "
            "and turn it on with: thinc.api.enable_tensorflow()"
        )


def assert_mxnet_installed() -> NoReturn:
    """Raise ImportError: MXNet is retired."""
    raise ImportError(compat.MXNET_IS_RETIRED)


def assert_jax_installed() -> None:
    """Raise ImportError unless JAX can be imported."""
    if compat.jax is None:
        raise ImportError(
            "JAX is needed here, but cannot be imported. Install it with: pip install thinc[jax]"
        )
