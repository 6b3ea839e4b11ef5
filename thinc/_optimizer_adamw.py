"""AdamW: Adam with weight decay that is decoupled from the gradient, before the step."""

import math
from typing import Any, Literal

from ._optimizer_base import FloatOrSeq, Groups, Optimizer, Patterns
from ._optimizer_rules import Plan, Rule
from .config import registry


class AdamWRule(Rule):
    """The numbers of AdamW, in the rule of Adam."""

    name = "AdamW"

    def plan(self, settings: Any, t: int, learn_rate: float) -> Plan:
        s = settings
        # The roots of the corrections are moved into the step and into eps, so that v is used as it is.
        root = math.sqrt(1 - s.b2**t)
        step = learn_rate * root / (1 - s.b1**t)
        return Plan("adam", step, 0.0, s.b1, s.b2, s.eps * root, 0.0, learn_rate * s.L2)


@registry.optimizers("AdamW.v1")
def AdamW(
    learn_rate: FloatOrSeq = 0.001,
    *,
    beta1: FloatOrSeq = 0.9,
    beta2: FloatOrSeq = 0.999,
    eps: FloatOrSeq = 1e-08,
    L2: FloatOrSeq = 0.01,
    grad_clip: FloatOrSeq = 0.0,
    clip: Literal["parameter", "global"] = "parameter",
    use_averages: bool = False,
    average_bias_correction: bool = False,
    groups: Groups = None,
    freeze: Patterns = (),
) -> Optimizer:
    """Adam with decoupled weight decay (Loshchilov and Hutter 2019, https://arxiv.org/abs/1711.05101, algorithm 2).

    In this order, where t counts the updates of a parameter from 1:

    - ``w -= lr * L2 * w``
    - ``m = beta1*m + (1-beta1)*g``, ``v = beta2*v + (1-beta2)*g**2``
    - ``w -= lr * (m / (1 - beta1**t)) / (sqrt(v / (1 - beta2**t)) + eps)``

    `Adam` differs in two points: its decay comes after the step, and its `eps` is added before the correction of v.

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
        rule=AdamWRule(),
    )
