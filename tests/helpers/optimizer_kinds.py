"""The kinds of optimizers that have a rule: makers, and slow twins in float64, written from the papers."""

from dataclasses import dataclass, field
from typing import Any, Callable

import numpy

from thinc.optimizers import AdamW, Lion, MomentumSGD, NAdam

KEY = (1, "W")


class PaperAdamW:
    """Loshchilov and Hutter 2019, algorithm 2."""

    def __init__(self, o, w):
        self.o, self.t = o, 0
        self.m = numpy.zeros_like(w)
        self.v = numpy.zeros_like(w)

    def moments(self, g):
        o = self.o
        self.t += 1
        self.m = o.b1 * self.m + (1 - o.b1) * g
        self.v = o.b2 * self.v + (1 - o.b2) * g * g
        return self.m / (1 - o.b1**self.t), self.v / (1 - o.b2**self.t)

    def shrunk(self, w, lr):
        return w - lr * self.o.L2 * w if self.o.L2_is_weight_decay else w

    def step(self, w, g, lr):
        m, v = self.moments(g)
        return w - lr * (m / (numpy.sqrt(v) + self.o.eps) + self.o.L2 * w)


class PaperNAdam(PaperAdamW):
    """Dozat 2016, with the schedule of the momentum that he proposes."""

    product = 1.0

    def step(self, w, g, lr):
        o, decay = self.o, self.o.rule.momentum_decay
        _, v = self.moments(g)
        now = o.b1 * (1 - 0.5 * 0.96 ** (self.t * decay))
        following = o.b1 * (1 - 0.5 * 0.96 ** ((self.t + 1) * decay))
        self.product *= now
        m = following * self.m / (1 - self.product * following) + (1 - now) * g / (1 - self.product)
        return self.shrunk(w, lr) - lr * m / (numpy.sqrt(v) + o.eps)


class PaperMomentum(PaperAdamW):
    """Sutskever et al. 2013, the momentum as a sum of gradients."""

    def step(self, w, g, lr):
        o = self.o
        self.m = o.b1 * self.m + g
        return self.shrunk(w, lr) - lr * (g + o.b1 * self.m if o.rule.nesterov else self.m)


class PaperLion(PaperAdamW):
    """Chen et al. 2023, algorithm 2."""

    def step(self, w, g, lr):
        o = self.o
        direction = numpy.sign(o.b1 * self.m + (1 - o.b1) * g)
        self.m = o.b2 * self.m + (1 - o.b2) * g
        return w - lr * (direction + o.L2 * w)


@dataclass(frozen=True)
class Kind:
    """A maker with arguments, its twin, and PyTorch's name and arguments for it, where it has one."""

    make: Callable[..., Any]
    twin: type
    arguments: dict[str, Any] = field(default_factory=dict)
    torch: tuple[str, dict[str, Any]] | None = None

    def __call__(self, learn_rate: Any = 0.01, **more: Any) -> Any:
        return self.make(learn_rate, **self.arguments, **more)


KINDS = {
    "adamw": Kind(AdamW, PaperAdamW, {"L2": 0.1}, ("AdamW", {"weight_decay": 0.1})),
    "adamw-other": Kind(
        AdamW,
        PaperAdamW,
        {"beta1": 0.0, "beta2": 0.9, "eps": 1e-3, "L2": 0.0},
        ("AdamW", {"betas": (0.0, 0.9), "eps": 1e-3, "weight_decay": 0.0}),
    ),
    "momentum": Kind(MomentumSGD, PaperMomentum, {}, ("SGD", {"momentum": 0.9})),
    "momentum-decay": Kind(MomentumSGD, PaperMomentum, {"L2": 0.1, "momentum": 0.5}),
    "momentum-L2": Kind(
        MomentumSGD,
        PaperMomentum,
        {"L2": 0.1, "L2_is_weight_decay": False},
        ("SGD", {"momentum": 0.9, "weight_decay": 0.1}),
    ),
    "nesterov": Kind(
        MomentumSGD,
        PaperMomentum,
        {"momentum": 0.8, "nesterov": True, "L2": 0.1, "L2_is_weight_decay": False},
        ("SGD", {"momentum": 0.8, "nesterov": True, "weight_decay": 0.1}),
    ),
    "nadam": Kind(NAdam, PaperNAdam, {}, ("NAdam", {})),
    "nadam-decay": Kind(
        NAdam,
        PaperNAdam,
        {"L2": 0.1, "momentum_decay": 0.1},
        ("NAdam", {"weight_decay": 0.1, "decoupled_weight_decay": True, "momentum_decay": 0.1}),
    ),
    "nadam-L2": Kind(
        NAdam, PaperNAdam, {"L2": 0.1, "L2_is_weight_decay": False}, ("NAdam", {"weight_decay": 0.1})
    ),
    "lion": Kind(Lion, PaperLion, {}),
    "lion-decay": Kind(Lion, PaperLion, {"L2": 0.1, "beta1": 0.5}),
}


def draw(shape, seed=0, dtype="float64"):
    return numpy.random.default_rng(seed).normal(size=shape).astype(dtype)


def paper_matches(kind, update, shape, dtype="float64", n_steps=7, rtol=1e-12, **settings):
    """Compare the update with the twin, with clipping and averages as they are for every kind."""
    optimizer = kind(**settings)
    w = draw(shape, dtype=dtype)
    expected = w.astype("float64")
    twin, average = kind.twin(optimizer, expected), numpy.zeros(shape)
    for t in range(1, n_steps + 1):
        g = draw(shape, t, dtype)
        exact = g.astype("float64")
        if not optimizer.L2_is_weight_decay:
            exact = exact + optimizer.L2 * expected
        if optimizer.grad_clip:
            exact = exact * min(1, optimizer.grad_clip / numpy.linalg.norm(exact))
        expected = twin.step(expected, exact, optimizer.learn_rate)
        w = update(optimizer, KEY, w, g, 1.0)
        assert not g.any()
        assert w.dtype == dtype
        numpy.testing.assert_allclose(w, expected, rtol=rtol, atol=rtol)
        if optimizer.averages is not None:
            d = min((1 + t) / (10 + t), 0.9999)
            average = d * average + (1 - d) * expected
            numpy.testing.assert_allclose(optimizer.averages[KEY], average, rtol=4 * rtol, atol=4 * rtol)
        optimizer.step_schedules()
    assert optimizer.nr_update[KEY] == n_steps
