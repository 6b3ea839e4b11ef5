"""The inputs of the table: arrays in NumPy at three sizes, the largest beyond the caches of a core."""

from __future__ import annotations

from typing import Any

import numpy

from . import data
from .table import Inputs


def _floats(dtype: str, *shape: int, seed: int = 0) -> numpy.ndarray:
    return data.floats(*shape, seed=seed).astype(dtype, copy=False)


def _rows(dtype: str, n: int, width: int) -> dict[str, Any]:
    return {"X": _floats(dtype, n, width), "dY": _floats(dtype, n, width, seed=1)}


def _pieces(dtype: str, n: int, width: int, pieces: int) -> dict[str, Any]:
    return {"X": _floats(dtype, n, width, pieces), "dY": _floats(dtype, n, width, seed=1), "P": pieces}


def product(layout: str) -> Inputs:
    """The operands of a matrix product, stored as the layout says: ``n`` as they are, ``t`` transposed."""

    def make(dtype: str, m: int, n: int, k: int) -> dict[str, Any]:
        return {
            "X": _floats(dtype, *((k, m) if layout[0] == "t" else (m, k))),
            "Y": _floats(dtype, *((n, k) if layout[1] == "t" else (k, n)), seed=1),
        }

    return Inputs(make, (8, 96, 96), (1000, 288, 288), (2048, 1024, 512))


def _affine(dtype: str, n: int, nO: int, nI: int) -> dict[str, Any]:
    return {
        "X": _floats(dtype, n, nI),
        "W": _floats(dtype, nO, nI, seed=1),
        "b": _floats(dtype, nO, seed=2),
    }


def _lists(dtype: str, n: int, shortest: int, longest: int, width: int) -> dict[str, Any]:
    Xs = [X.astype(dtype, copy=False) for X in data.sequences(n, shortest, longest, width)]
    lengths = numpy.array([len(X) for X in Xs], dtype="int32")
    return {"Xs": Xs, "lengths": lengths}


def _segments(dtype: str, n: int, shortest: int, longest: int, width: int) -> dict[str, Any]:
    values = _lists(dtype, n, shortest, longest, width)
    lengths, X = values["lengths"], numpy.concatenate(values["Xs"])
    ends = numpy.cumsum(lengths, dtype="int32")
    return {
        "X": X,
        "dX": _floats(dtype, *X.shape, seed=2),
        "dY": _floats(dtype, n, width, seed=1),
        "lengths": lengths,
        "starts": ends - lengths,
        "lasts": ends - 1,
        "ids": numpy.repeat(numpy.arange(n, dtype="int32"), lengths),
        "n": n,
        "total": len(X),
    }


def _table(dtype: str, n: int, width: int, n_ids: int) -> dict[str, Any]:
    rng = numpy.random.default_rng(7)
    return {
        "table": _floats(dtype, n, width),
        "indices": rng.integers(0, n, (n_ids, 4)).astype("int32"),
        "ids": rng.integers(0, n, n_ids).astype("int32"),
        "values": _floats(dtype, n_ids, width, seed=1),
    }


def _keys(dtype: str, n: int) -> dict[str, Any]:
    return {"keys": numpy.random.default_rng(7).integers(0, 2**63, n).astype(dtype)}


def _flat(dtype: str, n: int) -> dict[str, Any]:
    return {
        "weights": _floats(dtype, n),
        "gradient": _floats(dtype, n, seed=1),
        "mom1": numpy.zeros(n, dtype),
        "mom2": numpy.zeros(n, dtype),
    }


def _matrix(dtype: str, n: int, width: int) -> dict[str, Any]:
    return {"weights": _floats(dtype, n, width), "gradient": _floats(dtype, n, width, seed=1)}


def _classes(dtype: str, n: int, width: int) -> dict[str, Any]:
    return {
        "guesses": data.probabilities(n, width).astype(dtype),
        "labels": data.labels(n, width),
        "truths": numpy.eye(width, dtype=dtype)[data.labels(n, width)],
        "X": _floats(dtype, n, width),
        "Y": _floats(dtype, n, width, seed=1),
    }


def _shape(dtype: str, n: int, width: int) -> dict[str, Any]:
    return {"n": n, "width": width, "dtype": dtype}


def _samples(dtype: str, n: int, width: int, size: int) -> dict[str, Any]:
    return {"X": _floats(dtype, n, width), "labels": data.labels(n, 10), "size": size}


def _words(dtype: str, n: int, width: int, nV: int) -> dict[str, Any]:
    ids = numpy.random.default_rng(5).zipf(1.3, n)
    rows = numpy.stack([(ids * m >> 8) % nV for m in (0x9E3779B1, 0x85EBCA77, 0xC2B2AE3D, 0x27D4EB2F)], 1)
    return {
        "X": (ids % nV).astype("int32"),
        "keys": ids.astype("uint64"),
        "rows": rows.astype("int32"),
        "dY": data.floats(n, width, seed=1),
        "width": width,
        "nV": nV,
    }


ROWS = Inputs(_rows, (8, 96), (1000, 288), (8192, 300))
PIECES = Inputs(_pieces, (8, 96, 3), (1000, 288, 3), (8192, 300, 3))
AFFINE = Inputs(_affine, (8, 96, 96), (1000, 288, 288), (4096, 512, 512))
LISTS = Inputs(_lists, (3, 1, 5, 64), (32, 5, 40, 96), (200, 50, 50, 300))
SEGMENTS = Inputs(_segments, (3, 1, 5, 64), (32, 5, 40, 96), (200, 50, 50, 300))
TABLE = Inputs(_table, (500, 96, 8), (5000, 96, 1000), (30_000, 300, 8192))
KEYS = Inputs(_keys, (16,), (2000,), (2_000_000,))
MATRIX = Inputs(_matrix, (16, 96), (300, 288), (1024, 1024))
FLAT = Inputs(_flat, (1000,), (300_000,), (4_000_000,))
CLASSES = Inputs(_classes, (8, 10), (1024, 50), (8192, 300))
SHAPE = Inputs(_shape, (8, 96), (1000, 288), (8192, 300))
SAMPLES = Inputs(_samples, (32, 96, 8), (2000, 288, 128), (8192, 300, 512))
WORDS = Inputs(_words, (8, 96, 500), (1000, 96, 5000), (8192, 300, 20_000))
