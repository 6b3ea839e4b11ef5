"""Losses as plain formulas in float64, and data for them."""

import numpy
from numpy.testing import assert_allclose


def probabilities(rows, classes, seed=0, dtype="float32"):
    values = numpy.random.default_rng(seed).random((rows, classes)) + 1e-3
    return (values / values.sum(axis=1, keepdims=True)).astype(dtype)


def labels_of(rows, classes, seed=0):
    return numpy.random.default_rng(seed).integers(0, classes, rows)


def expected_gradient(guesses, target, mask=1.0, divisor=1):
    return (guesses.astype("float64") - target) * mask / divisor


def check(result, expected, rtol=1e-6):
    gradient, loss = result
    assert_allclose(gradient, expected, rtol=rtol, atol=1e-7 * max(abs(expected).max(initial=0), 1e-30))
    assert_allclose(loss, (expected**2).sum(), rtol=1e-5)
    assert isinstance(loss, numpy.floating)
    assert loss.dtype == gradient.dtype


def cosine_twin(X, Y, normalize, ignore_zeros):
    a, b = X.astype("float64") + 1e-8, Y.astype("float64") + 1e-8
    na, nb = (numpy.sqrt((z * z).sum(axis=1, keepdims=True)) for z in (a, b))
    cos = (a * b).sum(axis=1, keepdims=True) / (na * nb)
    gradient = -(b / (na * nb) - cos * a / na**2)
    distance = abs(cos - 1)
    if ignore_zeros:
        zero = (Y == 0).all(axis=1)
        gradient[zero] = distance[zero] = 0
    n = max(len(X), 1) if normalize else 1
    return gradient / n, distance.sum() / n, cos


def largest(X, gradient):
    """Of the two terms whose difference the gradient is."""
    return abs(gradient).max(initial=0) + (1 / numpy.linalg.norm(X.astype("float64"), axis=1)).max(initial=0)
