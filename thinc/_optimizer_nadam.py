"""NAdam: Adam with Nesterov's momentum."""

import math
from functools import lru_cache
from typing import Any, Literal

from ._optimizer_base import FloatOrSeq, Groups, Optimizer, Patterns
from ._optimizer_rules import Plan, Rule, split_penalty
from .config import registry

_NEGLIGIBLE = 1e-30


class _NAdam(Rule):
    name = "NAdam"

    def __init__(self, momentum_decay: float):
        self.momentum_decay = momentum_decay

    def plan(self, settings: Any, t: int, learn_rate: float) -> Plan:
        s = settings
        now, following = (_momentum(s.b1, self.momentum_decay, at) for at in (t, t + 1))
        product = _momentum_product(s.b1, self.momentum_decay, t)
        root = math.sqrt(1 - s.b2**t)
        return Plan(
            "nadam",
            learn_rate * root * following / (1 - product * following),
            learn_rate * root * (1 - now) / (1 - product),
            s.b1,
            s.b2,
            s.eps * root,
            **split_penalty(s, learn_rate),
        )


def _momentum(beta1: float, decay: float, t: int) -> float:
    return beta1 * (1 - 0.5 * 0.96 ** (t * decay))


@lru_cache(maxsize=16)
def _momentum_products(beta1: float, decay: float) -> list[float]:
    """The products of the momentums of steps 1 to t, at place t; as far as they have been asked for."""
    return [1.0]


def _momentum_product(beta1: float, decay: float, t: int) -> float:
    # From the number of the step alone: it is no state, and an optimizer goes on with the same bits.
    products = _momentum_products(beta1, decay)
    while len(products) <= t and products[-1] > _NEGLIGIBLE:
        products.append(products[-1] * _momentum(beta1, decay, len(products)))
    return products[min(t, len(products) - 1)]


@registry.optimizers("NAdam.v1")
def NAdam(
    learn_rate: FloatOrSeq = 0.002,
    *,
    beta1: FloatOrSeq = 0.9,
    beta2: FloatOrSeq = 0.999,
    eps: FloatOrSeq = 1e-08,
    momentum_decay: float = 0.004,
    L2: FloatOrSeq = 0.0,
    L2_is_weight_decay: bool = True,
    grad_clip: FloatOrSeq = 0.0,
    clip: Literal["parameter", "global"] = "parameter",
    use_averages: bool = False,
    average_bias_correction: bool = False,
    groups: Groups = None,
    freeze: Patterns = (),
) -> Optimizer:
    """Adam with Nesterov's momentum (Dozat 2016, https://openreview.net/forum?id=OM0jvwB8jIp57ZJjtNEZ).

    In this order, where t counts the updates of a parameter from 1 and
    ``mu(t) = beta1 * (1 - 0.5 * 0.96**(t * momentum_decay))``:

    - ``w -= lr * L2 * w``, or ``g += L2 * w`` if L2 is no weight decay
    - ``m = beta1*m + (1-beta1)*g``, ``v = beta2*v + (1-beta2)*g**2``
    - ``u = mu(t+1) * m / (1 - mu(1)*...*mu(t+1)) + (1 - mu(t)) * g / (1 - mu(1)*...*mu(t))``
    - ``w -= lr * u / (sqrt(v / (1 - beta2**t)) + eps)``

    Parameters
    ----------
    learn_rate, L2, eps, grad_clip : float or iterable of float
        At least 0; a `grad_clip` of 0 means not to clip.
    beta1, beta2 : float or iterable of float
        From 0 to below 1.
    momentum_decay : float
        How fast the momentum grows towards beta1; at least 0.
    L2_is_weight_decay : bool
        Shrink the weights before the update, instead of adding the penalty to the gradient.
    clip, use_averages, average_bias_correction, groups, freeze
        As for `Optimizer`.

    Raises
    ------
    ValueError
        If a setting is not in its range, or neither a number nor an iterable that gives one.
    """
    if not 0 <= momentum_decay < math.inf:
        raise ValueError(f"NAdam: momentum_decay is {momentum_decay!r}; expected a number of at least 0")
    return Optimizer(
        learn_rate,
        beta1=beta1,
        beta2=beta2,
        eps=eps,
        L2=L2,
        L2_is_weight_decay=L2_is_weight_decay,
        grad_clip=grad_clip,
        clip=clip,
        use_averages=use_averages,
        average_bias_correction=average_bias_correction,
        groups=groups,
        freeze=freeze,
        rule=_NAdam(float(momentum_decay)),
    )
