"""concatenate: the outputs of several layers on one input, side by side."""

from typing import Any, Callable, Iterator, Sequence, TypeVar, cast

from ..config import registry
from ..model import Model
from ..types import Padded, Ragged, XY_XY_OutT
from ._batches import rows_of, sum_batches, unchanged, with_width
from ._widths import fill_widths
from .noop import noop

InT = TypeVar("InT")
OutT = TypeVar("OutT")


@registry.layers("concatenate.v1")
def concatenate(*layers: Model[InT, XY_XY_OutT]) -> Model[InT, XY_XY_OutT]:
    """Run the layers on the same input and put their outputs side by side, along the last axis.

    Parameters
    ----------
    *layers
        Layers with outputs of one kind (arrays, lists, Ragged or Padded) and length. If the first is itself
        a concatenation, the others join it. A single layer is returned as it is; without layers, the
        input is passed through.
    """
    if not layers:
        return noop()
    first = layers[0]
    if len(layers) == 1:
        return first
    if first._func is forward:
        first.layers.extend(layers[1:])
        if first.has_dim("nO"):  # it is wider now
            first.set_dim("nO", None, force=True)
        return first
    dims: dict[str, int | None] = {"nO": None}
    if all(layer.has_dim("nI") is not False for layer in layers):
        dims["nI"] = None
    return Model("|".join(layer.name for layer in layers), forward, init=init, dims=dims, layers=layers)


def forward(model: Model[InT, OutT], X: InT, is_train: bool) -> tuple[OutT, Callable]:
    if not model.layers:
        return cast(OutT, X), unchanged
    outputs, callbacks = zip(*[layer(X, is_train) for layer in model.layers], strict=True)
    join, split = _kind(outputs[0])
    Y, widths = join(model, outputs)

    def backprop(dY: OutT) -> InT:
        parts = split(model, dY, widths)
        # One after the other: the next part is not cut off before a layer is done with the one before.
        return sum_batches(model.ops, [callback(next(parts)) for callback in callbacks])

    return Y, backprop


def init(model: Model[InT, OutT], X: InT | None = None, Y: OutT | None = None) -> None:
    layers = model.layers
    fill_widths([model, *layers], "nI", X)
    for layer in layers:
        layer.initialize(X=X, Y=Y)
    if all(layer.has_dim("nO") for layer in layers):
        model.set_dim("nO", sum(layer.get_dim("nO") for layer in layers))


# Each kind of output has a function that joins the outputs, and says how wide they were, and one that splits
# their gradient into contiguous parts of those widths, each when it is asked for.


def _kind(Y: Any) -> tuple[Callable, Callable]:
    if isinstance(Y, (list, tuple)):
        return _join_lists, _split_list
    if isinstance(Y, Ragged):
        return _join_ragged, _split_ragged
    if isinstance(Y, Padded):
        return _join_padded, _split_padded
    return _join_arrays, _split_array


def _join_arrays(model: Model, Ys: Sequence[Any]) -> tuple[Any, list[int]]:  # (B, n) each -> (B, Σ n)
    return model.ops._concatenate(Ys, axis=-1), [Y.shape[-1] for Y in Ys]


def _split_array(model: Model, dY: Any, widths: list[int]) -> Iterator[Any]:
    dY = with_width(dY, sum(widths))
    if dY.shape[-1] != sum(widths):
        raise ValueError(
            f"{model.name}: the gradient has {dY.shape[-1]} columns, but the layers gave {widths}, "
            f"{sum(widths)} in all."
        )
    start = 0
    for width in widths:
        yield model.ops.as_contig(dY[..., start : start + width])
        start += width


def _join_ragged(model: Model, Ys: Sequence[Ragged]) -> tuple[Ragged, list[int]]:
    data, widths = _join_arrays(model, [rows_of(Y) for Y in Ys])
    return Ragged(data, Ys[0].lengths), widths


def _split_ragged(model: Model, dY: Ragged, widths: list[int]) -> Iterator[Ragged]:
    parts = _split_array(model, rows_of(dY), widths)
    return (Ragged(next(parts), dY.lengths) for _ in widths)


def _join_padded(model: Model, Ys: Sequence[Padded]) -> tuple[Padded, list[int]]:
    data, widths = _join_arrays(model, [Y.data for Y in Ys])
    return Padded(data, Ys[0].size_at_t, Ys[0].lengths, Ys[0].indices), widths


def _split_padded(model: Model, dY: Padded, widths: list[int]) -> Iterator[Padded]:
    parts = _split_array(model, dY.data, widths)
    return (Padded(next(parts), dY.size_at_t, dY.lengths, dY.indices) for _ in widths)


def _join_lists(model: Model, Ys: Sequence[Sequence[Any]]) -> tuple[list[Any], list[int]]:
    ops = model.ops
    if not Ys[0]:
        return [], []
    lengths = [len(item) for item in Ys[0]]
    # Joined as a whole: a few large copies are faster than one per item.
    Y, widths = _join_arrays(model, [ops._concatenate(items, axis=0) for items in Ys])
    return ops.unflatten(Y, lengths), widths


def _split_list(model: Model, dYs: Sequence[Any], widths: list[int]) -> Iterator[list[Any]]:
    if not widths:
        return iter([[] for _ in model.layers])
    lengths = [len(item) for item in dYs]
    parts = _split_array(model, model.ops._concatenate(dYs, axis=0), widths)
    return (model.ops.unflatten(next(parts), lengths) for _ in widths)
