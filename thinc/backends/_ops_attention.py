"""Attention over the rows of sequences: the readable reference.

The operations are the layers' own: no part of the public interface.
"""

import math
from collections.abc import Iterator
from typing import Any

from ._ops_arrays import ArrayOps
from ._random_reference import random_bits


class AttentionOps(ArrayOps):
    """Scaled dot-product attention of several heads, and rotary positions."""

    def _attend_heads(
        self, X: Any, lengths: Any, n_heads: int, causal: bool = False, drop: float = 0.0, key: int = 0
    ) -> tuple[Any, Any]:
        """``softmax(Q @ K.T / sqrt(width)) @ V`` for each head, within each sequence (Vaswani et al. 2017).

        Parameters
        ----------
        X
            ``(N, 3 * n_heads * width)``: the queries of all heads, then the keys, then the values.
        lengths
            Integers that sum up to N: the rows of each sequence.
        causal
            Rows see themselves and the rows before, instead of all rows of their sequence.
        drop
            From 0 on, below 1: the rate at which weights become 0 behind the softmax, the others being multiplied
            by ``1 / (1 - drop)``.
        key
            Of the random bits for it, see `_random_reference`: the weight of row k for row q, for head h, has number
            ``(h * N + q) * L + k`` of the stream. q counts the rows of all sequences, k those of its own; L is the
            greatest length, rounded up to a multiple of 64.

        Returns
        -------
        Y
            ``(N, n_heads * width)``
        norms
            ``(n_heads, N)``, for the way back: logarithms of the sums that softmax divides by.

        Raises
        ------
        ValueError
            If the shapes or lengths do not fit together.
        """
        xp = self.xp
        heads = list(_heads(X, lengths, n_heads, drop))
        Y = self.alloc((X.shape[0], X.shape[1] // 3), dtype=X.dtype)
        norms = self.alloc((n_heads, X.shape[0]), dtype=X.dtype)
        for h, rows, columns, parts in heads:
            Q, K, V = parts
            scores = _scores(xp, Q, K, causal)
            top = scores.max(axis=1, keepdims=True)
            exps = xp.exp(scores - top)
            sums = exps.sum(axis=1, keepdims=True)
            mask = self._attention_mask(X, lengths, h, rows, drop, key)
            Y[rows, columns] = (exps / sums * mask) @ V
            norms[h, rows] = (top + xp.log(sums))[:, 0]
        return Y, norms

    def _backprop_attend_heads(
        self,
        dY: Any,
        X: Any,
        Y: Any,
        norms: Any,
        lengths: Any,
        n_heads: int,
        causal: bool = False,
        drop: float = 0.0,
        key: int = 0,
    ) -> Any:
        """The gradient of X, ``(N, 3 * n_heads * width)``; the arguments are those of the forward pass."""
        if dY.shape != Y.shape or Y.shape != (X.shape[0], X.shape[1] // 3):
            raise ValueError(
                f"attention: dY must have the shape of the output, {Y.shape}, but has {dY.shape}"
            )
        xp = self.xp
        dX = xp.zeros_like(X)
        nO = Y.shape[1]
        for h, rows, columns, parts in _heads(X, lengths, n_heads, drop):
            Q, K, V = parts
            dy = dY[rows, columns]
            P = xp.exp(_scores(xp, Q, K, causal) - norms[h, rows][:, None])
            mask = self._attention_mask(X, lengths, h, rows, drop, key)
            row = (dy * Y[rows, columns]).sum(axis=1, keepdims=True)
            d_scores = P * (mask * (dy @ V.T) - row) / math.sqrt(Q.shape[1])
            for i, part in enumerate((d_scores @ K, d_scores.T @ Q, (P * mask).T @ dy)):
                dX[rows, columns.start + i * nO : columns.stop + i * nO] = part
        return dX

    def _attention_mask(self, X: Any, lengths: Any, h: int, rows: slice, drop: float, key: int) -> Any:
        """What weights are multiplied by, ``(n, n)`` for n rows, or 1."""
        n = rows.stop - rows.start
        if drop == 0 or n == 0:
            return X.dtype.type(1)
        row_bits = (int(max(lengths)) + 63) // 64 * 64
        bits = random_bits(n * row_bits, key, (h * X.shape[0] + rows.start) * row_bits)
        kept = bits.reshape((n, row_bits))[:, :n] >= min(math.ceil(drop * 2**32), 2**32 - 1)
        return self.asarray(kept * X.dtype.type(1 / (1 - drop)))

    def _rotate(self, X: Any, lengths: Any, waves: Any, n_heads: int, back: bool = False) -> None:
        """Turn the first columns of X by angles that depend on the row's position, in place (Su et al. 2021).

        Parameters
        ----------
        X
            ``(N, columns)``, of which the first ``n_heads * width`` are turned.
        lengths
            The rows of each sequence.
        waves
            ``(positions, width)``: half of the columns are cosines, half are sines, for each position.
        back
            Turn back: the gradient.

        Raises
        ------
        ValueError
            If the shapes or lengths do not fit together.
        """
        xp = self.xp
        width = waves.shape[1]
        half = width // 2
        if width % 2 or n_heads * width > X.shape[1] or int(sum(lengths)) != X.shape[0]:
            raise ValueError(
                f"rotary positions: {n_heads} heads of even width {width} must fit into rows of {X.shape[1]}, "
                f"and lengths must sum up to {X.shape[0]}"
            )
        if max((int(n) for n in lengths), default=0) > waves.shape[0]:
            raise ValueError(f"rotary positions: there are waves for {waves.shape[0]} positions only")
        at = xp.concatenate([xp.arange(0), *(xp.arange(int(n)) for n in lengths)])
        cos, sin = waves[at, None, :half], waves[at, None, half:] * (-1 if back else 1)
        heads = X[:, : n_heads * width].reshape((X.shape[0], n_heads, width))  # a copy, or a view
        a, b = heads[:, :, :half], heads[:, :, half:]
        turned = xp.concatenate([a * cos - b * sin, b * cos + a * sin], axis=2)
        X[:, : n_heads * width] = turned.reshape((X.shape[0], n_heads * width))


def _heads(X: Any, lengths: Any, n_heads: int, drop: float) -> Iterator[tuple[int, slice, slice, list]]:
    """Number, rows, columns of the output, and Q, K, V ``(n, width)``, of each head of each sequence with rows."""
    if X.ndim != 2 or n_heads < 1 or X.shape[1] % (3 * n_heads):
        raise ValueError(
            f"attention: expected rows of queries, keys and values for {n_heads} heads, got shape {X.shape}"
        )
    if int(sum(lengths)) != X.shape[0] or any(n < 0 for n in lengths):
        raise ValueError(f"attention: lengths must sum up to the number of rows, {X.shape[0]}")
    if not 0 <= drop < 1:
        raise ValueError(f"attention: the rate of dropout must be from 0 on, and below 1, but is {drop}")
    nO = X.shape[1] // 3
    width = nO // n_heads
    start = 0
    for n in lengths:
        rows = slice(start, start + int(n))
        start = rows.stop
        for h in range(n_heads if n else 0):
            columns = slice(h * width, (h + 1) * width)
            yield (
                h,
                rows,
                columns,
                [X[rows, i * nO + columns.start : i * nO + columns.stop] for i in range(3)],
            )


def _scores(xp: Any, Q: Any, K: Any, causal: bool) -> Any:  # (n, n)
    scores = Q @ K.T / math.sqrt(Q.shape[1])
    if causal:
        at = xp.arange(len(Q))
        scores = xp.where(at[:, None] >= at, scores, -xp.inf)
    return scores
