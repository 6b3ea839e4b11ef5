"""concatenate: the outputs of several layers on one input, side by side."""

from typing import Any, Callable, Iterator, NamedTuple, Sequence, TypeVar, cast

from .._util.explain import REFUSALS
from ..config import registry
from ..model import Model
from ..types import Padded, Ragged, XY_XY_OutT
from ._batches import rows_of, sum_batches, unchanged
from ._gradients import fit_gradient, refusal
from ._widths import check_layers, fill_widths
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
    check_layers("concatenate", layers)
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


def forward(model: Model[InT, OutT], X: InT, is_train: bool) -> tuple[OutT, Callable[..., Any]]:
    if not model.layers:
        return cast(OutT, X), unchanged
    outputs, callbacks = zip(*[layer(X, is_train) for layer in model.layers], strict=True)
    join, split = _kind(outputs[0])
    Y, like = join(model, outputs)

    def backprop(dY: OutT) -> InT:
        parts = split(model, dY, like)
        # One after the other: the next part is not cut off before a layer is done with the one before.
        return sum_batches(model.ops, [callback(next(parts)) for callback in callbacks])

    return Y, backprop


def init(model: Model[InT, OutT], X: InT | None = None, Y: OutT | None = None) -> None:
    layers = model.layers
    fill_widths([model, *layers], "nI", X)
    # A layer that knows its width is not as wide as the whole, or as what a chain ends in.
    for layer in layers:
        layer.initialize(X=X, Y=None if layer.has_dim("nO") else Y)
    if all(layer.has_dim("nO") for layer in layers):
        model.set_dim("nO", sum(layer.get_dim("nO") for layer in layers))


class Like(NamedTuple):
    """What is known of the joined outputs, and of the gradient of them."""

    widths: list[int]  # of the parts
    shape: tuple[int, ...]  # of the data
    kinds: str  # of dtypes
    lengths: list[int] | None = None  # of the items of a list


# Each kind of output has a function that joins the outputs, and says what the gradient is to be like, and one that
# splits the gradient into contiguous parts, each when it is asked for. They refuse a gradient before the first part.


def _kind(Y: Any) -> tuple[Callable[..., Any], Callable[..., Any]]:
    if isinstance(Y, (list, tuple)):
        return _join_lists, _split_list
    if isinstance(Y, Ragged):
        return _join_ragged, _split_ragged
    if isinstance(Y, Padded):
        return _join_padded, _split_padded
    return _join_arrays, _split_array


def _join_arrays(model: Model[Any, Any], Ys: Sequence[Any]) -> tuple[Any, Like]:  # (B, n) each -> (B, Σ n)
    Y = model.ops._concatenate(Ys, axis=-1)
    if not Y.size and 0 in [part.shape[-1] for part in Ys]:
        Y = Y[..., :0]  # a part of an empty batch has lost its width, so nobody knows that of the whole
    return Y, Like([part.shape[-1] for part in Ys], Y.shape, "f" if Y.dtype.kind == "f" else "fiu")


def _split_array(model: Model[Any, Any], dY: Any, like: Like) -> Iterator[Any]:
    dY = fit_gradient(model, dY, like.shape, like.kinds)
    start = 0
    for width in like.widths:
        yield model.ops.as_contig(dY[..., start : start + width])
        start += width


def _join_ragged(model: Model[Any, Any], Ys: Sequence[Ragged]) -> tuple[Ragged, Like]:
    data, like = _join_arrays(model, [rows_of(Y) for Y in Ys])
    return Ragged(data, Ys[0].lengths), like


def _split_ragged(model: Model[Any, Any], dY: Ragged, like: Like) -> Iterator[Ragged]:
    if not isinstance(dY, Ragged):
        raise refusal(model, "a Ragged", dY)
    parts = _split_array(model, rows_of(dY), like)
    return (Ragged(next(parts), dY.lengths) for _ in like.widths)


def _join_padded(model: Model[Any, Any], Ys: Sequence[Padded]) -> tuple[Padded, Like]:
    data, like = _join_arrays(model, [Y.data for Y in Ys])
    return Padded(data, Ys[0].size_at_t, Ys[0].lengths, Ys[0].indices), like


def _split_padded(model: Model[Any, Any], dY: Padded, like: Like) -> Iterator[Padded]:
    if not isinstance(dY, Padded):
        raise refusal(model, "a Padded", dY)
    parts = _split_array(model, dY.data, like)
    return (Padded(next(parts), dY.size_at_t, dY.lengths, dY.indices) for _ in like.widths)


def _join_lists(model: Model[Any, Any], Ys: Sequence[Sequence[Any]]) -> tuple[list[Any], Like]:
    ops = model.ops
    if not Ys[0]:
        return [], Like([], (0,), "f", [])
    lengths = [len(item) for item in Ys[0]]
    # Joined as a whole: a few large copies are faster than one per item.
    Y, like = _join_arrays(model, [ops._concatenate(items, axis=0) for items in Ys])
    return ops.unflatten(Y, lengths), like._replace(lengths=lengths)


def _split_list(model: Model[Any, Any], dYs: Sequence[Any], like: Like) -> Iterator[list[Any]]:
    if not like.lengths and isinstance(dYs, (list, tuple)) and not dYs:
        return iter([[] for _ in model.layers])
    try:
        lengths = [len(item) for item in dYs]
        dY = model.ops._concatenate(dYs, axis=0)
    except REFUSALS as err:
        raise refusal(model, f"a list of {len(like.lengths or ())} arrays", dYs) from err
    if lengths != like.lengths or not isinstance(dYs, (list, tuple)):
        raise refusal(model, f"a list of arrays of {like.lengths} rows", dYs)
    parts = _split_array(model, dY, like)
    return (model.ops.unflatten(next(parts), lengths) for _ in like.widths)
