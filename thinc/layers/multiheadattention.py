"""MultiHeadAttention: each row becomes a mixture of the rows of its sequence."""

from typing import Any, Callable

import numpy

from .._util.constants import mark_like
from ..config import registry
from ..model import Model
from ..types import Padded, Ragged
from ._batches import rows_of, with_width
from ._gradients import fit_gradient, refusal
from ._kinds import forward_either
from ._positions import rotary_waves
from ._reduce import sequences
from ._typing import TypeVar
from ._widths import set_widths
from .linear import Linear

SeqT = TypeVar("SeqT", Ragged, Padded)


@registry.layers("MultiHeadAttention.v1")
def MultiHeadAttention(
    nO: int | None = None,
    nI: int | None = None,
    *,
    nH: int = 8,
    causal: bool = False,
    rotary: bool = False,
    dropout: float = 0.0,
    init_W: Callable[..., Any] | None = None,
    init_b: Callable[..., Any] | None = None,
) -> Model[SeqT, SeqT]:
    """Attend to all rows of a sequence (Vaswani et al., 2017, arXiv:1706.03762), ``softmax(QKᵀ / √width) V``.

    Queries, keys and values are made of the rows by one `Linear` layer; each head has nO / nH columns of each, and a
    second `Linear` layer mixes what the heads found. The scores are computed block by block, forward and on the way
    back, and never stored (Dao et al., 2022, arXiv:2205.14135): memory grows with the rows, not with their square.

    Parameters
    ----------
    nO, nI
        Widths of output and input; inferred from a sample at `Model.initialize` where they are None. Without a
        sample, or nI, the output is as wide as the input.
    nH
        Number of heads; it divides nO.
    causal
        Rows see themselves and the rows before them, instead of the whole sequence.
    rotary
        Turn queries and keys by angles that grow with the position (Su et al., 2021, arXiv:2104.09864), columns i and
        i + width / 2 of a head being a pair: heads are aware of distances then. The width of a head must be even.
    dropout
        Rate at which weights are set to zero in training, behind the softmax; the attribute ``dropout_rate``. Below
        1. The random numbers come from a counter-based generator, whose key is one number of ``numpy.random``: the
        way back draws the same ones again, and no mask is kept.
    init_W, init_b
        Initializers ``f(ops, shape)`` of both layers, the first with shape (3 · nO, nI): `glorot_uniform_init` and
        `zero_init` if None, as in PyTorch, whose `nn.MultiheadAttention` has its weights in the same order.

    Returns
    -------
    Model
        From a Ragged, or a Padded, of rows of width nI to one of width nO. Padding is not attended to, and that of
        the output is zero. For lists put `with_ragged` around it.

    Raises
    ------
    ValueError
        If nH is below 1 or does not divide nO, heads have an odd width with ``rotary``, or the rate is not from 0 on
        and below 1.
    """
    if nH < 1:
        raise ValueError(f"MultiHeadAttention: nH must be at least 1, but got {nH}.")
    if not 0 <= dropout < 1:
        raise ValueError(
            f"MultiHeadAttention: the rate of dropout must be from 0 on and below 1, but got {dropout}."
        )
    if nO is not None:
        _check_width(nO, nH, rotary)
    settings: dict[str, Any] = {"init_W": init_W, "init_b": init_b}
    return Model(
        "attention",
        forward,
        init=init,
        layers=[Linear(None if nO is None else 3 * nO, nI, **settings), Linear(nO, nO, **settings)],
        dims={"nO": nO, "nI": nI, "nH": nH},
        attrs={"causal": causal, "rotary": rotary, "dropout_rate": dropout},
    )


def forward(model: Model[SeqT, SeqT], X: SeqT, is_train: bool) -> tuple[SeqT, Callable[..., Any]]:
    return forward_either(_forward_ragged, model, X, is_train)


def _forward_ragged(model: Model[Any, Any], Xr: Ragged, is_train: bool) -> tuple[Ragged, Callable[..., Any]]:
    ops, nH, nI = model.ops, model.get_dim("nH"), model.get_dim("nI")
    to_heads, from_heads = model.layers
    rows, lengths = sequences(model, Xr)
    X: Any = with_width(rows, nI)
    if X.shape[1] != nI:
        raise ValueError(f"{model.name} expects rows of width {nI}, but got {X.shape[1]}.")
    QKV, backprop_to_heads = to_heads(mark_like(X, Xr), is_train)  # (N, 3 nO)
    waves: Any = None
    if model.attrs["rotary"]:
        longest = int(lengths.max()) if len(lengths) else 0
        waves = ops.asarray(rotary_waves(longest, QKV.shape[1] // (3 * nH), QKV.dtype))
        ops._rotate(QKV, lengths, waves, 2 * nH)
    rate = model.attrs["dropout_rate"] if is_train else 0.0
    key = int(numpy.random.random() * 2**53) if rate else 0
    how = (lengths, nH, model.attrs["causal"], rate, key)
    A, norms = ops._attend_heads(QKV, *how)  # (N, nO), (nH, N)
    Y, backprop_from_heads = from_heads(A, is_train)
    shape = Y.shape

    def backprop(dYr: Ragged) -> "Ragged | None":
        if not isinstance(dYr, Ragged):
            raise refusal(model, "a Ragged", dYr)
        dA = backprop_from_heads(fit_gradient(model, rows_of(dYr), shape))
        d_QKV = ops._backprop_attend_heads(dA, QKV, A, norms, *how)
        if waves is not None:
            ops._rotate(d_QKV, lengths, waves, 2 * nH, back=True)
        dX = backprop_to_heads(d_QKV)
        return None if dX is None else Ragged(dX, Xr.lengths)

    return Ragged(Y, Xr.lengths), backprop


def init(model: Model[SeqT, SeqT], X: SeqT | None = None, Y: SeqT | None = None) -> None:
    if X is not None:
        set_widths(model, nI=X)
    elif Y is not None:
        set_widths(model, nO=Y)
    for name, other in (("nO", "nI"), ("nI", "nO")):
        if model.has_dim(name) is None and model.has_dim(other):
            model.set_dim(name, model.get_dim(other))
    nO = model.get_dim("nO")
    _check_width(nO, model.get_dim("nH"), model.attrs["rotary"])
    to_heads, from_heads = model.layers
    to_heads.set_dim("nO", 3 * nO)
    to_heads.set_dim("nI", model.get_dim("nI"))
    from_heads.set_dim("nO", nO)
    from_heads.set_dim("nI", nO)
    to_heads.initialize()
    from_heads.initialize()


def _check_width(nO: int, nH: int, rotary: bool) -> None:
    if nO < 1 or nO % nH:
        raise ValueError(f"MultiHeadAttention: {nH} heads must share nO evenly, but it is {nO}.")
    if rotary and nO // nH % 2:
        raise ValueError(
            f"MultiHeadAttention: rotary positions need heads of even width, but it is {nO // nH}."
        )
