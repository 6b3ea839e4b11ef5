"""MultiSoftmax: a dense layer whose output is several distributions side by side."""

from typing import Any, Callable, Tuple

from .._util.constants import is_constant
from ..config import registry
from ..model import Model
from ..types import Floats2d
from ._affine import affine, backprop_affine
from ._gradients import fit_gradient
from ._widths import set_widths


@registry.layers("MultiSoftmax.v1")
def MultiSoftmax(nOs: Tuple[int, ...], nI: int | None = None) -> Model[Floats2d, Floats2d]:
    """Probabilities for several decisions at once, each among classes that exclude one another.

    The backward pass takes the gradient of the *logits*, like that of `Softmax`.

    Parameters
    ----------
    nOs
        Number of classes of each decision; the output is as wide as their sum.
    nI
        Width of the input; inferred from a sample at `Model.initialize` if None.

    Returns
    -------
    Model
        From (B, nI) to (B, nO). Weights and bias start as zeros.
    """
    return Model(
        "multisoftmax",
        forward,
        init=init,
        dims={"nO": sum(nOs), "nI": nI},
        attrs={"nOs": nOs},
        params={"W": None, "b": None},
    )


def forward(
    model: Model[Floats2d, Floats2d], X: Floats2d, is_train: bool
) -> tuple[Floats2d, Callable[..., Any]]:  # X: (B, nI), Y: (B, nO)
    W = model.get_param("W")
    wants_dX = not is_constant(X)
    Y = _softmax_blocks(model, affine(model, X, W, model.get_param("b")))
    shape = Y.shape

    def backprop(dY: Floats2d) -> Floats2d:
        return backprop_affine(model, fit_gradient(model, dY, shape), X, W, wants_dX)

    return Y, backprop


def init(model: Model[Floats2d, Floats2d], X: Floats2d | None = None, Y: Floats2d | None = None) -> None:
    set_widths(model, nI=X)
    nO, nI = model.get_dim("nO"), model.get_dim("nI")
    model.set_param("W", model.ops.alloc2f(nO, nI))
    model.set_param("b", model.ops.alloc1f(nO))


def _softmax_blocks(model: Model[Any, Any], A: Any) -> Any:  # (B, nO)
    nOs = model.attrs["nOs"]
    softmax = model.ops.softmax
    if len(set(nOs)) == 1:  # every block is a row of its own
        return softmax(A.reshape((A.size // nOs[0], nOs[0])), inplace=True).reshape(A.shape)
    end = 0
    for width in nOs:
        start, end = end, end + width
        A[:, start:end] = softmax(A[:, start:end])
    return A
