"""Losses: gradients for backprop, with a scalar to watch."""

from collections.abc import Sequence
from numbers import Integral
from typing import Any, Generic, TypeVar, Union

import numpy

from ._util.arrays import get_array_module, is_xp_array, to_numpy
from ._util.categorical import to_categorical
from .config import registry
from .kernels import losses as kernels
from .types import Floats2d, FloatsXd, Ints1d

__all__ = ["SequenceCategoricalCrossentropy", "CategoricalCrossentropy", "L2Distance", "CosineDistance"]

LossT = TypeVar("LossT")
GradT = TypeVar("GradT")
GuessT = TypeVar("GuessT")
TruthT = TypeVar("TruthT")
IntsOrFloats = Union[Ints1d, FloatsXd]
IntsOrFloatsOrStrs = Union[Ints1d, FloatsXd, Sequence[int], Sequence[str]]


class Loss(Generic[GuessT, TruthT, GradT, LossT]):
    """Base of the losses: how far guesses are from the truth, and in which direction.

    A gradient is with respect to the guesses; that of the cross-entropies is with respect to the logits, since
    the softmax layer passes gradients through.
    """

    def __init__(self, **kwargs: Any) -> None: ...

    def __call__(self, guesses: GuessT, truths: TruthT) -> tuple[GradT, LossT]:
        """Gradient and loss, in this order."""
        return self.get_grad(guesses, truths), self.get_loss(guesses, truths)

    def get_grad(self, guesses: GuessT, truths: TruthT) -> GradT:
        """The gradient, a new array or list of arrays."""
        raise NotImplementedError(f"{type(self).__name__} has no get_grad")

    def get_loss(self, guesses: GuessT, truths: TruthT) -> LossT:
        """The loss, a scalar of the array module."""
        raise NotImplementedError(f"{type(self).__name__} has no get_loss")


