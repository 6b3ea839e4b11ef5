"""What the embedding layers share: column selection, dropout per dimension and the gradient of the table."""

from typing import Any, Callable

from ..model import Model
from ..types import Floats1d, Floats2d
from .array_getitem import ints_getitem
from .chain import chain


def embedding(
    name: str,
    forward: Callable[..., Any],
    init: Callable[..., Any],
    dims: dict[str, int | None],
    attrs: dict[str, Any],
    column: int | None,
    dropout: float | None,
) -> Model[Any, Any]:
    """Build a node with a table "E", and before it, where asked for, the selection of a column of ids."""
    if dropout is not None:  # only then: tools that set rates look for the attribute
        attrs = {**attrs, "dropout_rate": dropout}
    model: Model[Any, Any] = Model(name, forward, init=init, dims=dims, params={"E": None}, attrs=attrs)
    if column is not None:
        model = chain(ints_getitem((slice(0, None), column)), model)
    model.attrs["column"] = column
    return model


def drop_dimensions(model: Model[Any, Any], Y: Any, is_train: bool) -> Floats1d | None:
    """In training, multiply ``Y`` in place by one mask (nO,) for all rows; return the mask, if any."""
    rate = model.attrs.get("dropout_rate")
    if not is_train or not rate:
        return None
    mask = model.ops.get_dropout_mask((Y.shape[-1],), rate)
    Y *= mask
    return mask


def add_to_table(model: Model[Any, Any], add: Callable[..., Any], rows: Any, dY: Floats2d) -> None:
    """Run ``add(dE, rows, dY)``, which adds in place, on the gradient of "E"."""
    if model.has_grad("E"):  # straight into it: the table may be much larger than the batch
        add(model.get_grad("E"), rows, dY)
        return
    E: Any = model.get_param("E")
    dE = model.ops.alloc(E.shape, dtype=E.dtype)
    add(dE, rows, dY)
    model.inc_grad("E", dE)
