"""expand_window: put each row between its neighbours, so that a dense layer behind it sees a window."""

from typing import Any, Callable, Union, cast

from ..config import registry
from ..model import Model
from ..types import Floats2d, Ragged
from ._batches import rows_of
from ._gradients import fit_gradient, refusal
from ._typing import TypeVar

InT = TypeVar("InT", Floats2d, Ragged)
BatchT = TypeVar("BatchT", bound=Union[Floats2d, Ragged], default=Any)


@registry.layers("expand_window.v1")
def expand_window(window_size: int = 1) -> Model[BatchT, BatchT]:
    """Concatenate each row with the ``window_size`` rows before and after it, zeros where there are none.

    With a dense layer behind it, this is a convolution over the rows.

    Parameters
    ----------
    window_size
        Neighbours on each side; kept as an attribute.

    Returns
    -------
    Model
        From (B, nI) to (B, (2 · window_size + 1) · nI). An array is one sequence; in a Ragged, no window
        reaches into another sequence.
    """
    return Model("expand_window", forward, attrs={"window_size": window_size})


def forward(model: Model[InT, InT], X: InT, is_train: bool) -> tuple[InT, Callable[..., Any]]:
    ops = model.ops
    window = model.attrs["window_size"]
    if isinstance(X, (list, tuple)):
        raise TypeError(
            "expand_window expects an array or a Ragged, but got a list. "
            "Put with_array around it, with padding: with_array(expand_window(1), pad=1)."
        )
    dtype = X.data.dtype if isinstance(X, Ragged) else X.dtype
    if dtype.kind != "f":
        raise ValueError(f"expand_window expects floats, but got an array of {dtype}.")
    if isinstance(X, Ragged):
        lengths = ops.asarray1i(X.lengths)

        data = ops.seq2col(rows_of(X), window, lengths=lengths)
        rows_shape = data.shape

        def backprop_ragged(dY: Ragged) -> Ragged:
            if not isinstance(dY, Ragged):
                raise refusal(model, f"a Ragged with data of shape {rows_shape}", dY)
            dX = ops.backprop_seq2col(fit_gradient(model, rows_of(dY), rows_shape), window, lengths=lengths)
            return Ragged(dX, dY.lengths)

        return cast(Any, Ragged(data, X.lengths)), backprop_ragged

    Y = ops.seq2col(X, window)
    shape = Y.shape

    def backprop(dY: Floats2d) -> Floats2d:
        return ops.backprop_seq2col(fit_gradient(model, dY, shape), window)

    return Y, backprop
