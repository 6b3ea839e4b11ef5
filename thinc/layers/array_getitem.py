"""array_getitem: index into an array, X[index]."""

from typing import Any, Callable, Sequence

from ..model import Model
from ..types import ArrayXd, FloatsXd, IntsXd
from ._gradients import refusal
from ._typing import TypeVar

Index = int | slice | Sequence[int]
AxisIndex = Index | tuple[Index, ...]
ArrayT = TypeVar("ArrayT", bound=ArrayXd)
# How many dimensions go in, and come out, is for the caller to say.
InArrayT = TypeVar("InArrayT", bound=ArrayXd, default=Any)
OutArrayT = TypeVar("OutArrayT", bound=ArrayXd, default=Any)
InFloatsT = TypeVar("InFloatsT", bound=FloatsXd, default=Any)
OutFloatsT = TypeVar("OutFloatsT", bound=FloatsXd, default=Any)
InIntsT = TypeVar("InIntsT", bound=IntsXd, default=Any)
OutIntsT = TypeVar("OutIntsT", bound=IntsXd, default=Any)


def array_getitem(index: AxisIndex) -> Model[InArrayT, OutArrayT]:
    """Index into the input, for instance ``(slice(0, None), 2)`` for column 2.

    Parameters
    ----------
    index
        What stands between the brackets in NumPy; kept as an attribute.
    """
    return Model("array-getitem", forward, attrs={"index": index})


def floats_getitem(index: AxisIndex) -> Model[InFloatsT, OutFloatsT]:
    """Like `array_getitem`, from floats to floats."""
    return Model("floats-getitem", forward, attrs={"index": index})


def ints_getitem(index: AxisIndex) -> Model[InIntsT, OutIntsT]:
    """Like `array_getitem`, from integers to integers."""
    return Model("ints-getitem", forward, attrs={"index": index})


def forward(model: Model[ArrayT, ArrayT], X: ArrayT, is_train: bool) -> tuple[ArrayT, Callable[..., Any]]:
    index = model.attrs["index"]
    if not len(X):
        return _index_empty(model, X, index), lambda dY: model.ops._zeros_like(X)
    Y: Any = X[index]

    def backprop(dY: ArrayT) -> ArrayT:
        if getattr(dY, "shape", None) != Y.shape and (Y.shape or not isinstance(dY, (int, float))):
            raise refusal(model, f"an array of shape {Y.shape}", dY)
        dX: Any = model.ops._zeros_like(X)
        dX[index] = dY
        return dX

    return Y, backprop


def _index_empty(model: Model[Any, Any], X: Any, index: Any) -> Any:
    """Select columns of an array without rows, even if it has lost them, as a flattened empty list has."""
    try:
        if X.ndim > 1 and not X.shape[1]:
            selected = model.ops.xp.empty((0, 2**20, *X.shape[2:]), dtype=X.dtype)[index]
            return model.ops.alloc((0,) * selected.ndim, dtype=X.dtype)
        return X[index]
    except IndexError:  # a row of an empty batch
        return X
