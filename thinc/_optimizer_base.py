"""The class of all optimizers: settings, schedules, state, and when what is updated; the rules are data."""

from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from typing import TYPE_CHECKING, Any, Literal, Optional, TypeGuard, Union

import numpy

from . import compat
from ._optimizer_formulas import norm_of, prepare_formulas, update_by_formulas
from ._optimizer_groups import ATTRIBUTES, Group, Names, as_patterns, make_groups
from ._optimizer_rules import Rule, check_settings
from ._optimizer_settings import draw_settings, start_setting
from ._optimizer_state import SETTINGS, prepare_state, to_state
from ._util.arrays import is_finite
from ._util.msgpack import seal, unseal
from ._util.paths import read_bytes, write_bytes
from .kernels.optimizers import update_parameter, update_parameters
from .types import FloatsT, FloatsXd, Generator

KeyT = tuple[int, str]
if TYPE_CHECKING:  # what is taken
    FloatOrSeq = Union[float, Iterable[float], Callable[[int], float]]
    IntOrSeq = Union[int, Iterable[int], Callable[[int], int]]
else:  # what the names have always stood for
    FloatOrSeq = Union[float, list[float], Generator]
    IntOrSeq = Union[int, list[int], Generator]
Groups = Optional[dict[str, dict[str, Any]]]
Patterns = Union[str, Sequence[str]]

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
    clip : {"parameter", "global"}
        Whether `grad_clip` bounds the norm of each gradient, with the L2 penalty where it is one; or that of all
        gradients of a `finish_update` together, as they are without it.
    groups : dict, optional
        Pattern to settings that the parameters it means have of their own: of ``learn_rate``, ``L2``, ``beta1``,
        ``beta2``, ``eps``, ``grad_clip``, as numbers or schedules, and ``lr_scale``, a factor of the learning rate.
        Where several patterns mean a parameter, the last one that has a setting counts. An entry with a pattern, or a
        list of them, as "match" may have any name.
    freeze : str or list of str
        Patterns of parameters that are not to be changed; see also the method.
    average_bias_correction : bool
        Divide averages by the sum of the shares that all weights so far have in them, which is less than one in the
        beginning.
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
    frozen : list of str
        The patterns of `freeze`.

    Raises
    ------
    ValueError
        If a setting is neither a number nor an iterable that gives one; or if there is a rule that has no use for
        the number.

    Notes
    -----
    A pattern means parameters by their names. It is compared with the names of nodes and of parameters: "linear" means
    all parameters of nodes of this name and of the nodes below these; "linear.b" one parameter; "encoder/linear" such
    nodes directly below one named "encoder". ``*`` stands for any text, ``?`` for any character, nothing else is
    special: "*.b" is the parameter b of any node. A name that is made of those of its layers, such as "embed>>linear"
    of a `chain`, is matched only in full, so that "embed*" is the layer and not the whole chain. Parameters of networks
    of other frameworks have the names they have there: "pytorch.0.weight". Patterns are looked up at the first step of
    a model; one that matches nothing is an error then. Keys alone have no names: with groups, or parameters that are
    frozen, `finish_update` is to be called.

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
        "_names",
        "_norm",
        "_radam_buffer",
        "average_bias_correction",
        "averages",
        "b1",
        "b2",
        "clip",
        "eps",
        "frozen",
        "grad_clip",
        "groups",
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
    groups: list[Group]
    frozen: list[str]
    _groups_of: dict[Any, Any]
    _names: Names | None
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
        clip: Literal["parameter", "global"] = "parameter",
        groups: Groups = None,
        freeze: Patterns = (),
        average_bias_correction: bool = False,
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
        self.clip = clip
        self.average_bias_correction = bool(average_bias_correction)
        self._check_clip()
        self.groups = make_groups(groups, ATTRIBUTES if rule is None else rule.rename(ATTRIBUTES))
        if freeze:
            self.freeze(*as_patterns(freeze, "freeze"))
        self._check_settings({name: getattr(self, name) for name in SETTINGS})
        for group in self.groups:
            self._check_settings(group.values, group)

    def _prepare_slots(self) -> None:
        """Set what is not a setting of every kind, as it is without further ado."""
        self._radam_buffer = [[None, None, None] for _ in range(10)]
        self.rule = None
        self.clip = "parameter"
        self.average_bias_correction = False
        self.groups = []
        self.frozen = []
        self._norm = None
        self._forget_names()

    def _forget_names(self) -> None:
        """Let patterns be compared with the names in the tree anew at the next step."""
        self._names = None
        self._groups_of = {}

    def __getstate__(self) -> Any:
        """The state to pickle or copy, but for what is found in the tree of the model again."""
        slots = [name for kind in type(self).__mro__ for name in getattr(kind, "__slots__", ())]
        found_again: dict[str, Any] = {"_names": None, "_groups_of": {}}
        state = {name: getattr(self, name) for name in slots if hasattr(self, name)}
        return getattr(
            self, "__dict__", None
        ), state | found_again  # subclasses may have attributes of their own

    def __setstate__(self, state: Any) -> None:
        """Take over a pickled state; one that was written by an earlier version has fewer parts."""
        self._prepare_slots()
        for name, value in {**(state[0] or {}), **state[1]}.items():
            setattr(self, name, value)

    def _check_clip(self) -> None:
        if self.clip not in ("parameter", "global"):
            raise ValueError(
                f"The optimizer's setting 'clip' is {self.clip!r}; expected 'parameter', to bound the norm of each "
                "gradient, or 'global', to bound that of all together"
            )

    def _check_settings(self, values: dict[str, Any], group: Group | None = None) -> None:
        if group is not None and self.clip == "global" and "grad_clip" in values:
            raise ValueError(
                f"groups: '{group.name}' has a grad_clip, but with clip='global' there is one for all"
            )
        if group is not None or self.rule is not None:
            what = "Optimizer" if self.rule is None else self.rule.name
            arguments = Rule.arguments if self.rule is None else self.rule.arguments
            check_settings(what if group is None else f"{what}, group '{group.name}'", arguments, values)

    def _set_attr_or_schedule(self, attribute: str, value: Any, setting: str | None = None) -> None:
        name = f"'{setting}' (attribute '{attribute}')" if setting else f"'{attribute}'"
        number, schedule = start_setting(value, f"Invalid value for the optimizer's setting {name}")
        setattr(self, attribute, number)
        if schedule is not None:
            self.schedules[attribute] = schedule

    def step_schedules(self) -> None:
        """Draw the next value of every schedule. A schedule that has ended leaves its setting as it is.

        Raises
        ------
        ValueError
            If a schedule gives something that is no number, or out of range; no setting has been changed then.
        """
        drawn = draw_settings(self.schedules, {name: getattr(self, name) for name in self.schedules})
        self._check_settings(drawn)
        of_groups = [draw_settings(group.schedules, group.values) for group in self.groups]
        for group, values in zip(self.groups, of_groups, strict=True):
            self._check_settings(values, group)
        for name, value in drawn.items():
            setattr(self, name, value)
        for group, values in zip(self.groups, of_groups, strict=True):
            group.values.update(values)
        self._drawn += 1

    def freeze(self, *patterns: str) -> None:
        """Leave the parameters that match as they are from the next update on: their gradients are dropped.

        State that they have is kept. What a pattern means, `Optimizer` describes; one that matches nothing is an
        error of the next update.

        Parameters
        ----------
        *patterns : str

        Raises
        ------
        ValueError
            If there is none, or one is no text.
        """
        self.frozen = list(dict.fromkeys([*self.frozen, *as_patterns(patterns, "freeze")]))
        self._forget_names()

    def unfreeze(self, *patterns: str) -> None:
        """Take patterns back that were given to `freeze`; all of them, if none is named.

        Raises
        ------
        ValueError
            If one has not been given to `freeze`.
        """
        for pattern in patterns:
            if pattern not in self.frozen:
                raise ValueError(f"unfreeze: '{pattern}' is none of the patterns of freeze, {self.frozen}")
        self.frozen = [pattern for pattern in self.frozen if patterns and pattern not in patterns]
        self._forget_names()

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
        if self._is_choosy() and not self._is_usable(key, gradient):
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
        if self._is_choosy():
            usable = [self._is_usable(key, dW) for key, dW in zip(keys, gradients, strict=True)]
            if not all(usable):
                return self._update_usable(usable, keys, weights, gradients, lr_scale)
        if all([isinstance(W, numpy.ndarray) for W in weights]):  # noqa: C419  # a generator takes twice as long
            updated = update_parameters(self, list(keys), list(weights), list(gradients), lr_scale)
            if updated is not None:
                return updated
            for key, W, dW in zip(keys, weights, gradients, strict=True):
                if len(dW):
                    prepare_formulas(self, key, W, dW, lr_scale)  # for its errors
        triples = zip(keys, weights, gradients, strict=True)
        if self.clip != "global" or self._norm is not None:
            return [self(key, W, dW, lr_scale=lr_scale)[0] for key, W, dW in triples]
        self._norm = norm_of(gradients)
        try:
            return [self(key, W, dW, lr_scale=lr_scale)[0] for key, W, dW in triples]
        finally:
            self._norm = None

    def prepare_update(self, nodes: Sequence[Any], todo: Sequence[tuple[Any, Any, Any, Any]]) -> None:
        """Find names and norms that take the whole model; ``Model.finish_update`` calls it before it changes anything.

        Parameters
        ----------
        nodes : list
            Those of the tree, breadth first.
        todo : list
            Node, key, weights and gradient of each parameter that is not of a shim.

        Raises
        ------
        ValueError
            If a pattern matches no parameter.
        NotImplementedError
            If there is a shim that cannot give its gradients, with ``clip="global"``.
        """
        if self.groups or self.frozen:
            mark = id(self), [(node.id, node.name, node.param_names) for node in nodes]
            if self._names is None or self._names.mark != mark:
                self._names = Names(mark, self, nodes)
                self._groups_of = self._names.settings
        shims = [shim for node in nodes for shim in node.shims] if self.clip == "global" else []
        if shims or (self.clip == "global" and not is_ours(self)):
            found = [(key, dW) for _, key, _, dW in todo]
            found += [((shim.id, name), dW) for shim in shims for name, dW in shim.get_gradients().items()]
            self._norm = norm_of(
                [dW for key, dW in found if not self._is_choosy() or self._is_usable(key, dW)]
            )

    def end_update(self) -> None:
        """Forget what held for one update; ``Model.finish_update`` calls this, also after an error."""
        self._norm = None

    def gather_gradients(self, model: Any) -> bool:
        """Prepare the gradients of a tree for an update; ``Model.finish_update`` calls this before it changes anything.

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

    def _is_choosy(self) -> bool:
        """Whether there may be parameters that are not updated."""
        return self.on_nonfinite != "ignore" or bool(self.groups) or bool(self.frozen)

    def _is_usable(self, key: Any, gradient: FloatsXd) -> bool:
        self._check_on_nonfinite()
        if self._is_frozen(key):
            return False
        if self.on_nonfinite == "ignore" or is_finite(gradient):
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

    def _is_frozen(self, key: Any) -> bool:
        if not self.groups and not self.frozen:
            return False
        if self._names is None:
            raise ValueError(
                f"Cannot update parameter {key}: the optimizer has groups or frozen parameters, which are found by "
                "their names in a model. Call finish_update of the model, or use an optimizer without groups."
            )
        self._names.look_up(key)
        return key in self._names.frozen

    def _skip(self, key: Any, gradient: Any) -> None:
        gradient[...] = 0
        if not self._is_frozen(key):
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
        prepare_state(self, unseal(_KIND, data, what), model, what, is_loaded=True)()
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
