"""Conv1d: a dense layer over windows of neighbouring rows."""

from functools import partial
from typing import Any, Callable, Union

import numpy

from .._util.constants import is_constant
from ..config import registry
from ..initializers import glorot_uniform_init, zero_init
from ..model import Model
from ..types import Floats2d, Padded, Ragged
from ._affine import affine, backprop_affine
from ._batches import rows_of, with_width
from ._gradients import fit_gradient, refusal
from ._kinds import forward_either
from ._reduce import sequences
from ._typing import TypeVar
from ._widths import set_widths

BatchT = TypeVar("BatchT", bound=Union[Floats2d, Ragged, Padded], default=Any)


@registry.layers("Conv1d.v1")
def Conv1d(
    nO: int | None = None,
    nI: int | None = None,
    kernel_size: int = 3,
    *,
    stride: int = 1,
    dilation: int = 1,
    padding: int | None = None,
    init_W: Callable[..., Any] | None = None,
    init_b: Callable[..., Any] | None = None,
) -> Model[BatchT, BatchT]:
    """Convolve sequences: the same weights for every window of rows (with zeros around each sequence).

    A sequence of n rows becomes one of ``(n + 2 * padding - dilation * (kernel_size - 1) - 1) // stride + 1`` rows, or
    of none, as with `torch.nn.Conv1d`, whose weights are those here with the last two axes swapped.

    Parameters
    ----------
    nO, nI
        Widths of output and input; inferred from the samples at `Model.initialize` where they are None.
    kernel_size
        Rows of a window.
    stride
        Rows from one window to the next.
    dilation
        Rows from one row of a window to the next.
    padding
        Rows of zeros before and after each sequence. If None, half of what a window reaches beyond its first row: with
        an odd kernel_size and a stride of 1, a sequence keeps its length.
    init_W, init_b
        Initializers ``f(ops, shape)`` of the weights, drawn as (nO, kernel_size · nI) and kept as
        (nO, kernel_size, nI), and the bias (nO,): `glorot_uniform_init` and `zero_init` if None.

    Returns
    -------
    Model
        From a Ragged, a Padded, or an array (n, nI), which is one sequence, to the same kind with width nO.

    Raises
    ------
    ValueError
        If kernel_size, stride or dilation is below 1, or the padding negative.
    """
    for name, value in (("kernel_size", kernel_size), ("stride", stride), ("dilation", dilation)):
        if value < 1:
            raise ValueError(f"Conv1d: {name} must be at least 1, but got {value}.")
    if padding is None:
        padding = dilation * (kernel_size - 1) // 2
    elif padding < 0:
        raise ValueError(f"Conv1d: the padding must be at least 0, but got {padding}.")
    return Model(
        "conv1d",
        forward,
        init=partial(init, init_W or glorot_uniform_init, init_b or zero_init),
        dims={"nO": nO, "nI": nI, "kernel_size": kernel_size},
        params={"W": None, "b": None},
        attrs={"stride": stride, "dilation": dilation, "padding": padding},
    )


def forward(model: Model[BatchT, BatchT], X: BatchT, is_train: bool) -> tuple[BatchT, Callable[..., Any]]:
    if isinstance(X, (Ragged, Padded)) or getattr(X, "ndim", None) != 2:
        return forward_either(_forward_ragged, model, X, is_train)
    rows: Any = X
    Y, backprop_rows, _ = _convolve(model, rows, model.ops.asarray1i([len(rows)]), not is_constant(X))
    return Y, backprop_rows


def _forward_ragged(model: Model[Any, Any], Xr: Ragged, is_train: bool) -> tuple[Ragged, Callable[..., Any]]:
    rows, lengths = sequences(model, Xr)
    Y, backprop_rows, counts = _convolve(model, rows, lengths, not is_constant(Xr))

    def backprop(dYr: Ragged) -> "Ragged | None":
        if not isinstance(dYr, Ragged):
            raise refusal(model, "a Ragged", dYr)
        dX = backprop_rows(rows_of(dYr))
        return None if dX is None else Ragged(dX, Xr.lengths)

    return Ragged(Y, counts), backprop


def _convolve(
    model: Model[Any, Any], X: Any, lengths: Any, wants_dX: bool
) -> tuple[Any, Callable[..., Any], Any]:
    """Return the output (M, nO), the callback, and the lengths of the output."""
    weights: Any = model.get_param("W")
    nO, kernel_size, nI = weights.shape
    W = weights.reshape((nO, kernel_size * nI))
    X = with_width(X, nI, weights)
    if X.shape[1] != nI:
        raise ValueError(f"{model.name} expects rows of width {nI}, but got {X.shape[1]}.")
    windows, backprop_windows, counts = _windows(model, X, lengths, kernel_size)  # (M, kernel_size * nI)
    Y = affine(model, windows, W, model.get_param("b"))
    shape = Y.shape

    def backprop(dY: Any) -> Any:
        d_windows = backprop_affine(model, fit_gradient(model, dY, shape), windows, W, wants_dX)
        return backprop_windows(d_windows) if wants_dX else None

    return Y, backprop, counts


def _windows(
    model: Model[Any, Any], X: Any, lengths: Any, kernel_size: int
) -> tuple[Any, Callable[..., Any], Any]:
    ops, xp = model.ops, model.ops.xp
    stride, dilation, padding = (model.attrs[name] for name in ("stride", "dilation", "padding"))
    if stride == dilation == 1 and kernel_size == 2 * padding + 1:
        windows = ops.seq2col(X, padding, lengths=lengths)
        return windows, lambda dY: ops.backprop_seq2col(dY, padding, lengths=lengths), lengths
    n = ops.to_numpy(lengths).astype("int64")
    counts = ((n + 2 * padding - dilation * (kernel_size - 1) - 1) // stride + 1).clip(min=0)
    number = numpy.arange(counts.sum()) - numpy.repeat(counts.cumsum() - counts, counts)
    # Of each window and row in it: the position in its sequence, and the row of X, if it is none of the zeros.
    place = number[:, None] * stride - padding + numpy.arange(kernel_size) * dilation  # (M, kernel_size)
    is_inside = (place >= 0) & (place < numpy.repeat(n, counts)[:, None])
    row = xp.asarray(numpy.where(is_inside, place + numpy.repeat(n.cumsum() - n, counts)[:, None], 0))
    inside = xp.asarray(is_inside)
    shape = (*row.shape, X.shape[1])
    windows = X[row] if len(X) else ops.alloc(shape, dtype=X.dtype)
    windows[~inside] = 0

    def backprop(dY: Any) -> Any:
        dY = dY.reshape(shape)
        dX = ops.alloc(X.shape, dtype=dY.dtype)
        for k in range(kernel_size):  # no row comes twice at one place of windows
            dX[row[inside[:, k], k]] += dY[inside[:, k], k]
        return dX

    return windows.reshape((shape[0], kernel_size * shape[2])), backprop, ops.asarray1i(counts)


def init(
    init_W: Callable[..., Any],
    init_b: Callable[..., Any],
    model: Model[BatchT, BatchT],
    X: BatchT | None = None,
    Y: BatchT | None = None,
) -> None:
    set_widths(model, nI=X, nO=Y)
    nO, nI, kernel_size = (model.get_dim(name) for name in ("nO", "nI", "kernel_size"))
    W = init_W(model.ops, (nO, kernel_size * nI)).reshape((nO, kernel_size, nI))
    b = init_b(model.ops, (nO,))
    model.set_param("W", W)
    model.set_param("b", b)
