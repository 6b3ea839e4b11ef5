"""Losses of pairs: margin ranking, and contrast with the other rows of a batch."""

from typing import Any

import numpy

from ._loss_base import FusedLoss, check_setting, has_kernel, row_scale
from ._loss_crossentropy import as_floats
from ._loss_distances import check_arrays
from ._loss_logarithmic import CategoricalCrossentropy_v4
from ._util.arrays import get_array_module, is_xp_array
from .backends import get_array_ops
from .config import registry
from .kernels._log_losses import margin_ranking
from .types import Floats1d, Floats2d, Ints1d


class MarginRankingLoss(FusedLoss[Floats2d, Ints1d | Floats1d, Floats2d, float]):
    """Pairs of scores, of which one should be higher: ``max(0, margin - y * (first - second))``.

    Parameters
    ----------
    normalize : bool
        Divide gradient and loss by the number of pairs.
    margin : float
        By how much it should be higher at least; not below 0.
    """

    def __init__(self, *, normalize: bool = True, margin: float = 0.0):
        self.normalize = normalize
        self.margin = check_setting("MarginRankingLoss", "margin", margin, 0)

    def __call__(self, guesses: Floats2d, truths: Ints1d | Floats1d) -> tuple[Floats2d, float]:
        """Gradient and loss.

        Parameters
        ----------
        guesses : array of float, shape ``(N, 2)``
            The scores of the first and the second of each pair.
        truths : array, shape ``(N,)``
            y: 1 where the first should be higher, -1 where the second should, 0 where that is not known.

        Raises
        ------
        ValueError
            If these are no such arrays.
        """
        return super().__call__(guesses, truths)

    def _compute(self, guesses: Any, truths: Any) -> tuple[Any, Any]:
        guesses = as_floats(guesses, "MarginRankingLoss")
        shape = truths.shape if is_xp_array(truths) else type(truths)
        if guesses.ndim != 2 or guesses.shape != (len(guesses), 2) or shape != (len(guesses),):
            raise ValueError(
                f"Cannot calculate MarginRankingLoss: expected guesses of shape (N, 2) and an array of truths of shape "
                f"(N,), but got {guesses.shape} and {shape}"
            )
        truths = truths.astype(guesses.dtype)
        scale = row_scale(guesses, self.normalize)
        if has_kernel(guesses):
            gradient, loss, is_wrong = margin_ranking(guesses, truths, self.margin, scale)
            loss = gradient.dtype.type(loss)
        else:
            xp = get_array_module(guesses)
            is_wrong = not bool(((truths == 0) | (abs(truths) == 1) | xp.isnan(truths)).all())
            lacks = self.margin - truths * (guesses[:, 0] - guesses[:, 1])
            counts = (truths != 0) & ~(lacks <= 0)
            slope = xp.where(counts, xp.where(xp.isnan(lacks), lacks, truths * scale), 0)
            gradient = xp.stack([-slope, slope], axis=1)
            loss = xp.where(counts, lacks, 0).sum() * scale
        if is_wrong:
            raise ValueError(
                "Cannot calculate MarginRankingLoss: expected truths that are 1 (the first is higher), -1 (the second "
                "is) or 0 (not known), but others are among them"
            )
        return gradient, loss


