"""Functions that draw the first weights of a parameter.

Each takes the ops and a shape, weights being (nO, nI), and returns float32. All draw from NumPy's global
generator on the CPU, once, so that a seed gives the same weights on every device.
"""

import math
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, cast

import numpy

from ._util.callables import partial
from .config import registry
from .types import FloatsXd, Shape

if TYPE_CHECKING:
    from .backends import Ops

__all__ = [
    "glorot_normal_init",
    "glorot_uniform_init",
    "he_normal_init",
    "he_uniform_init",
    "lecun_normal_init",
    "lecun_uniform_init",
    "normal_init",
    "uniform_init",
    "zero_init",
]

Initializer = Callable[..., FloatsXd]


def lecun_normal_init(ops: "Ops", shape: Shape) -> FloatsXd:
    """Normal with deviation sqrt(1 / nI) (LeCun et al. 1998, Efficient BackProp)."""
    return _normal(ops, shape, math.sqrt(1.0 / max(1, _fans(shape)[1])))


@registry.initializers("lecun_normal_init.v1")
def configure_lecun_normal_init() -> Initializer:
    """`lecun_normal_init` for configs."""
    return partial(lecun_normal_init)


def he_normal_init(ops: "Ops", shape: Shape) -> FloatsXd:
    """Normal with deviation sqrt(2 / nI) (He et al. 2015, arXiv:1502.01852)."""
    return _normal(ops, shape, math.sqrt(2.0 / max(1, _fans(shape)[1])))


@registry.initializers("he_normal_init.v1")
def configure_he_normal_init() -> Initializer:
    """`he_normal_init` for configs."""
    return partial(he_normal_init)


def glorot_normal_init(ops: "Ops", shape: Shape) -> FloatsXd:
    """Normal with deviation sqrt(2 / (nO + nI)) (Glorot & Bengio 2010)."""
    return _normal(ops, shape, math.sqrt(2.0 / max(1, sum(_fans(shape)))))


@registry.initializers("glorot_normal_init.v1")
def configure_glorot_normal_init() -> Initializer:
    """`glorot_normal_init` for configs."""
    return partial(glorot_normal_init)


def lecun_uniform_init(ops: "Ops", shape: Shape) -> FloatsXd:
    """Uniform within ± sqrt(3 / nI) (LeCun et al. 1998, Efficient BackProp)."""
    return _uniform(ops, shape, math.sqrt(3.0 / max(1, _fans(shape)[1])))


@registry.initializers("lecun_uniform_init.v1")
def configure_lecun_uniform_init() -> Initializer:
    """`lecun_uniform_init` for configs."""
    return partial(lecun_uniform_init)


def he_uniform_init(ops: "Ops", shape: Shape) -> FloatsXd:
    """Uniform within ± sqrt(6 / nI) (He et al. 2015, arXiv:1502.01852)."""
    return _uniform(ops, shape, math.sqrt(6.0 / max(1, _fans(shape)[1])))


@registry.initializers("he_uniform_init.v1")
def configure_he_uniform_init() -> Initializer:
    """`he_uniform_init` for configs."""
    return partial(he_uniform_init)


def glorot_uniform_init(ops: "Ops", shape: Shape) -> FloatsXd:
    """Uniform within ± sqrt(6 / (nO + nI)) (Glorot & Bengio 2010)."""
    return _uniform(ops, shape, math.sqrt(6.0 / max(1, sum(_fans(shape)))))


@registry.initializers("glorot_uniform_init.v1")
def configure_glorot_uniform_init() -> Initializer:
    """`glorot_uniform_init` for configs."""
    return partial(glorot_uniform_init)


def zero_init(ops: "Ops", shape: Shape) -> FloatsXd:
    """Zeros."""
    return ops.alloc_f(shape)


@registry.initializers("zero_init.v1")
def configure_zero_init() -> Initializer:
    """`zero_init` for configs."""
    return partial(zero_init)


def uniform_init(ops: "Ops", shape: Shape, *, lo: float = -0.1, hi: float = 0.1) -> FloatsXd:
    """Uniform from `lo` to `hi`."""
    return ops.asarray_f(numpy.random.uniform(lo, hi, shape))


@registry.initializers("uniform_init.v1")
def configure_uniform_init(*, lo: float = -0.1, hi: float = 0.1) -> Initializer:
    """`uniform_init` for configs."""
    return partial(uniform_init, lo=lo, hi=hi)


def normal_init(ops: "Ops", shape: Shape, *, mean: float = 0) -> FloatsXd:
    """Normal around 0.

    Parameters
    ----------
    mean : float
        The standard deviation, whatever its name says: callers depend on both. The default gives zeros.
    """
    return _normal(ops, shape, mean)


@registry.initializers("normal_init.v1")
def configure_normal_init(*, mean: float = 0) -> Initializer:
    """`normal_init` for configs."""
    return partial(normal_init, mean=mean)


def _fans(shape: Shape) -> tuple[int, int]:
    """nO and nI of weights, which the spread depends on."""
    if not isinstance(shape, (tuple, list)) or len(shape) < 2:
        raise IndexError(
            f"Cannot draw weights of shape {shape}: how far they spread depends on nO and nI, so expected "
            "(nO, nI). For vectors there are zero_init, uniform_init and normal_init"
        )
    return shape[0], shape[1]


def _uniform(ops: Any, shape: Shape, limit: float) -> FloatsXd:
    return cast(FloatsXd, ops.asarray_f(numpy.random.uniform(-limit, limit, shape)))


def _normal(ops: Any, shape: Shape, deviation: float) -> FloatsXd:
    return cast(FloatsXd, ops.asarray_f(numpy.random.normal(0.0, deviation, shape)))
