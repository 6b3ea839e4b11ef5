"""Embedding tables, hashing of their keys, and position codes."""

from typing import Any

import numpy

from ..types import Floats2d, Ints1d, Ints2d
from ._hashing import check_ids, murmur3_x64_128, murmur64a
from ._ops_arrays import ArrayOps


class TableOps(ArrayOps):
    """Look rows up, add rows up, hash keys."""

    def _group(self, ids: Any) -> tuple[Any, Any, Any]:
        """Group equal items of a vector.

        Returns
        -------
        Where each group occurs, the number of the group that each item belongs to, and the size of each group.
        """
        _, first, groups, counts = self.xp.unique(
            ids, return_index=True, return_inverse=True, return_counts=True
        )
        return first, groups, counts

    def gather_add(self, table: Any, indices: Any) -> Floats2d:
        """Sum rows of a table: ``Y[b] = sum over k of table[indices[b, k]]``.

        Parameters
        ----------
        table
            Floats ``(T, O)``.
        indices
            Integers ``(B, K)``.

        Returns
        -------
        Array ``(B, O)`` of the dtype of the table.

        Raises
        ------
        IndexError
            Unless 0 <= index < T.
        """
        indices = self.asarray(indices)
        if indices.ndim != 2:
            raise ValueError(
                f"gather_add: indices must have two dimensions (B, K), got shape {indices.shape}"
            )
        if indices.size and (int(indices.min()) < 0 or int(indices.max()) >= len(table)):
            raise IndexError(
                f"gather_add: indices must be at least 0 and less than the number of rows, {len(table)}, "
                f"but range from {indices.min()} to {indices.max()}"
            )
        Y = self.alloc((indices.shape[0], *table.shape[1:]), dtype=table.dtype)
        for k in range(indices.shape[1]):
            Y += table[indices[:, k]]
        return Y

    def scatter_add(self, table: Any, indices: Any, values: Any) -> None:
        """Add rows into a table, in place: ``table[indices[i]] += values[i]``, also for repeated indices.

        Parameters
        ----------
        table
            ``(T, O)``; changed in place.
        indices
            ``(B,)``. In a table of float32 or float64, int32 indices below 0 are skipped. With arrays of
            other kinds indexing is that of ``numpy.add.at``, where they count from the end.
        values
            ``(B, O)``, or what broadcasts to it.

        Raises
        ------
        IndexError
            If an index is too large. The table is then unchanged.
        """
        if is_embedding_update(table, indices, values):
            kept = indices >= 0
            indices, values = indices[kept], values[kept]
            if indices.size and int(indices.max()) >= len(table):
                raise IndexError(
                    f"scatter_add: index {indices.max()} is too large for a table of {len(table)} rows"
                )
        self._add_at(table, indices, values)

    def _add_at(self, table: Any, indices: Any, values: Any) -> None:
        self.xp.add.at(table, indices, values)

    def hash(self, ids: Any, seed: int) -> Ints2d:
        """MurmurHash3_x64_128 of the eight bytes of each id.

        Parameters
        ----------
        ids
            Integers ``(N,)``, taken as uint64.
        seed
            0 <= seed < 2**32, else OverflowError.

        Returns
        -------
        uint32 array ``(N, 4)``.
        """
        if not 0 <= seed < 2**32:
            raise OverflowError(f"hash: the seed must be in [0, 2**32), got {seed}")
        ids = self.asarray(ids)
        if ids.ndim != 1:
            raise ValueError(f"hash: expected ids in one dimension, got shape {ids.shape}")
        check_ids(ids)
        return murmur3_x64_128(ids.astype("uint64"), int(seed))

    def ngrams(self, n: int, keys: Any) -> Ints1d:
        """MurmurHash64A of each window of `n` keys.

        Parameters
        ----------
        n
            The width of the window; less than 1 gives no windows.
        keys
            Integers ``(N,)``, taken as uint64.

        Returns
        -------
        uint64 array ``(max(0, N - n + 1),)``.
        """
        keys = self.asarray(keys)
        check_ids(keys)
        keys = keys.astype("uint64")
        if n < 1 or len(keys) < n:
            return self.alloc((0,), dtype="uint64")
        return murmur64a(self.xp.lib.stride_tricks.sliding_window_view(keys, n))

    def position_encode(self, N: int, D: int, period: int = 10000, out: Any = None) -> Floats2d:
        """Sines and cosines of the position (Vaswani et al. 2017, with twice the exponent).

        For even j, ``Y[i, j] = sin(i / period**(2 * j / D))`` and ``Y[i, j + 1]`` is the cosine. With odd D
        the last column takes the frequency of the pair before.

        Parameters
        ----------
        N, D
            The numbers of positions and of columns.
        out
            float32 ``(N, D)`` to fill and return.

        Returns
        -------
        float32 array ``(N, D)``.

        Raises
        ------
        AssertionError
            If `out` has another shape or dtype.
        """
        if out is None:
            out = self.alloc((N, D))
        elif out.shape != (N, D) or out.dtype != "float32":
            raise AssertionError(f"position_encode: out must be float32{(N, D)}, got {out.dtype}{out.shape}")
        pairs = numpy.arange(0, D, 2)
        if D % 2 and D > 1:
            pairs[-1] -= 2
        angles = numpy.arange(N)[:, None] / float(period) ** (2.0 * pairs / max(D, 1))
        out[:, 0::2] = self.xp.asarray(numpy.sin(angles))
        out[:, 1::2] = self.xp.asarray(numpy.cos(angles[:, : D // 2]))
        return out


def is_embedding_update(table: Any, indices: Any, values: Any) -> bool:
    """Whether `scatter_add` skips indices below 0, as the gradients of embeddings need it."""
    return (
        hasattr(indices, "dtype")
        and indices.dtype.newbyteorder("=") == "int32"
        and indices.ndim == 1
        and table.ndim == 2
        and table.dtype == values.dtype
        and table.dtype in ("float32", "float64")
        and values.shape == (len(indices), table.shape[1])
    )
