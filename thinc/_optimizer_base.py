"""The class of all optimizers: settings, schedules, state, and when what is updated; the rules are data."""

from collections import defaultdict
from numbers import Real
from typing import Any, Literal, TypeGuard, Union

import numpy

from . import compat
from ._optimizer_formulas import update_by_formulas
from ._optimizer_rules import Rule
from ._optimizer_state import SETTINGS, prepare_state, to_state
from ._util.arrays import is_finite
from ._util.msgpack import seal, unseal
from ._util.paths import read_bytes, write_bytes
from .kernels.optimizers import update_parameter, update_parameters
from .schedules import of_step
from .types import FloatsT, FloatsXd, Generator

KeyT = tuple[int, str]
FloatOrSeq = Union[float, list[float], Generator]
IntOrSeq = Union[int, list[int], Generator]

SGD_DEFAULTS: dict[str, float | bool | int] = {"L2": 0.0, "L2_is_weight_decay": True, "grad_clip": 1.0}

_KIND = "optimizer 1"

ADAM_DEFAULTS: dict[str, float | bool | int] = {
    "learn_rate": 0.001,
    "beta1": 0.9,
    "beta2": 0.999,
    "eps": 1e-08,
    "L2": SGD_DEFAULTS["L2"],
    "L2_is_weight_decay": SGD_DEFAULTS["L2_is_weight_decay"],
    "grad_clip": SGD_DEFAULTS["grad_clip"],
}


