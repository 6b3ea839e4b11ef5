"""Losses, with gradients, against those of PyTorch."""

import numpy
import pytest
from numpy.testing import assert_allclose

from helpers.loss_table import first_or_second, normals, softmax, some_missing, weights_of, within, yes_or_no
from helpers.loss_twins import probabilities
from thinc.loss import (
    BinaryCrossEntropy,
    CategoricalCrossentropy_v4,
    FocalLoss,
    HuberLoss,
    InfoNCE,
    KLDivergence,
    MarginRankingLoss,
)

torch = pytest.importorskip("torch", reason="needs PyTorch: pip install thinc[torch]")
F = torch.nn.functional

ROWS, WIDTH = 12, 9
LABELS = some_missing(ROWS, WIDTH)
WEIGHTS = weights_of(WIDTH)
SOFT = probabilities(ROWS, WIDTH, 3, dtype="float64")
YES = yes_or_no(ROWS, WIDTH)


@pytest.fixture(params=["float32", "float64"])
def dtype(request):
    return request.param


def check(loss, theirs, X, truths, link=None, tolerance=1e-10):
    """`theirs` is a function of the tensor that the gradient is with respect to."""
    x = torch.tensor(X, requires_grad=True)
    expected = theirs(x)
    expected.backward()
    gradient, scalar = loss(X if link is None else link(X), truths)
    tolerance = 2e-5 if X.dtype == "float32" else tolerance
    assert_allclose(gradient, x.grad.numpy(), rtol=tolerance, atol=tolerance / 100)
    assert_allclose(scalar, expected.item(), rtol=tolerance)


@pytest.mark.parametrize("weights", [None, WEIGHTS])
@pytest.mark.parametrize("smoothing", [0.0, 0.2])
@pytest.mark.parametrize("from_logits", [True, False])
def test_cross_entropy(dtype, weights, smoothing, from_logits):
    # PyTorch's smoothing gives the labelled class a share as well
    ours = smoothing * (WIDTH - 1) / WIDTH
    loss = CategoricalCrossentropy_v4(
        class_weights=weights, label_smoothing=ours, from_logits=from_logits, missing_value=-1
    )
    X = normals(ROWS, WIDTH).astype(dtype)
    weight = None if weights is None else torch.tensor(weights, dtype=getattr(torch, dtype))

    def theirs(x):
        labels = torch.tensor(LABELS)
        settings = {"ignore_index": -1, "label_smoothing": smoothing, "reduction": "sum"}
        return F.cross_entropy(x, labels, weight, **settings) / ROWS

    check(loss, theirs, X, LABELS, None if from_logits else softmax)


@pytest.mark.parametrize("weights", [None, WEIGHTS])
@pytest.mark.parametrize("from_logits", [True, False])
def test_cross_entropy_of_distributions(dtype, weights, from_logits):
    loss = CategoricalCrossentropy_v4(class_weights=weights, from_logits=from_logits)
    weight = None if weights is None else torch.tensor(weights, dtype=getattr(torch, dtype))
    X, truths = normals(ROWS, WIDTH).astype(dtype), SOFT.astype(dtype)
    check(
        loss,
        lambda x: F.cross_entropy(x, torch.tensor(truths), weight),
        X,
        truths,
        None if from_logits else softmax,
    )


@pytest.mark.parametrize("from_logits", [True, False])
def test_divergence(dtype, from_logits):
    X, truths = normals(ROWS, WIDTH).astype(dtype), SOFT.astype(dtype)
    truths[2] = numpy.eye(WIDTH)[3]
    check(
        KLDivergence(from_logits=from_logits),
        lambda x: F.kl_div(F.log_softmax(x, dim=1), torch.tensor(truths), reduction="batchmean"),
        X,
        truths,
        None if from_logits else softmax,
    )


@pytest.mark.parametrize("truths", [YES, within(ROWS, WIDTH, 4)], ids=["labels", "soft"])
@pytest.mark.parametrize("weights", [1.0, 2.5, WEIGHTS])
def test_binary_logits(dtype, truths, weights):
    X, truths = normals(ROWS, WIDTH).astype(dtype), truths.astype(dtype)
    X[0] = numpy.linspace(-90, 90, WIDTH)
    weight = torch.tensor(weights, dtype=getattr(torch, dtype))

    def theirs(x):
        settings = {"pos_weight": weight, "reduction": "sum"}
        return F.binary_cross_entropy_with_logits(x, torch.tensor(truths), **settings) / ROWS

    check(BinaryCrossEntropy(from_logits=True, positive_weight=weights), theirs, X, truths)


@pytest.mark.parametrize("truths", [YES, within(ROWS, WIDTH, 4)], ids=["labels", "soft"])
def test_binary_probabilities(dtype, truths):
    X, truths = within(ROWS, WIDTH).astype(dtype), truths.astype(dtype)
    X[0, :4], truths[0, :4] = [0, 1, 0, 1], [0, 1, 1, 0]
    check(
        BinaryCrossEntropy(),
        lambda x: F.binary_cross_entropy(x, torch.tensor(truths), reduction="sum") / ROWS,
        X,
        truths,
        tolerance=1e-8,  # its least denominator is 1e-12 in float32
    )


@pytest.mark.parametrize("from_logits", [True, False])
@pytest.mark.parametrize("alpha", [None, 0.25])
def test_focal(dtype, from_logits, alpha):
    X = (normals if from_logits else within)(ROWS, WIDTH).astype(dtype)
    truths = YES.astype(dtype)

    def theirs(x):
        t = torch.tensor(truths)
        p = torch.sigmoid(x) if from_logits else x
        right = torch.where(t == 1, p, 1 - p)
        share = 1 if alpha is None else torch.where(t == 1, alpha, 1 - alpha)
        return -(share * (1 - right) ** 2 * torch.log(right)).sum() / ROWS

    check(FocalLoss(from_logits=from_logits, alpha=alpha), theirs, X, truths)


@pytest.mark.parametrize("delta", [0.3, 1.0, 5.0])
def test_huber(dtype, delta):
    X, truths = normals(ROWS, WIDTH).astype(dtype), normals(ROWS, WIDTH, 1).astype(dtype)
    check(
        HuberLoss(delta=delta),
        lambda x: F.huber_loss(x, torch.tensor(truths), delta=delta, reduction="sum") / ROWS,
        X,
        truths,
    )


@pytest.mark.parametrize("margin", [0.0, 0.7])
def test_ranking(dtype, margin):
    X, truths = normals(ROWS, 2).astype(dtype), first_or_second(ROWS, 2)
    truths[truths == 0] = 1  # which counts with PyTorch
    check(
        MarginRankingLoss(margin=margin),
        lambda x: F.margin_ranking_loss(x[:, 0], x[:, 1], torch.tensor(truths), margin=margin),
        X,
        truths,
    )


@pytest.mark.parametrize("symmetric", [True, False])
@pytest.mark.parametrize("cosine", [True, False])
def test_contrast(dtype, symmetric, cosine):
    X, truths = normals(ROWS, WIDTH).astype(dtype), normals(ROWS, WIDTH, 1).astype(dtype)

    def theirs(x):
        y, right = torch.tensor(truths), torch.arange(ROWS)
        if cosine:
            x, y = F.normalize(x, dim=1), F.normalize(y, dim=1)
        similarities = x @ y.T / 0.5
        loss = F.cross_entropy(similarities, right)
        return (loss + F.cross_entropy(similarities.T, right)) / 2 if symmetric else loss

    check(InfoNCE(temperature=0.5, symmetric=symmetric, cosine=cosine), theirs, X, truths)
