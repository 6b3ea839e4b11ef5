"""MomentumSGD: stochastic gradient descent that keeps its speed, the heavy ball's way or Nesterov's."""

from typing import Any, Literal

from ._optimizer_base import FloatOrSeq, Groups, Optimizer, Patterns
from ._optimizer_rules import Plan, Rule, split_penalty
from .config import registry


class _Momentum(Rule):
    name = "MomentumSGD"
    arguments = {"b1": "momentum"}
    unused = ("b2", "eps")

    def __init__(self, nesterov: bool):
        self.nesterov = nesterov

    def plan(self, settings: Any, t: int, learn_rate: float) -> Plan:
        along = learn_rate * settings.b1 if self.nesterov else learn_rate
        straight = learn_rate if self.nesterov else 0.0
        penalty = split_penalty(settings, learn_rate)
        return Plan("heavy_ball", along, straight, settings.b1, **penalty)


@registry.optimizers("MomentumSGD.v1")
def MomentumSGD(
    learn_rate: FloatOrSeq,
    *,
    momentum: FloatOrSeq = 0.9,
    nesterov: bool = False,
    L2: FloatOrSeq = 0.0,
    L2_is_weight_decay: bool = True,
    grad_clip: FloatOrSeq = 0.0,
    clip: Literal["parameter", "global"] = "parameter",
    use_averages: bool = False,
    average_bias_correction: bool = False,
    groups: Groups = None,
    freeze: Patterns = (),
) -> Optimizer:
    """Stochastic gradient descent with momentum (Sutskever et al. 2013, https://proceedings.mlr.press/v28/sutskever13.html).

    In this order:

    - ``w -= lr * L2 * w``, or ``g += L2 * w`` if L2 is no weight decay
    - ``m = momentum*m + g``
    - ``w -= lr * m``, or ``w -= lr * (g + momentum*m)`` with Nesterov's momentum

    Parameters
    ----------
    learn_rate, L2, grad_clip : float or iterable of float
        At least 0; a `grad_clip` of 0 means not to clip.
    momentum : float or iterable of float
        From 0 to below 1. Its current value is the attribute ``b1``.
    nesterov : bool
        Look ahead along the momentum.
    L2_is_weight_decay : bool
        Shrink the weights before the update, instead of adding the penalty to the gradient.
    clip, use_averages, average_bias_correction, groups, freeze
        As for `Optimizer`.

    Raises
    ------
    ValueError
        If a setting is not in its range, or neither a number nor an iterable that gives one.
    """
    return Optimizer(
        learn_rate,
        beta1=momentum,
        beta2=0.0,
        L2=L2,
        L2_is_weight_decay=L2_is_weight_decay,
        grad_clip=grad_clip,
        clip=clip,
        use_averages=use_averages,
        average_bias_correction=average_bias_correction,
        groups=groups,
        freeze=freeze,
        rule=_Momentum(bool(nesterov)),
    )
