"""LSTM: long short-term memory (Hochreiter and Schmidhuber, 1997)."""

from functools import partial
from typing import Any, Callable

from .. import compat
from .._util.arrays import get_width
from .._util.constants import is_constant
from .._util.frameworks import assert_pytorch_installed
from ..config import registry
from ..initializers import glorot_uniform_init, zero_init
from ..model import Model
from ..types import Padded
from ._batches import with_width
from ._gradients import fit_gradient, refusal
from ._kinds import check_padded, expect_kind
from ._widths import set_widths
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
    init_W: Callable | None = None,
    init_b: Callable | None = None,
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
    if depth < 1:
        raise ValueError(f"LSTM: the depth must be at least 1, but got {depth}.")
    dirs = 1 + int(bi)
    if nO is not None:
        _width_of_direction(nO, dirs)
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
    nH = _width_of_direction(nO, 1 + int(bi))
    network = compat.torch.nn.LSTM(nI, nH, depth, bidirectional=bi, dropout=dropout)
    model = PyTorchRNNWrapper(network)
    model.set_dim("nO", nO)
    model.set_dim("nI", nI)
    return with_padded(model)


def forward(model: Model[Padded, Padded], Xp: Padded, is_train: bool) -> tuple[Padded, Callable]:
    ops = model.ops
    params: Any = model.get_param("LSTM")
    C0, H0 = model.get_param("HC0")  # in the order that saved models were trained with
    _check_steps(model, Xp)
    sizes = Xp.size_at_t
    nI = model.get_dim("nI")
    X = with_width(ops._pack_steps(Xp.data, sizes), nI)  # (N, nI)
    if X.shape[1] != nI:
        raise ValueError(f"{model.name} expects steps of width {nI}, but got {X.shape[1]}.")
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
    Yp = _padded_like(model, Xp, Y)
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
        return _padded_like(model, Xp, dX) if wants_dX else None

    return Yp, backprop


def init(
    init_W: Callable,
    init_b: Callable,
    model: Model[Padded, Padded],
    X: Padded | None = None,
    Y: Padded | None = None,
) -> None:
    ops = model.ops
    depth, dirs = model.get_dim("depth"), model.get_dim("dirs")
    if Y is not None:
        _width_of_direction(get_width(Y), dirs)
    set_widths(model, nI=X, nO=Y)
    nH = _width_of_direction(model.get_dim("nO"), dirs)
    blocks = []
    for layer in range(depth):
        width = model.get_dim("nI") if layer == 0 else nH * dirs
        # For each gate: forget, input, output, candidate.
        for _ in range(dirs):
            for shape in [(nH, width), (nH,), (nH, nH), (nH,)]:
                draw = init_W if len(shape) == 2 else init_b
                blocks += [draw(ops, shape).reshape(-1) for _ in range(4)]
    model.set_param("LSTM", ops.xp.concatenate(blocks))
    model.set_param("HC0", ops.alloc_f((2, depth, dirs, nH)))


def _width_of_direction(nO: int, dirs: int) -> int:
    if nO % dirs:
        raise ValueError(f"LSTM: nO is shared by {dirs} directions, so it must be even, but got {nO}.")
    return nO // dirs


def _check_steps(model: Model, Xp: Padded) -> None:
    """Raise a ValueError unless there is a number of sequences for each step."""
    expect_kind(model, Padded, Xp)
    check_padded(model, Xp)
    sizes: Any = Xp.size_at_t
    if Xp.data.ndim != 3 or len(sizes) != len(Xp.data):
        raise ValueError(
            f"{model.name} expects a Padded with data (steps, B, nI) and size_at_t (steps,), "
            f"but got shapes {Xp.data.shape} and {sizes.shape}."
        )


def _padded_like(model: Model, Xp: Padded, Y: Any) -> Padded:  # Y: (N, nO)
    data = model.ops._unpack_steps(Y, Xp.size_at_t, Xp.data.shape[1])
    return Padded(data, Xp.size_at_t, Xp.lengths, Xp.indices)