class CategoricalCrossentropy(Loss):
    """Cross-entropy over exclusive classes: the gradient is ``guesses - target``.

    Parameters
    ----------
    normalize : bool
        Divide the gradient by the number of rows, those without a label included.
    names : sequence of str, optional
        Names of the classes, for labels that are strings.
    missing_value : str or int, optional
        The label that stands for "unknown": such rows get no gradient. By default, labels that are None.
    neg_prefix : str, optional
        A label of this prefix and a name says which class it is not: only that column gets a gradient.
    label_smoothing : float
        s: the labelled class has the target ``1 - s``, each other one ``s / (n_classes - 1)``.

    Notes
    -----
    Truths can be labels, as an array of ints or a sequence of ints or strings, or an array of distributions, of
    the shape of the guesses. The loss is the sum of the squares of the gradient.
    """

    names: Sequence[str] | None
    missing_value: str | int | None
    _name_to_i: dict[str, int]

    def __init__(
        self,
        *,
        normalize: bool = True,
        names: Sequence[str] | None = None,
        missing_value: str | int | None = None,
        neg_prefix: str | None = None,
        label_smoothing: float = 0.0,
    ):
        self.normalize = normalize
        self.names = names
        self.missing_value = missing_value
        self.neg_prefix = neg_prefix
        self.label_smoothing = label_smoothing
        self._name_to_i = {} if names is None else {name: i for i, name in enumerate(names)}

    def __call__(self, guesses: Floats2d, truths: IntsOrFloatsOrStrs) -> tuple[FloatsXd, Any]:
        """Gradient and loss.

        Parameters
        ----------
        guesses : array of float, shape ``(N, n_classes)``
            Probabilities.
        truths : labels or distributions
            One per row of the guesses.

        Returns
        -------
        gradient : array, like guesses, at least float32
        loss : scalar of that dtype

        Raises
        ------
        ValueError
            If shapes do not match, guesses or truths lie outside ``[0, 1]``, labels are strings but there are no
            names, or the smoothing does not fit.
        KeyError
            If a label is an unknown string.
        IndexError
            If a label is no class.
        """
        return self._compute(guesses, truths, len(guesses) if self.normalize else 1)

    def get_grad(self, guesses: Floats2d, truths: IntsOrFloatsOrStrs) -> FloatsXd:
        """The gradient alone; see `__call__`."""
        return self(guesses, truths)[0]

    def get_loss(self, guesses: Floats2d, truths: IntsOrFloatsOrStrs) -> Any:
        """The loss alone; see `__call__`."""
        return self(guesses, truths)[1]

    def convert_truths(self, truths: IntsOrFloatsOrStrs, guesses: Floats2d) -> tuple[FloatsXd, FloatsXd]:
        """Truths of any kind as target and mask, two arrays of the shape of the guesses (if the truths fit them).

        The mask is 0 where an element gets no gradient.
        """
        xp = get_array_module(guesses)
        n_classes = guesses.shape[-1]
        codes, soft = self._read_truths(truths, guesses)
        if soft is not None:
            keep = self._labelled_rows(soft)
            mask = xp.ones(soft.shape, dtype="float32")
            if keep is not None:
                mask[~keep] = 0
            return soft, mask
        classes = numpy.where(codes >= 0, codes, 0)
        missing = self._missing_int()
        if missing is not None and -n_classes <= missing < n_classes:
            classes[codes == -1] = missing % n_classes
        target = to_categorical(classes, n_classes=n_classes, label_smoothing=self.label_smoothing)
        mask = numpy.ones(target.shape, dtype="float32")
        mask[codes < 0] = 0
        negated = numpy.nonzero(codes <= -2)
        target[negated] = 0
        mask[(*negated, -2 - codes[negated])] = 1
        return xp.asarray(target), xp.asarray(mask)

    def _compute(self, guesses: Any, truths: Any, divisor: int) -> tuple[Any, Any]:
        """Gradient divided by `divisor`, and loss."""
        guesses = _as_floats(guesses)
        if not _has_kernel(guesses):
            return self._compute_by_formulas(guesses, truths, divisor)
        scale = 1 / divisor if divisor else 1.0
        codes, soft = self._read_truths(truths, guesses)
        if soft is None:
            _check_shapes(guesses.shape, (*codes.shape, guesses.shape[-1]))
            targets = self._targets(guesses.shape[-1])
            (gradient,), loss, out_of_range = kernels.labels_gradient([guesses], [codes], [targets], scale)
        else:
            _check_shapes(guesses.shape, soft.shape)
            gradient, loss, out_of_range = kernels.soft_gradient(
                guesses, soft.astype(guesses.dtype, copy=False), self._labelled_rows(soft), scale
            )
        if out_of_range:
            raise _out_of_range(out_of_range)
        return gradient, gradient.dtype.type(loss)

    def _compute_by_formulas(self, guesses: Any, truths: Any, divisor: int) -> tuple[Any, Any]:
        target, mask = self.convert_truths(truths, guesses)
        _check_shapes(guesses.shape, target.shape)
        for flag, values in ((1, guesses), (2, target)):
            if ((values < 0) | (values > 1)).any():
                raise _out_of_range(flag)
        xp = get_array_module(guesses)
        gradient = xp.where(mask, guesses - target.astype(guesses.dtype), 0) / max(divisor, 1)
        return gradient, (gradient**2).sum()

    def _read_truths(self, truths: Any, guesses: Any) -> tuple[Any, Any]:
        """Codes of the labels (see `thinc.kernels.losses`), or an array of distributions; the other one is None."""
        n_classes = guesses.shape[-1]
        if not is_xp_array(truths):
            if not _is_sequence(truths):
                raise TypeError(f"Cannot read truths of {type(truths)}: expected an array or a sequence of labels")
            first = truths[0] if len(truths) else 0
            if isinstance(first, (Integral, numpy.bool_)):
                self._targets(n_classes)
                return kernels.encode_ints(truths, n_classes, self._missing_int()), None
            if first is None or isinstance(first, str):
                return self._encode_names(truths, n_classes), None
            truths = numpy.asarray([to_numpy(row) for row in truths])
        if truths.ndim == guesses.ndim:
            if self.label_smoothing:
                raise ValueError(
                    "Label smoothing is only applied to labels, but the truths are an array of distributions, "
                    f"shape {truths.shape}: smooth these themselves, or set label_smoothing=0"
                )
            return None, get_array_module(guesses).asarray(truths)
        if truths.dtype.kind not in "iub":
            raise ValueError(
                f"Cannot calculate {_NAME} loss: mismatched shapes: guesses are {guesses.shape}, truths "
                f"{truths.shape} of {truths.dtype}; expected labels (integers) or an array of the guesses' shape"
            )
        self._targets(n_classes)
        return kernels.encode_array(to_numpy(truths), n_classes, self._missing_int()), None

    def _encode_names(self, truths: Any, n_classes: int) -> Any:
        if self.names is None:
            raise ValueError(
                "Cannot calculate loss from labels that are strings (or None) without the names of the classes: "
                f"set {_NAME}(names=[...])"
            )
        self._targets(n_classes)
        return kernels.encode_names(
            truths, n_classes, self.missing_value, self._name_to_i, self.neg_prefix or None
        )

    def _missing_int(self) -> int | None:
        return int(self.missing_value) if isinstance(self.missing_value, (Integral, numpy.bool_)) else None

    def _targets(self, n_classes: int) -> tuple[float, float]:
        """Of the labelled class, of every other one."""
        s = self.label_smoothing
        if s or not n_classes:
            to_categorical(numpy.zeros(0, dtype="int32"), n_classes, label_smoothing=s)  # raises what is wrong
            return 1.0 - s, s / (n_classes - 1)
        return 1.0, 0.0

    def _labelled_rows(self, soft: Any) -> Any:
        """Which rows of an array of distributions count, or None for all: an argmax may stand for "unknown"."""
        missing = self._missing_int()
        if missing is None or not soft.shape[-1]:
            return None
        return soft.argmax(axis=-1) != missing


