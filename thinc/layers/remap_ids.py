"""remap_ids: replace ids of any kind by those of a table."""

from typing import Any, Callable, Hashable, Sequence

from .._util.arrays import is_xp_array
from ..config import registry
from ..model import Model
from ..types import DTypes, Ints1d, Ints2d
from ._ids import as_output, no_gradient, select_ids

NO_TABLE: dict[Any, int] = {}

IdsT = Sequence[Hashable] | Ints1d | Ints2d


@registry.layers("remap_ids.v1")
def remap_ids(
    mapping_table: dict[Any, int] = NO_TABLE, default: int = 0, dtype: DTypes = "i"
) -> Model[Sequence[Any], Ints2d]:
    """Map a sequence of n ids to an array (n, 1).

    Parameters
    ----------
    mapping_table
        Ids to numbers; it can be changed later, as the attribute of that name.
    default
        Stands for ids that are not in the table.
    dtype
        Of the output.
    """
    attrs = {
        "mapping_table": {} if mapping_table is NO_TABLE else mapping_table,
        "dtype": dtype,
        "default": default,
    }
    return Model("remap_ids", forward, attrs=attrs)


def forward(
    model: Model[Sequence[Any], Ints2d], inputs: Sequence[Any], is_train: bool
) -> tuple[Ints2d, Callable[..., Any]]:
    ids = select_ids(model, inputs, None).tolist() if is_xp_array(inputs) else inputs
    return as_output(model, _look_up(model, ids), model.attrs["dtype"]), _no_gradient


def _no_gradient(dY: Any) -> list[Any]:
    return []


@registry.layers("remap_ids.v2")
def remap_ids_v2(
    mapping_table: dict[int, int] | dict[str, int] | None = None,
    default: int = 0,
    *,
    column: int | None = None,
) -> Model[IdsT, Ints2d]:
    """Map n ids to an array (n, 1), int32.

    Parameters
    ----------
    mapping_table
        Ids to numbers. If None, it must be set before the first call, as the attribute of that name.
    default
        Stands for ids that are not in the table.
    column
        Select this column of ids from an array (n, columns).
    """
    return Model(
        "remap_ids",
        forward_v2,
        attrs={"mapping_table": mapping_table, "default": default, "column": column},
    )


def forward_v2(model: Model[IdsT, Ints2d], inputs: IdsT, is_train: bool) -> tuple[Ints2d, Callable[..., Any]]:
    if model.attrs["mapping_table"] is None:
        raise ValueError(
            "remap_ids: there is no table. Pass one to the layer, or set model.attrs['mapping_table']."
        )
    ids: Any = inputs
    if is_xp_array(inputs):
        ids = select_ids(model, inputs, model.attrs["column"]).tolist()
    return as_output(model, _look_up(model, ids), "int32"), no_gradient(model, inputs)


def _look_up(model: Model[Any, Any], ids: Any) -> list[int]:
    get, default = model.attrs["mapping_table"].get, model.attrs["default"]
    return [get(id_, default) for id_ in ids]
