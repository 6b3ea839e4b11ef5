"""HashEmbed: the sum of four rows of a small table, chosen by hashing the id, for any number of ids."""

from functools import partial
from typing import Any, Callable

import numpy

from .._util.constants import is_constant
from ..config import registry
from ..initializers import uniform_init
from ..model import Model
from ..types import Floats2d, Ints1d
from ._embedding import add_to_table, drop_dimensions, embedding
from ._gradients import fit_gradient


@registry.layers("HashEmbed.v1")
def HashEmbed(
    nO: int,
    nV: int,
    *,
    seed: int | None = None,
    column: int | None = None,
    initializer: Callable[..., Any] | None = None,
    dropout: float | None = None,
) -> Model[Ints1d, Floats2d]:
    """Hash embeddings (Svenstrup et al., 2017, arXiv:1709.03933): ids that collide in all four rows are rare.

    Parameters
    ----------
    nO
        Width of the vectors.
    nV
        Rows of the table.
    seed
        Of the hash, 0 … 2³² - 1. By default the number of the node, which depends on what the program built
        before: give a seed, and another one to each table.
    column
        Select this column of ids from an input (B, columns).
    initializer
        ``f(ops, shape)`` of the table (nV, nO): `uniform_init` between -0.1 and 0.1 if None.
    dropout
        Rate at which dimensions are set to zero in training, the same ones for a whole batch.

    Returns
    -------
    Model
        From ids (B,), any integers, taken as uint64, to (B, nO), float32.

    Raises
    ------
    ValueError
        If the seed is no such number.

    Notes
    -----
    MurmurHash3 x64-128 of the eight bytes of an id gives four unsigned 32-bit numbers; those modulo nV are
    its rows. A row that is hit twice counts twice.
    """
    if seed is not None and not (isinstance(seed, (int, numpy.integer)) and 0 <= seed < 2**32):
        raise ValueError(
            f"HashEmbed expects a seed that is an integer between 0 and 2**32 - 1, but got {seed!r}."
        )
    init_E = partial(init, uniform_init if initializer is None else initializer)
    dims = {"nO": nO, "nV": nV, "nI": None}
    model = embedding("hashembed", forward, init_E, dims, {"column": column, "seed": seed}, column, dropout)
    if seed is None:
        node = model if column is None else model.layers[-1]
        node.attrs["seed"] = node.id
    return model


def forward(
    model: Model[Ints1d, Floats2d], ids: Ints1d, is_train: bool
) -> tuple[Floats2d, Callable[..., Any]]:  # ids: (B,), Y: (B, nO)
    ops = model.ops
    E = model.get_param("E")
    wants_dX = not is_constant(ids)
    if ids.shape == (0, 0):  # a flattened empty list
        ids = ops.alloc((0,), dtype="uint64")
    _check_ids(ids)
    Y, rows = ops._hash_embed(E, ids, model.attrs["seed"])  # rows: (B, 4)
    mask = drop_dimensions(model, Y, is_train)
    shape = Y.shape

    def backprop(dY: Floats2d) -> Any:
        dY = fit_gradient(model, dY, shape)
        if mask is not None:
            dY = dY * mask
        add_to_table(model, ops._backprop_hash_embed, rows, dY)
        return ops.alloc((shape[0],), dtype="int32") if wants_dX else None

    return Y, backprop


def init(
    initializer: Callable[..., Any],
    model: Model[Ints1d, Floats2d],
    X: Ints1d | None = None,
    Y: Floats2d | None = None,
) -> None:
    model.set_param("E", initializer(model.ops, (model.get_dim("nV"), model.get_dim("nO"))))


def _check_ids(ids: Any) -> None:
    if ids.dtype.kind not in "iu" and ids.size:
        raise ValueError(f"HashEmbed expects ids, which are integers, but got an array of {ids.dtype}.")
    if ids.ndim != 1:
        raise ValueError(
            f"HashEmbed expects a vector of ids, but got an array of shape {ids.shape}. "
            "To embed one column of an array of features, give HashEmbed(..., column=...)."
        )
