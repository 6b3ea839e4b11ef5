"""What the LSTM and the GRU share: batches by steps, widths of directions, and drawing of weights."""

from typing import Any, Callable

from .._util.arrays import get_width
from ..model import Model
from ..types import Floats1d, Floats2d, Ints1d, Padded
from ._batches import with_width
from ._kinds import check_padded, expect_kind
from ._widths import set_widths


def check_depth(name: str, nO: int | None, depth: int, bi: bool) -> int:
    """Return the number of directions.

    Raises
    ------
    ValueError
        If the depth is below 1, or the directions cannot share nO.
    """
    if depth < 1:
        raise ValueError(f"{name}: the depth must be at least 1, but got {depth}.")
    dirs = 1 + int(bi)
    if nO is not None:
        width_of_direction(name, nO, dirs)
    return dirs


def width_of_direction(name: str, nO: int, dirs: int) -> int:
    """Return how many of the outputs are those of one direction; ValueError if there is no such number."""
    if nO % dirs:
        raise ValueError(f"{name}: nO is shared by {dirs} directions, so it must be even, but got {nO}.")
    return nO // dirs


def packed_steps(model: Model[Any, Any], Xp: Padded) -> tuple[Floats2d, Ints1d]:
    """Return the rows (N, nI) of a batch, step by step, and how many there are of each step.

    Raises
    ------
    ValueError
        Unless there is a number of sequences for each step, and steps have the width of the layer.
    """
    expect_kind(model, Padded, Xp)
    check_padded(model, Xp)
    sizes: Any = Xp.size_at_t
    if Xp.data.ndim != 3 or len(sizes) != len(Xp.data):
        raise ValueError(
            f"{model.name} expects a Padded with data (steps, B, nI) and size_at_t (steps,), "
            f"but got shapes {Xp.data.shape} and {sizes.shape}."
        )
    nI = model.get_dim("nI")
    X: Any = with_width(model.ops._pack_steps(Xp.data, sizes), nI)
    if X.dtype.kind != "f":
        raise ValueError(f"{model.name} expects floats, but got an array of {X.dtype}.")
    if X.shape[1] != nI:
        raise ValueError(f"{model.name} expects steps of width {nI}, but got {X.shape[1]}.")
    return X, sizes


def padded_like(model: Model[Any, Any], Xp: Padded, Y: Any) -> Padded:  # Y: (N, nO)
    """Put rows, step by step, into a batch like ``Xp``."""
    data = model.ops._unpack_steps(Y, Xp.size_at_t, Xp.data.shape[1])
    return Padded(data, Xp.size_at_t, Xp.lengths, Xp.indices)


def draw_blocks(
    init_W: Callable[..., Any],
    init_b: Callable[..., Any],
    model: Model[Any, Any],
    X: Padded | None,
    Y: Padded | None,
    n_gates: int,
) -> tuple[Floats1d, int]:
    """Take the widths from samples, and draw the weights of all layers, directions and gates.

    Returns
    -------
    blocks
        One vector: for each layer, for each direction, the weights (n_gates * nH, width) and biases
        (n_gates * nH,) for the input, then those for the state; each drawn gate by gate.
    nH
        The width of one direction.
    """
    ops = model.ops
    name = model.name.upper()
    depth, dirs = model.get_dim("depth"), model.get_dim("dirs")
    if Y is not None:
        width_of_direction(name, get_width(Y), dirs)
    set_widths(model, nI=X, nO=Y)
    nH = width_of_direction(name, model.get_dim("nO"), dirs)
    blocks = []
    for layer in range(depth):
        width = model.get_dim("nI") if layer == 0 else nH * dirs
        for _ in range(dirs):
            for shape in [(nH, width), (nH,), (nH, nH), (nH,)]:
                draw = init_W if len(shape) == 2 else init_b
                blocks += [draw(ops, shape).reshape(-1) for _ in range(n_gates)]
    return ops.xp.concatenate(blocks), nH
