"""Logistic: another name of sigmoid_activation, kept for the models that have it."""

from typing import Any, Callable

from ..config import registry
from ..model import Model
from ..types import Floats2d
from .sigmoid_activation import forward as activate


@registry.layers("Logistic.v1")
def Logistic() -> Model[Floats2d, Floats2d]:
    """Independent probabilities, ``1 / (1 + exp(-X))``. See `sigmoid_activation`."""
    return Model("logistic", forward)


def forward(
    model: Model[Floats2d, Floats2d], X: Floats2d, is_train: bool
) -> tuple[Floats2d, Callable[..., Any]]:
    return activate(model, X, is_train)
