"""What a kind of optimizer is: a rule that gives the numbers of each update, for kernels and formulas to follow."""

import math
from abc import abstractmethod
from typing import Any, ClassVar, NamedTuple


class Plan(NamedTuple):
    """The numbers of one update of one parameter, and the name of what is done with them.

    The names are those of `thinc._optimizer_formulas.FORMULAS`, or those of rules that have a kernel and an `update`
    of their own; kernels/optimizers.hh has the formulas too, with the meaning of each number.
    """

    formula: str
    step: float
    gradient_step: float = 0.0
    beta1: float = 0.0
    beta2: float = 0.0
    eps: float = 0.0
    l2: float = 0.0
    decay: float = 0.0
    average_rate: float = 0.0
    smallest_rms: float = 0.0
    largest_rms: float = 0.0


class Rule:
    """A kind of optimizer, never changed. Its attributes are what is chosen once for all, by arguments of the same
    names; what may be a schedule is in `Optimizer`.

    Attributes
    ----------
    name : str
        Names the kind in saved state and errors.
    arguments : dict
        Attribute of `Optimizer` to the name of the argument that sets it, where that differs.
    unused : tuple of str
        Attributes of `Optimizer` of which the kind makes no use.
    gives_average : bool
        Whether averages are part of the rule, which gives their rate.
    own_from : int, optional
        Parameters of this many dimensions or more are updated by `update`, all others as `plan` says. By default
        all are.
    has_kernel : bool
        Whether there is a kernel that does what `update` does, with the numbers of `plan`, where the arrays are of a
        type that it takes.
    """

    name: ClassVar[str]
    arguments: ClassVar[dict[str, str]] = {"b1": "beta1", "b2": "beta2"}
    unused: ClassVar[tuple[str, ...]] = ()
    gives_average: ClassVar[bool] = False
    own_from: ClassVar[int | None] = None
    has_kernel: ClassVar[bool] = False

    # No dataclass: eight of them took a tenth of the time that importing thinc takes.

    @property
    def options(self) -> dict[str, Any]:
        """By the names of the arguments that make an equal rule."""
        return dict(vars(self))

    def __eq__(self, other: object) -> bool:
        return type(self) is type(other) and vars(self) == vars(other)

    def __hash__(self) -> int:
        return hash((type(self), *vars(self).values()))

    def __repr__(self) -> str:
        options = ", ".join(f"{name}={value!r}" for name, value in vars(self).items())
        return f"{type(self).__name__}({options})"

    @classmethod
    def rename(cls, attributes: dict[str, str]) -> dict[str, str]:
        """From arguments and the attributes they set, to those of this kind."""
        return {
            cls.arguments.get(attribute, argument): attribute
            for argument, attribute in attributes.items()
            if attribute not in cls.unused
        }

    @abstractmethod
    def plan(self, settings: Any, t: int, learn_rate: float) -> Plan:
        """The numbers of update `t`, counted from 1.

        Parameters
        ----------
        settings
            Has the attributes of `Optimizer` that are settings: ``b1``, ``b2``, ``eps``, ``L2``,
            ``L2_is_weight_decay``.
        t : int
        learn_rate : float
        """

    def takes(self, weights: Any) -> bool:
        """Whether a parameter is updated by `update`."""
        return self.own_from is not None and weights.ndim >= self.own_from

    def shapes(self, shape: tuple[int, ...]) -> list[tuple[int, ...]]:
        """The shapes of the one or two moments that `update` keeps of a parameter."""
        raise NotImplementedError

    def update(self, settings: Any, t: int, learn_rate: float, W: Any, g: Any, *moments: Any) -> None:
        """Change weights and moments in place; the gradient is clipped already, and may be changed."""
        raise NotImplementedError


def check_settings(what: str, arguments: dict[str, str], values: dict[str, float]) -> None:
    """Refuse settings for which there is no update: by a ValueError that names the argument."""
    for attribute, value in values.items():
        highest, expected = _BOUNDS[attribute]
        if not 0 <= value < highest:  # NaN is refused, too
            argument = arguments.get(attribute, attribute)
            raise ValueError(f"{what}: {argument} is {value!r}; expected {expected}")


# The number that a setting must be below, and how that is said.
_BOUNDS = {
    "learn_rate": (math.inf, "a number of at least 0"),
    "lr_scale": (math.inf, "a number of at least 0"),
    "b1": (1.0, "a number from 0 to below 1"),
    "b2": (1.0, "a number from 0 to below 1"),
    "eps": (math.inf, "a number of at least 0"),
    "L2": (math.inf, "a number of at least 0"),
    "grad_clip": (math.inf, "a number of at least 0, where 0 means not to clip"),
}


def split_penalty(settings: Any, learn_rate: float) -> dict[str, float]:
    """The two numbers of a plan that L2 gives: what is added to the gradient, or the share the weights lose."""
    if settings.L2_is_weight_decay:
        return {"decay": learn_rate * settings.L2}
    return {"l2": settings.L2}
