"""expand_window: put each row between its neighbours, so that a dense layer behind it sees a window."""

from typing import Any, Callable, Union

from ..config import registry
from ..model import Model
from ..types import Floats2d, Ragged
from ._batches import rows_of
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


def forward(model: Model[InT, InT], X: InT, is_train: bool) -> tuple[InT, Callable]:
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

        def backprop_ragged(dY: Ragged) -> Ragged:
            return Ragged(ops.backprop_seq2col(rows_of(dY), window, lengths=lengths), dY.lengths)

        Y: Any = Ragged(ops.seq2col(rows_of(X), window, lengths=lengths), X.lengths)
        return Y, backprop_ragged

    def backprop(dY: Floats2d) -> Floats2d:
        return ops.backprop_seq2col(dY, window)

    return ops.seq2col(X, window), backprop
