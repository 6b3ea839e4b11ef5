"""A slow twin of the optimizers: the update as the formulas say, in float64."""

import numpy
from numpy.testing import assert_allclose

from thinc.optimizers import SGD, Adam, RAdam

KEY = (1, "W")


class Twin:
    """The update as the formulas say, in float64, one parameter."""

    def __init__(self, optimizer):
        self.o = optimizer
        self.t = 0
        self.m = self.v = self.average = 0.0

    def step(self, w, g, lr_scale=1.0):
        o = self.o
        w, g = w.astype("float64"), g.astype("float64")
        self.t = t = self.t + 1
        lr = lr_scale * o.learn_rate
        if not o.L2_is_weight_decay:
            g = g + o.L2 * w
        norm = numpy.sqrt((g * g).sum())
        if o.grad_clip and norm >= o.grad_clip and norm > 0:
            g = g * o.grad_clip / norm
        if o.use_radam or o.b1 > 0:
            self.m = o.b1 * self.m + (1 - o.b1) * g
            self.v = o.b2 * self.v + (1 - o.b2) * g * g
        if o.use_radam:
            w = w - lr * self.radam_step(t + 1)
        elif o.b1 > 0:
            correction = numpy.sqrt(1 - o.b2**t) / (1 - o.b1**t)
            w = w - lr * correction * self.m / (numpy.sqrt(self.v) + o.eps)
        else:
            w = w - lr * g
        if o.L2_is_weight_decay:
            w = w - lr * o.L2 * w
        d = min((1 + t) / (10 + t), 0.9999)
        self.average = d * self.average + (1 - d) * w
        return w

    def radam_step(self, s):
        o = self.o
        rho_inf = 2 / (1 - o.b2) - 1
        rho = rho_inf - 2 * s * o.b2**s / (1 - o.b2**s)
        m = self.m / (1 - o.b1**s)
        if rho < 5:
            return m
        r = (rho - 4) * (rho - 2) * rho_inf / ((rho_inf - 4) * (rho_inf - 2) * rho)
        return numpy.sqrt(r * (1 - o.b2**s)) * m / (numpy.sqrt(self.v) + o.eps)


MAKERS = {
    "adam": Adam,
    "radam": RAdam,
    "sgd": SGD,
}
SETTINGS = [
    {},
    {"grad_clip": 0.0},
    {"L2": 0.1, "grad_clip": 0.5},
    {"L2": 0.1, "grad_clip": 0.5, "L2_is_weight_decay": False},
    {"L2": 0.1, "grad_clip": 0.0, "use_averages": False},
]


def draw(shape, seed=0, dtype="float32"):
    return numpy.random.default_rng(seed).normal(size=shape).astype(dtype)


def steps_match(optimizer, update, size, dtype="float32", lr_scale=1.0, n_steps=7):
    twin = Twin(optimizer)
    w = draw(size, dtype=dtype)
    expected = w.astype("float64")
    for i in range(n_steps):
        g = draw(size, seed=i + 1, dtype=dtype)
        expected = twin.step(expected, g, lr_scale)
        w = update(optimizer, KEY, w, g, lr_scale)
        assert not g.any()
        tolerance = 2e-6 if dtype == "float32" else 1e-13
        assert_allclose(w, expected, rtol=tolerance, atol=tolerance)
        if optimizer.averages is not None:
            assert_allclose(optimizer.averages[KEY], twin.average, rtol=4 * tolerance, atol=4 * tolerance)
    assert optimizer.nr_update[KEY] == n_steps


def call(optimizer, key, w, g, lr_scale):
    return optimizer(key, w, g, lr_scale=lr_scale)[0]