class InfoNCE(FusedLoss[Floats2d, Floats2d, Floats2d, float]):
    """Contrast (van den Oord et al. 2018, https://arxiv.org/abs/1807.03748): pick the right row out of all rows.

    A guess is compared with all truths of the batch. The loss is the cross-entropy of the softmax over these
    similarities, divided by the temperature, where the truth in the same row is the right one.

    Parameters
    ----------
    normalize : bool
        Divide gradient and loss by the number of guesses.
    temperature : float
        Above 0. The lower, the more it matters which of the wrong ones are similar.
    cosine : bool
        Compare by the cosine, rather than by the product of the rows. Rows of zeros have no direction: their
        cosines are 0, and they get no gradient.
    symmetric : bool
        The mean of that and of picking the right guess for each truth (Radford et al. 2021,
        https://arxiv.org/abs/2103.00020).
    """

    def __init__(
        self,
        *,
        normalize: bool = True,
        temperature: float = 0.1,
        cosine: bool = True,
        symmetric: bool = False,
    ):
        self.normalize = normalize
        self.temperature = check_setting("InfoNCE", "temperature", temperature, 0, above=True)
        self.cosine = cosine
        self.symmetric = symmetric

    def __call__(self, guesses: Floats2d, truths: Floats2d) -> tuple[Floats2d, float]:
        """Gradient and loss.

        Parameters
        ----------
        guesses : array of float, shape ``(N, width)``
        truths : array of float, shape ``(M, width)``
            Row i belongs to guess i. There may be more, which belong to none, unless the loss is symmetric.

        Returns
        -------
        gradient : array, like guesses
            With respect to the guesses; see `get_both_grads` for that of the truths.
        loss : scalar of that dtype

        Raises
        ------
        ValueError
            If these are no such arrays.
        """
        return super().__call__(guesses, truths)

    def get_both_grads(self, guesses: Floats2d, truths: Floats2d) -> tuple[Floats2d, Floats2d]:
        """The gradients with respect to guesses and truths, for where a model computed both."""
        dX, dY, _ = self._compute_all(guesses, truths, True)
        return dX, dY

    def _compute(self, guesses: Any, truths: Any) -> tuple[Any, Any]:
        dX, _, loss = self._compute_all(guesses, truths, False)
        return dX, loss

    def _compute_all(self, guesses: Any, truths: Any, wants_dY: bool) -> tuple[Any, Any, Any]:
        guesses, truths = self._check(guesses, truths)
        scale = row_scale(guesses, self.normalize)
        if not len(guesses):
            return guesses.copy(), guesses.dtype.type(0) * truths, guesses.dtype.type(0)
        X, lengths_X = _directions(guesses) if self.cosine else (guesses, None)
        Y, lengths_Y = _directions(truths) if self.cosine else (truths, None)
        similarities = _multiply(X, Y.T) / self.temperature  # (N, M)
        pick = CategoricalCrossentropy_v4(normalize=False, from_logits=True)
        right = numpy.arange(len(guesses))
        dS, loss = pick._compute_encoded(similarities, right, None, scale)
        if self.symmetric:
            dS_T, other = pick._compute_encoded(similarities.T, right, None, scale)
            dS, loss = (dS + dS_T.T) / 2, (loss + other) / 2
        dS /= self.temperature
        dX = _along_sphere(_multiply(dS, Y), X, lengths_X)
        dY = _along_sphere(_multiply(dS.T, X), Y, lengths_Y) if wants_dY else None
        return dX, dY, loss

    def _check(self, guesses: Any, truths: Any) -> tuple[Any, Any]:
        are_rows = all(is_xp_array(array) and array.ndim == 2 for array in (guesses, truths))
        if not are_rows or guesses.shape[1] != truths.shape[1] or len(truths) < len(guesses):
            shapes = [array.shape if is_xp_array(array) else type(array) for array in (guesses, truths)]
            raise ValueError(
                f"Cannot calculate InfoNCE: expected guesses of shape (N, width) and at least as many truths, but got "
                f"{shapes[0]} and {shapes[1]}"
            )
        if self.symmetric:
            check_arrays("InfoNCE(symmetric=True)", guesses, truths, 2)
        guesses = as_floats(guesses, "InfoNCE")
        return guesses, truths.astype(guesses.dtype, copy=False)


def _multiply(X: Any, Y: Any) -> Any:
    return get_array_ops(X).gemm(X, Y) if has_kernel(X) else X @ Y


def _directions(X: Any) -> tuple[Any, Any]:
    """Rows of length 1, and the lengths they had, shape ``(N, 1)``; rows of zeros stay, with infinite length."""
    xp = get_array_module(X)
    lengths = xp.sqrt((X * X).sum(axis=1, keepdims=True))
    lengths = xp.where(lengths == 0, xp.inf, lengths).astype(X.dtype)
    return X / lengths, lengths


def _along_sphere(dX: Any, X: Any, lengths: Any) -> Any:
    """The gradient with respect to rows, given that with respect to their directions X."""
    if lengths is None:
        return dX
    return (dX - X * (dX * X).sum(axis=1, keepdims=True)) / lengths


@registry.losses("MarginRankingLoss.v1")
def configure_MarginRankingLoss(*, normalize: bool = True, margin: float = 0.0) -> MarginRankingLoss:
    """`MarginRankingLoss`."""
    return MarginRankingLoss(normalize=normalize, margin=margin)


@registry.losses("InfoNCE.v1")
def configure_InfoNCE(
    *, normalize: bool = True, temperature: float = 0.1, cosine: bool = True, symmetric: bool = False
) -> InfoNCE:
    """`InfoNCE`."""
    return InfoNCE(normalize=normalize, temperature=temperature, cosine=cosine, symmetric=symmetric)
