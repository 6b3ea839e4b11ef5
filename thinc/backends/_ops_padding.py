"""From lists of sequences to one array and back: flatten, pad, and time-major batches."""

from collections.abc import Sequence
from typing import Any

import numpy

from .._util.arrays import to_numpy
from ..types import Padded
from ._ops_arrays import ArrayOps


class PaddingOps(ArrayOps):
    """Lists of sequences as one array."""

    def flatten(self, X: Any, dtype: Any = None, pad: int = 0, ndim_if_empty: int = 2) -> Any:
        """Concatenate arrays along the first axis.

        Parameters
        ----------
        X
            The arrays. Those without elements are dropped.
        dtype
            The dtype of the result; None keeps that of the arrays.
        pad
            Rows of zeros to put before each array and after the last.
        ndim_if_empty
            The number of dimensions of the (empty) result if there are no arrays.

        Returns
        -------
        A new array.
        """
        if X is None or len(X) == 0:
            return self.alloc((0,) * ndim_if_empty, dtype=dtype or "float32")
        kept = [x for x in X if x.size]
        if not kept:
            return self.alloc(X[0].shape, dtype=dtype or X[0].dtype)
        if pad > 0:
            zeros = self.alloc((pad, *kept[0].shape[1:]), dtype=kept[0].dtype)
            kept = [part for x in kept for part in (zeros, x)] + [zeros]
        result = self._concatenate(kept, axis=0)
        return result if dtype is None else self.xp.asarray(result, dtype=dtype)

    def unflatten(self, X: Any, lengths: Any, pad: int = 0) -> list[Any]:
        """Split rows into sequences: the inverse of `flatten`.

        Parameters
        ----------
        X
            The rows, ``(T, ...)``. Rows beyond the sum of the lengths are left over.
        lengths
            The number of rows of each sequence: list or integer array, on any device.
        pad
            The rows of padding to skip before each sequence that is not empty.

        Returns
        -------
        Views of `X`, one per length.
        """
        sequences = []
        start = 0
        for length in _to_ints(lengths):
            if length < 0:
                raise ValueError(f"unflatten: lengths must be >= 0, got {length}")
            if length > 0:
                start += pad
            sequences.append(X[start : start + length])
            start += length
        return sequences

    def pad(self, seqs: Any, round_to: int = 1) -> Any:
        """Stack sequences of different lengths, filled up with zeros.

        Parameters
        ----------
        seqs
            n arrays ``(length, ...)``, alike but for the length.
        round_to
            The padded length becomes a multiple of this.

        Returns
        -------
        Array ``(n, padded length, ...)``.

        Raises
        ------
        ValueError
            If `round_to` is less than 1, there are no sequences, or they differ in dtype or trailing shape.
        """
        if round_to < 1:
            raise ValueError(f"Rounding for padding must at least be 1, was: {round_to}")
        if len(seqs) == 0:
            raise ValueError("Cannot pad an empty list of sequences: expected at least one array")
        _check_alike("pad", seqs)
        longest = max(len(seq) for seq in seqs)
        padded_length = -(-longest // round_to) * round_to
        output = self.alloc((len(seqs), padded_length, *seqs[0].shape[1:]), dtype=seqs[0].dtype)
        self._fill_padded(output, seqs)
        return output

    def _fill_padded(self, output: Any, seqs: Any) -> None:
        """Write each sequence to the start of its row of zeros."""
        for row, seq in zip(output, seqs, strict=True):
            row[: len(seq)] = seq

    def unpad(self, padded: Any, lengths: Any) -> list[Any]:
        """Views ``padded[i, :lengths[i]]``: the inverse of `pad`. ValueError if a length is negative."""
        sizes = _to_ints(lengths)
        if min(sizes, default=0) < 0:
            raise ValueError(f"unpad: lengths must be >= 0, got {min(sizes)}")
        return [padded[i, :length] for i, length in enumerate(sizes)]

    def list2padded(self, seqs: Any) -> Padded:
        """Sort sequences by length, longest first, and stack them time-major.

        Parameters
        ----------
        seqs
            n arrays ``(length, ...)``, alike but for the length. Of equal lengths, the later comes first.

        Returns
        -------
        Padded
            ``data (longest, n, ...)``; ``size_at_t``, how many sequences are longer than t; ``lengths``,
            sorted; ``indices``, the original position of each column. The three are int32. With a single
            sequence, ``data`` is a view of it.
        """
        if len(seqs) == 0:
            return Padded(self.alloc3f(0, 0, 0), self.alloc1i(0), self.alloc1i(0), self.alloc1i(0))
        _check_alike("list2padded", seqs)
        order = sorted(range(len(seqs)), key=lambda i: (len(seqs[i]), i), reverse=True)
        lengths = [len(seqs[i]) for i in order]
        if len(seqs) == 1:
            data = self.reshape(seqs[0], (lengths[0], 1, *seqs[0].shape[1:]))
        else:
            data = self.alloc((lengths[0], len(seqs), *seqs[0].shape[1:]), dtype=seqs[0].dtype)
            for column, i in enumerate(order):
                data[: lengths[column], column] = seqs[i]
        # A sequence is longer than t unless its length is <= t.
        size_at_t = len(seqs) - numpy.searchsorted(lengths[::-1], range(lengths[0]), side="right")
        return Padded(data, self.asarray1i(size_at_t), self.asarray1i(lengths), self.asarray1i(order))

    def padded2list(self, padded: Padded) -> list[Any]:
        """The sequences of a `Padded` in their original order: the inverse of `list2padded`."""
        columns = self.xp.ascontiguousarray(self.xp.swapaxes(padded.data, 0, 1))
        lengths = _to_ints(padded.lengths)
        return [columns[column, : lengths[column]] for column in _columns_in_order(padded)]

    def _padded2rows(self, padded: Padded) -> tuple[Any, Any]:
        """The sequences of a `Padded` in their original order, one after the other, and their lengths, int32."""
        sequences = self.padded2list(padded)
        return self.flatten(sequences), self.asarray1i([len(seq) for seq in sequences])

    def _list2padded_like(self, seqs: Any, like: Padded) -> Padded:
        """`list2padded`, but with the order of another `Padded`, of sequences of the same lengths.

        Those of equal lengths can come in any order in a `Padded`, so stacking them anew might give another
        one. Sequences of other lengths are stacked anew.
        """
        columns, lengths = _columns_in_order(like), _to_ints(like.lengths)
        if not seqs or [len(seq) for seq in seqs] != [lengths[column] for column in columns]:
            return self.list2padded(seqs)
        _check_alike("list2padded", seqs)
        data = self.alloc((len(like.data), len(seqs), *seqs[0].shape[1:]), dtype=seqs[0].dtype)
        for column, seq in zip(columns, seqs, strict=True):
            data[: len(seq), column] = seq
        return Padded(data, like.size_at_t, like.lengths, like.indices)

    def _reverse_steps(self, X: Any, lengths: Any) -> Any:
        """Each column of the time-major data ``(S, B, ...)`` reversed within its length; the rest stays."""
        xp = self.xp
        steps = xp.arange(X.shape[0])[:, None]
        mirrored = xp.asarray(lengths) - 1 - steps  # (S, B)
        return X[xp.where(mirrored < 0, steps, mirrored), xp.arange(X.shape[1])]

    def _join_reversed(self, X: Any, Y: Any, lengths: Any) -> Any:
        """X, and Y reversed, side by side."""
        return self._concatenate((X, self._reverse_steps(Y, lengths)), axis=-1)

    def _add_reversed(self, X: Any, Y: Any, lengths: Any) -> Any:
        """X, plus Y reversed."""
        return self._add(X, self._reverse_steps(Y, lengths))

    def _split_reversed(self, Z: Any, width: int, lengths: Any) -> tuple[Any, Any]:
        """A view of the first `width` columns, and the others reversed: the inverse of `_join_reversed`."""
        return Z[..., :width], self._reverse_steps(self.as_contig(Z[..., width:]), lengths)


def _to_ints(lengths: Any) -> list[int]:
    """Lengths or indices, wherever they are, as Python ints."""
    if isinstance(lengths, list):
        return lengths
    return to_numpy(lengths).tolist()


def _columns_in_order(padded: Padded) -> list[int]:
    """Where the sequences of a `Padded` are, in their original order.

    If it is part of another batch, there are gaps between the original positions, or some occur twice.
    """
    indices = _to_ints(padded.indices)
    return sorted(range(len(indices)), key=indices.__getitem__)


def _check_alike(operation: str, seqs: Sequence[Any]) -> None:
    """ValueError unless the arrays differ in their first dimension at most."""
    first = seqs[0]
    for i, seq in enumerate(seqs):
        if seq.ndim == 0 or seq.dtype != first.dtype or seq.shape[1:] != first.shape[1:]:
            raise ValueError(
                f"{operation}: the arrays must have one dtype and differ only in the first dimension, but "
                f"the first is {first.dtype}{first.shape} and number {i} is {seq.dtype}{seq.shape}"
            )