class SequenceCategoricalCrossentropy(Loss):
    """Cross-entropy over batches of sequences.

    Parameters
    ----------
    normalize : bool
        Divide the gradients by the number of sequences.
    names, missing_value, neg_prefix, label_smoothing
        As for `CategoricalCrossentropy`.
    """

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
    ) -> tuple[list[FloatsXd], Any]:
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

    def get_grad(
        self, guesses: Sequence[Floats2d], truths: Sequence[IntsOrFloatsOrStrs]
    ) -> list[FloatsXd]:
        """The gradients alone; see `__call__`."""
        return self(guesses, truths)[0]

    def get_loss(self, guesses: Sequence[Floats2d], truths: Sequence[IntsOrFloatsOrStrs]) -> Any:
        """The loss alone; see `__call__`."""
        return self(guesses, truths)[1]

    def _compute_together(self, guesses: Any, truths: Any, divisor: int) -> tuple[list, Any] | None:
        """All sequences in one call of the kernel; None where they are no labels or the arrays differ in type."""
        if not len(guesses):
            return [], 0.0
        arrays = [_as_floats(X) for X in guesses]
        dtype = arrays[0].dtype
        if not all(_has_kernel(X) and X.dtype == dtype for X in arrays):
            return None
        all_codes = []
        for X, Y in zip(arrays, truths, strict=True):
            codes, soft = self.cc._read_truths(Y, X)
            if soft is not None:
                return None
            _check_shapes(X.shape, (*codes.shape, X.shape[-1]))
            all_codes.append(codes)
        targets = [self.cc._targets(X.shape[-1]) for X in arrays]
        gradients, loss, out_of_range = kernels.labels_gradient(arrays, all_codes, targets, 1 / divisor)
        if out_of_range:
            raise _out_of_range(out_of_range)
        return gradients, dtype.type(loss)


