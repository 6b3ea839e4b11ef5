"""premap_ids: replace integer ids by those of a table that does not change."""

from typing import Any, Callable, Mapping

import numpy

from .._util.arrays import is_xp_array
from ..config import registry
from ..kernels.idmap import IdMap
from ..model import Model
from ..types import Ints2d
from ._ids import as_output, no_gradient, select_ids


@registry.layers("premap_ids.v1")
def premap_ids(
    mapping_table: Mapping[int, int], default: int = 0, *, column: int | None = None
) -> Model[Any, Ints2d]:
    """Map n ids to an array (n, 1), int32.

    Parameters
    ----------
    mapping_table
        Ids, of 64 bits, signed or not, to numbers of 32 bits. It is compiled into an `IdMap`; models are
        saved without it.
    default
        Stands for ids that are not in the table.
    column
        Select this column of ids from an array (n, columns).

    Raises
    ------
    ValueError
        If the keys, the values and the default are not all integers of this size.
    """
    for pair in mapping_table.items():
        if not all(isinstance(number, int) for number in pair):
            raise ValueError(f"premap_ids expects a Mapping[int, int], but it has the item {pair}.")
    if not -(2**31) <= default < 2**31:
        raise ValueError(f"premap_ids expects a default that fits in 32 bits, but got {default}.")
    return Model(
        "premap_ids",
        forward,
        attrs={"mapping_table": IdMap(mapping_table), "default": default, "column": column},
    )


def forward(model: Model[Any, Ints2d], ids: Any, is_train: bool) -> tuple[Ints2d, Callable[..., Any]]:
    array = ids if is_xp_array(ids) else _as_array(ids)
    vector = select_ids(model, array, model.attrs["column"])
    if vector.size and vector.dtype.kind not in "iu":
        raise ValueError(f"{model.name} expects integer ids, but got {vector.dtype}.")
    values = model.attrs["mapping_table"].find(vector, model.attrs["default"])
    return as_output(model, values, "int32"), no_gradient(model, ids)


def _as_array(ids: Any) -> numpy.ndarray:
    array = numpy.asarray(ids)
    if array.dtype.kind not in "iu" and array.ndim == 1 and all(map(_is_id, ids)):
        # Numbers of 2**63 and more, such as hashes, have no type in common with others.
        return numpy.array([int(id_) % 2**64 for id_ in ids], dtype="uint64")  # as the table has its keys
    return array


def _is_id(value: Any) -> bool:
    return isinstance(value, (int, numpy.integer)) and -(2**63) <= int(value) < 2**64
