"""TransformerBlock: attention, then a dense network for each row, both as residuals."""

from typing import Any, Callable, Literal

from ..config import registry
from ..model import Model
from ..types import Padded, Ragged
from ._gradients import refusal
from .chain import chain
from .dropout import Dropout
from .gelu import Gelu
from .layernorm import LayerNorm
from .linear import Linear
from .multiheadattention import MultiHeadAttention
from .relu import Relu
from .residual import residual
from .rmsnorm import RMSNorm
from .swiglu import SwiGLU
from .with_array import with_array
from .with_ragged import BatchT, SeqT, forward as forward_as_ragged, init

__all__ = ["TransformerBlock", "forward", "init"]

NORMS: dict[str, Callable[..., Any]] = {"layer": LayerNorm, "rms": RMSNorm}
ACTIVATIONS: dict[str, Callable[..., Any]] = {"gelu": Gelu, "relu": Relu, "swiglu": SwiGLU}


@registry.layers("TransformerBlock.v1")
def TransformerBlock(
    nO: int,
    *,
    nH: int = 8,
    nF: int | None = None,
    causal: bool = False,
    rotary: bool = False,
    norm: Literal["layer", "rms"] = "layer",
    activation: Literal["gelu", "relu", "swiglu"] = "gelu",
    dropout: float = 0.0,
    init_W: Callable[..., Any] | None = None,
    init_b: Callable[..., Any] | None = None,
) -> Model[BatchT, BatchT]:
    """Build one layer of a transformer, normalized before each part: ``X + attention(norm(X))``, then
    ``X + dense(activation(norm(X)))``.

    Vaswani et al. (2017, arXiv:1706.03762), with the order of Xiong et al. (2020, arXiv:2002.04745). Put another norm
    behind the last block.

    Parameters
    ----------
    nO
        Width of input and output.
    nH, causal, rotary
        Number of heads, mask and positions of `MultiHeadAttention`.
    nF
        Width between the dense layers; ``4 * nO`` if None.
    norm
        "layer" for `LayerNorm`, "rms" for `RMSNorm`.
    activation
        Of the first dense layer: `Gelu`, `Relu` or `SwiGLU`.
    dropout
        Rate, below 1: of attention weights, behind the activation, and behind both parts.
    init_W, init_b
        Initializers of all dense layers, theirs if None.

    Returns
    -------
    Model
        From sequences of rows of width nO to the same kind: a Ragged, a Padded, or a list of arrays.

    Raises
    ------
    ValueError
        If the norm or activation is unknown, nF is below 1, or an argument is refused by `MultiHeadAttention`.
    """
    for name, value, known in (("norm", norm, NORMS), ("activation", activation, ACTIVATIONS)):
        if value not in known:
            raise ValueError(
                f"TransformerBlock: {name} must be one of {', '.join(known)}, but got {value!r}."
            )
    nF = 4 * nO if nF is None else nF
    if nF < 1:
        raise ValueError(f"TransformerBlock: nF must be at least 1, but got {nF}.")
    make_norm, make_dense = NORMS[norm], ACTIVATIONS[activation]
    attention: Model[Any, Any] = chain(
        with_array(make_norm(nO)),
        MultiHeadAttention(
            nO, nO, nH=nH, causal=causal, rotary=rotary, dropout=dropout, init_W=init_W, init_b=init_b
        ),
        Dropout(dropout),
    )
    dense: Model[Any, Any] = chain(
        make_norm(nO),
        make_dense(nF, nO, init_W=init_W, init_b=init_b, dropout=dropout),
        Linear(nO, nF, init_W=init_W, init_b=init_b),
        Dropout(dropout),
    )
    block = chain(residual(attention), residual(with_array(dense)))
    return Model("transformer", forward, init=init, layers=[block], dims={"nO": nO, "nI": nO})


def forward(model: Model[SeqT, SeqT], X: SeqT, is_train: bool) -> tuple[SeqT, Callable[..., Any]]:
    Y, backprop = forward_as_ragged(model, X, is_train)
    kept: Any = Y

    def backprop_checked(dY: Any) -> Any:
        # What does not fit is refused before the first part has added to its gradients.
        fits = all(isinstance(kept, kind) == isinstance(dY, kind) for kind in (Ragged, Padded))
        if fits and isinstance(kept, Ragged):
            fits = [*map(int, kept.lengths)] == [*map(int, dY.lengths)]
        if not fits:
            raise refusal(model, f"a {type(kept).__name__}", dY)
        return backprop(dY)

    return Y, backprop_checked
