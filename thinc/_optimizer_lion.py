"""Lion: steps of one size, in the direction of the sign of a momentum."""

from typing import Any, Literal

from ._optimizer_base import FloatOrSeq, Groups, Optimizer, Patterns
from ._optimizer_rules import Plan, Rule
from .config import registry


class _Lion(Rule):
    name = "Lion"
    unused = ("eps",)

    def plan(self, settings: Any, t: int, learn_rate: float) -> Plan:
        s = settings
        return Plan("lion", learn_rate, 0.0, s.b1, s.b2, decay=learn_rate * s.L2)


@registry.optimizers("Lion.v1")
def Lion(
    learn_rate: FloatOrSeq = 0.0001,
    *,
    beta1: FloatOrSeq = 0.9,
    beta2: FloatOrSeq = 0.99,
    L2: FloatOrSeq = 0.0,
    grad_clip: FloatOrSeq = 0.0,
    clip: Literal["parameter", "global"] = "parameter",
    use_averages: bool = False,
    average_bias_correction: bool = False,
    groups: Groups = None,
    freeze: Patterns = (),
) -> Optimizer:
    """Lion (Chen et al. 2023, https://arxiv.org/abs/2302.06675, algorithm 2): half the memory of Adam.

    In this order:

    - ``w -= lr * L2 * w``
    - ``w -= lr * sign(beta1*m + (1-beta1)*g)``
    - ``m = beta2*m + (1-beta2)*g``

    Its authors use a learning rate of a third to a tenth of that of AdamW, and a weight decay that is as many
    times as large.

    Parameters
    ----------
    learn_rate, L2, grad_clip : float or iterable of float
        At least 0. L2 is the weight decay; a `grad_clip` of 0 means not to clip.
    beta1, beta2 : float or iterable of float
        From 0 to below 1: of the direction, and of the momentum.
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
        L2=L2,
        grad_clip=grad_clip,
        clip=clip,
        use_averages=use_averages,
        average_bias_correction=average_bias_correction,
        groups=groups,
        freeze=freeze,
        rule=_Lion(),
    )