class L2Distance(Loss):
    """Squared error: the gradient is ``guesses - truths``, the loss the sum of its squares.

    Parameters
    ----------
    normalize : bool
        Divide the gradient by the number of rows.
    """

    def __init__(self, *, normalize: bool = True):
        self.normalize = normalize

    def __call__(self, guesses: FloatsXd, truths: FloatsXd) -> tuple[FloatsXd, Any]:
        """Gradient and loss.

        Parameters
        ----------
        guesses, truths : array, of the same shape

        Raises
        ------
        ValueError
            If the shapes differ.
        """
        if guesses.shape != truths.shape:
            raise ValueError(
                f"Cannot calculate L2 distance: mismatched shapes: guesses are {guesses.shape}, truths "
                f"{truths.shape}"
            )
        if _has_kernel(guesses) and _has_kernel(truths) and guesses.dtype == truths.dtype:
            scale = 1 / len(guesses) if self.normalize and len(guesses) else 1.0
            gradient, loss = kernels.squared_error_gradient(guesses, truths, scale)
            return gradient, gradient.dtype.type(loss)
        gradient = guesses - truths
        if self.normalize:
            gradient = gradient / guesses.shape[0]
        return gradient, (gradient**2).sum()

    def get_grad(self, guesses: FloatsXd, truths: FloatsXd) -> FloatsXd:
        """The gradient alone; see `__call__`."""
        return self(guesses, truths)[0]

    def get_loss(self, guesses: FloatsXd, truths: FloatsXd) -> Any:
        """The loss alone; see `__call__`."""
        return self(guesses, truths)[1]


class CosineDistance(Loss):
    """Cosine distance of the rows: the loss is the sum of ``|cos - 1|``.

    Parameters
    ----------
    normalize : bool
        Divide gradient and loss by the number of rows.
    ignore_zeros : bool
        Leave out rows whose truth is all zero.
    """

    def __init__(self, *, normalize: bool = True, ignore_zeros: bool = False):
        self.normalize = normalize
        self.ignore_zeros = ignore_zeros

    def __call__(self, guesses: Floats2d, truths: Floats2d) -> tuple[Floats2d, Any]:
        """Gradient and loss.

        Parameters
        ----------
        guesses, truths : array, shape ``(N, width)``

        Raises
        ------
        ValueError
            If the shapes differ.
        """
        gradient, _, loss = self._compute(guesses, truths)
        return gradient, loss

    def get_grad(self, guesses: Floats2d, truths: Floats2d) -> Floats2d:
        """The gradient alone; see `__call__`."""
        return self._compute(guesses, truths)[0]

    def get_loss(self, guesses: Floats2d, truths: Floats2d) -> Any:
        """The loss alone; see `__call__`."""
        return self._compute(guesses, truths)[2]

    def get_similarity(self, guesses: Floats2d, truths: Floats2d) -> Floats2d:
        """Cosine of the angle between guess and truth per row, shape ``(N, 1)``."""
        return self._compute(guesses, truths)[1]

    def _compute(self, guesses: Any, truths: Any) -> tuple[Any, Any, Any]:
        """Gradient, similarity, loss."""
        if guesses.shape != truths.shape:
            raise ValueError(
                f"Cannot calculate cosine distance: mismatched shapes: guesses are {guesses.shape}, truths "
                f"{truths.shape}"
            )
        scale = 1 / len(guesses) if self.normalize and len(guesses) else 1.0
        if _has_kernel(guesses) and _has_kernel(truths) and guesses.dtype == truths.dtype and guesses.ndim == 2:
            gradient, cosine, loss = kernels.cosine_gradient(guesses, truths, scale, self.ignore_zeros)
            return gradient, cosine, gradient.dtype.type(loss)
        return self._compute_by_formulas(guesses, truths, scale)

    def _compute_by_formulas(self, guesses: Any, truths: Any, scale: float) -> tuple[Any, Any, Any]:
        xp = get_array_module(guesses)
        a, b = guesses + 1e-8, truths + 1e-8
        norm_a = xp.linalg.norm(a, axis=1, keepdims=True)
        norm_b = xp.linalg.norm(b, axis=1, keepdims=True)
        cosine = (a * b).sum(axis=1, keepdims=True) / (norm_a * norm_b)
        gradient = -(b / (norm_a * norm_b) - cosine * a / norm_a**2)
        distance = xp.abs(cosine - 1)
        if self.ignore_zeros:
            zero = ~truths.any(axis=1)
            gradient[zero] = 0
            distance[zero] = 0
        return gradient * scale, cosine, distance.sum() * scale


