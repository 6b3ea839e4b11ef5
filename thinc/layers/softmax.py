"""Softmax: a dense layer whose rows of output are probabilities, Y = softmax((X Wᵀ + b) / temperature)."""

from typing import Any, Callable

from .._util.constants import is_constant
from ..config import registry
from ..initializers import zero_init
from ..model import Model
from ..types import Floats2d
from ._affine import affine, backprop_affine
from ._dense import dense, init_unset as init
from ._gradients import fit_gradient_exactly


@registry.layers("Softmax.v1")
def Softmax(
    nO: int | None = None,
    nI: int | None = None,
    *,
    init_W: Callable[..., Any] | None = None,
    init_b: Callable[..., Any] | None = None,
) -> Model[Floats2d, Floats2d]:
    """Probabilities of nO classes that exclude one another. See `Softmax_v2`."""
    return Softmax_v2(nO, nI, init_W=init_W, init_b=init_b)


@registry.layers("Softmax.v2")
def Softmax_v2(
    nO: int | None = None,
    nI: int | None = None,
    *,
    init_W: Callable[..., Any] | None = None,
    init_b: Callable[..., Any] | None = None,
    normalize_outputs: bool = True,
    temperature: float = 1.0,
) -> Model[Floats2d, Floats2d]:
    """Probabilities of nO classes that exclude one another.

    The backward pass takes the gradient of the *logits*: for cross-entropy that is ``Y - truth``, which is
    what the losses of this package give.

    Parameters
    ----------
    nO, nI
        Widths of output and input; inferred from the samples at `Model.initialize` where they are None.
    init_W, init_b
        Initializers ``f(ops, shape)`` of the weights (nO, nI) and the bias (nO,): `zero_init` if None.
    normalize_outputs
        If False, predictions are the logits: cheaper, and all that is needed to find the best class. Such a
        prediction has no backward pass. Training always normalizes.
    temperature
        Divides the logits: above 1 the probabilities become more alike, below 1 less. Greater than 0.

    Returns
    -------
    Model
        From (B, nI) to (B, nO), float32 or float64 like its parameters.

    Raises
    ------
    ValueError
        If the temperature is zero or negative.
    """
    validate_temperature(temperature)
    attrs = {"softmax_normalize": normalize_outputs, "softmax_temperature": temperature}
    return dense("softmax", forward, init, nO, nI, init_W or zero_init, init_b, attrs=attrs)


def forward(
    model: Model[Floats2d, Floats2d], X: Floats2d, is_train: bool
) -> tuple[Floats2d, Callable[..., Any]]:  # X: (B, nI), Y: (B, nO)
    normalize = is_train or model.attrs["softmax_normalize"]
    temperature = model.attrs["softmax_temperature"]
    validate_temperature(temperature)
    W = model.get_param("W")
    wants_dX = not is_constant(X)
    Y: Any = affine(model, X, W, model.get_param("b"))
    if not normalize:
        return Y, _no_backprop
    Y = model.ops.softmax(Y, inplace=True, temperature=temperature)
    shape, dtype = Y.shape, Y.dtype

    def backprop(dY: Floats2d) -> Floats2d:
        dY = fit_gradient_exactly(model, dY, shape, dtype)
        if temperature != 1.0:
            dY = dY / temperature
        return backprop_affine(model, dY, X, W, wants_dX)

    return Y, backprop


def validate_temperature(temperature: float) -> None:
    """Raise a ValueError unless the temperature is greater than zero."""
    if not temperature > 0.0:
        raise ValueError(f"The softmax temperature must be greater than zero, but got {temperature}.")


def _no_backprop(dY: Any) -> Any:
    raise ValueError(
        "Softmax: backprop is not supported for outputs that are not normalized. "
        "Train with is_train=True, or set the attribute softmax_normalize to True."
    )
