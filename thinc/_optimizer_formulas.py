"""The optimizer's update in plain array code, for arrays that no kernel takes: CuPy's, unusual floats."""

import math
from typing import Any

from ._util.arrays import get_array_module


def update_by_formulas(optimizer: Any, key: Any, weights: Any, gradient: Any, lr_scale: float) -> Any:
    """One optimizer step for one parameter; see `thinc.optimizers.Optimizer.__call__`.

    Returns
    -------
    The updated weights: the same array if it is C-contiguous.
    """
    o = optimizer
    xp = get_array_module(weights)
    is_sgd = not o.use_radam and not (o.b1 > 0 and o.b2 > 0)
    _check(o, key, weights, gradient, xp, is_sgd)
    moments = None if is_sgd else [_state(d, key, weights.reshape(-1)) for d in (o.mom1, o.mom2)]
    average = None if o.averages is None else _state(o.averages, key, weights)
    lr = lr_scale * o.learn_rate
    t = o.nr_update[key] + 1
    W = xp.ascontiguousarray(weights)
    g = gradient + o.L2 * weights if o.L2 and not o.L2_is_weight_decay else gradient
    if o.grad_clip:
        norm = float(xp.linalg.norm(g.reshape(-1)))
        if norm >= o.grad_clip and norm > 0:
            g = g * (o.grad_clip / norm)
    if moments is None:
        W -= lr * g
    else:
        m, v = moments
        g = g.reshape(-1)
        m += (1 - o.b1) * (g - m)
        v += (1 - o.b2) * (g * g - v)
        rectified, step = _radam(o, t) if o.use_radam else (True, _adam_correction(o, t))
        W -= (lr * step * (m / (xp.sqrt(v) + o.eps) if rectified else m)).reshape(W.shape)
    if o.L2 and o.L2_is_weight_decay:
        W -= lr * o.L2 * W
    gradient[...] = 0
    if average is not None:
        average -= (1 - min((1 + t) / (10 + t), 0.9999)) * (average - W)
    o.nr_update[key] = t
    return W


def _check(o: Any, key: Any, weights: Any, gradient: Any, xp: Any, is_sgd: bool) -> None:
    if is_sgd and o.b2 > 0:
        raise NotImplementedError(
            f"Optimizer has no method for beta1={o.b1} with beta2={o.b2}; set both to positive values (Adam) "
            "or both to 0 (SGD)"
        )
    if not isinstance(gradient, xp.ndarray):
        raise ValueError(
            f"Cannot update parameter {key}: weights are {type(weights)}, gradient {type(gradient)}"
        )
    if weights.shape != gradient.shape:
        raise ValueError(
            f"Cannot update parameter {key}: its shape is {weights.shape}, but the gradient's is "
            f"{gradient.shape}; they must be the same"
        )
    if weights.dtype.kind != "f" or gradient.dtype.kind != "f":
        raise ValueError(
            f"Cannot update parameter {key}: expected float arrays of weights and gradient, but got "
            f"{weights.dtype} and {gradient.dtype}; cast them"
        )
    states = [o.averages] if is_sgd else [o.mom1, o.mom2, o.averages]
    for arrays in states:
        if arrays is not None and key in arrays and arrays[key].size != weights.size:
            raise ValueError(
                f"Cannot update parameter {key}: its shape is {weights.shape}, but the optimizer holds "
                f"{arrays[key].shape} from earlier updates. Delete the key's entries in mom1, mom2 and "
                "averages to start anew, or make a new optimizer"
            )


def _state(arrays: dict, key: Any, like: Any) -> Any:
    """The moments or averages of a parameter, made of zeros at first sight."""
    if key not in arrays:
        xp = get_array_module(like)
        arrays[key] = xp.zeros(like.shape, dtype=like.dtype if like.dtype.itemsize >= 4 else "float32")
    return arrays[key]


def _adam_correction(o: Any, t: int) -> float:
    return math.sqrt(1 - o.b2**t) / (1 - o.b1**t)


def _radam(o: Any, t: int) -> tuple[bool, float]:
    """Whether the variance is known well enough to divide by it, and the factor of the step."""
    s = t + 1
    decayed = o.b2**s
    rho_inf = 2 / (1 - o.b2) - 1
    rho = rho_inf - 2 * s * decayed / (1 - decayed)
    k = 1 / (1 - o.b1**s)
    if rho >= 5:
        k *= math.sqrt((1 - decayed) * (rho - 4) / (rho_inf - 4) * (rho - 2) / rho * rho_inf / (rho_inf - 2))
    return rho >= 5, k
