"""Muon: steps of matrices whose directions are all of one length; AdamW for all other parameters."""

import math
from typing import Any, Literal

from ._optimizer_adamw import AdamWRule
from ._optimizer_base import FloatOrSeq, Groups, Optimizer, Patterns
from .backends import get_array_ops
from .config import registry

# Of the polynomial that Jordan et al. give, which is steep at zero: five steps are enough.
_COEFFICIENTS = (3.4445, -4.7750, 2.0315)
_SMALLEST_NORM = 1e-7


class _Muon(AdamWRule):
    name = "Muon"
    own_from = 2

    def __init__(self, momentum: float, nesterov: bool, iterations: int, scale: str):
        self.momentum = momentum
        self.nesterov = nesterov
        self.iterations = iterations
        self.scale = scale

    def shapes(self, shape: tuple[int, ...]) -> list[tuple[int, ...]]:
        return [shape]

    def update(self, settings: Any, t: int, learn_rate: float, W: Any, g: Any, *moments: Any) -> None:
        if not W.size:
            return
        (m,) = moments
        m += (1 - self.momentum) * (g - m)
        ahead = g + self.momentum * (m - g) if self.nesterov else m
        direction = orthogonalize(ahead.reshape(-1, W.shape[-1]), self.iterations)
        n_rows, n_columns = direction.shape
        if self.scale == "rms":
            length = 0.2 * math.sqrt(max(n_rows, n_columns))
        else:
            length = math.sqrt(max(1.0, n_rows / n_columns))
        if settings.L2:
            W *= 1 - learn_rate * settings.L2
        W -= learn_rate * length * direction.reshape(W.shape)


def orthogonalize(X: Any, iterations: int) -> Any:
    """The matrix with the singular vectors of X, and singular values near one, by Newton's and Schulz's iteration.

    Parameters
    ----------
    X : array of floats (n, m)
    iterations : int
    """
    ops = get_array_ops(X)
    a, b, c = _COEFFICIENTS
    is_tall = X.shape[0] > X.shape[1]
    X = ops.as_contig(X.T) if is_tall else X
    X = X / max(float(ops.xp.linalg.norm(X)), _SMALLEST_NORM)
    for _ in range(iterations):
        A = ops.gemm(X, X, trans2=True)
        B = c * ops.gemm(A, A) + b * A
        X = ops.gemm(B, X) + a * X
    return X.T if is_tall else X


@registry.optimizers("Muon.v1")
def Muon(
    learn_rate: FloatOrSeq = 0.001,
    *,
    momentum: float = 0.95,
    nesterov: bool = True,
    iterations: int = 5,
    scale: Literal["rms", "shape"] = "rms",
    L2: FloatOrSeq = 0.1,
    beta1: FloatOrSeq = 0.9,
    beta2: FloatOrSeq = 0.95,
    eps: FloatOrSeq = 1e-08,
    grad_clip: FloatOrSeq = 0.0,
    clip: Literal["parameter", "global"] = "parameter",
    use_averages: bool = False,
    average_bias_correction: bool = False,
    groups: Groups = None,
    freeze: Patterns = (),
) -> Optimizer:
    """Muon (Jordan et al. 2024, https://kellerjordan.github.io/posts/muon) for matrices, AdamW for other parameters.

    In this order, for parameters of two dimensions and more, which count as matrices of the length of the last
    dimension:

    - ``w -= lr * L2 * w``
    - ``m += (1-momentum) * (g - m)``, ``u = g + momentum * (m - g)``, or m without `nesterov`
    - ``u = u / norm(u)``, then as often as `iterations` says: ``A = u @ u.T``,
      ``u = 3.4445*u + (-4.775*A + 2.0315*A@A) @ u``, which brings all singular values near one
    - ``w -= lr * length * u``

    The length is ``0.2 * sqrt(max(n, m))``, which gives steps of the size of AdamW's, so that both have one learning
    rate and weight decay (Liu et al. 2025, https://arxiv.org/abs/2502.16982); or ``sqrt(max(1, n / m))``, as Jordan has
    it. The others are updated as by `AdamW`.

    Parameters
    ----------
    learn_rate, L2, eps, grad_clip : float or iterable of float
        At least 0. L2 is the weight decay; a `grad_clip` of 0 means not to clip.
    momentum : float
        From 0 to below 1; of matrices.
    nesterov : bool
    iterations : int
        At least 1.
    scale : {"rms", "shape"}
        Which of the two lengths.
    beta1, beta2 : float or iterable of float
        From 0 to below 1; of the other parameters.
    clip, use_averages, average_bias_correction, groups, freeze
        As for `Optimizer`.

    Raises
    ------
    ValueError
        If a setting is not in its range, or neither a number nor an iterable that gives one.
    """
    if not 0 <= momentum < 1:
        raise ValueError(f"Muon: momentum is {momentum!r}; expected a number from 0 to below 1")
    if not isinstance(iterations, int) or iterations < 1:
        raise ValueError(f"Muon: iterations is {iterations!r}; expected an int of at least 1")
    if scale not in ("rms", "shape"):
        raise ValueError(f"Muon: scale is {scale!r}; expected 'rms' or 'shape'")
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
        rule=_Muon(float(momentum), bool(nesterov), iterations, scale),
    )
