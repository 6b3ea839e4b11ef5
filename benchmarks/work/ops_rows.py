"""The table's lines for products, rows, windows, sequences and tables."""

from __future__ import annotations

from functools import partial
from typing import Any

import numpy

from .table import Carried, Op, vjp
from .table_inputs import (
    AFFINE,
    KEYS,
    LISTS,
    PIECES,
    ROWS,
    SEGMENTS,
    SHAPE,
    TABLE,
    product,
)

SOFTMAX = ROWS.plus(Y=lambda X: numpy.exp(X) / numpy.exp(X).sum(1, keepdims=True))
WINDOWS = ROWS.plus(dY=lambda X: numpy.concatenate([X, -X, X], 1))
PADDED = LISTS.plus(
    padded=lambda Xs, lengths: numpy.stack([numpy.pad(X, ((0, lengths.max() - len(X)), (0, 0))) for X in Xs])
)
RAGGED = LISTS.plus(X=lambda Xs: numpy.concatenate(Xs))
SOFTMAX_SEQUENCES = SEGMENTS.plus(Y=lambda X: numpy.clip(X, 0.01, 1))


def _gemm(layout: str) -> Op:
    first, second = layout[0] == "t", layout[1] == "t"
    return Op(
        product(layout),
        lambda t, X, Y: partial(t.ops.gemm, X, Y, trans1=first, trans2=second),
        lambda t, X, Y: partial(t.mm, X.T if first else X, Y.T if second else Y),
        lambda j, X, Y: (X.T if first else X) @ (Y.T if second else Y),
    )


def windows(t: Any, X: Any) -> Any:
    """Each row with the one before and the one after it."""

    def run():
        P = t.F.pad(X, (0, 0, 1, 1))
        return t.cat([P[:-2], P[1:-1], P[2:]], 1)

    return run


def jax_windows(j: Any, X: Any) -> Any:
    """The same in JAX."""
    P = j.np.pad(X, ((1, 1), (0, 0)))
    return j.np.concatenate([P[:-2], P[1:-1], P[2:]], 1)


def _backprop_windows(t: Any, dY: Any) -> Any:
    left, middle, right = dY.chunk(3, 1)

    def run():
        dX = middle.clone()
        dX[:-1] += left[1:]
        dX[1:] += right[:-1]
        return dX

    return run


def _pooling(name: str, torch: str, jax: Any, torch_backward: Any, jax_backward: Any) -> dict[str, Op]:
    """One number of a sequence for each column: sum, mean, max."""
    backward = f"backprop_reduce_{name}"
    return {
        f"reduce_{name}": Op(
            SEGMENTS,
            lambda t, X, lengths: (
                (lambda: t.ops.reduce_max(X, lengths)[0])
                if name == "max"
                else partial(getattr(t.ops, f"reduce_{name}"), X, lengths)
            ),
            lambda t, X, lengths: partial(t.segment_reduce, X, torch, lengths=lengths, unsafe=True),
            jax,
        ),
        backward: Op(
            SEGMENTS,
            lambda t, X, dY, lengths: (
                partial(t.ops.backprop_reduce_max, dY, t.ops.reduce_max(X, lengths)[1], lengths)
                if name == "max"
                else partial(getattr(t.ops, backward), dY, lengths)
            ),
            torch_backward,
            jax_backward,
        ),
    }


def _picking(name: str, rows: str) -> dict[str, Op]:
    """The first or the last row of each sequence."""

    def torch(t, X, starts, lasts):
        return partial(t.index_select, X, 0, starts if rows == "starts" else lasts)

    def torch_backward(t, X, dY, starts, lasts):
        where = starts if rows == "starts" else lasts
        return lambda: t.zeros(X.shape, dtype=X.dtype).index_copy_(0, where, dY)

    return {
        f"reduce_{name}": Op(
            SEGMENTS,
            lambda t, X, lengths: lambda: getattr(t.ops, f"reduce_{name}")(X, lengths)[0],
            torch,
            lambda j, X, starts, lasts: X[starts if rows == "starts" else lasts],
        ),
        f"backprop_reduce_{name}": Op(
            SEGMENTS,
            lambda t, X, dY, lengths: partial(
                getattr(t.ops, f"backprop_reduce_{name}"),
                dY,
                getattr(t.ops, f"reduce_{name}")(X, lengths)[1],
            ),
            torch_backward,
            lambda j, dY, starts, lasts, total: (
                j.np.zeros((total, dY.shape[1]), dY.dtype).at[starts if rows == "starts" else lasts].set(dY)
            ),
        ),
    }


