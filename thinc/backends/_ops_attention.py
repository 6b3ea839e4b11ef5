"""Attention over the rows of sequences: the readable reference.

The operations are the layers' own: no part of the public interface.
"""

import math
from collections.abc import Iterator
from typing import Any

import numpy

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
        sequences = list(_split(X, lengths, n_heads, drop))
        Y = self.alloc((X.shape[0], X.shape[1] // 3), dtype=X.dtype)
        norms = self.alloc((n_heads, X.shape[0]), dtype=X.dtype)
        for rows, (Q, K, V) in sequences:
            scores = _scores(xp, Q, K, causal)
            top = scores.max(axis=2, keepdims=True)
            exps = xp.exp(scores - top)
            sums = exps.sum(axis=2, keepdims=True)
            mask = self._attention_mask(X, lengths, n_heads, rows, drop, key)
            Y[rows] = _side_by_side(exps / sums * mask @ V)
            norms[:, rows] = (top + xp.log(sums))[:, :, 0]
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
        for rows, (Q, K, V) in _split(X, lengths, n_heads, drop):
            y, dy = (_by_heads(A[rows], n_heads) for A in (Y, dY))
            P = xp.exp(_scores(xp, Q, K, causal) - norms[:, rows, None])
            mask = self._attention_mask(X, lengths, n_heads, rows, drop, key)
            d_weights = mask * (dy @ V.swapaxes(1, 2))
            d_scores = P * (d_weights - (dy * y).sum(axis=2, keepdims=True)) / math.sqrt(Q.shape[2])
            parts = (d_scores @ K, d_scores.swapaxes(1, 2) @ Q, (P * mask).swapaxes(1, 2) @ dy)
            dX[rows] = xp.concatenate([_side_by_side(part) for part in parts], axis=1)
        return dX

    def _attention_mask(self, X: Any, lengths: Any, n_heads: int, rows: slice, drop: float, key: int) -> Any:
        """What weights are multiplied by, ``(n_heads, n, n)`` for n rows, or 1."""
        if drop == 0:
            return X.dtype.type(1)
        n, N = rows.stop - rows.start, X.shape[0]
        row_bits = (int(max(lengths)) + 63) // 64 * 64
        bits = [random_bits(n * row_bits, key, (h * N + rows.start) * row_bits) for h in range(n_heads)]
        kept = numpy.stack(bits).reshape((n_heads, n, row_bits))[:, :, :n] >= min(
            math.ceil(drop * 2**32), 2**32 - 1
        )
        return self.xp.asarray(kept * X.dtype.type(1 / (1 - drop)))

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


def _split(X: Any, lengths: Any, n_heads: int, drop: float) -> Iterator[tuple[slice, list[Any]]]:
    """The rows, and Q, K, V ``(n_heads, n, width)``, of each sequence that has rows."""
    if X.ndim != 2 or n_heads < 1 or X.shape[1] % (3 * n_heads):
        raise ValueError(
            f"attention: expected rows of queries, keys and values for {n_heads} heads, got shape {X.shape}"
        )
    if int(sum(lengths)) != X.shape[0] or any(n < 0 for n in lengths):
        raise ValueError(f"attention: lengths must sum up to the number of rows, {X.shape[0]}")
    if not 0 <= drop < 1:
        raise ValueError(f"attention: the rate of dropout must be from 0 on, and below 1, but is {drop}")
    nO = X.shape[1] // 3
    start = 0
    for n in map(int, lengths):
        rows = slice(start, start + n)
        start = rows.stop
        if n:
            yield rows, [_by_heads(X[rows, i * nO : (i + 1) * nO], n_heads) for i in range(3)]


def _by_heads(A: Any, n_heads: int) -> Any:  # (n, n_heads * width) -> (n_heads, n, width)
    return A.reshape((A.shape[0], n_heads, -1)).swapaxes(0, 1)


def _side_by_side(A: Any) -> Any:  # (n_heads, n, width) -> (n, n_heads * width)
    return A.swapaxes(0, 1).reshape((A.shape[1], -1))


def _scores(xp: Any, Q: Any, K: Any, causal: bool) -> Any:  # (n_heads, n, n)
    scores = Q @ K.swapaxes(1, 2) / math.sqrt(Q.shape[2])
    if causal:
        at = xp.arange(Q.shape[1])
        scores = xp.where(at[:, None] >= at, scores, -xp.inf)
    return scores