class Optimizer:
    """Update rule for parameters, with its settings and its state per parameter.

    Every setting that is a number may also be an iterable of numbers, such as a schedule: its first item is
    drawn at once, each of the following by `step_schedules`. A function is called with the number of the step.

    Parameters
    ----------
    learn_rate : float or iterable of float
    L2 : float or iterable of float
        Strength of the L2 penalty.
    beta1, beta2 : float or iterable of float
        Decay rates of the first and second moments of the gradient. Both zero: plain SGD.
    eps : float or iterable of float
        Added to the root of the second moment.
    grad_clip : float or iterable of float
        Bound on the Euclidean norm of each parameter's gradient; 0 for none.
    use_averages : bool
        Keep running averages of the parameters.
    use_radam : bool
        Rectified Adam.
    L2_is_weight_decay : bool
        Shrink the weights after the update (AdamW), instead of adding the penalty to the gradient.
    on_nonfinite : {"ignore", "raise", "skip"}
        What to do about a gradient with a NaN or an infinity in it: use it; raise FloatingPointError; or leave
        the parameter and its state as they are, set the gradient to zero and count that in `nr_skipped`. The
        check reads every gradient once more.
    rule : optional
        The kind, where it is none of SGD, Adam and RAdam, as `AdamW` and the others give it.

    Attributes
    ----------
    learn_rate, b1, b2, eps, L2, grad_clip : float
        Current values, which may be assigned.
    schedules : dict
        Name of the attribute to iterator, for settings that have one.
    mom1, mom2 : dict
        Key to moments, 1-d arrays.
    averages : dict or None
        Key to the running average, of the shape of the parameter.
    nr_update : dict
        Key to the number of updates so far.
    nr_skipped : dict
        Key to the number of updates that were skipped for a gradient that is not finite.

    Raises
    ------
    ValueError
        If a setting is neither a number nor an iterable that gives one; or if there is a rule that has no use for
        the number.

    Notes
    -----
    `to_bytes` and `to_disk` write settings, state, and the positions of the schedules; an optimizer made in the
    same way goes on from there. Built-in schedules can be copied, pickled and set back. A generator written by
    a user is brought to its position by drawing as many values as had been drawn.
    """

    __module__ = "thinc.optimizers"  # where it is known, by pickles too

    __slots__ = (
        "L2",
        "L2_is_weight_decay",
        "_drawn",
        "_groups_of",
        "_norm",
        "_radam_buffer",
        "average_bias_correction",
        "averages",
        "b1",
        "b2",
        "clip",
        "eps",
        "grad_clip",
        "last_seen",
        "learn_rate",
        "mom1",
        "mom2",
        "nr_skipped",
        "nr_update",
        "on_nonfinite",
        "rule",
        "schedules",
        "use_radam",
    )

    mom1: dict[Any, FloatsXd]
    mom2: dict[Any, FloatsXd]
    averages: dict[Any, FloatsXd] | None
    schedules: dict[str, Any]
    nr_update: dict[Any, int]
    nr_skipped: dict[Any, int]
    last_seen: dict[Any, int]
    grad_clip: float
    learn_rate: float
    b1: float
    b2: float
    eps: float
    L2: float
    use_radam: bool
    L2_is_weight_decay: bool
    on_nonfinite: str
    rule: Rule | None
    clip: str
    average_bias_correction: bool
    _drawn: int
    _groups_of: dict[Any, Any]
    _norm: float | None
    _radam_buffer: list[list[Any]]

    def __init__(
        self,
        learn_rate: FloatOrSeq,
        *,
        L2: FloatOrSeq = ADAM_DEFAULTS["L2"],
        beta1: FloatOrSeq = ADAM_DEFAULTS["beta1"],
        beta2: FloatOrSeq = ADAM_DEFAULTS["beta2"],
        eps: FloatOrSeq = ADAM_DEFAULTS["eps"],
        grad_clip: FloatOrSeq = ADAM_DEFAULTS["grad_clip"],
        use_averages: bool = True,
        use_radam: bool = False,
        L2_is_weight_decay: bool = True,
        on_nonfinite: Literal["ignore", "raise", "skip"] = "ignore",
        rule: Rule | None = None,
    ):
        self._prepare_slots()
        self.mom1 = {}
        self.mom2 = {}
        self.averages = {} if use_averages else None
        self.schedules = {}
        self.nr_update = defaultdict(int)
        self.nr_skipped = defaultdict(int)
        self.last_seen = defaultdict(int)
        self._drawn = 1
        self._set_attr_or_schedule("grad_clip", grad_clip)
        self._set_attr_or_schedule("learn_rate", learn_rate)
        self._set_attr_or_schedule("b1", beta1, "beta1")
        self._set_attr_or_schedule("b2", beta2, "beta2")
        self._set_attr_or_schedule("eps", eps)
        self._set_attr_or_schedule("L2", L2)
        self.use_radam = use_radam
        self.L2_is_weight_decay = L2_is_weight_decay
        self.on_nonfinite = on_nonfinite
        self._check_on_nonfinite()
        self.rule = rule
        self._check_settings({name: getattr(self, name) for name in SETTINGS})

    def _prepare_slots(self) -> None:
        """Set what is not a setting of every kind, as it is without further ado."""
        self._radam_buffer = [[None, None, None] for _ in range(10)]
        self._groups_of = {}
        self._norm = None
        self.rule = None
        self.clip = "parameter"
        self.average_bias_correction = False

    def __setstate__(self, state: Any) -> None:
        """Take over a pickled state; one that was written by an earlier version has fewer parts."""
        self._prepare_slots()
        for name, value in state[1].items():
            setattr(self, name, value)

    def _check_settings(self, values: dict[str, Any]) -> None:
        if self.rule is not None:
            self.rule.check({name: value for name, value in values.items() if name in SETTINGS})

    def _set_attr_or_schedule(self, attribute: str, value: Any, setting: str | None = None) -> None:
        if _is_number(value):
            setattr(self, attribute, _as_python_number(value))
            return
        name = f"'{setting}' (attribute '{attribute}')" if setting else f"'{attribute}'"
        problem = f"Invalid value for the optimizer's setting {name}"
        if callable(value) and not hasattr(value, "__next__") and not hasattr(value, "__iter__"):
            value = of_step(value)
        try:
            # An iterator is drawn from as it is: some have no `__iter__`.
            schedule = value if hasattr(value, "__next__") else iter(value)
        except TypeError:
            schedule = None
        if schedule is None or isinstance(value, (str, bytes)):
            raise ValueError(
                f"{problem}: expected a number, or a schedule or other iterable of numbers, but got "
                f"{value!r} of type {type(value)}"
            )
        try:
            first = next(schedule)
        except StopIteration:
            raise ValueError(f"{problem}: the schedule of {type(value)} is empty") from None
        if not _is_number(first):
            raise ValueError(
                f"{problem}: the schedule of {type(value)} starts with {first!r}, which is no number"
            )
        self.schedules[attribute] = schedule
        setattr(self, attribute, _as_python_number(first))

    def step_schedules(self) -> None:
        """Draw the next value of every schedule. A schedule that has ended leaves its setting as it is.

        Raises
        ------
        ValueError
            If a schedule gives something that is no number; no setting has been changed then.
        """
        drawn = {name: next(schedule, getattr(self, name)) for name, schedule in self.schedules.items()}
        for name, value in drawn.items():
            if not _is_number(value):
                raise ValueError(
                    f"Cannot step the schedule of the optimizer's '{name}': it gave {value!r}, expected a number"
                )
        self._check_settings(drawn)
        for name, value in drawn.items():
            setattr(self, name, _as_python_number(value))
        self._drawn += 1

    def __call__(
        self, key: KeyT, weights: FloatsT, gradient: FloatsT, *, lr_scale: float = 1.0
    ) -> tuple[FloatsT, FloatsT]:
        """Update one parameter, in place where its array is C-contiguous, and set the gradient to zero.

        In this order, where ``lr = lr_scale * learn_rate`` and t counts the updates of this key from 1; for kinds
        that have a rule, `AdamW` and so on, what their docstrings say takes the place of the second half:

        - ``g += L2 * w``, unless L2 is weight decay
        - ``g *= grad_clip / norm(g)`` if the norm is at least ``grad_clip``
        - Adam: ``m = b1*m + (1-b1)*g``, ``v = b2*v + (1-b2)*g**2``,
          ``w -= lr * sqrt(1 - b2**t) / (1 - b1**t) * m / (sqrt(v) + eps)``; SGD: ``w -= lr * g``
        - ``w -= lr * L2 * w``, if L2 is weight decay
        - ``average -= (1 - d) * (average - w)`` with ``d = min((1 + t) / (10 + t), 0.9999)``

        Parameters
        ----------
        key : hashable
            Names the parameter: ``(model.id, name)``.
        weights, gradient : array, of the same shape
            float32 for Adam, any float for the others.
        lr_scale : float
            Factor of the learning rate for this call.

        Returns
        -------
        weights, gradient
            The updated parameter, to be used from now on, and the gradient, all zero.

        Raises
        ------
        ValueError
            If shapes or types do not fit together or the moments of this key, or an array is read-only.
        NotImplementedError
            If beta2 is positive and beta1 is not. In every case, nothing has been changed.
        FloatingPointError
            If the gradient is not finite, with ``on_nonfinite="raise"``.
        """
        if len(gradient) < 1:
            return weights, gradient
        if self.on_nonfinite != "ignore" and not self._is_usable(key, gradient):
            self._skip(key, gradient)
            return weights, gradient
        updated = None
        if isinstance(weights, numpy.ndarray):
            updated = update_parameter(self, key, weights, gradient, lr_scale)
        if updated is None:
            updated = update_by_formulas(self, key, weights, gradient, lr_scale)
        return updated, gradient

    def update_many(
        self, keys: list[Any], weights: list[FloatsXd], gradients: list[FloatsXd], *, lr_scale: float = 1.0
    ) -> list[FloatsXd]:
        """Update several parameters: bit for bit as one call for each in turn, in one call of a kernel.

        Parameters
        ----------
        keys, weights, gradients : list
            Of the same length.
        lr_scale : float

        Returns
        -------
        list of the updated parameters

        Raises
        ------
        ValueError, NotImplementedError, FloatingPointError
            As a call does. Nothing has been changed then, unless parameters are not in NumPy arrays of one type:
            these are updated one by one.
        """
        if self.on_nonfinite != "ignore":
            usable = [self._is_usable(key, dW) for key, dW in zip(keys, gradients, strict=True)]
            if not all(usable):
                return self._update_usable(usable, keys, weights, gradients, lr_scale)
        if all(isinstance(W, numpy.ndarray) for W in weights):
            updated = update_parameters(self, list(keys), list(weights), list(gradients), lr_scale)
            if updated is not None:
                return updated
        triples = zip(keys, weights, gradients, strict=True)
        return [self(key, W, dW, lr_scale=lr_scale)[0] for key, W, dW in triples]

    def gather_gradients(self, model: Any) -> bool:
        """Prepare the gradients of a tree for an update; `Model.finish_update` calls this before it changes anything.

        Here there is nothing to do. `thinc.distributed.DataParallelOptimizer` averages them over the workers.

        Returns
        -------
        bool
            Whether gradients may have changed.
        """
        return False

    def _update_usable(
        self, usable: list[bool], keys: list[Any], weights: list[Any], gradients: list[Any], lr_scale: float
    ) -> list[FloatsXd]:
        """As `update_many`, where some of the parameters are to be skipped."""
        chosen = [i for i, is_usable in enumerate(usable) if is_usable]
        picked = [[items[i] for i in chosen] for items in (keys, weights, gradients)]
        updated = list(weights)
        for i, W in zip(chosen, self.update_many(*picked, lr_scale=lr_scale), strict=True):
            updated[i] = W
        for i, is_usable in enumerate(usable):
            if not is_usable:
                self._skip(keys[i], gradients[i])
        return updated

    def _is_usable(self, key: Any, gradient: FloatsXd) -> bool:
        self._check_on_nonfinite()
        if is_finite(gradient):
            return True
        if self.on_nonfinite == "raise":
            raise FloatingPointError(
                f"Cannot update parameter {key}: its gradient has NaNs or infinities. Nothing has been changed. "
                "Lower the learning rate, look for a division by zero or a logarithm of zero in the model, or "
                "use on_nonfinite='skip'."
            )
        return False

    def _check_on_nonfinite(self) -> None:
        if self.on_nonfinite not in ("ignore", "raise", "skip"):
            raise ValueError(
                f"The optimizer's setting 'on_nonfinite' is {self.on_nonfinite!r}; expected 'ignore', 'raise' or "
                "'skip'"
            )

    def _skip(self, key: Any, gradient: Any) -> None:
        gradient[...] = 0
        self.nr_skipped[key] += 1

    def to_bytes(self, model: Any = None) -> bytes:
        """Serialize settings, state and the positions of the schedules.

        Parameters
        ----------
        model : Model, optional
            The tree that the optimizer updates. Its parameters are then found again by their places in the
            tree, in a model that was built anew; without it, by their keys, which are those of this process.

        Raises
        ------
        ValueError
            If there is state of a parameter that is not in the tree.
        TypeError
            If a key is something else than numbers, text, and tuples of these.
        """
        return seal(_KIND, to_state(self, model))

    def from_bytes(self, bytes_data: bytes, model: Any = None) -> "Optimizer":
        """Load what `to_bytes` gave, into an optimizer with the same schedules; return the optimizer.

        Raises
        ------
        ValueError
            If the data is damaged, or does not fit the optimizer or the model; nothing has been changed then.
        """
        return self._load(bytes_data, model, "the optimizer")

    def to_disk(self, path: Any, model: Any = None) -> None:
        """Write `to_bytes` to a file, which is replaced wholly or not at all."""
        write_bytes(path, self.to_bytes(model))

    def from_disk(self, path: Any, model: Any = None) -> "Optimizer":
        """Load a file that `to_disk` wrote; return the optimizer. See `from_bytes`."""
        return self._load(read_bytes(path), model, f"the optimizer from {path}")

    def _load(self, data: bytes, model: Any, what: str) -> "Optimizer":
        prepare_state(self, unseal(_KIND, data, what), model, what)()
        return self

    def to_gpu(self) -> None:
        """Move moments and averages to the GPU.

        Raises
        ------
        ValueError
            If there is no GPU or CuPy is not installed.
        """
        from .backends import get_ops

        if not compat.has_cupy_gpu:
            raise ValueError(
                "Cannot move the optimizer's state to the GPU: no CUDA device was found, or CuPy is not installed"
            )
        self._move(get_ops("cupy").asarray)

    def to_cpu(self) -> None:
        """Move moments and averages to main memory."""
        from ._util.arrays import to_numpy

        self._move(to_numpy)

    def _move(self, convert: Any) -> None:
        for arrays in (self.mom1, self.mom2, self.averages or {}):
            moved = {key: convert(array) for key, array in arrays.items()}
            arrays.update(moved)


def is_ours(optimizer: Any) -> "TypeGuard[Optimizer]":
    """Whether an optimizer is called as an `Optimizer` is: then `update_many` does the same in one go."""
    return type(optimizer).__call__ is Optimizer.__call__


def update_each(optimizer: Any, keys: list[Any], weights: list[Any], gradients: list[Any]) -> list[Any]:
    """What an optimizer makes of several parameters, in one call of a kernel if it is one of ours."""
    if is_ours(optimizer):
        return optimizer.update_many(keys, weights, gradients)
    return [optimizer(*triple)[0] for triple in zip(keys, weights, gradients, strict=True)]


def _is_number(value: Any) -> bool:
    if isinstance(value, (numpy.generic, numpy.ndarray)):
        return value.ndim == 0 and value.dtype.kind in "fiub"
    return isinstance(value, Real)


def _as_python_number(value: Any) -> Any:
    return value.item() if isinstance(value, (numpy.generic, numpy.ndarray)) else value
