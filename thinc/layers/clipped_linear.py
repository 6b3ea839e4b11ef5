"""ClippedLinear: a dense layer, Y = clip(slope · A + offset, min, max) with A = X Wᵀ + b."""

from typing import Any, Callable

from ..config import registry
from ..initializers import glorot_uniform_init
from ..model import Model
from ..types import Floats2d
from ._dense import Activation, dense, forward_activation, init

ACTIVATION = Activation("clipped_linear", reads="A")


@registry.layers("ClippedLinear.v1")
def ClippedLinear(
    nO: int | None = None,
    nI: int | None = None,
    *,
    init_W: Callable[..., Any] | None = None,
    init_b: Callable[..., Any] | None = None,
    dropout: float | None = None,
    normalize: bool = False,
    slope: float = 1.0,
    offset: float = 0.0,
    min_val: float = 0.0,
    max_val: float = 1.0,
) -> Model[Floats2d, Floats2d]:
    """Linear units between two bounds, ``clip(slope A + offset, min_val, max_val)``.

    Parameters
    ----------
    nO, nI
        Widths of output and input; inferred from the samples at `Model.initialize` where they are None.
    init_W, init_b
        Initializers ``f(ops, shape)`` of the weights (nO, nI) and the bias (nO,): `glorot_uniform_init` and
        `zero_init` if None.
    dropout
        Rate of a `Dropout` layer behind it; None for none, 0.0 for one that is off.
    normalize
        Put a `LayerNorm` behind it, before the dropout.
    slope, offset, min_val, max_val
        The line and its bounds; kept as attributes, which may be changed later.

    Returns
    -------
    Model
        From (B, nI) to (B, nO), float32 or float64 like its parameters.
    """
    return dense(
        "clipped_linear",
        forward,
        init,
        nO,
        nI,
        init_W or glorot_uniform_init,
        init_b,
        attrs={"slope": slope, "offset": offset, "min_val": min_val, "max_val": max_val},
        dropout=dropout,
        normalize=normalize,
    )


@registry.layers("HardSigmoid.v1")
def HardSigmoid(
    nO: int | None = None,
    nI: int | None = None,
    *,
    init_W: Callable[..., Any] | None = None,
    init_b: Callable[..., Any] | None = None,
    dropout: float | None = None,
    normalize: bool = False,
) -> Model[Floats2d, Floats2d]:
    """A piecewise linear sigmoid, ``clip(0.2 A + 0.5, 0, 1)``: a `ClippedLinear`."""
    return ClippedLinear(
        nO,
        nI,
        init_W=init_W,
        init_b=init_b,
        dropout=dropout,
        normalize=normalize,
        slope=0.2,
        offset=0.5,
    )


@registry.layers("HardTanh.v1")
def HardTanh(
    nO: int | None = None,
    nI: int | None = None,
    *,
    init_W: Callable[..., Any] | None = None,
    init_b: Callable[..., Any] | None = None,
    dropout: float | None = None,
    normalize: bool = False,
) -> Model[Floats2d, Floats2d]:
    """A piecewise linear tanh, ``clip(A, -1, 1)``: a `ClippedLinear`."""
    return ClippedLinear(
        nO, nI, init_W=init_W, init_b=init_b, dropout=dropout, normalize=normalize, min_val=-1.0
    )


@registry.layers("ReluK.v1")
def ReluK(
    nO: int | None = None,
    nI: int | None = None,
    *,
    init_W: Callable[..., Any] | None = None,
    init_b: Callable[..., Any] | None = None,
    dropout: float | None = None,
    normalize: bool = False,
    k: float = 6.0,
) -> Model[Floats2d, Floats2d]:
    """Rectified linear units with a ceiling, ``clip(A, 0, k)``: a `ClippedLinear`."""
    return ClippedLinear(
        nO, nI, init_W=init_W, init_b=init_b, dropout=dropout, normalize=normalize, max_val=k
    )


def forward(
    model: Model[Floats2d, Floats2d], X: Floats2d, is_train: bool
) -> tuple[Floats2d, Callable[..., Any]]:  # X: (B, nI), Y: (B, nO)
    attrs = model.attrs
    return forward_activation(
        model,
        X,
        is_train,
        ACTIVATION,
        slope=attrs["slope"],
        offset=attrs["offset"],
        min_val=attrs["min_val"],
        max_val=attrs["max_val"],
    )
