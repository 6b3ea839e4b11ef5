"""The table's lines for losses that the published package has not: gradient and scalar, divided by the rows.

PyTorch computes both by its own loss and the formula of its gradient, without autograd.
"""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from typing import Any

from .table import Op
from .table_inputs import CLASSES

VECTORS = replace(CLASSES, large=(2048, 300))
PAIRS = CLASSES.plus(pairs=lambda X: X[:, :2].copy(), order=lambda labels: labels % 2 * 2 - 1)


def _entropy(t: Any, X: Any, labels: Any) -> Any:
    rows, n = t.arange(len(X)), len(X)

    def run():
        logs = t.log_softmax(X, 1)
        loss = t.F.nll_loss(logs, labels)
        gradient = logs.exp_().mul_(1 / n)
        gradient[rows, labels] -= 1 / n
        return gradient, loss

    return run


def _jax_entropy(j: Any, X: Any, labels: Any) -> Any:
    def loss(X):
        return -j.nn.log_softmax(X)[j.np.arange(len(X)), labels].mean()

    return j.grad(loss)(X), loss(X)


def _nll(t: Any, guesses: Any, labels: Any) -> Any:
    rows, n = t.arange(len(guesses)), len(guesses)

    def run():
        gradient = guesses * (1.0 / n)
        gradient[rows, labels] -= 1.0 / n
        return gradient, -guesses[rows, labels].log_().mean()

    return run


def _divergence(t: Any, guesses: Any, truths: Any) -> Any:
    def run():
        gradient = t.sub(guesses, truths).mul_(1 / len(guesses))
        return gradient, t.F.kl_div(guesses.log(), truths, reduction="batchmean")

    return run


def _binary(t: Any, X: Any, truths: Any) -> Any:
    n = len(X)

    def run():
        gradient = t.sigmoid(X).sub_(truths).mul_(1 / n)
        return gradient, t.F.binary_cross_entropy_with_logits(X, truths, reduction="sum") / n

    return run


def _jax_binary(j: Any, X: Any, truths: Any) -> Any:
    n = len(X)
    logs = j.nn.log_sigmoid(X), j.nn.log_sigmoid(-X)
    return (j.nn.sigmoid(X) - truths) / n, -(truths * logs[0] + (1 - truths) * logs[1]).sum() / n


def _focal(t: Any, X: Any, truths: Any) -> Any:
    """With autograd: nobody would write the gradient out."""
    X = X.clone().requires_grad_()

    def run():
        X.grad = None
        with t.enable_grad():
            p = t.sigmoid(X)
            entropy = t.F.binary_cross_entropy_with_logits(X, truths, reduction="none")
            right = p * truths + (1 - p) * (1 - truths)
            share = 0.25 * truths + 0.75 * (1 - truths)
            loss = (share * entropy * (1 - right) ** 2).sum() / len(X)
        loss.backward()
        return X.grad, loss.detach()

    return run


def _huber(t: Any, X: Any, Y: Any) -> Any:
    def run():
        gradient = t.sub(X, Y).clamp_(-1, 1).mul_(1 / len(X))
        return gradient, t.F.huber_loss(X, Y, reduction="sum") / len(X)

    return run


def _jax_huber(j: Any, X: Any, Y: Any) -> Any:
    difference = X - Y
    slope = j.np.clip(difference, -1, 1)
    return slope / len(X), (slope * (difference - slope / 2)).sum() / len(X)


def _ranking(t: Any, pairs: Any, order: Any) -> Any:
    signs = order.to(pairs.dtype)

    def run():
        lacks = 0.5 - signs * (pairs[:, 0] - pairs[:, 1])
        slope = signs * (lacks > 0) / len(pairs)
        return t.stack([-slope, slope], 1), lacks.clamp_(min=0).mean()

    return run


def _contrast(t: Any, X: Any, Y: Any) -> Any:
    X, right = X.clone().requires_grad_(), t.arange(len(X))

    def run():
        X.grad = None
        with t.enable_grad():
            similarities = t.F.normalize(X, dim=1) @ t.F.normalize(Y, dim=1).T / 0.1
            loss = t.F.cross_entropy(similarities, right)
        loss.backward()
        return X.grad, loss.detach()

    return run


new = partial(Op, published=False)
LOSSES = {
    "CategoricalCrossentropy_v4": new(
        CLASSES,
        lambda t, guesses, labels: partial(t.CategoricalCrossentropy_v4(), guesses, labels),
        _nll,
    ),
    "CategoricalCrossentropy_v4-logits": new(
        CLASSES,
        lambda t, X, labels: partial(t.CategoricalCrossentropy_v4(from_logits=True), X, labels),
        _entropy,
        _jax_entropy,
    ),
    "KLDivergence": new(
        CLASSES, lambda t, guesses, truths: partial(t.KLDivergence(), guesses, truths), _divergence
    ),
    "BinaryCrossEntropy": new(
        CLASSES,
        lambda t, X, truths: partial(t.BinaryCrossEntropy(from_logits=True), X, truths),
        _binary,
        _jax_binary,
    ),
    "FocalLoss": new(CLASSES, lambda t, X, truths: partial(t.FocalLoss(from_logits=True), X, truths), _focal),
    "HuberLoss": new(CLASSES, lambda t, X, Y: partial(t.HuberLoss(), X, Y), _huber, _jax_huber),
    "MarginRankingLoss": new(
        PAIRS, lambda t, pairs, order: partial(t.MarginRankingLoss(margin=0.5), pairs, order), _ranking
    ),
    "InfoNCE": new(VECTORS, lambda t, X, Y: partial(t.InfoNCE(), X, Y), _contrast),
}
