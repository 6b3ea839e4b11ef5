"""The optimizer's update in plain array code, for arrays that no kernel takes, and on a GPU."""

import math
from collections.abc import Callable, Iterable
from functools import partial
from typing import Any

from ._optimizer_rules import Plan, split_penalty
from ._util.arrays import get_array_module, is_cupy_array, widen
from .backends._cuda.training import update as update_on_gpu


def update_by_formulas(optimizer: Any, key: Any, weights: Any, gradient: Any, lr_scale: float) -> Any:
    """One optimizer step for one parameter; see `thinc.optimizers.Optimizer.__call__`.

    Returns
    -------
    The updated weights: the same array if it is C-contiguous.
    """
    o, rule, xp = optimizer, optimizer.rule, get_array_module(weights)
    settings, t, plan, formula, shapes = prepare_formulas(o, key, weights, gradient, lr_scale)
    W = xp.ascontiguousarray(weights)
    start = W.reshape(-1) if rule and rule.gives_average and key not in o.mom1 else None
    moments = [_state(table, key, W, shape) for table, shape in zip([o.mom1, o.mom2], shapes, strict=False)]
    average = None if o.averages is None else _state(o.averages, key, W, W.shape)
    if start is not None:
        moments[0][...] = start
    factor = _clip_factor(o, settings, plan, weights, gradient)
    if o.clip == "global" and factor > 0:
        plan = plan._replace(l2=plan.l2 / factor)  # the factor is that of the gradient alone
    if rule and rule.gives_average:
        moments.append(o.averages[key].reshape(-1))
        average = None
    rate = 0.0 if average is None else _average_rate(o, t)
    decay = 0.0 if plan.formula == "lamb" else plan.decay  # where it is part of the direction
    decays = (decay, 0.0) if rule else (0.0, decay)  # before the step, and after it
    arrays = (W, gradient, moments, average)
    if not (is_cupy_array(W) and update_on_gpu(plan, *arrays, factor, rate, decays)):
        g = _penalised(plan, weights, gradient) * factor
        if decays[0]:
            W -= decays[0] * W
        formula(W, g, *moments)
        if decays[1]:
            W -= decays[1] * W
        gradient[...] = 0
        if average is not None:
            average -= rate * (average - W)
    o.nr_update[key] = t
    return W


def prepare_formulas(
    optimizer: Any, key: Any, weights: Any, gradient: Any, lr_scale: float
) -> tuple[Any, ...]:
    """What `update_by_formulas` needs: settings, number of the step, plan, formula, and shapes of the moments.

    Raises what an update would raise, and changes nothing.
    """
    o, rule = optimizer, optimizer.rule
    settings = o._groups_of.get(key, o)
    t = o.nr_update.get(key, 0) + 1
    lr = lr_scale * settings.learn_rate
    _check(key, weights, gradient, get_array_module(weights))
    if rule and rule.gives_average and o.averages is None:
        raise ValueError(f"Cannot update parameter {key}: the averages, which the optimizer needs, are None")
    if rule is not None and rule.takes(weights):
        plan = Plan(rule.name, lr)
        formula = partial(rule.update, settings, t, lr)
        shapes = rule.shapes(weights.shape)
    else:
        plan = rule.plan(settings, t, lr) if rule else _plan_classic(o, settings, t, lr)
        n_moments, flat_formula = FORMULAS[plan.formula]
        formula = partial(_flat, plan, flat_formula)
        shapes = [(weights.size,)] * n_moments
    for table, shape in zip(
        [o.mom1, o.mom2, o.averages], [*shapes, None, None][:2] + [weights.shape], strict=True
    ):
        _check_state(table, key, weights, shape)
    return settings, t, plan, formula, shapes


def _flat(plan: Plan, formula: Callable[..., None], W: Any, g: Any, *moments: Any) -> None:
    formula(plan, W.reshape(-1), g.reshape(-1), *moments)


def norm_of(gradients: Iterable[Any]) -> float:
    """The Euclidean norm of all gradients together."""
    arrays = [g.reshape(-1).astype("float64") for g in gradients]
    return math.sqrt(sum(float(g @ g) for g in arrays))


def _penalised(plan: Plan, weights: Any, gradient: Any) -> Any:
    g = widen(gradient)
    return g + plan.l2 * weights if plan.l2 else g


def _clip_factor(o: Any, settings: Any, plan: Plan, weights: Any, gradient: Any) -> float:
    """What to multiply a gradient with; see `Optimizer`."""
    threshold = settings.grad_clip
    if not threshold:
        return 1.0
    if o.clip == "global":
        norm = norm_of([gradient]) if o._norm is None else o._norm
    else:
        g = _penalised(plan, weights, gradient)
        norm = float(get_array_module(g).linalg.norm(g.reshape(-1)))
    return threshold / norm if norm >= threshold and norm > 0 else 1.0


def _average_rate(o: Any, t: int) -> float:
    rate = 1 - min((1 + t) / (10 + t), 0.9999)
    if o.average_bias_correction:  # by the product of all (1 + t) / (10 + t) so far
        rate /= 1 - math.factorial(10) / math.prod(range(t + 2, t + 11))
    return rate


