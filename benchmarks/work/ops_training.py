"""The table's lines for losses, dropout and batches, and with them those for optimizers."""

from __future__ import annotations

from functools import partial
from typing import Any

from . import data
from .ops_optimizers import OPTIMIZERS
from .table import Carried, Op
from .table_inputs import CLASSES, FLAT, SAMPLES, SHAPE

EPS = 1e-8
AVERAGES = FLAT.plus(ema=lambda weights: weights[::-1].copy())


def _cross_entropy(t: Any, guesses: Any, labels: Any) -> Any:
    n = len(guesses)
    rows = t.arange(n)

    def run():
        gradient = guesses * (1.0 / n)
        gradient[rows, labels] -= 1.0 / n
        return gradient, gradient.square().sum()

    return run


def _jax_cross_entropy(j: Any, guesses: Any, labels: Any) -> Any:
    truths = j.nn.one_hot(labels, guesses.shape[1], dtype=guesses.dtype)
    gradient = (guesses - truths) / len(guesses)
    return gradient, j.np.square(gradient).sum()


def _difference(t: Any, guesses: Any, truths: Any) -> Any:
    def run():
        gradient = t.sub(guesses, truths).mul_(1.0 / len(guesses))
        return gradient, gradient.square().sum()

    return run


def _jax_difference(j: Any, guesses: Any, truths: Any) -> Any:
    gradient = (guesses - truths) / len(guesses)
    return gradient, j.np.square(gradient).sum()


def _cosine(t: Any, X: Any, Y: Any) -> Any:
    """The gradient of 1 - cosine, in as few passes as eager operations allow."""

    def run():
        x, y = t.linalg.vector_norm(X, dim=1, keepdim=True), t.linalg.vector_norm(Y, dim=1, keepdim=True)
        cosine = (X * Y).sum(1, keepdim=True) / (x * y)
        gradient = X * (cosine / (x * x)) - Y / (x * y)
        return gradient, t.abs(cosine - 1).sum()

    return run


def _jax_cosine(j: Any, X: Any, Y: Any) -> Any:
    def cosine(X):
        return (X * Y).sum(1) / (j.np.linalg.norm(X, axis=1) * j.np.linalg.norm(Y, axis=1))

    value, backward = j.vjp(cosine, X)
    return backward(-j.np.ones_like(value))[0], j.np.abs(value - 1).sum()


def _clip(t: Any, gradient: Any) -> Any:
    parameter = t.nn.Parameter(t.empty_like(gradient))
    parameter.grad = gradient
    return lambda: t.nn.utils.clip_grad_norm_([parameter], 1.0)


def _jax_clip(j: Any, gradient: Any) -> Any:
    norm = j.np.linalg.norm(gradient)
    return gradient * j.np.where(norm > 1, 1 / norm, 1).astype(gradient.dtype)


def _shuffled(t: Any, X: Any, labels: Any, size: Any) -> Any:
    def run():
        for rows in t.randperm(len(X)).split(size):
            X[rows], labels[rows]

    return run


def _each(batches: Any) -> Any:
    def run():
        for _ in batches:
            pass

    return run


TRAINING = {
    "CategoricalCrossentropy": Op(
        CLASSES,
        lambda t, guesses, labels: partial(t.CategoricalCrossentropy(normalize=True), guesses, labels),
        _cross_entropy,
        _jax_cross_entropy,
    ),
    "CategoricalCrossentropy-2d": Op(
        CLASSES,
        lambda t, guesses, truths: partial(t.CategoricalCrossentropy(normalize=True), guesses, truths),
        _difference,
        _jax_difference,
    ),
    "SequenceCategoricalCrossentropy": Op(
        CLASSES,
        lambda t, guesses, labels: partial(
            t.SequenceCategoricalCrossentropy(normalize=True),
            [guesses[i : i + 8] for i in range(0, len(guesses), 8)],
            [labels[i : i + 8] for i in range(0, len(guesses), 8)],
        ),
    ),
    "L2Distance": Op(
        CLASSES,
        lambda t, X, Y: partial(t.L2Distance(normalize=True), X, Y),
        lambda t, X, Y: _difference(t, X, Y),
        lambda j, X, Y: _jax_difference(j, X, Y),
    ),
    "CosineDistance": Op(
        CLASSES,
        lambda t, X, Y: partial(t.CosineDistance(normalize=False), X, Y),
        _cosine,
        _jax_cosine,
    ),
    "logloss": Op(
        CLASSES,
        lambda t, truths, guesses: partial(t.ops.logloss, truths, guesses),
        lambda t, truths, guesses: partial(t.F.binary_cross_entropy, guesses, truths, reduction="none"),
        lambda j, truths, guesses: (
            -(truths * j.np.log(guesses + EPS) + (1 - truths) * j.np.log(1 - guesses + EPS))
        ),
    ),
    **OPTIMIZERS,
    "clip_gradient": Op(
        FLAT,
        lambda t, gradient: partial(t.ops.clip_gradient, gradient, 1.0),
        _clip,
        _jax_clip,
        refill=("gradient",),
        unchecked=("torch",),
    ),
    "update_averages": Op(
        AVERAGES,
        lambda t, ema, weights: partial(t.ops.update_averages, ema, weights, 100),
        lambda t, ema, weights: partial(ema.lerp_, weights, 1 - 101 / 110),
        Carried(
            lambda j, ema: (ema,), lambda j, state, weights: (state[0] - 9 / 110 * (state[0] - weights),)
        ),
        result="ema",
    ),
    "get_dropout_mask": Op(
        SHAPE,
        lambda t, n, width: partial(t.ops.get_dropout_mask, (n, width), data.DROPOUT),
        lambda t, n, width: (
            lambda: t.empty(n, width).bernoulli_(1 - data.DROPOUT).mul_(1 / (1 - data.DROPOUT))
        ),
        lambda j, n, width, key: (
            j.random.bernoulli(key, 1 - data.DROPOUT, (n, width)).astype("float32") / (1 - data.DROPOUT)
        ),
        dtypes=("float32",),
        unchecked=("published", "torch", "jax"),
    ),
    "minibatch": Op(
        SAMPLES,
        lambda t, X, size: _each(t.ops.minibatch(size, X)),
        lambda t, X, size: lambda: [batch.clone() for batch in X.split(size)],  # ours are copies, too
        unchecked=("torch",),
    ),
    "multibatch-shuffled": Op(
        SAMPLES,
        lambda t, X, labels, size: _each(t.ops.multibatch(size, X, labels, shuffle=True)),
        _shuffled,
        unchecked=("published", "torch"),
    ),
}
