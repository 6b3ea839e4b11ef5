"""Losses of independent yes-or-no questions: binary cross-entropy and focal loss."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy

from ._loss_base import FusedLoss, check_setting, has_kernel, row_scale
from ._loss_crossentropy import as_floats, range_error
from ._loss_distances import check_arrays
from ._util.arrays import get_array_module
from .config import registry
from .kernels._log_losses import binary_loss
from .types import FloatsT, FloatsXd, IntsXd

_NAN = float("nan")


class _BinaryLoss(FusedLoss[FloatsXd, FloatsXd | IntsXd, FloatsXd, float]):
    """What both have in common: ``-(a * t * (1-p)**gamma * log(p) + b * (1-t) * p**gamma * log(1-p))``."""

    name: str
    normalize: bool
    from_logits: bool
    missing_value: float | None

    def __call__(self, guesses: FloatsT, truths: FloatsXd | IntsXd) -> tuple[FloatsT, float]:
        """Gradient and loss.

        Parameters
        ----------
        guesses : array of float, shape ``(N,)`` or ``(N, n_questions)``, or of more dimensions
            Probabilities, or logits.
        truths : array of float, int or bool, of the same shape
            1 for yes, 0 for no, or a probability.

        Returns
        -------
        gradient : array, like guesses, at least float32
            With respect to the guesses: whatever computed them takes it in its own backward pass.
        loss : scalar of that dtype

        Raises
        ------
        ValueError
            If the shapes differ, these are no arrays, truths or probabilities lie outside ``[0, 1]``, or weights
            do not fit the number of columns.
        """
        return super().__call__(guesses, truths)  # type: ignore[return-value]

    if TYPE_CHECKING:  # as for `L2Distance`

        def get_grad(self, guesses: FloatsT, truths: FloatsXd | IntsXd) -> FloatsT: ...

    def _settings(self, guesses: Any) -> tuple[Any, float, float, float]:
        """Weights of the columns or None, weights of yes and no, gamma."""
        raise NotImplementedError

    def _compute(self, guesses: Any, truths: Any) -> tuple[Any, Any]:
        check_arrays(self.name, guesses, truths, 1)
        guesses = as_floats(guesses, self.name)
        scale = row_scale(guesses, self.normalize)
        weights, yes, no, gamma = self._settings(guesses)
        if not has_kernel(guesses):
            return self._compute_by_formulas(guesses, truths, weights, yes, no, gamma, scale)
        missing = _NAN if self.missing_value is None else self.missing_value
        truths = truths.astype(guesses.dtype, copy=False)
        gradient, loss, flags = binary_loss(
            guesses, truths, weights, yes, no, gamma, missing, self.from_logits, scale
        )
        if flags:
            raise range_error(flags, self.name)
        return gradient, gradient.dtype.type(loss)

    def _compute_by_formulas(
        self, guesses: Any, t: Any, weights: Any, yes: float, no: float, gamma: float, scale: float
    ) -> tuple[Any, Any]:
        xp = get_array_module(guesses)
        known = xp.ones(t.shape, dtype=bool) if self.missing_value is None else t != self.missing_value
        t = xp.where(known, t, 0).astype(guesses.dtype)
        for flag, values in ((0 if self.from_logits else 1, guesses), (2, t)):
            if flag and ((values < 0) | (values > 1)).any():
                raise range_error(flag, self.name)
        if self.from_logits:
            x = xp.clip(guesses, -1e30, 1e30)
            e = xp.exp(-abs(x))
            p, q = xp.where(x >= 0, 1, e) / (1 + e), xp.where(x >= 0, e, 1) / (1 + e)
            log_p, log_q = xp.minimum(x, 0) - xp.log1p(e), -xp.maximum(x, 0) - xp.log1p(e)
        else:
            p, q = guesses, 1 - guesses
            least = xp.finfo(guesses.dtype).tiny
            logs = (xp.where(x <= 0, -100, xp.log(xp.maximum(x, least))) for x in (p, q))
            log_p, log_q = (xp.maximum(x, -100) for x in logs)
        a = yes * t * xp.exp(gamma * log_q) * (1 if weights is None else weights)
        b = no * (1 - t) * xp.exp(gamma * log_p)
        slope = a * (gamma * p * log_p - q) + b * (p - gamma * q * log_q)
        if not self.from_logits:
            slope = slope / xp.maximum(p * q, 1e-12)
        gradient = xp.where(known, slope, 0) * scale
        return gradient, -xp.where(known, a * log_p + b * log_q, 0).sum() * scale


class BinaryCrossEntropy(_BinaryLoss):
    """Cross-entropy of yes-or-no questions, several per row if need be: ``-(w * t * log(p) + (1-t) * log(1-p))``.

    Parameters
    ----------
    normalize : bool
        Divide gradient and loss by the number of rows.
    from_logits : bool
        Guesses are logits, with ``p = 1 / (1 + exp(-guess))``, such as the output of `Linear`. That is more
        precise, and quicker, than probabilities from a `Sigmoid`.
    positive_weight : float or sequence of float
        w, for all columns or by column: what a yes counts, where a no counts 1.
    missing_value : float, optional
        The truth that stands for "unknown": such elements get no gradient. It may lie outside of ``[0, 1]``.

    Notes
    -----
    The gradient is with respect to the guesses: ``p - t`` for logits, ``(p - t) / (p * (1 - p))`` for
    probabilities (both with w where they apply). For these, logarithms are at least -100, and that denominator at
    least 1e-12.
    """

    name = "BinaryCrossEntropy"

    def __init__(
        self,
        *,
        normalize: bool = True,
        from_logits: bool = False,
        positive_weight: float | Sequence[float] = 1.0,
        missing_value: float | None = None,
    ):
        self.normalize = normalize
        self.from_logits = from_logits
        self.positive_weight: float | list[float]
        if isinstance(positive_weight, (Sequence, numpy.ndarray)) and not isinstance(positive_weight, str):
            self.positive_weight = [
                check_setting(self.name, f"positive_weight[{i}]", weight, 0)
                for i, weight in enumerate(positive_weight)
            ]
        else:
            self.positive_weight = check_setting(self.name, "positive_weight", positive_weight, 0)
        self.missing_value = check_missing(self.name, missing_value)

    def _settings(self, guesses: Any) -> tuple[Any, float, float, float]:
        if isinstance(self.positive_weight, float):
            return None, self.positive_weight, 1.0, 0.0
        columns = guesses.shape[-1] if guesses.ndim > 1 else 1
        if len(self.positive_weight) != columns:
            raise ValueError(
                f"Cannot calculate {self.name} loss: {len(self.positive_weight)} numbers as positive_weight, but "
                f"the guesses have {columns} columns"
            )
        weights = get_array_module(guesses).asarray(self.positive_weight, dtype=guesses.dtype)
        return weights, 1.0, 1.0, 0.0


class FocalLoss(_BinaryLoss):
    """Binary cross-entropy that attends to what is hard (Lin et al. 2017, https://arxiv.org/abs/1708.02002).

    ``-(alpha * t * (1-p)**gamma * log(p) + (1-alpha) * (1-t) * p**gamma * log(1-p))``: the more certain a right
    guess, the less it counts, which helps where most answers are an easy no.

    Parameters
    ----------
    normalize : bool
        Divide gradient and loss by the number of rows.
    from_logits : bool
        Guesses are logits, rather than probabilities; see `BinaryCrossEntropy`.
    gamma : float
        At least 0; 0 gives the cross-entropy.
    alpha : float, optional
        Between 0 and 1: what a yes counts, where a no counts ``1 - alpha``. With None, either counts 1.
    missing_value : float, optional
        The truth that stands for "unknown": such elements get no gradient.
    """

    name = "FocalLoss"

    def __init__(
        self,
        *,
        normalize: bool = True,
        from_logits: bool = False,
        gamma: float = 2.0,
        alpha: float | None = 0.25,
        missing_value: float | None = None,
    ):
        self.normalize = normalize
        self.from_logits = from_logits
        self.gamma = check_setting(self.name, "gamma", gamma, 0)
        self.alpha = None if alpha is None else check_setting(self.name, "alpha", alpha, 0)
        if self.alpha is not None and self.alpha > 1:
            raise ValueError(f"{self.name}: expected alpha to lie between 0 and 1, got {alpha!r}")
        self.missing_value = check_missing(self.name, missing_value)

    def _settings(self, guesses: Any) -> tuple[Any, float, float, float]:
        yes, no = (1.0, 1.0) if self.alpha is None else (self.alpha, 1 - self.alpha)
        return None, yes, no, self.gamma


def check_missing(name: str, value: Any) -> float | None:
    """A number that truths can be compared with, or None."""
    if value is None:
        return None
    if not isinstance(value, (int, float, numpy.number)) or not numpy.isfinite(value):
        raise ValueError(
            f"{name}: expected missing_value to be None or a finite number, got {value!r}; replace others in the "
            "truths, such as by -1"
        )
    return float(value)


@registry.losses("BinaryCrossEntropy.v1")
def configure_BinaryCrossEntropy(
    *,
    normalize: bool = True,
    from_logits: bool = False,
    positive_weight: float | Sequence[float] = 1.0,
    missing_value: float | None = None,
) -> BinaryCrossEntropy:
    """`BinaryCrossEntropy`."""
    return BinaryCrossEntropy(
        normalize=normalize,
        from_logits=from_logits,
        positive_weight=positive_weight,
        missing_value=missing_value,
    )


@registry.losses("FocalLoss.v1")
def configure_FocalLoss(
    *,
    normalize: bool = True,
    from_logits: bool = False,
    gamma: float = 2.0,
    alpha: float | None = 0.25,
    missing_value: float | None = None,
) -> FocalLoss:
    """`FocalLoss`."""
    return FocalLoss(
        normalize=normalize, from_logits=from_logits, gamma=gamma, alpha=alpha, missing_value=missing_value
    )
