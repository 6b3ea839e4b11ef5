"""Rows that are packed by time, as recurrent layers read them, and their parameters; see `_lstm`."""

from collections.abc import Iterator
from typing import Any

import numpy

from .._util.arrays import get_array_module, to_numpy


def state_before(states: Any, before: slice | None, step: slice, initial: Any) -> Any:
    """The states that a step starts from ``(rows, nO)``: those of the step before, or the initial one.

    Not to be changed: they may be a view.
    """
    xp = get_array_module(states)
    n = step.stop - step.start
    known = states[:0] if before is None else states[before][:n]
    if len(known) == n:
        return known
    joining = xp.broadcast_to(initial, (n - len(known), len(initial)))
    return xp.concatenate([known, joining])


def side_by_side(Y: Any) -> Any:  # (dirs, N, nO) -> (N, dirs * nO), a copy
    return get_array_module(Y).concatenate(list(Y), axis=1)


def parameter_blocks(
    params: Any, n_gates: int, depth: int, dirs: int, nO: int, nI: int
) -> Iterator[tuple[int, int, tuple[Any, ...]]]:
    """Layer, direction and views of Wx (n_gates * nO, width), bx, Wh (n_gates * nO, nO), bh."""
    width = nI
    end = 0
    expected = sum(n_gates * nO * ((dirs * nO if layer else nI) + nO + 2) * dirs for layer in range(depth))
    if params.ndim != 1 or len(params) != expected:
        raise ValueError(
            f"recurrent layer: params must be flat with {expected} entries for depth {depth}, {dirs} directions, "
            f"nO {nO} and nI {nI}, got shape {params.shape}"
        )
    for layer in range(depth):
        for direction in range(dirs):
            views = []
            for shape in [(n_gates * nO, width), (n_gates * nO,), (n_gates * nO, nO), (n_gates * nO,)]:
                start, end = end, end + int(numpy.prod(shape))
                views.append(params[start:end].reshape(shape))
            yield layer, direction, tuple(views)
        width = dirs * nO


def split_steps(size_at_t: Any, N: int) -> list[slice]:
    """The rows of each step. ValueError unless the sizes never grow and sum up to N."""
    sizes = to_numpy(size_at_t).astype("int64")
    ends = numpy.cumsum(sizes)
    total = int(ends[-1]) if sizes.size else 0
    # Sizes above N could sum up to N by overflow.
    in_range = ((sizes >= 0) & (sizes <= N)).all()
    if sizes.ndim != 1 or total != N or not in_range or (numpy.diff(sizes) > 0).any():
        raise ValueError(
            f"recurrent layer: size_at_t must not grow and must sum up to the number of rows, {N}, got {sizes.tolist()}"
        )
    return [slice(int(end - size), int(end)) for size, end in zip(sizes, ends, strict=True)]
