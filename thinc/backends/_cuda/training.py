"""Updates of parameters on the GPU, in one pass over memory."""

from typing import Any

import numpy

from .._ops_training import TrainingOps
from .launch import has_kernel, launch

# What the rules of `thinc.optimizers` are in CUDA, and how many arrays of moments they have.
RULES = {
    "sgd": ("Sgd", 0),
    "momentum": ("Momentum", 2),
    "adam": ("Adam", 2),
    "heavy_ball": ("HeavyBall", 1),
    "nadam": ("NAdam", 2),
    "lion": ("Lion", 1),
}
_NONE = numpy.uint64(0)  # in place of an array


def update(
    rule: str,
    weights: Any,
    gradient: Any,
    moments: list[Any],
    average: Any,
    *,
    factor: float = 1.0,
    l2: float = 0.0,
    early_decay: float = 0.0,
    late_decay: float = 0.0,
    step: float,
    gradient_step: float = 0.0,
    beta1: float = 0.0,
    beta2: float = 0.0,
    eps: float = 0.0,
    rate: float = 0.0,
) -> bool:
    """One step for one parameter, in place; the gradient becomes zero. See ``training.cu`` for the formula.

    Returns
    -------
    Whether there is a kernel: not for arrays of mixed or other types, nor for strided ones. Nothing has been
    changed then.
    """
    arrays = [weights, gradient, *moments, *([] if average is None else [average])]
    if rule not in RULES or not has_kernel(*arrays) or not all(a.flags.c_contiguous for a in arrays):
        return False
    name, n_moments = RULES[rule]
    first, second = [*moments[:n_moments], _NONE, _NONE][:2]
    numbers = (factor, l2, early_decay, late_decay, step, gradient_step, beta1, beta2, eps, rate)
    args = (first, second, _NONE if average is None else average, weights.size, *map(float, numbers))
    launch("update", weights, weights.size, weights, gradient, *args, of=name)
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
        settings = {"step": learn_rate, "beta1": beta1, "beta2": beta2, "eps": eps}
        if alike and update("adam", weights, gradient, [mom1, mom2], None, **settings):
            return arrays
        return super().adam(*arrays, beta1, beta2, eps, learn_rate, mod_rate)
