"""The base class of the losses."""

from abc import abstractmethod
from collections.abc import Sequence
from typing import Any, Generic, Optional, TypeVar, Union

import numpy

from ._util.arrays import is_cupy_array
from .types import FloatsXd, Ints1d, Ints2d

LossT = TypeVar("LossT")
GradT = TypeVar("GradT")
GuessT = TypeVar("GuessT")
TruthT = TypeVar("TruthT")
IntsOrFloats = Union[Ints1d, FloatsXd]
IntsOrFloatsOrStrs = Union[Ints1d, Ints2d, FloatsXd, Sequence[int], Sequence[Optional[str]]]


class Loss(Generic[GuessT, TruthT, GradT, LossT]):
    """Base of the losses: how far guesses are from the truth, and in which direction.

    A gradient is with respect to the guesses; that of the cross-entropies is with respect to the logits,
    since the softmax layer passes gradients through.
    """

    def __init__(self, **kwargs: Any) -> None: ...

    def __call__(self, guesses: GuessT, truths: TruthT) -> tuple[GradT, LossT]:
        """Gradient and loss, in this order."""
        return self.get_grad(guesses, truths), self.get_loss(guesses, truths)

    @abstractmethod
    def get_grad(self, guesses: GuessT, truths: TruthT) -> GradT:
        """The gradient, a new array or list of arrays."""
        raise NotImplementedError(f"{type(self).__name__} has no get_grad")

    @abstractmethod
    def get_loss(self, guesses: GuessT, truths: TruthT) -> LossT:
        """The loss, a scalar of the array module."""
        raise NotImplementedError(f"{type(self).__name__} has no get_loss")


class FusedLoss(Loss[GuessT, TruthT, GradT, LossT]):
    """A loss that computes gradient and scalar in one pass: `_compute` gives both."""

    def __call__(self, guesses: GuessT, truths: TruthT) -> tuple[GradT, LossT]:
        """Gradient and loss, in this order."""
        cls: Any = type(self)
        if cls.get_grad is FusedLoss.get_grad and cls.get_loss is FusedLoss.get_loss:
            return self._compute(guesses, truths)
        return super().__call__(guesses, truths)  # a subclass of the user's has its own

    def get_grad(self, guesses: GuessT, truths: TruthT) -> GradT:
        """The gradient alone; see `__call__`."""
        return self._compute(guesses, truths)[0]

    def get_loss(self, guesses: GuessT, truths: TruthT) -> LossT:
        """The loss alone; see `__call__`."""
        return self._compute(guesses, truths)[1]

    def _compute(self, guesses: GuessT, truths: TruthT) -> tuple[GradT, LossT]:
        raise NotImplementedError


_KERNEL_TYPES = (
    numpy.dtype("float32"),
    numpy.dtype("float64"),
)  # dtypes: quicker to compare than scalar types


def has_kernel(array: Any) -> bool:
    """Whether the kernels take the array."""
    return isinstance(array, numpy.ndarray) and array.dtype in _KERNEL_TYPES


def has_gpu_kernel(array: Any) -> bool:
    """Whether the kernels of a GPU take the array."""
    return is_cupy_array(array) and array.dtype in _KERNEL_TYPES


def choose_kernel(on_cpu: Any, on_gpu: Any, guesses: Any, truths: Any) -> Any:
    """The one of two kernels that takes the arrays, which must have one type; None if none does."""
    if guesses.dtype != truths.dtype:
        return None
    if has_kernel(guesses) and has_kernel(truths):
        return on_cpu
    return on_gpu if has_gpu_kernel(guesses) and has_gpu_kernel(truths) else None


def check_setting(loss: str, name: str, value: Any, least: float, above: bool = False) -> float:
    """A finite number of at least, or above, `least`.

    Raises
    ------
    ValueError
        If it is none.
    """
    is_number = isinstance(value, (int, float, numpy.number)) and numpy.isfinite(value)
    if not is_number or value < least or (above and value == least):
        raise ValueError(
            f"{loss}: expected {name} to be a finite number {'above' if above else 'of at least'} {least:g}, got "
            f"{value!r}"
        )
    return float(value)


def row_scale(guesses: Any, normalize: bool) -> float:
    """What gradient and loss are multiplied with: one over the number of rows, if they are to be normalized."""
    return 1 / len(guesses) if normalize and guesses.ndim and len(guesses) else 1.0
