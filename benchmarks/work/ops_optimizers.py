"""The table's lines for optimizers."""

from __future__ import annotations

from functools import partial
from typing import Any

from . import data
from .table import FLOATS, Carried, Inputs, Op
from .table_inputs import FLAT, MATRIX

BETAS, EPS = (0.9, 0.999), 1e-8


def _optimizer(
    name: str,
    jax: Any,
    torch: Any,
    dtypes: Any = FLOATS,
    unchecked: tuple[str, ...] = (),
    published: bool = True,
    inputs: Inputs = FLAT,
    **settings: Any,
) -> Op:
    """A step for one parameter, without decay, clipping and averages; the gradient is zeroed."""
    settings = settings or {"use_averages": False}

    def step(t, weights, gradient):
        optimizer = getattr(t, name)(data.LEARN_RATE, L2=0.0, grad_clip=0.0, **settings)
        return partial(optimizer, (0, "W"), weights, gradient)

    def torch_step(t, weights, gradient):
        weights = t.nn.Parameter(weights)
        weights.grad = gradient
        step = torch(t, weights)

        def run():
            step()
            gradient.zero_()

        return run

    def start(j, weights):
        return weights, jax(j).init(weights)

    def jax_step(j, state, gradient):
        weights, moments = state
        updates, moments = jax(j).update(gradient, moments, weights)
        return weights + updates, moments

    return Op(
        inputs,
        step,
        torch_step,
        Carried(start, jax_step),
        dtypes=dtypes,
        refill=("gradient",),
        result="weights",
        unchecked=unchecked,
        published=published,
    )


def _torch_optimizer(name: str, **settings: Any) -> Any:
    """PyTorch's own, by its name there."""
    return lambda t, weights: getattr(t.optim, name)([weights], lr=data.LEARN_RATE, **settings).step


def _torch_lion(t: Any, weights: Any) -> Any:
    """PyTorch has none: in as few passes as eager operations allow."""
    moment, gradient, values = t.zeros_like(weights), weights.grad, weights.detach()

    def step():
        values.add_(moment.lerp(gradient, 0.1).sign_(), alpha=-data.LEARN_RATE)
        moment.lerp_(gradient, 0.01)

    return step


def _fused_adam(t: Any, weights: Any, gradient: Any, mom1: Any, mom2: Any) -> Any:
    step = t.zeros(())
    settings = {"beta1": BETAS[0], "beta2": BETAS[1], "eps": EPS, "weight_decay": 0.0, "lr": 0.001}

    def run():
        t._fused_adam_(
            [weights], [gradient], [mom1], [mom2], [], [step], amsgrad=False, maximize=False, **settings
        )
        gradient.zero_()

    return run


def _adam(j: Any, weights: Any, gradient: Any, mom1: Any, mom2: Any) -> tuple:
    mom1 = BETAS[0] * mom1 + (1 - BETAS[0]) * gradient
    mom2 = BETAS[1] * mom2 + (1 - BETAS[1]) * gradient * gradient
    return weights - 0.001 * mom1 / (EPS + j.np.sqrt(mom2)), mom1, mom2


FUSED_ADAMW = _torch_optimizer("AdamW", weight_decay=0.0, fused=True)

OPTIMIZERS = {
    "adam": Op(
        FLAT,
        lambda t, weights, gradient, mom1, mom2: partial(
            t.ops.adam, weights, gradient, mom1, mom2, *BETAS, EPS, 0.001
        ),
        _fused_adam,
        Carried(
            lambda j, weights, mom1, mom2: (weights, mom1, mom2),
            lambda j, state, gradient: _adam(j, state[0], gradient, *state[1:]),
        ),
        refill=("gradient",),
        result="weights",
        unchecked=("torch",),  # it corrects the bias
    ),
    "Adam": _optimizer(
        "Adam", lambda j: j.optax.adam(data.LEARN_RATE), _torch_optimizer("Adam", fused=True), ("float32",)
    ),
    "RAdam": _optimizer(
        "RAdam",
        lambda j: j.optax.radam(data.LEARN_RATE),
        _torch_optimizer("RAdam", foreach=True),
        unchecked=("torch", "jax"),  # other first steps, before the variance is known
    ),
    "SGD": _optimizer("SGD", lambda j: j.optax.sgd(data.LEARN_RATE), _torch_optimizer("SGD", fused=True)),
    "AdamW": _optimizer(
        "AdamW",
        lambda j: j.optax.adamw(data.LEARN_RATE, weight_decay=0.0),
        FUSED_ADAMW,
        published=False,
    ),
    "MomentumSGD": _optimizer(
        "MomentumSGD",
        lambda j: j.optax.sgd(data.LEARN_RATE, momentum=0.9),
        _torch_optimizer("SGD", momentum=0.9, fused=True),
        published=False,
    ),
    "NAdam": _optimizer(
        "NAdam",
        lambda j: j.optax.nadam(data.LEARN_RATE),
        _torch_optimizer("NAdam", foreach=True),
        unchecked=("jax",),  # its momentum does not grow
        published=False,
    ),
    "Lion": _optimizer(
        "Lion",
        lambda j: j.optax.lion(data.LEARN_RATE, weight_decay=0.0),
        _torch_lion,
        published=False,
    ),
    "LAMB": _optimizer(
        "LAMB",
        lambda j: j.optax.lamb(data.LEARN_RATE),
        FUSED_ADAMW,  # PyTorch has none: one that does less
        unchecked=("torch",),
        published=False,
    ),
    "ScheduleFreeAdamW": _optimizer(
        "ScheduleFreeAdamW",
        lambda j: j.optax.contrib.schedule_free_adamw(data.LEARN_RATE, weight_decay=0.0),
        FUSED_ADAMW,  # PyTorch has none: one that does less
        unchecked=("torch", "jax"),  # its average begins otherwise
        published=False,
        warmup_steps=0,
    ),
    "Adafactor": _optimizer(
        "Adafactor",
        lambda j: j.optax.adafactor(data.LEARN_RATE, min_dim_size_to_factor=1),
        _torch_optimizer("Adafactor", foreach=True),
        unchecked=("jax",),  # it has other steps
        published=False,
        inputs=MATRIX,
    ),
    "Muon": _optimizer(
        "Muon",
        lambda j: j.optax.contrib.muon(data.LEARN_RATE),
        _torch_optimizer("Muon", weight_decay=0.0, adjust_lr_fn="match_rms_adamw"),
        ("float32",),
        unchecked=("torch", "jax"),  # bfloat16; other lengths of steps
        published=False,
        inputs=MATRIX,
    ),
}
