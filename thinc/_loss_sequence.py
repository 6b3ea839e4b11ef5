"""Categorical cross-entropy over batches of sequences."""

from collections.abc import Sequence
from typing import Any

import numpy

from ._loss_base import FusedLoss, IntsOrFloatsOrStrs, has_kernel
from ._loss_crossentropy import CategoricalCrossentropy, as_floats, check_shapes, range_error
from ._loss_logarithmic import CategoricalCrossentropy_v4, ClassWeights
from .config import registry
from .kernels.losses import labels_gradient
from .types import Floats2d


class SequenceCategoricalCrossentropy(
    FusedLoss[Sequence[Floats2d], Sequence[IntsOrFloatsOrStrs], list[Floats2d], float]
):
    """Cross-entropy over batches of sequences.

    Parameters
    ----------
    normalize : bool
        Divide the gradients by the number of sequences.
    names, missing_value, neg_prefix, label_smoothing
        As for `CategoricalCrossentropy`.
    """

    cc: CategoricalCrossentropy

    def __init__(
        self,
        *,
        normalize: bool = True,
        names: Sequence[str] | None = None,
        missing_value: str | int | None = None,
        neg_prefix: str | None = None,
        label_smoothing: float = 0.0,
    ):
        self.cc = CategoricalCrossentropy(
            normalize=False,
            names=names,
            missing_value=missing_value,
            neg_prefix=neg_prefix,
            label_smoothing=label_smoothing,
        )
        self.normalize = normalize

    def __call__(
        self, guesses: Sequence[Floats2d], truths: Sequence[IntsOrFloatsOrStrs]
    ) -> tuple[list[Floats2d], float]:
        """Gradients and loss.

        Parameters
        ----------
        guesses : sequence of arrays of float, shapes ``(length, n_classes)``
        truths : sequence of what `CategoricalCrossentropy` takes, one per item of the guesses

        Returns
        -------
        gradients : list of arrays, like the guesses
        loss : scalar
            The sum of all their squares.

        Raises
        ------
        ValueError, KeyError, IndexError
            As `CategoricalCrossentropy`, and if the numbers of sequences differ.
        """
        return super().__call__(guesses, truths)

    def _compute(self, guesses: Any, truths: Any) -> tuple[list[Floats2d], Any]:
        """Gradients and loss."""
        n = len(guesses)
        if n != len(truths):
            raise ValueError(
                f"Cannot calculate SequenceCategoricalCrossentropy loss: guesses and truths must be the same "
                f"length, but there are {n} sequences of guesses and {len(truths)} of truths"
            )
        divisor = n if self.normalize else 1
        result = self._compute_together(guesses, truths, divisor)
        if result is None:
            pairs = [self.cc._compute(X, Y, divisor) for X, Y in zip(guesses, truths, strict=True)]
            return [gradient for gradient, _ in pairs], sum(loss for _, loss in pairs)
        return result

    def _compute_together(self, guesses: Any, truths: Any, divisor: int) -> tuple[list[Any], Any] | None:
        """All sequences in one call of the kernel; None where truths are no labels or types differ."""
        if not len(guesses):
            return [], 0.0
        arrays = [as_floats(X) for X in guesses]
        all_codes = self._encode(arrays, truths)
        if all_codes is None:
            return None
        dtype = arrays[0].dtype
        targets = [self.cc._targets(X.shape[-1]) for X in arrays]
        gradients, loss, flags = labels_gradient(arrays, all_codes, targets, 1 / divisor)
        if flags:
            raise range_error(flags)
        return gradients, dtype.type(loss)

    def _encode(self, arrays: list[Any], truths: Any) -> list[Any] | None:
        """Codes of all sequences; None where truths are no labels or types differ."""
        dtype = arrays[0].dtype
        if not all(has_kernel(X) and X.dtype == dtype for X in arrays):
            return None
        all_codes = []
        for X, Y in zip(arrays, truths, strict=True):
            codes, soft = self.cc._read_truths(Y, X)
            if soft is not None:
                return None
            check_shapes(X.shape, (*codes.shape, X.shape[-1]))
            all_codes.append(codes)
        return all_codes


