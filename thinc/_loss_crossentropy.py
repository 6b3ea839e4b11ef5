"""Categorical cross-entropy."""

from collections.abc import Sequence
from typing import Any

import numpy

from ._loss_base import FusedLoss, IntsOrFloatsOrStrs, has_gpu_kernel, has_kernel
from ._util.arrays import get_array_module, is_xp_array, to_numpy
from ._util.categorical import to_categorical
from .backends._cuda import losses as gpu_losses
from .config import registry
from .kernels.losses import encode_array, encode_ints, encode_names, labels_gradient, soft_gradient
from .types import Floats2d

_NAME = "CategoricalCrossentropy"
_INTEGERS = (int, numpy.integer, numpy.bool_)


class CategoricalCrossentropy(FusedLoss[Floats2d, IntsOrFloatsOrStrs, Floats2d, float]):
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
    Truths can be labels, as an array of ints or a sequence of ints or strings, or an array of distributions,
    of the shape of the guesses. The loss is the sum of the squares of the gradient.
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

    def __call__(self, guesses: Floats2d, truths: IntsOrFloatsOrStrs) -> tuple[Floats2d, float]:
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
            If shapes do not match, guesses or truths lie outside ``[0, 1]``, labels are strings but there are
            no names, or the smoothing does not fit.
        KeyError
            If a label is an unknown string.
        IndexError
            If a label is no class.
        """
        return super().__call__(guesses, truths)

    def convert_truths(self, truths: IntsOrFloatsOrStrs, guesses: Floats2d) -> tuple[Floats2d, Floats2d]:
        """Truths of any kind as target and mask, two arrays of the shape of the guesses (if they fit).

        The mask is 0 where an element gets no gradient.
        """
        xp = get_array_module(guesses)
        n_classes = guesses.shape[-1]
        codes, soft = self._read_truths(truths, guesses)
        if soft is not None:
            keep = self._labelled_rows(soft)
            mask: Any = xp.ones(soft.shape, dtype="float32")
            if keep is not None:
                mask[~keep] = 0
            return soft, mask
        classes: Any = numpy.where(codes >= 0, codes, 0)
        missing = self._missing_int()
        if missing is not None and -n_classes <= missing < n_classes:
            classes[codes == -1] = missing % n_classes
        target: Any = to_categorical(classes, n_classes=n_classes, label_smoothing=self.label_smoothing)
        mask = numpy.ones(target.shape, dtype="float32")
        mask[codes < 0] = 0
        negated = numpy.nonzero(codes <= -2)
        target[negated] = 0
        mask[negated + (-2 - codes[negated],)] = 1
        return xp.asarray(target), xp.asarray(mask)

    def _compute(self, guesses: Any, truths: Any, divisor: int | None = None) -> tuple[Any, Any]:
        """Gradient divided by `divisor` (default: as `normalize` says), and loss."""
        guesses = as_floats(guesses)
        if divisor is None:
            divisor = len(guesses) if self.normalize else 1
        is_on_gpu = has_gpu_kernel(guesses)
        if not is_on_gpu and not has_kernel(guesses):
            return self._compute_by_formulas(guesses, truths, divisor)
        scale = 1 / divisor if divisor else 1.0
        codes, soft = self._read_truths(truths, guesses)
        if soft is None:
            check_shapes(guesses.shape, (*codes.shape, guesses.shape[-1]))
            targets = self._targets(guesses.shape[-1])
            if is_on_gpu:
                gradient, loss, flags = gpu_losses.labels_gradient(guesses, codes, *targets, scale)
            else:
                (gradient,), loss, flags = labels_gradient([guesses], [codes], [targets], scale)
        elif is_on_gpu:
            return self._compute_by_formulas(guesses, truths, divisor)
        else:
            check_shapes(guesses.shape, soft.shape)
            gradient, loss, flags = soft_gradient(
                guesses, soft.astype(guesses.dtype, copy=False), self._labelled_rows(soft), scale
            )
        if flags:
            raise range_error(flags)
        return gradient, gradient.dtype.type(loss)

    def _compute_by_formulas(self, guesses: Any, truths: Any, divisor: int) -> tuple[Any, Any]:
        target, mask = self.convert_truths(truths, guesses)
        check_shapes(guesses.shape, target.shape)
        for flag, values in ((1, guesses), (2, target)):
            if ((values < 0) | (values > 1)).any():
                raise range_error(flag)
        xp = get_array_module(guesses)
        gradient = xp.where(mask, guesses - target.astype(guesses.dtype), 0) / max(divisor, 1)
        return gradient, (gradient**2).sum()

    def _read_truths(self, truths: Any, guesses: Any) -> tuple[Any, Any]:
        """Codes of the labels (see `thinc.kernels.losses`), or else an array of distributions."""
        n_classes = guesses.shape[-1]
        if isinstance(truths, (list, tuple)) or not is_xp_array(truths):
            if not _is_sequence(truths):
                raise TypeError(
                    f"Cannot read truths of {type(truths)}: expected an array or a sequence of labels"
                )
            first = next(iter(truths), 0)  # not truths[0], which of a pandas.Series is what has the index 0
            if isinstance(first, _INTEGERS):
                self._targets(n_classes)
                return encode_ints(truths, n_classes, self._missing_int()), None
            if first is None or isinstance(first, str):
                return self._encode_names(truths, n_classes), None
            truths = numpy.asarray([to_numpy(row) for row in truths])
        if truths.ndim == guesses.ndim:
            if self.label_smoothing:
                raise ValueError(
                    "Label smoothing is for labels only, but the truths are an array of distributions, shape "
                    f"{truths.shape}: smooth these themselves, or set label_smoothing=0"
                )
            return None, get_array_module(guesses).asarray(truths)
        if truths.dtype.kind not in "iub":
            raise ValueError(
                f"Cannot calculate {_NAME} loss: mismatched shapes: guesses are {guesses.shape}, truths "
                f"{truths.shape} of {truths.dtype}; expected integer labels or an array of the guesses' shape"
            )
        self._targets(n_classes)
        return encode_array(to_numpy(truths), n_classes, self._missing_int()), None

    def _encode_names(self, truths: Any, n_classes: int) -> Any:
        if self.names is None:
            raise ValueError(
                "Cannot calculate loss from labels that are strings or None without the names of the "
                f"classes: set {_NAME}(names=[...])"
            )
        codes = encode_names(truths, n_classes, self.missing_value, self._name_to_i, self.neg_prefix or None)
        self._targets(n_classes)
        return codes

    def _missing_int(self) -> int | None:
        missing: Any = self.missing_value
        is_label = isinstance(missing, _INTEGERS) and -(2**63) <= missing < 2**63
        return int(missing) if is_label else None

    def _targets(self, n_classes: int) -> tuple[float, float]:
        """Of the labelled class, of every other one."""
        s = self.label_smoothing
        if s or not n_classes:
            nothing: Any = numpy.zeros(0, dtype="int32")
            to_categorical(nothing, n_classes, label_smoothing=s)  # raises what is wrong
            return 1.0 - s, s / (n_classes - 1)
        return 1.0, 0.0

    def _labelled_rows(self, soft: Any) -> Any:
        """Which rows of an array of distributions count, or None for all: one class may mean "unknown"."""
        missing = self._missing_int()
        if missing is None or not soft.shape[-1]:
            return None
        return soft.argmax(axis=-1) != missing


def as_floats(guesses: Any, name: str = _NAME) -> Any:
    """Guesses in the type of their gradient: float32 or what NumPy promotes both to."""
    if has_kernel(guesses) and guesses.ndim:
        return guesses
    if not is_xp_array(guesses) or not guesses.ndim:
        raise ValueError(
            f"Cannot calculate {name} loss: guesses must be an array of one row per label, but got "
            f"{type(guesses)}{' without dimensions' if is_xp_array(guesses) else ''}"
        )
    return guesses.astype(numpy.result_type(guesses.dtype, numpy.float32), copy=False)


def _is_sequence(obj: Any) -> bool:
    if isinstance(obj, (list, tuple)):
        return True
    return hasattr(obj, "__len__") and hasattr(obj, "__getitem__") and not isinstance(obj, (str, bytes, dict))


def check_shapes(guesses: tuple[Any, ...], target: tuple[Any, ...]) -> None:
    if guesses != target:
        raise ValueError(
            f"Cannot calculate {_NAME} loss: mismatched shapes: guesses are {guesses}, truths (as one row of "
            f"classes per label) {target}"
        )


def range_error(flags: int, name: str = _NAME) -> ValueError:
    what = "guesses" if flags & 1 else "truth"
    return ValueError(
        f"Cannot calculate {name} loss: {what} outside the valid range, expected values from 0 to 1 "
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