# --- formulas: of a plan, and flat arrays that are changed: weights, gradient, moments


def _sgd(p: Plan, w: Any, g: Any) -> None:
    w -= p.step * g


def _momentum(p: Plan, w: Any, g: Any, m: Any, v: Any) -> None:
    _move_moments(p, g, m, v)
    w -= p.step * m


def _adam(p: Plan, w: Any, g: Any, m: Any, v: Any) -> None:
    _move_moments(p, g, m, v)
    w -= p.step * (m / (v**0.5 + p.eps))


def _heavy_ball(p: Plan, w: Any, g: Any, m: Any) -> None:
    m *= p.beta1
    m += g
    w -= p.step * m + p.gradient_step * g


def _nadam(p: Plan, w: Any, g: Any, m: Any, v: Any) -> None:
    _move_moments(p, g, m, v)
    w -= (p.step * m + p.gradient_step * g) / (v**0.5 + p.eps)


def _lion(p: Plan, w: Any, g: Any, m: Any) -> None:
    w -= p.step * get_array_module(w).sign(p.beta1 * m + (1 - p.beta1) * g)
    m += (1 - p.beta2) * (g - m)


def _lamb(p: Plan, w: Any, g: Any, m: Any, v: Any) -> None:
    _move_moments(p, g, m, v)
    direction = p.gradient_step * m / (v**0.5 + p.eps) + p.decay * w
    norms = [float(get_array_module(w).linalg.norm(widen(array))) for array in (w, direction)]
    w -= p.step * (norms[0] / norms[1] if norms[0] > 0 and norms[1] > 0 else 1.0) * direction


def _schedule_free(p: Plan, w: Any, g: Any, base: Any, v: Any, average: Any) -> None:
    v += (1 - p.beta2) * (g * g - v)
    base -= p.step * g / (v**0.5 + p.eps) + p.gradient_step * w
    average -= p.average_rate * (average - base)
    w[...] = base + p.beta1 * (average - base)


def _move_moments(p: Plan, g: Any, m: Any, v: Any) -> None:
    m += (1 - p.beta1) * (g - m)
    v += (1 - p.beta2) * (g * g - v)


# Name to the number of moments and the function.
FORMULAS: dict[str, tuple[int, Callable[..., None]]] = {
    "sgd": (0, _sgd),
    "momentum": (2, _momentum),
    "adam": (2, _adam),
    "heavy_ball": (1, _heavy_ball),
    "nadam": (2, _nadam),
    "lion": (1, _lion),
    "lamb": (2, _lamb),
    "schedule_free": (2, _schedule_free),
}


# --- the kinds without a rule of their own, which the settings choose


def _plan_classic(o: Any, settings: Any, t: int, lr: float) -> Plan:
    s = settings
    penalty = split_penalty(s, lr)
    if (o.use_radam or (s.b1 > 0 and s.b2 > 0)) and (s.b1 >= 1 or s.b2 > 1 or (o.use_radam and s.b2 == 1)):
        raise ValueError(
            f"Cannot update parameters with beta1={s.b1}, beta2={s.b2}: the decay rates of the moments must be less "
            "than 1"
        )
    if o.use_radam:
        rectified, step = _radam(s, t)
        return Plan("adam" if rectified else "momentum", lr * step, 0.0, s.b1, s.b2, s.eps, **penalty)
    if s.b1 > 0 and s.b2 > 0:
        step = math.sqrt(1 - s.b2**t) / (1 - s.b1**t)
        return Plan("adam", lr * step, 0.0, s.b1, s.b2, s.eps, **penalty)
    if s.b2 > 0:
        raise NotImplementedError(
            f"Optimizer has no method for beta1={s.b1} with beta2={s.b2}; set both to positive values (Adam) "
            "or both to 0 (SGD)"
        )
    return Plan("sgd", lr, **penalty)


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


# --- state


def _check(key: Any, weights: Any, gradient: Any, xp: Any) -> None:
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
    changed = {"gradient": gradient} | ({"weights": weights} if weights.flags.c_contiguous else {})
    for what, array in changed.items():
        if not getattr(array.flags, "writeable", True):  # CuPy's arrays always are
            raise ValueError(
                f"Cannot update parameter {key} in place: its {what} array is read-only; pass a copy"
            )


def _check_state(arrays: dict[Any, Any] | None, key: Any, weights: Any, shape: Any) -> None:
    if arrays and shape is not None and key in arrays and arrays[key].size != math.prod(shape):
        raise ValueError(
            f"Cannot update parameter {key}: its shape is {weights.shape}, but the optimizer holds "
            f"{arrays[key].shape} from earlier updates. Delete the key's entries in mom1, mom2 and "
            "averages to start anew, or make a new optimizer"
        )


def _state(arrays: dict[Any, Any], key: Any, like: Any, shape: tuple[int, ...]) -> Any:
    """The moments or averages of a parameter, made of zeros at first sight."""
    if key not in arrays:
        xp = get_array_module(like)
        arrays[key] = xp.zeros(shape, dtype=like.dtype if like.dtype.itemsize >= 4 else "float32")
    return arrays[key]