_NAME = "CategoricalCrossentropy"


def _has_kernel(array: Any) -> bool:
    return isinstance(array, numpy.ndarray) and array.dtype in (numpy.float32, numpy.float64)


def _as_floats(guesses: Any) -> Any:
    """Guesses in the type of their gradient: float32 or what NumPy promotes both to."""
    if _has_kernel(guesses):
        return guesses
    if not is_xp_array(guesses) or guesses.ndim < 1:
        raise ValueError(f"Cannot calculate {_NAME} loss: guesses must be an array, but got {type(guesses)}")
    return guesses.astype(numpy.result_type(guesses.dtype, numpy.float32), copy=False)


def _is_sequence(obj: Any) -> bool:
    return hasattr(obj, "__len__") and hasattr(obj, "__getitem__") and not isinstance(obj, (str, bytes, dict))


def _check_shapes(guesses: tuple, target: tuple) -> None:
    if guesses != target:
        raise ValueError(
            f"Cannot calculate {_NAME} loss: mismatched shapes: guesses are {guesses}, truths (as one row of "
            f"classes per label) {target}"
        )


def _out_of_range(flags: int) -> ValueError:
    what = "guesses" if flags & 1 else "truth"
    return ValueError(
        f"Cannot calculate {_NAME} loss: {what} outside the valid range, expected values from 0 to 1 "
        + ("(such as a softmax gives)" if flags & 1 else "(such as one-hot rows)")
    )


@registry.losses("CategoricalCrossentropy.v1")
def configure_CategoricalCrossentropy_v1(
    *, normalize: bool = True, names: Sequence[str] | None = None, missing_value: str | int | None = None
) -> CategoricalCrossentropy:
    """`CategoricalCrossentropy`, first version."""
    return CategoricalCrossentropy(normalize=normalize, names=names, missing_value=missing_value)


@registry.losses("CategoricalCrossentropy.v2")
def configure_CategoricalCrossentropy_v2(
    *,
    normalize: bool = True,
    names: Sequence[str] | None = None,
    missing_value: str | int | None = None,
    neg_prefix: str | None = None,
) -> CategoricalCrossentropy:
    """`CategoricalCrossentropy` with negated labels."""
    return CategoricalCrossentropy(
        normalize=normalize, names=names, missing_value=missing_value, neg_prefix=neg_prefix
    )


@registry.losses("CategoricalCrossentropy.v3")
def configure_CategoricalCrossentropy_v3(
    *,
    normalize: bool = True,
    names: Sequence[str] | None = None,
    missing_value: str | int | None = None,
    neg_prefix: str | None = None,
    label_smoothing: float = 0.0,
) -> CategoricalCrossentropy:
    """`CategoricalCrossentropy` with negated labels and label smoothing."""
    return CategoricalCrossentropy(
        normalize=normalize,
        names=names,
        missing_value=missing_value,
        neg_prefix=neg_prefix,
        label_smoothing=label_smoothing,
    )


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


@registry.losses("L2Distance.v1")
def configure_L2Distance(*, normalize: bool = True) -> L2Distance:
    """`L2Distance`."""
    return L2Distance(normalize=normalize)


@registry.losses("CosineDistance.v1")
def configure_CosineDistance(*, normalize: bool = True, ignore_zeros: bool = False) -> CosineDistance:
    """`CosineDistance`."""
    return CosineDistance(normalize=normalize, ignore_zeros=ignore_zeros)