def _torch_max_backward(t: Any, X: Any, dY: Any, lengths: Any) -> Any:
    Y = t.segment_reduce(X, "max", lengths=lengths)
    return partial(t.aten._segment_reduce_backward, dY, Y, X, "max", lengths=lengths)


ROW_OPS = {
    "gemm": _gemm("nn"),
    "gemm-nt": _gemm("nt"),
    "gemm-tn": _gemm("tn"),
    "affine": Op(
        AFFINE,
        lambda t, X, W, b: partial(t.ops.affine, X, W, b),
        lambda t, X, W, b: partial(t.F.linear, X, W, b),
        lambda j, X, W, b: X @ W.T + b,
    ),
    "softmax": Op(
        ROWS,
        lambda t, X: partial(t.ops.softmax, X),
        lambda t, X: partial(t.softmax, X, -1),
        lambda j, X: j.nn.softmax(X),
    ),
    "backprop_softmax": Op(
        SOFTMAX,
        lambda t, Y, dY: partial(t.ops.backprop_softmax, Y, dY),
        lambda t, Y, dY: partial(t.aten._softmax_backward_data, dY, Y, -1, Y.dtype),
        lambda j, Y, dY: Y * (dY - (Y * dY).sum(-1, keepdims=True)),
    ),
    "softmax_sequences": Op(SEGMENTS, lambda t, X, lengths: partial(t.ops.softmax_sequences, X, lengths)),
    "backprop_softmax_sequences": Op(
        SOFTMAX_SEQUENCES,
        lambda t, dX, Y, lengths: partial(t.ops.backprop_softmax_sequences, dX, Y, lengths),
    ),
    "maxout": Op(
        PIECES,
        lambda t, X: partial(t.ops.maxout, X),
        lambda t, X: partial(t.max, X, -1),
        lambda j, X: (X.max(-1), X.argmax(-1).astype("int32")),
    ),
    "backprop_maxout": Op(
        PIECES,
        lambda t, X, dY, P: partial(t.ops.backprop_maxout, dY, t.ops.maxout(X)[1], P),
        lambda t, X, dY: partial(
            t.aten.value_selecting_reduction_backward, dY, -1, t.max(X, -1)[1], list(X.shape), False
        ),
        vjp(lambda j, X: X.max(-1)),
    ),
    "seq2col": Op(ROWS, lambda t, X: partial(t.ops.seq2col, X, 1), windows, jax_windows),
    "backprop_seq2col": Op(
        WINDOWS,
        lambda t, dY: partial(t.ops.backprop_seq2col, dY, 1),
        _backprop_windows,
        vjp(jax_windows),
    ),
    "seq2col-lengths": Op(SEGMENTS, lambda t, X, lengths: partial(t.ops.seq2col, X, 1, lengths=lengths)),
    "backprop_seq2col-lengths": Op(
        SEGMENTS.plus(dY=lambda X: numpy.concatenate([X, -X, X], 1)),
        lambda t, dY, lengths: partial(t.ops.backprop_seq2col, dY, 1, lengths=lengths),
    ),
    **_pooling(
        "sum",
        "sum",
        lambda j, X, ids, n: j.segment_sum(X, ids, n, indices_are_sorted=True),
        lambda t, dY, lengths, total: partial(t.repeat_interleave, dY, lengths, 0, output_size=total),
        lambda j, dY, lengths, total: j.np.repeat(dY, lengths, axis=0, total_repeat_length=total),
    ),
    **_pooling(
        "mean",
        "mean",
        lambda j, X, ids, lengths, n: (
            j.segment_sum(X, ids, n, indices_are_sorted=True) / lengths[:, None].astype(X.dtype)
        ),
        lambda t, dY, lengths, total: (
            lambda: t.repeat_interleave(dY / lengths[:, None], lengths, 0, output_size=total)
        ),
        lambda j, dY, lengths, total: j.np.repeat(
            dY / lengths[:, None].astype(dY.dtype), lengths, axis=0, total_repeat_length=total
        ),
    ),
    **_pooling(
        "max",
        "max",
        lambda j, X, ids, n: j.segment_max(X, ids, n, indices_are_sorted=True),
        _torch_max_backward,
        lambda j, X, dY, ids, n: j.vjp(lambda X: j.segment_max(X, ids, n, indices_are_sorted=True), X)[1](dY)[
            0
        ],
    ),
    **_picking("first", "starts"),
    **_picking("last", "lasts"),
    "gather_add": Op(
        TABLE,
        lambda t, table, indices: partial(t.ops.gather_add, table, indices),
        lambda t, table, indices: partial(t.F.embedding_bag, indices, table, mode="sum"),
        lambda j, table, indices: table[indices].sum(1),
    ),
    "scatter_add": Op(
        TABLE,
        lambda t, table, ids, values: partial(t.ops.scatter_add, table, ids, values),
        lambda t, table, ids, values: partial(table.index_add_, 0, ids, values),
        Carried(lambda j, table: (table,), lambda j, state, ids, values: (state[0].at[ids].add(values),)),
        result="table",
    ),
    "hash": Op(KEYS, lambda t, keys: partial(t.ops.hash, keys, 1), dtypes=("uint64",)),
    "ngrams": Op(KEYS, lambda t, keys: partial(t.ops.ngrams, 3, keys), dtypes=("uint64",)),
    "flatten": Op(
        LISTS,
        lambda t, Xs: partial(t.ops.flatten, Xs),
        lambda t, Xs: partial(t.cat, Xs),
        lambda j, Xs: j.np.concatenate(Xs),
    ),
    "unflatten": Op(RAGGED, lambda t, X, lengths: partial(t.ops.unflatten, X, lengths)),
    "pad": Op(
        LISTS,
        lambda t, Xs: partial(t.ops.pad, Xs),
        lambda t, Xs: partial(t.nn.utils.rnn.pad_sequence, Xs, batch_first=True),
    ),
    "unpad": Op(PADDED, lambda t, padded, lengths: partial(t.ops.unpad, padded, lengths.tolist())),
    "list2padded": Op(LISTS, lambda t, Xs: partial(t.ops.list2padded, Xs)),
    "padded2list": Op(LISTS, lambda t, Xs: partial(t.ops.padded2list, t.ops.list2padded(Xs))),
    "insert_into": Op(
        PADDED,
        lambda t, Xs, padded: partial(t.ops.insert_into, padded.shape, Xs),
        lambda t, Xs: partial(t.nn.utils.rnn.pad_sequence, Xs, batch_first=True),
    ),
    "as_contig": Op(
        ROWS.plus(XT=lambda X: X.T),
        lambda t, XT: partial(t.ops.as_contig, XT),
        lambda t, X: partial(t.clone, X.T, memory_format=t.contiguous_format),
        lambda j, X: X.T,
    ),
    "alloc2f": Op(
        SHAPE,
        lambda t, n, width, dtype: partial(t.ops.alloc2f, n, width, dtype=dtype),
        lambda t, n, width, dtype: partial(t.zeros, n, width, dtype=getattr(t, dtype)),
    ),
    "tile": Op(
        ROWS,
        lambda t, X: partial(t.ops.tile, X, (1, 3)),
        lambda t, X: partial(t.tile, X, (1, 3)),
        lambda j, X: j.np.tile(X, (1, 3)),
    ),
    "position_encode": Op(
        SHAPE,
        lambda t, n, width: partial(t.ops.position_encode, n, width),
        dtypes=("float32",),
        unchecked=("published",),  # far from the start its angles are rounded
    ),
}
