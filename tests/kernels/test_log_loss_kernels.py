"""Kernels of the losses of the table on every instruction set, at sizes around the vectors and the blocks."""

import numpy
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from helpers.loss_table import LOSSES
from helpers.loss_twins import probabilities
from thinc.kernels import _log_losses
from thinc.loss import BinaryCrossEntropy, CategoricalCrossentropy_v4, FocalLoss, HuberLoss, KLDivergence

pytestmark = pytest.mark.usefixtures("isa")

WIDTHS = [1, 2, 3, 4, 5, 7, 8, 9, 15, 16, 17, 31, 33, 65, 1023, 1025]


@pytest.mark.parametrize("name", LOSSES)
def test_as_the_formulas(name, dtype):
    case = LOSSES[name]
    sizes = [(rows, width) for width in WIDTHS for rows in (1, 5)]
    sizes += [(rows, width) for width in (1, 2) for rows in (63, 64, 65, 700)]
    for rows, width in sizes:
        if (case.width and width > 2) or (width == 1 and "smoothed" in name):
            continue
        guesses, truths = case.data(rows, width, dtype)
        if getattr(truths, "dtype", None) == "float64":
            truths = truths.astype(dtype)
        gradient, scalar = case.loss(width)(guesses, truths)
        expected = case.loss(width)(guesses.astype("longdouble"), truths)
        tolerance = 2e-6 if dtype == "float32" else 1e-13
        atol = tolerance * max(1, abs(expected[0]).max())
        assert_allclose(gradient, expected[0], rtol=10 * tolerance, atol=atol)
        assert_allclose(scalar, expected[1], rtol=10 * tolerance, atol=tolerance)


@pytest.mark.parametrize("width", [1, 3, 8, 17, 33])
def test_ranges_and_nan_at_every_position(width, dtype):
    yes, one = numpy.ones((2, width), dtype), numpy.ones(width).tolist()
    losses = [BinaryCrossEntropy(), FocalLoss(), BinaryCrossEntropy(positive_weight=one)]
    losses += [CategoricalCrossentropy_v4(), KLDivergence(), CategoricalCrossentropy_v4(class_weights=one)]
    for loss in losses:
        for column in range(width):
            for value in (-1e-6, 1 + 1e-6, numpy.inf, -numpy.inf):
                guesses, truths = probabilities(2, width, dtype=dtype), yes.copy()
                guesses[1, column] = value
                with pytest.raises(ValueError, match=r"Cannot calculate.*guesses"):
                    loss(guesses, truths)
                with pytest.raises(ValueError, match=r"Cannot calculate.*truth"):
                    loss(truths, guesses)
            guesses = probabilities(2, width, dtype=dtype)
            guesses[1, column] = numpy.nan
            for truths in [yes, [0, 0]] if isinstance(loss, CategoricalCrossentropy_v4) else [yes]:
                gradient, scalar = loss(guesses, truths)
                assert numpy.isnan(gradient[1, column]) and numpy.isnan(scalar)
                assert not numpy.isnan(gradient[0]).any()


def test_edges_of_the_range(dtype):
    edges = numpy.array([[0.0, 1.0, -0.0] * 11], dtype=dtype)
    for loss in (BinaryCrossEntropy(), FocalLoss(), CategoricalCrossentropy_v4(), KLDivergence()):
        gradient, scalar = loss(edges, edges)
        assert not gradient.any()
        assert abs(scalar) < 1e-6


def test_denormals(dtype):
    tiny = numpy.full((3, 9), numpy.finfo(dtype).smallest_subnormal * 5, dtype=dtype)
    for loss in (
        BinaryCrossEntropy(),
        FocalLoss(),
        CategoricalCrossentropy_v4(),
        KLDivergence(),
        HuberLoss(),
    ):
        gradient, scalar = loss(tiny, tiny)
        assert numpy.isfinite(gradient).all() and numpy.isfinite(scalar)


@pytest.mark.parametrize("logit", numpy.linspace(-84, 84, 13).tolist())
def test_precision_of_the_tails(logit, dtype):
    x = numpy.array([[logit, 0]], dtype=dtype)
    p, q = 1 / (1 + numpy.exp(-x.astype("longdouble"))), 1 / (1 + numpy.exp(x.astype("longdouble")))
    tolerance = 1e-6 if dtype == "float32" else 1e-14
    yes = BinaryCrossEntropy(from_logits=True)(x, numpy.ones_like(x))
    assert_allclose(yes[0], -q, rtol=tolerance)
    assert_allclose(yes[1], -numpy.log(p).sum(), rtol=tolerance)
    entropy = CategoricalCrossentropy_v4(from_logits=True)(x, [0])
    assert_allclose(entropy[0][0, 1], q[0, 0], rtol=tolerance)


def test_arrays_that_do_not_fit_are_refused():
    X = probabilities(4, 3)
    for codes in (numpy.zeros(3, dtype="int64"), numpy.zeros(4, dtype="int32"), numpy.zeros(8, "int64")[::2]):
        with pytest.raises(ValueError, match="one int64 code per row"):
            _log_losses.labels_log_loss(X, codes, 1.0, 0.0, None, False, 1.0)
    codes = numpy.zeros(4, dtype="int64")
    for weights in (numpy.ones(2, "f"), numpy.ones(3), numpy.ones(6, "f")[::2]):
        with pytest.raises(ValueError, match="contiguous weights"):
            _log_losses.labels_log_loss(X, codes, 1.0, 0.0, weights, False, 1.0)
        with pytest.raises(ValueError, match="contiguous weights"):
            _log_losses.binary_loss(X, X, weights, 1.0, 1.0, 0.0, -1.0, False, 1.0)
    with pytest.raises(ValueError, match="distribution"):
        _log_losses.labels_log_loss(X, codes, 0.9, 0.1, numpy.ones(3, "f"), False, 1.0)
    for keep in (numpy.ones(3, bool), numpy.ones(4, "i1"), numpy.ones(8, bool)[::2]):
        with pytest.raises(ValueError, match="one per row"):
            _log_losses.soft_log_loss(X, X, keep, None, False, False, 1.0)
    for truths in (X[:2], X.astype("float64")):
        for call in (
            lambda Y: _log_losses.soft_log_loss(X, Y, None, None, False, False, 1.0),
            lambda Y: _log_losses.binary_loss(X, Y, None, 1.0, 1.0, 0.0, -1.0, False, 1.0),
            lambda Y: _log_losses.huber_loss(X, Y, 1.0, 1.0),
            lambda Y: _log_losses.margin_ranking(X[:, :2], Y[:, 0], 1.0, 1.0),
        ):
            with pytest.raises(ValueError, match="Expected truths of"):
                call(truths)


def test_rows_of_any_order_are_the_same(dtype):
    case = LOSSES["labels-weighted-logits"]
    guesses, truths = case.data(300, 7, dtype)
    loss, order = case.loss(7), numpy.random.default_rng(0).permutation(300)
    assert_array_equal(loss.get_grad(guesses[order], truths[order]), loss.get_grad(guesses, truths)[order])
