"""noop: pass the input through."""

from typing import Any, Callable

from ..config import registry
from ..model import Model
from ._batches import unchanged
from ._typing import TypeVar

InOutT = TypeVar("InOutT", default=Any)


@registry.layers("noop.v1")
def noop(*layers: Model[Any, Any]) -> Model[InOutT, InOutT]:
    """Pass input and gradient through.

    Parameters
    ----------
    *layers
        Children that are kept with the node, but neither initialized nor run.
    """
    return Model("noop", forward, layers=layers)


def forward(model: Model[InOutT, InOutT], X: InOutT, is_train: bool) -> tuple[InOutT, Callable[..., Any]]:
    return X, unchanged
