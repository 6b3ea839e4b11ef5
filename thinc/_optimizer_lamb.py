"""LAMB: Adam's direction, with steps as long as a share of the weights, for large batches."""

import math
from typing import Any, Literal

from ._optimizer_base import FloatOrSeq, Groups, Optimizer, Patterns
from ._optimizer_rules import Plan, Rule
from .config import registry


class _LAMB(Rule):
    name = "LAMB"

    def plan(self, settings: Any, t: int, learn_rate: float) -> Plan:
        s = settings
        root = math.sqrt(1 - s.b2**t)
        return Plan("lamb", learn_rate, root / (1 - s.b1**t), s.b1, s.b2, s.eps * root, decay=s.L2)


@registry.optimizers("LAMB.v1")
def LAMB(
    learn_rate: FloatOrSeq = 0.001,
    *,
    beta1: FloatOrSeq = 0.9,
    beta2: FloatOrSeq = 0.999,
    eps: FloatOrSeq = 1e-06,
    L2: FloatOrSeq = 0.01,
    grad_clip: FloatOrSeq = 0.0,
    clip: Literal["parameter", "global"] = "parameter",
    use_averages: bool = False,
    average_bias_correction: bool = False,
    groups: Groups = None,
    freeze: Patterns = (),
) -> Optimizer:
    """LAMB (You et al. 2020, https://arxiv.org/abs/1904.00962, algorithm 2, with phi(z) = z), for large batches.

    In this order, where t counts the updates of a parameter from 1:

    - ``m = beta1*m + (1-beta1)*g``, ``v = beta2*v + (1-beta2)*g**2``
    - ``r = (m / (1 - beta1**t)) / (sqrt(v / (1 - beta2**t)) + eps) + L2 * w``
    - ``w -= lr * norm(w) / norm(r) * r``, without the quotient where one of the norms is 0

    The norms are those of the whole parameter.

    Parameters
    ----------
    learn_rate, L2, eps, grad_clip : float or iterable of float
        At least 0. L2 is the weight decay; a `grad_clip` of 0 means not to clip.
    beta1, beta2 : float or iterable of float
        From 0 to below 1.
    clip, use_averages, average_bias_correction, groups, freeze
        As for `Optimizer`.

    Raises
    ------
    ValueError
        If a setting is not in its range, or neither a number nor an iterable that gives one.
    """
    return Optimizer(
        learn_rate,
        beta1=beta1,
        beta2=beta2,
        eps=eps,
        L2=L2,
        grad_clip=grad_clip,
        clip=clip,
        use_averages=use_averages,
        average_bias_correction=average_bias_correction,
        groups=groups,
        freeze=freeze,
        rule=_LAMB(),
    )
