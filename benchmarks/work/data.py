"""The inputs, the same for every package: seeded, and in NumPy."""

from __future__ import annotations

import itertools

import numpy as np

LEARN_RATE = 0.001
L2 = 0.01
GRAD_CLIP = 1.0
AVERAGE_RATE = 1e-4  # one minus the decay of the averaged weights
MLP_WIDTHS = (784, 256, 256, 10)
DROPOUT = 0.2
TAGGER_WIDTH = 96
TAGGER_PIECES = 3
TAGGER_DEPTH = 4
TAGGER_TAGS = 50
TAGGER_TABLES = (5000, 1000, 2500, 2500)


def floats(*shape: int, seed: int = 0) -> np.ndarray:
    """Standard normal float32."""
    return np.random.default_rng(seed).standard_normal(shape, dtype="float32")


def labels(n: int, n_classes: int, seed: int = 1) -> np.ndarray:
    """Class numbers, int32."""
    return np.random.default_rng(seed).integers(0, n_classes, n).astype("int32")


def probabilities(n: int, n_classes: int) -> np.ndarray:
    """Rows that sum to one, float32: (n, n_classes)."""
    e = np.exp(floats(n, n_classes))
    return e / e.sum(axis=1, keepdims=True)


def mixed_shapes() -> list[tuple[int, ...]]:
    """Shapes of the 36 parameters of a tagger, an MLP and a small head, 1.9 million numbers in all."""
    w, p = TAGGER_WIDTH, TAGGER_PIECES
    shapes: list[tuple[int, ...]] = [(rows, w) for rows in TAGGER_TABLES]
    shapes += [(w, p, 4 * w), (w, p), (w,), (w,)]
    for _ in range(TAGGER_DEPTH):
        shapes += [(w, p, 3 * w), (w, p), (w,), (w,)]
    shapes += [(TAGGER_TAGS, w), (TAGGER_TAGS,)]
    for n_in, n_out in itertools.pairwise(MLP_WIDTHS):
        shapes += [(n_out, n_in), (n_out,)]
    return [*shapes, (300, 300), (300,), (10, 300), (10,)]


def mlp_batches(n_batches: int = 20, size: int = 128) -> tuple[list[np.ndarray], list[np.ndarray]]:
    """Training batches of the MLP: float32 (size, 784) and int32 (size,)."""
    X = [floats(size, MLP_WIDTHS[0], seed=i) for i in range(n_batches)]
    return X, [labels(size, MLP_WIDTHS[-1], seed=i) for i in range(n_batches)]


def documents(n_docs: int = 48) -> tuple[list[np.ndarray], list[np.ndarray]]:
    """One batch for the tagger: four uint64 features per word, drawn as words are (Zipf), and int32 tags."""
    rng = np.random.default_rng(3)
    lengths = rng.integers(8, 41, n_docs)
    docs = [np.minimum(rng.zipf(1.3, (n, 4)), 10**9).astype("uint64") for n in lengths]
    return docs, [rng.integers(0, TAGGER_TAGS, n).astype("int32") for n in lengths]


def sequences(n: int, shortest: int, longest: int, width: int) -> list[np.ndarray]:
    """Sequences of float32 (rows, width), of different lengths."""
    lengths = np.random.default_rng(6).integers(shortest, longest + 1, n)
    return [floats(rows, width, seed=i) for i, rows in enumerate(lengths)]


def texts(n_docs: int = 54) -> list[list[int]]:
    """Documents for spaCy: 15 to 60 words each, numbers below 20,000 that are drawn as words are (Zipf)."""
    rng = np.random.default_rng(4)
    return [(20_000 ** rng.random(n)).astype(int).tolist() for n in rng.integers(15, 61, n_docs)]
