"""The kinds of optimizers that have a rule: makers, and slow twins in float64, written from the papers."""

from dataclasses import dataclass, field
from typing import Any, Callable

import numpy

from thinc.optimizers import LAMB, Adafactor, AdamW, Lion, MomentumSGD, Muon, NAdam, ScheduleFreeAdamW

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


class PaperLAMB(PaperAdamW):
    """You et al. 2020, algorithm 2."""

    def step(self, w, g, lr):
        m, v = self.moments(g)
        direction = m / (numpy.sqrt(v) + self.o.eps) + self.o.L2 * w
        norm, length = numpy.linalg.norm(w), numpy.linalg.norm(direction)
        return w - lr * (norm / length if norm and length else 1) * direction


class PaperScheduleFree(PaperAdamW):
    """Defazio et al. 2024: the sequences x, y and z."""

    def __init__(self, o, w):
        super().__init__(o, w)
        self.z, self.x, self.total = w.copy(), w.copy(), 0.0

    def step(self, w, g, lr):
        o = self.o
        _, v = self.moments(g)
        warm = min(1, self.t / o.rule.warmup_steps) if o.rule.warmup_steps else 1
        self.z = self.z - lr * warm * (g / (numpy.sqrt(v) + o.eps) + o.L2 * w)
        self.total += warm**2
        share = warm**2 / self.total
        self.x = (1 - share) * self.x + share * self.z
        return (1 - o.b1) * self.z + o.b1 * self.x


class PaperAdafactor(PaperAdamW):
    """Shazeer and Stern 2018, with PyTorch's places of the smallest numbers."""

    def __init__(self, o, w):
        super().__init__(o, w)
        self.rows = self.columns = 0.0

    def step(self, w, g, lr):
        self.t += 1
        r, eps1 = self.o.rule, self.eps1
        share = self.t**r.beta2_decay
        length = max(r.eps2, numpy.sqrt((w**2).mean())) * min(lr, 1 / numpy.sqrt(self.t))
        if w.ndim < 2:
            self.v = v = (1 - share) * self.v + share * g**2
        else:
            self.rows = (1 - share) * self.rows + share * (g**2).mean(-1)
            self.columns = (1 - share) * self.columns + share * (g**2).mean(-2)
            mean = numpy.maximum(self.rows.mean(-1), eps1)
            v = numpy.einsum("...i,...j->...ij", self.rows, self.columns) / mean[..., None, None]
        u = g / numpy.sqrt(numpy.maximum(v, eps1**2))
        return w * (1 - lr * self.o.L2) - length * u / max(1, numpy.sqrt((u**2).mean()) / r.threshold)


class PaperMuon(PaperAdamW):
    """Jordan et al. 2024 for matrices: the polynomial of the singular values, from a decomposition."""

    def step(self, w, g, lr):
        o, r = self.o, self.o.rule
        if w.ndim < 2:
            return super().step(w, g, lr)
        self.m = r.momentum * self.m + (1 - r.momentum) * g
        u = (1 - r.momentum) * g + r.momentum * self.m if r.nesterov else self.m
        u = u.reshape(-1, w.shape[-1])
        U, s, V = numpy.linalg.svd(u / numpy.linalg.norm(u), full_matrices=False)
        for _ in range(r.iterations):
            s = 3.4445 * s - 4.775 * s**3 + 2.0315 * s**5
        n, m = u.shape
        length = 0.2 * numpy.sqrt(max(n, m)) if r.scale == "rms" else numpy.sqrt(max(1, n / m))
        return w * (1 - lr * o.L2) - lr * length * ((U * s) @ V).reshape(w.shape)


@dataclass(frozen=True)
class Kind:
    """A maker with arguments, its twin, and PyTorch's name and arguments for it, where it has one."""

    make: Callable[..., Any]
    twin: type
    arguments: dict[str, Any] = field(default_factory=dict)
    torch: tuple[str, dict[str, Any]] | None = None
    is_elementwise: bool = True  # whether each number is changed as if it were alone

    def __call__(self, learn_rate: Any = 0.01, **more: Any) -> Any:
        if self.make is ScheduleFreeAdamW:  # which has averages in any case
            more.pop("use_averages", None)
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
    "lamb": Kind(LAMB, PaperLAMB, is_elementwise=False),
    "lamb-other": Kind(LAMB, PaperLAMB, {"L2": 0.0, "beta1": 0.5, "eps": 0.1}, is_elementwise=False),
    "schedule-free": Kind(ScheduleFreeAdamW, PaperScheduleFree),
    "schedule-free-other": Kind(
        ScheduleFreeAdamW, PaperScheduleFree, {"L2": 0.1, "beta1": 0.5, "warmup_steps": 4}
    ),
    "adafactor": Kind(Adafactor, PaperAdafactor, torch=("Adafactor", {}), is_elementwise=False),
    "adafactor-other": Kind(
        Adafactor,
        PaperAdafactor,
        {"L2": 0.1, "beta2_decay": -0.5, "threshold": 2.0, "eps2": 0.1},
        ("Adafactor", {"weight_decay": 0.1, "beta2_decay": -0.5, "d": 2.0, "eps": (None, 0.1)}),
        is_elementwise=False,
    ),
    "muon": Kind(Muon, PaperMuon),
    "muon-other": Kind(Muon, PaperMuon, {"L2": 0.0, "nesterov": False, "iterations": 3, "scale": "shape"}),
}


def draw(shape, seed=0, dtype="float64"):
    return numpy.random.default_rng(seed).normal(size=shape).astype(dtype)


def paper_matches(kind, update, shape, dtype="float64", n_steps=7, rtol=1e-12, **settings):
    """Compare the update with the twin, with clipping and averages as they are for every kind."""
    optimizer = kind(**settings)
    w = draw(shape, dtype=dtype)
    expected = w.astype("float64")
    twin, average = kind.twin(optimizer, expected), numpy.zeros(shape)
    twin.eps1 = numpy.finfo(dtype).eps
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
        if optimizer.rule.gives_average:
            numpy.testing.assert_allclose(optimizer.averages[KEY], twin.x, rtol=4 * rtol, atol=4 * rtol)
        elif optimizer.averages is not None:
            d = min((1 + t) / (10 + t), 0.9999)
            average = d * average + (1 - d) * expected
            numpy.testing.assert_allclose(optimizer.averages[KEY], average, rtol=4 * rtol, atol=4 * rtol)
        optimizer.step_schedules()
    assert optimizer.nr_update[KEY] == n_steps
