"""Cross-entropy whose scalar is the cross-entropy, and Kullback-Leibler divergence."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy

from ._loss_base import FusedLoss, IntsOrFloatsOrStrs, check_setting, has_kernel, row_scale
from ._loss_crossentropy import CategoricalCrossentropy, as_floats, check_shapes, range_error
from ._loss_distances import check_arrays
from ._util.arrays import get_array_module
from .config import registry
from .kernels._log_losses import labels_log_loss, soft_log_loss
from .types import Floats2d

_NAME = "CategoricalCrossentropy"

ClassWeights = Sequence[float] | Mapping[str, float] | None


class CategoricalCrossentropy_v4(CategoricalCrossentropy):
    """Cross-entropy over exclusive classes: the gradient is ``p - t``, the loss ``-sum(t * log(p))``.

    Parameters
    ----------
    normalize : bool
        Divide gradient and loss by the number of rows, those without a label included.
    names, missing_value, neg_prefix, label_smoothing
        As for `CategoricalCrossentropy`.
    from_logits : bool
        Guesses are what goes into the softmax, such as the output of `Linear`, rather than probabilities.
    class_weights : sequence of float, or dict of str to float, optional
        w, by class or by name; classes that a dict does not name have 1. The loss is then ``-sum(w * t * log(p))``
        and the gradient ``sum(w * t) * p - w * t``.

    Notes
    -----
    The gradient is with respect to what goes into the softmax in either case: `Softmax` passes it through. It is
    that of the loss if every row of truths adds up to 1, or there are weights, or guesses are logits.

    Probabilities below the smallest normal number of their type count as that one in the logarithm. Of a row
    that is known not to be class c, the loss is ``-w * log(1 - p[c])``, and only that column gets a gradient,
    ``w * p[c]``.

    Unlike the mean of PyTorch, `normalize` does not divide by the weights of the rows.
    """

    def __init__(
        self,
        *,
        normalize: bool = True,
        names: Sequence[str] | None = None,
        missing_value: str | int | None = None,
        neg_prefix: str | None = None,
        label_smoothing: float = 0.0,
        from_logits: bool = False,
        class_weights: ClassWeights = None,
    ):
        super().__init__(
            normalize=normalize,
            names=names,
            missing_value=missing_value,
            neg_prefix=neg_prefix,
            label_smoothing=check_setting(_NAME, "label_smoothing", label_smoothing, 0),
        )
        self.from_logits = from_logits
        self.class_weights = self._check_weights(class_weights)

    def __call__(self, guesses: Floats2d, truths: IntsOrFloatsOrStrs) -> tuple[Floats2d, float]:
        """Gradient and loss.

        Parameters
        ----------
        guesses : array of float, shape ``(N, n_classes)``
            Probabilities, or logits.
        truths : labels or distributions
            One per row of the guesses.

        Returns
        -------
        gradient : array, like guesses, at least float32
        loss : scalar of that dtype

        Raises
        ------
        ValueError
            If shapes do not match, truths or probabilities lie outside ``[0, 1]``, labels are strings but there
            are no names, or smoothing or weights do not fit the number of classes.
        KeyError
            If a label is an unknown string.
        IndexError
            If a label is no class.
        """
        return super().__call__(guesses, truths)

    def _compute(self, guesses: Any, truths: Any, divisor: int | None = None) -> tuple[Any, Any]:
        guesses = as_floats(guesses)
        if divisor is None:
            divisor = len(guesses) if self.normalize else 1
        scale = 1 / divisor if divisor else 1.0
        codes, soft = self._read_truths(truths, guesses)
        check_shapes(guesses.shape, soft.shape if codes is None else (*codes.shape, guesses.shape[-1]))
        return self._compute_encoded(guesses, codes, soft, scale)

    def _compute_encoded(self, guesses: Any, codes: Any, soft: Any, scale: float) -> tuple[Any, Any]:
        """Of codes (see `thinc.kernels.losses`), or else an array of distributions; shapes fit."""
        weights = self._weights_for(guesses)
        if codes is None:
            keep = self._labelled_rows(soft)
            result = soft_loss(guesses, soft, keep, weights, self.from_logits, False, scale, _NAME)
        elif not has_kernel(guesses):
            result = self._labels_by_formulas(guesses, codes, weights, scale)
        elif weights is None or not self.label_smoothing:
            targets = self._targets(guesses.shape[-1])
            gradient, loss, flags = labels_log_loss(
                guesses, codes, *targets, weights, self.from_logits, scale
            )
            if flags:
                raise range_error(flags)
            result = gradient, gradient.dtype.type(loss)
        else:  # smoothed and weighted: distributions, but for the labels that say which class it is not
            soft = self._one_hot(guesses, codes)
            smoothed = soft_loss(guesses, soft, codes >= 0, weights, self.from_logits, False, scale, _NAME)
            others = numpy.where(codes < 0, codes, -1)
            negated = labels_log_loss(guesses, others, 1.0, 0.0, weights, self.from_logits, scale)
            result = smoothed[0] + negated[0], smoothed[1] + smoothed[0].dtype.type(negated[1])
        return result

    def _one_hot(self, guesses: Any, codes: Any) -> Any:
        """The targets of labels; of those without a class, those of class 0."""
        xp, n_classes = get_array_module(guesses), guesses.shape[-1]
        gold, other = self._targets(n_classes)
        labels = xp.asarray(numpy.where(codes >= 0, codes, 0))[..., None]
        return xp.where(labels == xp.arange(n_classes), gold, other).astype(guesses.dtype)

    def _labels_by_formulas(self, guesses: Any, codes: Any, weights: Any, scale: float) -> tuple[Any, Any]:
        xp = get_array_module(guesses)
        keep = xp.asarray(codes >= 0)
        gradient, loss = soft_loss(
            guesses, self._one_hot(guesses, codes), keep, weights, self.from_logits, False, scale, _NAME
        )
        rows = (codes <= -2).nonzero()
        at = (*(xp.asarray(i) for i in rows), xp.asarray(-2 - codes[rows]))
        p = (_softmax(guesses) if self.from_logits else guesses)[at]
        w = scale if weights is None else scale * weights[at[-1]]
        gradient[at] = w * p
        return gradient, loss - (w * _log(1 - p)).sum()

    def _check_weights(self, weights: ClassWeights) -> ClassWeights:
        if weights is None:
            return None
        if not isinstance(weights, (Mapping, Sequence, numpy.ndarray)) or isinstance(weights, (str, bytes)):
            raise ValueError(f"{_NAME}: expected class_weights to be numbers or a dict, got {weights!r}")
        if not isinstance(weights, Mapping):
            return [check_setting(_NAME, f"class_weights[{i}]", w, 0) for i, w in enumerate(weights)]
        unknown = [name for name in weights if name not in self._name_to_i]
        if unknown:
            raise ValueError(
                f"{_NAME}: class_weights for {unknown}, which are not among the names: {self.names}"
            )
        return {k: check_setting(_NAME, f"class_weights[{k!r}]", w, 0) for k, w in weights.items()}

    def _weights_for(self, guesses: Any) -> Any:
        if self.class_weights is None:
            return None
        n, weights = guesses.shape[-1], self.class_weights
        if isinstance(weights, Mapping):
            by_class = numpy.ones(max(n, len(self._name_to_i)))
            for name, weight in weights.items():
                by_class[self._name_to_i[name]] = weight
            weights = by_class[:n].tolist()
        if len(weights) != n:
            raise ValueError(
                f"Cannot calculate {_NAME} loss: {len(weights)} class_weights, but the guesses have {n} classes"
            )
        return get_array_module(guesses).asarray(weights, dtype=guesses.dtype)


class KLDivergence(FusedLoss[Floats2d, Floats2d, Floats2d, float]):
    """Kullback-Leibler divergence of guesses p from truths t: ``sum(t * log(t / p))`` (Kullback and Leibler 1951).

    Its gradient, with respect to what goes into the softmax, is that of the cross-entropy, ``p - t``; the loss is
    0 where guesses and truths are equal. For distillation, truths are what another model predicts.

    Parameters
    ----------
    normalize : bool
        Divide gradient and loss by the number of rows.
    from_logits : bool
        Guesses are what goes into the softmax, rather than probabilities.
    """

    def __init__(self, *, normalize: bool = True, from_logits: bool = False):
        self.normalize = normalize
        self.from_logits = from_logits

    def __call__(self, guesses: Floats2d, truths: Floats2d) -> tuple[Floats2d, float]:
        """Gradient and loss.

        Parameters
        ----------
        guesses : array of float, shape ``(N, n_classes)``
            Probabilities, or logits.
        truths : array of float, of the same shape
            Probabilities.

        Returns
        -------
        gradient : array, like guesses, at least float32
        loss : scalar of that dtype

        Raises
        ------
        ValueError
            If the shapes differ, these are no arrays, or probabilities lie outside ``[0, 1]``.
        """
        return super().__call__(guesses, truths)

    def _compute(self, guesses: Any, truths: Any) -> tuple[Any, Any]:
        check_arrays("KLDivergence", guesses, truths, 2)
        guesses = as_floats(guesses)
        scale = row_scale(guesses, self.normalize)
        return soft_loss(guesses, truths, None, None, self.from_logits, True, scale, "KLDivergence")


def soft_loss(
    guesses: Any,
    truths: Any,
    keep: Any,
    weights: Any,
    from_logits: bool,
    relative: bool,
    scale: float,
    name: str,
) -> tuple[Any, Any]:
    """Gradient and loss against distributions; see `thinc.kernels._log_losses.soft_log_loss`."""
    if not has_kernel(guesses):
        return _soft_by_formulas(guesses, truths, keep, weights, from_logits, relative, scale, name)
    gradient, loss, flags = soft_log_loss(
        guesses, truths.astype(guesses.dtype, copy=False), keep, weights, from_logits, relative, scale
    )
    if flags:
        raise range_error(flags, name)
    return gradient, gradient.dtype.type(loss)


def _soft_by_formulas(
    guesses: Any,
    truths: Any,
    keep: Any,
    weights: Any,
    from_logits: bool,
    relative: bool,
    scale: float,
    name: str,
) -> tuple[Any, Any]:
    xp = get_array_module(guesses)
    check_range(None if from_logits else guesses, truths, name)
    wt = truths.astype(guesses.dtype) if weights is None else truths.astype(guesses.dtype) * weights
    if from_logits:
        shifted = guesses - guesses.max(axis=-1, keepdims=True)
        p = _softmax(guesses)
        log_p = shifted - xp.log(xp.exp(shifted).sum(axis=-1, keepdims=True))
    else:
        p, log_p = guesses, _log(guesses)
    whole = 1 if weights is None and not from_logits else wt.sum(axis=-1, keepdims=True)
    if relative:
        log_p = log_p - _log(truths.astype(guesses.dtype))
    terms = wt * xp.where(
        (wt == 0) & ~xp.isnan(p), 0, log_p
    )  # logits may be infinite where there is no target
    gradient = (whole * p - wt) * scale
    if keep is not None:
        gradient[~keep] = 0
        terms[~keep] = 0
    return gradient, -terms.sum() * scale


def _softmax(X: Any) -> Any:
    xp = get_array_module(X)
    exps = xp.exp(X - X.max(axis=-1, keepdims=True))
    return exps / exps.sum(axis=-1, keepdims=True)


def _log(X: Any) -> Any:
    """The logarithm, above 0."""
    xp = get_array_module(X)
    return xp.log(xp.maximum(X, xp.finfo(X.dtype).tiny))


def check_range(guesses: Any, truths: Any, name: str) -> None:
    """Raise the ValueError of what lies outside [0, 1]; guesses may be None."""
    for flag, values in ((1, guesses), (2, truths)):
        if values is not None and ((values < 0) | (values > 1)).any():
            raise range_error(flag, name)


@registry.losses("CategoricalCrossentropy.v4")
def configure_CategoricalCrossentropy_v4(
    *,
    normalize: bool = True,
    names: Sequence[str] | None = None,
    missing_value: str | int | None = None,
    neg_prefix: str | None = None,
    label_smoothing: float = 0.0,
    from_logits: bool = False,
    class_weights: Sequence[float] | dict[str, float] | None = None,
) -> CategoricalCrossentropy_v4:
    """`CategoricalCrossentropy_v4`."""
    return CategoricalCrossentropy_v4(
        normalize=normalize,
        names=names,
        missing_value=missing_value,
        neg_prefix=neg_prefix,
        label_smoothing=label_smoothing,
        from_logits=from_logits,
        class_weights=class_weights,
    )


@registry.losses("KLDivergence.v1")
def configure_KLDivergence(*, normalize: bool = True, from_logits: bool = False) -> KLDivergence:
    """`KLDivergence`."""
    return KLDivergence(normalize=normalize, from_logits=from_logits)
