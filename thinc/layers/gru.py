"""GRU: gated recurrent units (Cho et al., 2014)."""

from functools import partial
from typing import Any, Callable

from .._util.constants import is_constant
from ..config import registry
from ..initializers import glorot_uniform_init, zero_init
from ..model import Model
from ..types import Padded
from ._gradients import fit_gradient, refusal
from ._recurrent import check_depth, draw_blocks, packed_steps, padded_like


@registry.layers("GRU.v1")
def GRU(
    nO: int | None = None,
    nI: int | None = None,
    *,
    bi: bool = False,
    depth: int = 1,
    dropout: float = 0.0,
    init_W: Callable[..., Any] | None = None,
    init_b: Callable[..., Any] | None = None,
) -> Model[Padded, Padded]:
    """Read sequences step by step, with a memory of what came before: a lighter LSTM.

    Gated recurrent units (Cho et al., 2014, arXiv:1406.1078) as cuDNN and PyTorch have them, with the reset gate behind
    the product: ``r, z = σ(Wx + Uh)``, ``c = tanh(Wx + b + r · (Uh + d))``, ``h = (1 - z) · c + z · h``. The first
    state is zero.

    Parameters
    ----------
    nO, nI
        Widths of output and input; inferred from the samples at `Model.initialize` where they are None.
    bi
        Read in both directions: each gives one half of the output.
    depth
        Number of layers on top of one another, at least 1.
    dropout
        Rate at which weights are set to zero in training, the same ones for all steps.
    init_W, init_b
        Initializers ``f(ops, shape)`` of the matrices of each gate and their biases: `glorot_uniform_init`
        and `zero_init` if None.

    Returns
    -------
    Model
        From a Padded (steps, B, nI) to one of (steps, B, nO). The padding of the output is zero. Its parameter "GRU"
        is one vector: for each layer, for each direction, the weights and biases for the input, then those for the
        state, in PyTorch's order (reset gate, update gate, candidate).

    Raises
    ------
    ValueError
        If the depth is below 1, nO is odd with ``bi``, or the rate of dropout is not from 0 to 1.
    """
    dirs = check_depth("GRU", nO, depth, bi)
    if not 0 <= dropout <= 1:
        raise ValueError(f"GRU: the rate of dropout must be from 0 to 1, but got {dropout}.")
    return Model(
        "gru",
        forward,
        init=partial(init, init_W or glorot_uniform_init, init_b or zero_init),
        dims={"nO": nO, "nI": nI, "depth": depth, "dirs": dirs},
        attrs={"dropout_rate": dropout},
        params={"GRU": None},
    )


def forward(model: Model[Padded, Padded], Xp: Padded, is_train: bool) -> tuple[Padded, Callable[..., Any]]:
    ops = model.ops
    params: Any = model.get_param("GRU")
    X, sizes = packed_steps(model, Xp)
    wants_dX = not is_constant(Xp)
    mask: Any = None
    if is_train and model.attrs["dropout_rate"]:
        mask = ops.get_dropout_mask(params.shape, model.attrs["dropout_rate"])
        params = params * mask
    dirs, nO = model.get_dim("dirs"), model.get_dim("nO")
    network = (model.get_dim("depth"), dirs, nO // dirs)
    Y, state = ops._gru(params, X, sizes, network, is_train)
    Yp = padded_like(model, Xp, Y)
    shape = Yp.data.shape

    def backprop(dYp: Padded) -> "Padded | None":
        if not isinstance(dYp, Padded):
            raise refusal(model, "a Padded", dYp)
        if not len(X):  # no step was run
            dX, d_params = X, ops.xp.zeros_like(params)
        else:
            dY = ops._pack_steps(fit_gradient(model, dYp.data, shape), sizes)
            # Predictions keep nothing for the backward pass: it runs the steps again.
            saved = state or ops._gru(params, X, sizes, network, True)[1]
            dX, d_params = ops._backprop_gru(dY, sizes, params, saved, network, wants_dX)
        model.inc_grad("GRU", d_params if mask is None else d_params * mask)
        return padded_like(model, Xp, dX) if wants_dX else None

    return Yp, backprop


def init(
    init_W: Callable[..., Any],
    init_b: Callable[..., Any],
    model: Model[Padded, Padded],
    X: Padded | None = None,
    Y: Padded | None = None,
) -> None:
    model.set_param("GRU", draw_blocks(init_W, init_b, model, X, Y, n_gates=3)[0])
