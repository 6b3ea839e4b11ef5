"""LSTM: long short-term memory (Hochreiter and Schmidhuber, 1997)."""

from functools import partial
from typing import Any, Callable

from .. import compat
from .._util.constants import is_constant
from .._util.frameworks import assert_pytorch_installed
from ..config import registry
from ..initializers import glorot_uniform_init, zero_init
from ..model import Model
from ..types import Padded
from ._gradients import fit_gradient, refusal
from ._recurrent import check_depth, draw_blocks, packed_steps, padded_like, width_of_direction
from .noop import noop
from .pytorchwrapper import PyTorchRNNWrapper
from .with_padded import with_padded


@registry.layers("LSTM.v1")
def LSTM(
    nO: int | None = None,
    nI: int | None = None,
    *,
    bi: bool = False,
    depth: int = 1,
    dropout: float = 0.0,
    init_W: Callable[..., Any] | None = None,
    init_b: Callable[..., Any] | None = None,
) -> Model[Padded, Padded]:
    """Read sequences step by step, with a memory of what came before.

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
        From a Padded (steps, B, nI) to one of (steps, B, nO). The padding of the output is zero.

    Raises
    ------
    ValueError
        If the depth is below 1, or nO is odd with ``bi``.
    """
    dirs = check_depth("LSTM", nO, depth, bi)
    return Model(
        "lstm",
        forward,
        init=partial(init, init_W or glorot_uniform_init, init_b or zero_init),
        dims={"nO": nO, "nI": nI, "depth": depth, "dirs": dirs},
        attrs={"registry_name": "LSTM.v1", "dropout_rate": dropout},
        params={"LSTM": None, "HC0": None},
    )


@registry.layers("PyTorchLSTM.v1")
def PyTorchLSTM(
    nO: int, nI: int, *, bi: bool = False, depth: int = 1, dropout: float = 0.0
) -> Model[Padded, Padded]:
    """Read sequences with PyTorch's LSTM.

    Parameters
    ----------
    nO, nI
        Widths of output and input.
    bi
        Read in both directions: each gives one half of the output.
    depth
        Number of layers on top of one another; with 0 the input is passed through.
    dropout
        Rate at which outputs are set to zero in training, between the layers.

    Returns
    -------
    Model
        From a Padded (steps, B, nI) to one of (steps, B, nO), or from other kinds of sequences. PyTorch sees the
        padding as part of the sequences.

    Raises
    ------
    ImportError
        Without PyTorch.
    ValueError
        If nO is odd with ``bi``.
    """
    if depth == 0:
        return noop()
    assert_pytorch_installed()
    nH = width_of_direction("LSTM", nO, 1 + int(bi))
    network = compat.torch.nn.LSTM(nI, nH, depth, bidirectional=bi, dropout=dropout)
    model = PyTorchRNNWrapper(network)
    model.set_dim("nO", nO)
    model.set_dim("nI", nI)
    return with_padded(model)


def forward(model: Model[Padded, Padded], Xp: Padded, is_train: bool) -> tuple[Padded, Callable[..., Any]]:
    ops = model.ops
    params: Any = model.get_param("LSTM")
    C0, H0 = model.get_param("HC0")  # in the order that saved models were trained with
    X, sizes = packed_steps(model, Xp)
    wants_dX = not is_constant(Xp)
    mask: Any = None
    state: Any = None
    if is_train and model.attrs["dropout_rate"]:
        mask = ops.get_dropout_mask(params.shape, model.attrs["dropout_rate"])
        params = params * mask
    if not len(X):  # no step to run
        Y = ops.alloc((0, model.get_dim("nO")), dtype=X.dtype)
    elif is_train:
        Y, state = ops.lstm_forward_training(params, H0, C0, X, sizes)
    else:
        Y = ops.lstm_forward_inference(params, H0, C0, X, sizes)
    Yp = padded_like(model, Xp, Y)
    shape = Yp.data.shape

    def backprop(dYp: Padded) -> "Padded | None":
        if not isinstance(dYp, Padded):
            raise refusal(model, "a Padded", dYp)
        if not len(X):
            dX, d_params = X, ops.xp.zeros_like(params)
        else:
            fit_gradient(model, dYp.data, shape)
            # Predictions keep nothing for the backward pass: it runs the steps again.
            saved = state or ops.lstm_forward_training(params, H0, C0, X, sizes)[1]
            dY = ops._pack_steps(dYp.data, sizes)
            if wants_dX:
                dX, d_params = ops.backprop_lstm(dY, sizes, params, saved)
            else:
                dX, d_params = ops._backprop_lstm(dY, sizes, params, saved, False)
        model.inc_grad("LSTM", d_params if mask is None else d_params * mask)
        return padded_like(model, Xp, dX) if wants_dX else None

    return Yp, backprop


def init(
    init_W: Callable[..., Any],
    init_b: Callable[..., Any],
    model: Model[Padded, Padded],
    X: Padded | None = None,
    Y: Padded | None = None,
) -> None:
    blocks, nH = draw_blocks(init_W, init_b, model, X, Y, n_gates=4)
    model.set_param("LSTM", blocks)
    shape = (2, model.get_dim("depth"), model.get_dim("dirs"), nH)
    model.set_param("HC0", model.ops.alloc_f(shape))
