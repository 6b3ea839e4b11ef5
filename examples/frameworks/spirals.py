"""What the examples share: points on three spirals, a training loop, and what is printed."""

from collections.abc import Callable

import numpy

from thinc.api import Adam, CategoricalCrossentropy, Model, fix_random_seed

N_CLASSES = 3


def load(n: int = 900, seed: int = 0) -> tuple[numpy.ndarray, numpy.ndarray]:
    """Points (n, 2) on the arms of a spiral, with a little noise, and the numbers of the arms (n,)."""
    rng = numpy.random.default_rng(seed)
    arm = rng.integers(0, N_CLASSES, size=n)
    radius = rng.uniform(0.1, 1, size=n)
    angle = 4 * radius + 2 * numpy.pi / N_CLASSES * arm + rng.normal(scale=0.1, size=n)
    points = radius[:, None] * numpy.stack([numpy.cos(angle), numpy.sin(angle)], axis=1)
    return points.astype("float32"), arm


def accuracy(model: Model, X: numpy.ndarray, Y: numpy.ndarray) -> float:
    return float((model.predict(X).argmax(axis=1) == Y).mean())


def run(build: Callable[[], Model], epochs: int = 30) -> None:
    """Train a model on the spirals, then save it, load it into a fresh one, and compare."""
    fix_random_seed(0)
    X, Y = load()
    dev_X, dev_Y = load(seed=1)
    model = build().initialize(X[:5], numpy.eye(N_CLASSES, dtype="float32")[Y[:5]])
    optimizer, loss = Adam(0.01), CategoricalCrossentropy()
    for epoch in range(epochs):
        # Batches of one size: JAX compiles a function anew for every shape it meets.
        for batch_X, batch_Y in model.ops.multibatch(100, X, Y, shuffle=True):
            guesses, backprop = model.begin_update(batch_X)
            backprop(loss.get_grad(guesses, batch_Y))
            model.finish_update(optimizer)
        if epoch % 10 == 9:
            print(f"epoch {epoch + 1}  dev {accuracy(model, dev_X, dev_Y):.1%}")
    loaded = build().from_bytes(model.to_bytes())
    same = (loaded.predict(dev_X) == model.predict(dev_X)).all()
    print("Loaded it again: " + ("the same predictions" if same else "OTHER PREDICTIONS"))
