"""The network: what a word looks like, and what stands around it."""

from functools import lru_cache
from zlib import crc32

import numpy

import thinc
from thinc.api import (
    HashEmbed,
    Maxout,
    Model,
    Softmax,
    chain,
    clone,
    concatenate,
    expand_window,
    residual,
    with_array,
)

Words = list[str]
FEATURES = 4


@thinc.registry.layers("PythonTagger.v1")
def PythonTagger(
    width: int, depth: int, rows: list[int], nO: int | None = None, dropout: float = 0.1
) -> Model:
    """A convolutional tagger: hashed embeddings of four features, and `depth` windows of three words.

    Parameters
    ----------
    width : int
        Of all layers between.
    depth : int
        Each layer sees one word more to the left and right.
    rows : list of int
        Sizes of the tables for the word, its beginning, its end and its shape.
    nO : int, optional
        The number of labels.
    dropout : float
        Rate of it.

    Returns
    -------
    Model
        From a list of sequences of words to a list of arrays of probabilities (length, nO).
    """
    embed = concatenate(
        *(HashEmbed(width, size, column=column, seed=column) for column, size in enumerate(rows))
    )
    window = residual(
        chain(expand_window(1), Maxout(width, 3 * width, nP=3, normalize=True, dropout=dropout))
    )
    network = chain(
        embed,
        Maxout(width, FEATURES * width, nP=3, normalize=True, dropout=dropout),
        clone(window, depth),
        Softmax(nO, width),
    )
    # Rows of zeros keep the lines apart: no window reaches into the next one.
    return chain(features(), with_array(network, pad=depth))


def features() -> Model[list[Words], list[numpy.ndarray]]:
    """Four numbers for each word; one that was never seen has some of them in common with others."""
    return Model("features", forward)


def forward(model: Model, X: list[Words], is_train: bool):
    def backprop(dY: list[numpy.ndarray]) -> list:
        return []  # a word has no gradient

    Y = [numpy.array([describe(word) for word in words], "uint64").reshape(-1, FEATURES) for words in X]
    return Y, backprop


@lru_cache(maxsize=100_000)
def describe(word: str) -> tuple[int, ...]:
    """Numbers that are the same in every process, for the word, its beginning, its end and its shape."""
    return tuple(crc32(text.encode()) for text in (word, word[:3], word[-3:], shape_of(word)))


def shape_of(word: str) -> str:
    """``Xxxx_d`` for ``Parse_7``: signs stand for themselves, and runs end after three."""
    shape = ""
    for sign in word[:20]:
        kind = "d" if sign.isdigit() else "X" if sign.isupper() else "x" if sign.isalpha() else sign
        if not shape.endswith(kind * 3):
            shape += kind
    return shape
