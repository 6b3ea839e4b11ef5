"""Hash embedding: what the HashEmbed layer does per batch, as one operation forward and one backward."""

from typing import Any

from ._ops_arrays import ArrayOps


class EmbeddingOps(ArrayOps):
    """Each id has four rows of one table, named by its four hashes; its vector is their sum.

    Svenstrup, Hansen & Winther (2017), "Hash Embeddings for Efficient Word Representations".
    """

    def _hash_embed(self, table: Any, ids: Any, seed: int) -> tuple[Any, Any]:
        """Return the vectors ``(N, nO)`` of the ids ``(N,)`` and, in int32 ``(N, 4)``, the rows they are sums of."""
        if len(table) == 0:
            raise ValueError("Cannot embed ids: the table has no rows. Set nV to at least 1.")
        if len(table) >= 2**31:
            raise ValueError(
                f"Cannot embed ids: {len(table)} rows are too many for int32. Set nV below 2**31."
            )
        rows = (self.hash(ids, seed) % len(table)).astype("int32")  # type: ignore[attr-defined]
        return self.gather_add(table, rows), rows  # type: ignore[attr-defined]

    def _backprop_hash_embed(self, dE: Any, rows: Any, dY: Any) -> None:
        """Add each row of dY ``(N, nO)`` to the four rows of its id in the gradient dE ``(nV, nO)``, in place."""
        if rows.shape != (len(dY), 4):
            raise ValueError(
                f"Cannot backprop a hash embedding: got a gradient of {len(dY)} rows for {len(rows)} ids"
            )
        for column in range(4):  # one at a time: an id may name a row twice
            self.scatter_add(dE, self.xp.ascontiguousarray(rows[:, column]), dY)  # type: ignore[attr-defined]
