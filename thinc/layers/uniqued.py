"""uniqued: run a layer once for each different id, however often it occurs."""

from typing import Any, Callable

from ..config import registry
from ..model import Model
from ..types import Floats2d, Ints2d
from ._gradients import fit_gradient
from ._widths import copy_dims


@registry.layers("uniqued.v1")
def uniqued(layer: Model[Any, Any], *, column: int = 0) -> Model[Ints2d, Floats2d]:
    """Group the rows of ids by a column and run the layer on the first row of each group.

    All rows of a group get the same output. In the backward pass, the gradients of a group are added up
    before they go through the layer, and each row gets an equal share of what comes out.

    Parameters
    ----------
    layer
        Takes rows of ids. It pays off if it is slow and ids repeat.
    column
        The column that tells rows apart.
    """
    return Model(
        f"uniqued({layer.name})",
        forward,
        init=init,
        layers=[layer],
        dims={"nO": None, "nI": None},
        attrs={"column": column},
    )


def forward(
    model: Model[Ints2d, Floats2d], X: Ints2d, is_train: bool
) -> tuple[Floats2d, Callable[..., Any]]:  # X: (B, columns), or (B,)
    layer = model.layers[0]
    ids: Any = X
    if ids.size < 2:
        return layer(X, is_train)
    ops = model.ops
    keys = ids[:, model.attrs["column"]] if ids.ndim > 1 else ids
    first, groups, counts = ops._group(keys)
    Y_groups, backprop_groups = layer(ids[first], is_train)
    shape = (len(ids), *Y_groups.shape[1:])

    def backprop(dY: Floats2d) -> Any:
        dY = fit_gradient(model, dY, shape, "fiu")
        dY_groups = ops.alloc(Y_groups.shape, dtype=Y_groups.dtype)
        ops.scatter_add(dY_groups, ops.asarray1i(groups), ops.as_contig(dY))
        dX = backprop_groups(dY_groups)
        if not hasattr(dX, "shape"):  # a placeholder for "no gradient"
            return dX
        if dX.dtype.kind == "f":
            dX = dX / counts.astype(dX.dtype).reshape((-1,) + (1,) * (dX.ndim - 1))
        return ops._take_rows(dX, groups)

    return ops._take_rows(Y_groups, groups), backprop


def init(model: Model[Ints2d, Floats2d], X: Ints2d | None = None, Y: Floats2d | None = None) -> None:
    layer = model.layers[0]
    layer.initialize(X=X, Y=None if layer.has_dim("nO") else Y)
    copy_dims(model, layer, ("nI", "nO"))