class SequenceCategoricalCrossentropy_v4(SequenceCategoricalCrossentropy):
    """Cross-entropy over batches of sequences, whose scalar is the cross-entropy.

    Parameters
    ----------
    normalize : bool
        Divide gradients and loss by the number of sequences.
    names, missing_value, neg_prefix, label_smoothing, from_logits, class_weights
        As for `CategoricalCrossentropy_v4`.
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
        self.cc: CategoricalCrossentropy_v4 = CategoricalCrossentropy_v4(
            normalize=False,
            names=names,
            missing_value=missing_value,
            neg_prefix=neg_prefix,
            label_smoothing=label_smoothing,
            from_logits=from_logits,
            class_weights=class_weights,
        )
        self.normalize = normalize

    def _compute_together(self, guesses: Any, truths: Any, divisor: int) -> tuple[list[Any], Any] | None:
        """Labels of sequences of one width, in one call of the kernel."""
        if not len(guesses):
            return [], 0.0
        arrays = [as_floats(X) for X in guesses]
        widths = {X.shape[1:] for X in arrays}
        if len(arrays) == 1 or len(widths) > 1 or arrays[0].ndim != 2:
            return None
        all_codes = self._encode(arrays, truths)
        if all_codes is None:
            return None
        gradient, loss = self.cc._compute_encoded(
            numpy.concatenate(arrays), numpy.concatenate(all_codes), None, 1 / divisor
        )
        ends = numpy.cumsum([len(X) for X in arrays])
        return numpy.split(gradient, ends[:-1]), loss


@registry.losses("SequenceCategoricalCrossentropy.v1")
def configure_SequenceCategoricalCrossentropy_v1(
    *, normalize: bool = True, names: Sequence[str] | None = None
) -> SequenceCategoricalCrossentropy:
    """`SequenceCategoricalCrossentropy`, first version."""
    return SequenceCategoricalCrossentropy(normalize=normalize, names=names)


@registry.losses("SequenceCategoricalCrossentropy.v2")
def configure_SequenceCategoricalCrossentropy_v2(
    *, normalize: bool = True, names: Sequence[str] | None = None, neg_prefix: str | None = None
) -> SequenceCategoricalCrossentropy:
    """`SequenceCategoricalCrossentropy` with negated labels."""
    return SequenceCategoricalCrossentropy(normalize=normalize, names=names, neg_prefix=neg_prefix)


@registry.losses("SequenceCategoricalCrossentropy.v3")
def configure_SequenceCategoricalCrossentropy_v3(
    *,
    normalize: bool = True,
    names: Sequence[str] | None = None,
    missing_value: str | int | None = None,
    neg_prefix: str | None = None,
    label_smoothing: float = 0.0,
) -> SequenceCategoricalCrossentropy:
    """`SequenceCategoricalCrossentropy` with all settings."""
    return SequenceCategoricalCrossentropy(
        normalize=normalize,
        names=names,
        missing_value=missing_value,
        neg_prefix=neg_prefix,
        label_smoothing=label_smoothing,
    )


@registry.losses("SequenceCategoricalCrossentropy.v4")
def configure_SequenceCategoricalCrossentropy_v4(
    *,
    normalize: bool = True,
    names: Sequence[str] | None = None,
    missing_value: str | int | None = None,
    neg_prefix: str | None = None,
    label_smoothing: float = 0.0,
    from_logits: bool = False,
    class_weights: Sequence[float] | dict[str, float] | None = None,
) -> SequenceCategoricalCrossentropy_v4:
    """`SequenceCategoricalCrossentropy_v4`."""
    return SequenceCategoricalCrossentropy_v4(
        normalize=normalize,
        names=names,
        missing_value=missing_value,
        neg_prefix=neg_prefix,
        label_smoothing=label_smoothing,
        from_logits=from_logits,
        class_weights=class_weights,
    )
