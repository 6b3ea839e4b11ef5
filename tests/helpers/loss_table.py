"""One line per kind of loss: how to make it, data for it, and what its gradient is the gradient of."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy

from thinc.loss import (
    BinaryCrossEntropy,
    CategoricalCrossentropy_v4,
    FocalLoss,
    HuberLoss,
    InfoNCE,
    KLDivergence,
    MarginRankingLoss,
)

from .loss_twins import labels_of, probabilities


def softmax(X):
    exps = numpy.exp(X - X.max(axis=-1, keepdims=True))
    return exps / exps.sum(axis=-1, keepdims=True)


def same(X):
    return X


def normals(rows, width, seed=0):
    return 2 * numpy.random.default_rng(seed).normal(size=(rows, width))


def within(rows, width, seed=0):
    """Numbers well between 0 and 1."""
    return numpy.random.default_rng(seed).uniform(0.05, 0.95, size=(rows, width))


def yes_or_no(rows, width):
    return numpy.random.default_rng(1).integers(0, 2, size=(rows, width))


def some_unknown(rows, width):
    truths = yes_or_no(rows, width).astype("float32")
    truths[::2, 0] = -1
    return truths


def some_missing(rows, width):
    labels = labels_of(rows, width)
    labels[1::3] = -1
    return labels


def named(rows, width):
    """Labels, missing ones and negated ones; for `names_of`."""
    forms = ["c{}", "!c{}", "c{}"]
    labels: list = [forms[i % 3].format(c) for i, c in enumerate(labels_of(rows, width))]
    labels[3::4] = [None] * len(labels[3::4])
    return labels


def names_of(width):
    return [f"c{i}" for i in range(width)]


def weights_of(width):
    return numpy.random.default_rng(5).uniform(0.2, 3, size=width).tolist()


def first_or_second(rows, width):
    return numpy.random.default_rng(2).integers(-1, 2, size=rows)


@dataclass
class LossCase:
    """A loss of `make(width, **settings)`; `link` gives the guesses from what the gradient is with respect to."""

    make: Callable[..., Any]
    truths: Callable[[int, int], Any]
    inputs: Callable[..., numpy.ndarray] = normals
    link: Callable[[numpy.ndarray], numpy.ndarray] = same
    width: int | None = None  # if it is always the same
    is_elementwise: bool = False

    def loss(self, width, **settings):
        return self.make(self.width or width, **settings)

    def data(self, rows, width, dtype="float64"):
        """Guesses and truths."""
        guesses = self.link(self.inputs(rows, self.width or width))
        return guesses.astype(dtype), self.truths(rows, self.width or width)


def entropy(width, weighted=False, named=False, **settings):
    weights = {"class_weights": weights_of(width)} if weighted else {}
    names = {"names": names_of(width), "neg_prefix": "!"} if named else {"missing_value": -1}
    return CategoricalCrossentropy_v4(**weights, **names, **settings)


def plain(cls, width, **settings):
    return cls(**settings)


def weighted_binary(width, **settings):
    return BinaryCrossEntropy(positive_weight=weights_of(width), **settings)


LOGITS = {"from_logits": True}
WEIGHTED = {"weighted": True}
BINARY = partial(plain, BinaryCrossEntropy)
FOCAL = partial(plain, FocalLoss)

LOSSES = {
    "labels": LossCase(entropy, some_missing, link=softmax),
    "labels-logits": LossCase(partial(entropy, **LOGITS), some_missing),
    "labels-weighted": LossCase(partial(entropy, **WEIGHTED), some_missing, link=softmax),
    "labels-weighted-logits": LossCase(partial(entropy, **WEIGHTED, **LOGITS), some_missing),
    "labels-smoothed": LossCase(partial(entropy, label_smoothing=0.1), some_missing, link=softmax),
    "labels-smoothed-logits": LossCase(partial(entropy, label_smoothing=0.1, **LOGITS), some_missing),
    "labels-smoothed-weighted-logits": LossCase(
        partial(entropy, label_smoothing=0.1, **WEIGHTED, **LOGITS), some_missing
    ),
    "soft": LossCase(entropy, partial(probabilities, seed=3), link=softmax),
    "soft-logits": LossCase(partial(entropy, **LOGITS), partial(probabilities, seed=3)),
    "soft-weighted": LossCase(partial(entropy, **WEIGHTED), partial(probabilities, seed=3), link=softmax),
    "soft-weighted-logits": LossCase(partial(entropy, **WEIGHTED, **LOGITS), partial(probabilities, seed=3)),
    "divergence": LossCase(partial(plain, KLDivergence), partial(probabilities, seed=3), link=softmax),
    "divergence-logits": LossCase(partial(plain, KLDivergence, **LOGITS), partial(probabilities, seed=3)),
    "binary": LossCase(BINARY, yes_or_no, inputs=within, is_elementwise=True),
    "binary-logits": LossCase(partial(BINARY, **LOGITS), yes_or_no, is_elementwise=True),
    "binary-soft-logits": LossCase(partial(BINARY, **LOGITS), partial(within, seed=4), is_elementwise=True),
    "binary-missing": LossCase(
        partial(BINARY, missing_value=-1), some_unknown, inputs=within, is_elementwise=True
    ),
    "binary-missing-logits": LossCase(
        partial(BINARY, missing_value=-1, positive_weight=3, **LOGITS), some_unknown, is_elementwise=True
    ),
    "binary-weighted": LossCase(weighted_binary, yes_or_no, inputs=within),
    "binary-weighted-logits": LossCase(partial(weighted_binary, **LOGITS), yes_or_no),
    "focal": LossCase(FOCAL, yes_or_no, inputs=within, is_elementwise=True),
    "focal-logits": LossCase(partial(FOCAL, **LOGITS), yes_or_no, is_elementwise=True),
    "focal-plain-logits": LossCase(
        partial(FOCAL, alpha=None, gamma=1.5, missing_value=-1, **LOGITS), some_unknown, is_elementwise=True
    ),
    "huber": LossCase(partial(plain, HuberLoss, delta=0.7), partial(normals, seed=1), is_elementwise=True),
    "ranking": LossCase(partial(plain, MarginRankingLoss, margin=0.5), first_or_second, width=2),
    "contrast": LossCase(partial(plain, InfoNCE, temperature=0.3), partial(normals, seed=1)),
    "contrast-products": LossCase(
        partial(plain, InfoNCE, cosine=False, temperature=2.0), partial(normals, seed=1)
    ),
    "contrast-symmetric": LossCase(
        partial(plain, InfoNCE, symmetric=True, temperature=0.3), partial(normals, seed=1)
    ),
}
