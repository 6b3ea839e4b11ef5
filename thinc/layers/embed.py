"""Embed: look up a row of a learned table for each id."""

from functools import partial
from typing import Any, Callable

from .._util.constants import is_constant
from ..config import registry
from ..initializers import uniform_init
from ..model import Model
from ..types import Floats2d, Ints1d
from ._embedding import add_to_table, drop_dimensions, embedding
from ._gradients import fit_gradient
from ._widths import set_widths


@registry.layers("Embed.v1")
def Embed(
    nO: int | None = None,
    nV: int | None = None,
    *,
    column: int | None = None,
    initializer: Callable[..., Any] | None = None,
    dropout: float | None = None,
) -> Model[Ints1d, Floats2d]:
    """Map the ids 0 … nV - 1 to vectors of width nO.

    Parameters
    ----------
    nO
        Width of the vectors; inferred from an output sample at `Model.initialize` if None.
    nV
        Number of vectors.
    column
        Select this column of ids from an input (B, columns).
    initializer
        ``f(ops, shape)`` of the table (nV, nO): `uniform_init` between -0.1 and 0.1 if None.
    dropout
        Rate at which dimensions are set to zero in training, the same ones for a whole batch.

    Returns
    -------
    Model
        From ids (B,) to (B, nO), float32. Negative ids count from the end of the table.

    Raises
    ------
    IndexError
        When called, if an id is outside of the table.
    """
    init_E = partial(init, uniform_init if initializer is None else initializer)
    return embedding("embed", forward, init_E, {"nO": nO, "nV": nV}, {}, column, dropout)


def forward(
    model: Model[Ints1d, Floats2d], ids: Ints1d, is_train: bool
) -> tuple[Floats2d, Callable[..., Any]]:  # ids: (B,), Y: (B, nO)
    ops = model.ops
    E: Any = model.get_param("E")
    nV, nO = E.shape
    wants_dX = not is_constant(ids)
    if not ids.size and ids.dtype.kind == "f":  # a flattened empty list
        ids = ops.alloc((0,), dtype="int32")
    Y = _look_up(ops, E, ids)
    mask = drop_dimensions(model, Y, is_train)
    shape = Y.shape

    def backprop(dY: Floats2d) -> Any:
        dY = fit_gradient(model, dY, shape)
        if mask is not None:
            dY = dY * mask
        rows: Any = ids.reshape(-1).astype("int32")
        rows[rows < 0] += nV  # like the lookup; scatter_add may skip them
        add_to_table(model, ops.scatter_add, rows, ops.as_contig(dY.reshape((rows.shape[0], nO))))
        return ops.alloc(ids.shape, dtype="int32") if wants_dX else None

    return Y, backprop


def _look_up(ops: Any, E: Any, ids: Any) -> Any:
    if ids.ndim == 1 and ids.dtype.kind in "iu":
        try:
            return ops._take_rows(E, ids)
        except IndexError:
            pass  # negative ids, which count from the end, or one that is none
    if ids.dtype.kind == "b":  # a mask of the table's rows
        raise ValueError("Embed expects ids, which are integers, but got an array of bool.")
    return E[ids]


def init(
    initializer: Callable[..., Any],
    model: Model[Ints1d, Floats2d],
    X: Ints1d | None = None,
    Y: Floats2d | None = None,
) -> None:
    set_widths(model, nO=Y)
    model.set_param("E", initializer(model.ops, (model.get_dim("nV"), model.get_dim("nO"))))
