"""Updates of parameters on the GPU, in one pass over memory."""

from typing import Any, NamedTuple

import numpy

from .._ops_training import TrainingOps
from .launch import has_kernel, launch

# The formulas of `thinc.optimizers` that ``training.cu`` has, by their names there.
RULES = {
    "sgd": "Sgd",
    "momentum": "Momentum",
    "adam": "Adam",
    "heavy_ball": "HeavyBall",
    "nadam": "NAdam",
    "lion": "Lion",
}
_NONE = numpy.uint64(0)  # in place of an array


class AdamStep(NamedTuple):
    """The numbers of one step, as ``thinc._optimizer_rules.Plan`` has them for every kind of optimizer."""

    step: float
    beta1: float
    beta2: float
    eps: float
    formula: str = "adam"
    gradient_step: float = 0.0
    l2: float = 0.0


def update(
    plan: Any,
    weights: Any,
    gradient: Any,
    moments: list[Any],
    average: Any,
    factor: float = 1.0,
    rate: float = 0.0,
    decays: tuple[float, float] = (0.0, 0.0),
) -> bool:
    """One step for one parameter, in place; the gradient becomes zero. ``training.cu`` has the formula.

    Parameters
    ----------
    plan
        Has the numbers of the step, and the name of what is done with them.
    weights, gradient, moments, average
        Arrays of one size; the average may be None.
    factor
        Of the gradient, which is clipped.
    rate
        Of the average.
    decays
        The shares that the weights lose before and after the step.

    Returns
    -------
    Whether there is a kernel: not for arrays of mixed or other types, nor for strided ones. Nothing has been
    changed then.
    """
    arrays = [weights, gradient, *moments, *([] if average is None else [average])]
    if plan.formula not in RULES or not has_kernel(*arrays) or not all(a.flags.c_contiguous for a in arrays):
        return False
    first, second = [*moments, _NONE, _NONE][:2]
    numbers = (
        *(factor, plan.l2, *decays, plan.step, plan.gradient_step),
        *(plan.beta1, plan.beta2, plan.eps, rate),
    )
    args = (first, second, _NONE if average is None else average, weights.size, *map(float, numbers))
    launch("update", weights, weights.size, weights, gradient, *args, of=RULES[plan.formula])
    return True


class CudaTraining(TrainingOps):
    """Parameter updates."""

    def adam(
        self,
        weights: Any,
        gradient: Any,
        mom1: Any,
        mom2: Any,
        beta1: float,
        beta2: float,
        eps: float,
        learn_rate: float,
        mod_rate: float = 1.0,
    ) -> tuple[Any, Any, Any, Any]:
        """One step of Adam; see `Ops.adam`."""
        arrays = (weights, gradient, mom1, mom2)
        alike = len({array.shape for array in arrays}) == 1
        plan = AdamStep(learn_rate, beta1, beta2, eps)
        if alike and update(plan, weights, gradient, [mom1, mom2], None):
            return arrays
        return super().adam(*arrays, beta1, beta2, eps, learn_rate, mod_rate)
