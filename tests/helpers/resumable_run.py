"""A training run with everything in it that could keep it from being resumed exactly."""

import hashlib
import itertools
import sys

import numpy

from thinc.api import (
    SGD,
    Adam,
    CategoricalCrossentropy,
    LayerNorm,
    Linear,
    Maxout,
    NumpyOps,
    RAdam,
    Relu,
    Softmax_v2,
    chain,
    clone,
    compounding,
    constant_then,
    decaying,
    fix_random_seed,
    load_checkpoint,
    save_checkpoint,
    warmup_linear,
)
from thinc.optimizers import Optimizer

N = 203


def user_schedule():
    """A generator that this package knows nothing about."""
    for n in itertools.count():
        yield 0.5 + 0.5 / (1 + n)


def make_optimizer(name):
    rate = warmup_linear(0.01, 10, 100)
    if name == "Adam":
        return Adam(rate, L2=user_schedule(), L2_is_weight_decay=False)
    if name == "RAdam":
        return RAdam(constant_then(0.01, 5, decaying(0.01, 0.1)), grad_clip=[1.0, 0.9, 0.8])
    if name == "SGD":
        return SGD(rate, L2=1e-3, use_averages=True)
    return Optimizer(rate, use_averages=False)


def make_model():
    hidden = clone(chain(Maxout(16, nP=2, dropout=0.2), LayerNorm()), 2)
    return chain(Relu(16, dropout=0.3), hidden, Linear(16), Softmax_v2(5))


def make_data():
    rng = numpy.random.RandomState(0)
    return rng.normal(size=(N, 7)).astype("f"), rng.randint(0, 5, N)


def make_batches(seed):
    sizes = compounding(4, 24, 1.3)
    X, y = make_data()
    return NumpyOps().multibatch(sizes, X, y, shuffle=True, buffer=2, seed=seed)


class Run:
    """Model, optimizer and batches, trained step by step."""

    def __init__(self, name, *, seed=None, random_seed=0, ids_to_waste=0):
        for _ in range(ids_to_waste):  # the ids of nodes differ in every process
            Linear(1, 1)
        fix_random_seed(random_seed)
        self.model = make_model()
        self.optimizer = make_optimizer(name)
        self.batches = make_batches(seed)
        self.loss = CategoricalCrossentropy()
        self.losses = []

    def initialize(self):
        X, _ = make_data()
        self.model.initialize(X=X[:2])
        return self

    def train(self, steps, *, save_at=None, path=None):
        """Train for some steps, over as many epochs as it takes; save a checkpoint on the way if asked to."""
        while len(self.losses) < steps:
            for X, y in self.batches:
                self.step(X, y)
                if len(self.losses) == save_at:
                    save_checkpoint(path, self.model, self.optimizer, batches=self.batches, extra=self.losses)
                if len(self.losses) == steps:
                    break
        return self

    def step(self, X, y):
        Yh, backprop = self.model.begin_update(X)
        gradient, value = self.loss(Yh, y)
        backprop(gradient)
        self.model.finish_update(self.optimizer)
        self.optimizer.step_schedules()
        self.losses.append(float(value))

    def load(self, path):
        self.losses = load_checkpoint(path, self.model, self.optimizer, batches=self.batches)
        return self

    def digest(self):
        """A fingerprint of weights, moments, averages and the next random number."""
        total = hashlib.sha256()
        for node in self.model.walk():
            for name in node.param_names:
                total.update(node.get_param(name).tobytes())
                for table in (self.optimizer.mom1, self.optimizer.mom2, self.optimizer.averages or {}):
                    if (node.id, name) in table:
                        total.update(table[node.id, name].tobytes())
                total.update(str(self.optimizer.nr_update[node.id, name]).encode())
        total.update(numpy.random.bytes(8))
        total.update(
            str([getattr(self.optimizer, name) for name in ("learn_rate", "L2", "grad_clip")]).encode()
        )
        return total.hexdigest()


if __name__ == "__main__":  # NAME CHECKPOINT STEPS SEED: goes on from a checkpoint, prints the fingerprint
    name, path, steps, seed = sys.argv[1:]
    run = Run(name, seed=int(seed) if seed else None, random_seed=99, ids_to_waste=7)
    print(run.load(path).train(int(steps)).digest())
