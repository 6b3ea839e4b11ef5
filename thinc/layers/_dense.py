"""The engine of the dense layers, Y = f(X Wᵀ + b): one forward and backward pass for every f."""

from functools import partial
from typing import Any, Callable, NamedTuple

from .._util.constants import is_constant
from ..initializers import zero_init
from ..model import Model
from ..types import Floats2d
from ._affine import affine, backprop_affine
from ._gradients import fit_gradient
from ._widths import set_widths
from .chain import chain
from .dropout import Dropout
from .layernorm import LayerNorm


class Activation(NamedTuple):
    """What the engine needs to know of an activation.

    Parameters
    ----------
    name
        Of the operation: ``ops.<name>(A, inplace=...)`` and ``ops.backprop_<name>(dY, ...)``.
    reads
        What the second one reads after ``dY``: the pre-activation "A", the output "Y" or both, "AY".
    """

    name: str
    reads: str


def dense(
    name: str,
    forward: Callable[..., Any],
    init: Callable[..., Any],
    nO: int | None,
    nI: int | None,
    init_W: Callable[..., Any],
    init_b: Callable[..., Any] | None,
    *,
    more_dims: dict[str, int | None] = {},
    attrs: dict[str, Any] = {},
    dropout: float | None = None,
    normalize: bool = False,
) -> Model[Floats2d, Floats2d]:
    """Build a dense node, and behind it, where asked for, layer normalization and then dropout."""
    model: Model[Floats2d, Floats2d] = Model(
        name,
        forward,
        init=partial(init, init_W, zero_init if init_b is None else init_b),
        dims={"nO": nO, "nI": nI, **more_dims},
        params={"W": None, "b": None},
        attrs=attrs,
    )
    return finished(model, nO, dropout, normalize)


def finished(
    model: Model[Floats2d, Floats2d], nO: int | None, dropout: float | None, normalize: bool
) -> Model[Floats2d, Floats2d]:
    """Put layer normalization behind a node, and then dropout, where asked for."""
    if normalize:
        model = chain(model, LayerNorm(nI=nO))
    if dropout is not None:  # a rate of 0.0 counts: it can be raised later
        model = chain(model, Dropout(dropout))
    return model


def forward_activation(
    model: Model[Floats2d, Floats2d], X: Floats2d, is_train: bool, activation: Activation, **settings: float
) -> tuple[Floats2d, Callable[..., Any]]:  # X: (B, nI), Y: (B, nO)
    """Run ``Y = f(X Wᵀ + b)``; ``settings`` go to both operations of the activation."""
    ops = model.ops
    W = model.get_param("W")
    b = model.get_param("b")
    wants_dX = not is_constant(X)
    name, reads = activation
    activate = getattr(ops, name)
    A: Any = affine(model, X, W, b)
    if is_train and reads != "Y":
        Y = activate(A, **settings)
    else:
        Y = activate(A, inplace=True, **settings)
        A = None  # overwritten: the rare backward pass of a prediction computes it again
    shape = Y.shape

    def backprop(dY: Floats2d) -> Floats2d:
        saved = (Y,)
        if reads != "Y":
            before = affine(model, X, W, b) if A is None else A
            saved = (before,) if reads == "A" else (before, Y)
        dY = fit_gradient(model, dY, shape)
        dA = getattr(ops, "backprop_" + name)(dY, *saved, **settings)
        return backprop_affine(model, dA, X, W, wants_dX)

    return Y, backprop


def init(
    init_W: Callable[..., Any],
    init_b: Callable[..., Any],
    model: Model[Floats2d, Floats2d],
    X: Floats2d | None = None,
    Y: Floats2d | None = None,
) -> None:
    """Take nI and nO from the samples, an error where they contradict the layer, and draw W, then b."""
    set_widths(model, nI=X, nO=Y)
    _draw(init_W, init_b, model)


def init_unset(
    init_W: Callable[..., Any],
    init_b: Callable[..., Any],
    model: Model[Floats2d, Floats2d],
    X: Floats2d | None = None,
    Y: Floats2d | None = None,
) -> None:
    """Like `init`, but samples only fill dimensions that are not set."""
    if model.has_dim("nI"):
        X = None
    if model.has_dim("nO"):
        Y = None
    init(init_W, init_b, model, X, Y)


def _draw(init_W: Callable[..., Any], init_b: Callable[..., Any], model: Model[Any, Any]) -> None:
    shape = tuple(model.get_dim(name) for name in ("nO", "nP") if model.has_dim(name) is not False)
    W = init_W(model.ops, (*shape, model.get_dim("nI")))
    b = init_b(model.ops, shape)
    model.set_param("W", W)
    model.set_param("b", b)
