"""Adafactor: the second moment of a matrix from the means of its rows and columns, in next to no memory."""

import math
from typing import Any, Literal

from ._optimizer_base import FloatOrSeq, Groups, Optimizer, Patterns
from ._optimizer_rules import Plan, Rule
from ._util.arrays import get_array_module, widen
from .config import registry


class _Adafactor(Rule):
    name = "Adafactor"
    unused = ("b1", "b2", "eps")
    own_from = 0
    has_kernel = True

    def __init__(self, beta2_decay: float, eps1: float, eps2: float, threshold: float):
        self.beta2_decay = beta2_decay
        self.eps1 = eps1
        self.eps2 = eps2
        self.threshold = threshold

    def plan(self, settings: Any, t: int, learn_rate: float) -> Plan:
        return Plan(
            "adafactor",
            min(learn_rate, t**-0.5),
            beta2=1 - t**self.beta2_decay,
            eps=self.eps1,
            decay=learn_rate * settings.L2,
            smallest_rms=self.eps2,
            largest_rms=self.threshold,
        )

    def shapes(self, shape: tuple[int, ...]) -> list[tuple[int, ...]]:
        if len(shape) < 2:
            return [shape]
        return [(*shape[:-1], 1), (*shape[:-2], 1, shape[-1])]

    def update(self, settings: Any, t: int, learn_rate: float, W: Any, g: Any, *moments: Any) -> None:
        if not W.size:
            return
        xp = get_array_module(W)
        eps1 = self.eps1 or float(xp.finfo(W.dtype).eps)
        share = t**self.beta2_decay
        length = max(self.eps2, _root_mean_square(W)) * min(learn_rate, t**-0.5)
        if settings.L2:
            W *= 1 - learn_rate * settings.L2
        if W.ndim < 2:
            (v,) = moments
            v += share * (g * g - v)
            g /= xp.sqrt(xp.maximum(v, eps1 * eps1))
        else:
            rows, columns = moments  # (..., n, 1), (..., 1, m)
            n, m = W.shape[-2:]
            rows += share * (xp.einsum("...ij,...ij->...i", g, g)[..., None] / m - rows)
            columns += share * (xp.einsum("...ij,...ij->...j", g, g)[..., None, :] / n - columns)
            shares = rows / xp.maximum(rows.sum(axis=-2, keepdims=True) / n, eps1)
            if float(shares.min()) * float(columns.min()) >= eps1 * eps1:  # no product of both is too small
                g *= 1 / xp.sqrt(columns)
                g *= 1 / xp.sqrt(shares)
            else:
                g /= xp.sqrt(xp.maximum(shares * columns, eps1 * eps1))
        g *= length / max(1.0, _root_mean_square(g) / self.threshold)
        W -= g


def _root_mean_square(X: Any) -> float:
    x = widen(X).reshape(-1)
    return math.sqrt(float(x.dot(x)) / X.size)


@registry.optimizers("Adafactor.v1")
def Adafactor(
    learn_rate: FloatOrSeq = 0.01,
    *,
    beta2_decay: float = -0.8,
    eps1: float = 0.0,
    eps2: float = 0.001,
    threshold: float = 1.0,
    L2: FloatOrSeq = 0.0,
    grad_clip: FloatOrSeq = 0.0,
    clip: Literal["parameter", "global"] = "parameter",
    use_averages: bool = False,
    average_bias_correction: bool = False,
    groups: Groups = None,
    freeze: Patterns = (),
) -> Optimizer:
    """Adafactor (Shazeer and Stern 2018, https://arxiv.org/abs/1804.04235, algorithms 4 and 5, without momentum).

    It remembers one number for each row and each column of a matrix, or of the matrices of the last two dimensions,
    where Adam remembers two for each weight. In this order, where t counts the updates of a parameter from 1, and
    ``rms(x) = sqrt(mean(x**2))``:

    - ``a = max(eps2, rms(w)) * min(lr, 1 / sqrt(t))``
    - ``w -= lr * L2 * w``
    - ``R += t**beta2_decay * (mean of g**2 over columns - R)``, and C in the same way over rows
    - ``v = max(R * C / max(mean of R, eps1), eps1**2)``; of vectors, v follows ``g**2`` as R does
    - ``u = g / sqrt(v)``, ``w -= a / max(1, rms(u) / threshold) * u``

    These are PyTorch's numbers, too.

    Parameters
    ----------
    learn_rate, L2, grad_clip : float or iterable of float
        At least 0. L2 is the weight decay; a `grad_clip` of 0 means not to clip.
    beta2_decay : float
        Below 0.
    eps1 : float
        0 for the distance from 1 to the next number of the parameter's type.
    eps2, threshold : float
        Above 0.
    clip, use_averages, average_bias_correction, groups, freeze
        As for `Optimizer`.

    Raises
    ------
    ValueError
        If a setting is not in its range, or neither a number nor an iterable that gives one.
    """
    if not -math.inf < beta2_decay < 0:
        raise ValueError(f"Adafactor: beta2_decay is {beta2_decay!r}; expected a number below 0")
    if not 0 <= eps1 < math.inf:
        raise ValueError(f"Adafactor: eps1 is {eps1!r}; expected a number of at least 0")
    for name, value in (("eps2", eps2), ("threshold", threshold)):
        if not 0 < value < math.inf:
            raise ValueError(f"Adafactor: {name} is {value!r}; expected a number above 0")
    return Optimizer(
        learn_rate,
        L2=L2,
        grad_clip=grad_clip,
        clip=clip,
        use_averages=use_averages,
        average_bias_correction=average_bias_correction,
        groups=groups,
        freeze=freeze,
        rule=_Adafactor(float(beta2_decay), float(eps1), float(eps2), float(threshold)),
    )
