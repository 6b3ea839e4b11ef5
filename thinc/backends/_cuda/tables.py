"""Embedding tables and the hashing of their keys on the GPU."""

from typing import Any

from .._ops_embedding import EmbeddingOps
from .._ops_tables import TableOps, is_embedding_update
from .launch import flag, has_kernel, launch, launch_named


class CudaTables(TableOps, EmbeddingOps):
    """Look rows up, add rows up, hash keys."""

    def gather_add(self, table: Any, indices: Any) -> Any:
        """Sum rows of a table; see `Ops.gather_add`."""
        indices = self.asarray(indices)
        # Wider integers could be cut off to the number of a row.
        if not has_kernel(table) or table.ndim != 2 or indices.ndim != 2 or indices.dtype != "int32":
            return super().gather_add(table, indices)
        (B, K), (rows, nO) = indices.shape, table.shape
        Y = self.alloc((B, nO), dtype=table.dtype, zeros=False)
        bad = flag(self)
        indices = self.as_contig(indices)
        launch("gather_add", table, Y.size, Y, self.as_contig(table), indices, B, K, rows, nO, bad)
        if int(bad[0]):
            return super().gather_add(table, indices)  # which says what is wrong
        return Y

    def scatter_add(self, table: Any, indices: Any, values: Any) -> None:
        """Add rows into a table, in place; see `Ops.scatter_add`. The order of the sums is any."""
        if not is_embedding_update(table, indices, values) or not table.flags.c_contiguous:
            super().scatter_add(table, indices, values)
            return
        if indices.size and int(indices.max()) >= len(table):
            raise IndexError(
                f"scatter_add: index {indices.max()} is too large for a table of {len(table)} rows"
            )
        self._add_rows(table, indices, values, 1)

    def hash(self, ids: Any, seed: int) -> Any:
        """MurmurHash3_x64_128 of each id; see `Ops.hash`."""
        keys = self._keys(ids, seed)
        words = self.alloc((len(keys), 4), dtype="uint32", zeros=False)
        launch_named("hash_data", len(keys), words, keys, len(keys), words.dtype.type(seed))
        return words

    def _hash_embed(self, table: Any, ids: Any, seed: int) -> tuple[Any, Any]:
        if not has_kernel(table) or not 0 < len(table) < 2**31:
            return super()._hash_embed(table, ids, seed)
        keys, nO = self._keys(ids, seed), table.shape[1]
        rows = self.alloc((len(keys), 4), dtype="int32", zeros=False)
        uint32 = self.xp.uint32
        launch_named("hash_rows", len(keys), rows, keys, len(keys), uint32(seed), len(table))
        Y = self.alloc((len(keys), nO), dtype=table.dtype, zeros=False)
        args = (self.as_contig(table), rows, len(keys), 4, len(table), nO, flag(self))
        launch("gather_add", table, Y.size, Y, *args)
        return Y, rows

    def _backprop_hash_embed(self, dE: Any, rows: Any, dY: Any) -> None:
        if not has_kernel(dE, dY) or rows.shape != (len(dY), 4) or not dE.flags.c_contiguous:
            super()._backprop_hash_embed(dE, rows, dY)
            return
        self._add_rows(dE, rows, dY, 4)

    def _add_rows(self, table: Any, rows: Any, values: Any, n_each: int) -> None:
        values, rows = self.as_contig(values), self.as_contig(rows)
        launch("scatter_add", table, values.size, table, rows, values, len(values), n_each, table.shape[1])

    def _keys(self, ids: Any, seed: int) -> Any:
        if not 0 <= seed < 2**32:
            raise OverflowError(f"hash: the seed must be in [0, 2**32), got {seed}")
        ids = self.asarray(ids)
        if ids.ndim != 1:
            raise ValueError(f"hash: expected ids in one dimension, got shape {ids.shape}")
        return self.as_contig(ids, dtype="uint64")
