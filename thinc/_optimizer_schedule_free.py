"""ScheduleFreeAdamW: AdamW with an average of the weights in place of a schedule of the learning rate."""

import math
from typing import Any, Literal

from ._optimizer_base import FloatOrSeq, Groups, Optimizer, Patterns
from ._optimizer_rules import Plan, Rule
from .config import registry


class _ScheduleFree(Rule):
    name = "ScheduleFreeAdamW"
    gives_average = True

    def __init__(self, warmup_steps: int):
        self.warmup_steps = warmup_steps

    def plan(self, settings: Any, t: int, learn_rate: float) -> Plan:
        s = settings
        n = self.warmup_steps
        warm = min(1.0, t / n) if n else 1.0
        # The squares of all such factors so far, of which the share of this one is what it has in the average.
        k = min(t, n)
        total = (k * (k + 1) * (2 * k + 1) / (6 * n * n) if n else 0.0) + t - k
        root = math.sqrt(1 - s.b2**t)
        step = learn_rate * warm
        return Plan(
            "schedule_free",
            step * root,
            step * s.L2,
            s.b1,
            s.b2,
            s.eps * root,
            average_rate=warm * warm / total,
        )


@registry.optimizers("ScheduleFreeAdamW.v1")
def ScheduleFreeAdamW(
    learn_rate: FloatOrSeq = 0.0025,
    *,
    beta1: FloatOrSeq = 0.9,
    beta2: FloatOrSeq = 0.999,
    eps: FloatOrSeq = 1e-08,
    warmup_steps: int = 0,
    L2: FloatOrSeq = 0.0,
    grad_clip: FloatOrSeq = 0.0,
    clip: Literal["parameter", "global"] = "parameter",
    groups: Groups = None,
    freeze: Patterns = (),
) -> Optimizer:
    """Schedule-free AdamW (Defazio et al. 2024, https://arxiv.org/abs/2405.15682): a constant learning rate.

    Gradients are taken between two sequences: z, which takes the steps, and x, their average. The model has the
    weights y in training, and is to be used with x, which are the averages of the optimizer::

        with model.use_params(optimizer.averages):
            Y = model.predict(X)  # model.to_bytes() as well

    In this order, where t counts the updates of a parameter from 1, z starts as the weights, and
    ``s(t) = min(1, t / warmup_steps)``:

    - ``v = beta2*v + (1-beta2)*g**2``
    - ``z -= lr * s(t) * (g / (sqrt(v / (1 - beta2**t)) + eps) + L2 * y)``
    - ``x += c * (z - x)`` with ``c = s(t)**2 / (s(1)**2 + ... + s(t)**2)``
    - ``y = (1-beta1)*z + beta1*x``

    Parameters
    ----------
    learn_rate, L2, eps, grad_clip : float or iterable of float
        At least 0. L2 is the weight decay; a `grad_clip` of 0 means not to clip. The learning rate may be a
        schedule as everywhere, but needs none.
    beta1, beta2 : float or iterable of float
        From 0 to below 1. beta1 says how near to the average the gradient is taken.
    warmup_steps : int
        For so many steps the learning rate grows; at least 0.
    clip, groups, freeze
        As for `Optimizer`.

    Raises
    ------
    ValueError
        If a setting is not in its range, or neither a number nor an iterable that gives one.
    """
    if not isinstance(warmup_steps, int) or warmup_steps < 0:
        raise ValueError(
            f"ScheduleFreeAdamW: warmup_steps is {warmup_steps!r}; expected an int of at least 0"
        )
    return Optimizer(
        learn_rate,
        beta1=beta1,
        beta2=beta2,
        eps=eps,
        L2=L2,
        grad_clip=grad_clip,
        clip=clip,
        use_averages=True,
        groups=groups,
        freeze=freeze,
        rule=_ScheduleFree(warmup_steps),
    )
