"""What the layers that map ids share: arrays of ids, and their gradients."""

from typing import Any, Callable

import numpy

from .._util.arrays import is_xp_array, to_numpy
from ..model import Model


def select_ids(model: Model[Any, Any], ids: Any, column: int | None) -> numpy.ndarray:
    """Return an array of ids, or a column of it, as a vector on the CPU."""
    vector = to_numpy(ids)
    if not vector.size:  # even if it has lost its columns, as a flattened empty list has
        return vector.reshape(-1)
    if column is not None and vector.ndim == 2:
        vector = vector[:, column]
    if vector.ndim != 1:
        raise ValueError(
            f"{model.name} expects a vector of ids, but got an array of shape {ids.shape} with "
            f"column={column}. Select a column of an array (B, columns) with the setting 'column'."
        )
    return vector


def as_output(model: Model[Any, Any], values: Any, dtype: Any) -> Any:
    """Return the mapped values as an array (n, 1) on the model's device."""
    return model.ops.asarray(values, dtype=dtype).reshape((-1, 1))


def no_gradient(model: Model[Any, Any], ids: Any) -> Callable[..., Any]:
    """Return a callback for ids: zeros, not to be changed, if they came as an array, else an empty list."""
    if not is_xp_array(ids):
        return lambda dY: []
    zeros, shape, dtype = model.ops._constant_zeros, ids.shape, ids.dtype
    return lambda dY: zeros(shape, dtype)
