"""A layer of one's own, with weights, a backward pass, and a proof that it is right.

    python examples/custom_layer/train.py [--epochs N] [--out FOLDER]

`Prototypes` has a picture in its mind for each class, and scores an input by its distance from each. It is trained on
handwritten digits: what it learns are ten digits, which are drawn in the end. Before that its gradients are compared
with differences of its outputs, which is what to do first with a layer that one has written.
"""

import argparse
from pathlib import Path

import numpy
from sklearn.datasets import load_digits

import thinc
from thinc.api import (
    Adam,
    CategoricalCrossentropy,
    Model,
    chain,
    fix_random_seed,
    registry,
    softmax_activation,
)


@thinc.registry.layers("Prototypes.v1")
def Prototypes(nO: int | None = None, nI: int | None = None) -> Model:
    """Scores by distance from learned points, ``Y[b, o] = -s · |X[b] - C[o]|² / nI``.

    Parameters
    ----------
    nO, nI : int, optional
        Numbers of points and of columns of the input.

    Returns
    -------
    Model
        From (B, nI) to (B, nO).
    """
    return Model("prototypes", forward, init=init, dims={"nO": nO, "nI": nI}, params={"C": None, "s": None})


def forward(model: Model, X: numpy.ndarray, is_train: bool):  # (B, nI)
    C, s = model.get_param("C"), model.get_param("s")  # (nO, nI), (1,)
    n = X.shape[1]
    # |x - c|² = |x|² - 2 x·c + |c|²: a product of matrices, and no array (B, nO, nI)
    distances = (X**2).sum(axis=1)[:, None] - 2 * X @ C.T + (C**2).sum(axis=1)  # (B, nO)

    def backprop(dY: numpy.ndarray) -> numpy.ndarray:
        model.inc_grad("s", -(dY * distances).sum().reshape(1) / n)
        # d|x - c|²/dc = 2 (c - x), and with the opposite sign for x; summed over the other
        model.inc_grad("C", -2 * s / n * (dY.sum(axis=0)[:, None] * C - dY.T @ X))
        return -2 * s / n * (dY.sum(axis=1)[:, None] * X - dY @ C)

    return -s / n * distances, backprop


def init(model: Model, X: numpy.ndarray | None = None, Y: numpy.ndarray | None = None) -> None:
    if X is not None and model.has_dim("nI") is None:
        model.set_dim("nI", X.shape[1])
    if Y is not None and model.has_dim("nO") is None:
        model.set_dim("nO", Y.shape[1])
    shape = model.get_dim("nO"), model.get_dim("nI")
    model.set_param("C", 0.5 + 0.1 * model.ops.asarray2f(numpy.random.normal(size=shape)))
    model.set_param("s", model.ops.alloc1f(1) + 10)


def largest_error(model: Model, X: numpy.ndarray, step: float = 1e-6) -> float:
    """The largest difference of a gradient from ``(f(w + step) - f(w - step)) / (2 · step)``, in float64."""
    for name in model.param_names:
        model.set_param(name, model.get_param(name).astype("float64"))
    X = X.astype("float64")
    Y, backprop = model.begin_update(X)
    weights = numpy.random.default_rng(0).normal(size=Y.shape)  # of the outputs, in the sum that is derived
    dX = backprop(weights)
    gradients = [(X, dX), *((model.get_param(name), model.get_grad(name)) for name in model.param_names)]
    worst = 0.0
    for array, gradient in gradients:
        for i in numpy.ndindex(array.shape):
            before = array[i]
            array[i] = before + step
            above = (weights * model.predict(X)).sum()
            array[i] = before - step
            below = (weights * model.predict(X)).sum()
            array[i] = before
            worst = max(worst, abs((above - below) / (2 * step) - gradient[i]))
    return worst


def draw(picture: numpy.ndarray) -> list[str]:
    return ["".join(" .:-=+*#%@"[int(min(0.99, max(0.0, v)) * 10)] * 2 for v in row) for row in picture]


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--epochs", type=int, default=20)
    parser.add_argument("--out", type=Path, default=Path("out/custom_layer"))
    args = parser.parse_args()

    fix_random_seed(0)
    tiny = Prototypes(3, 4).initialize()
    error = largest_error(tiny, numpy.random.normal(size=(5, 4)))
    print(f"largest error of a gradient: {error:.1e}")
    if error > 1e-6:
        raise SystemExit("The backward pass is wrong")

    X, Y = load_digits(return_X_y=True)
    X, Y = (X / 16).astype("float32"), Y.astype("int32")
    train_X, train_Y, dev_X, dev_Y = X[:1400], Y[:1400], X[1400:], Y[1400:]
    model = chain(Prototypes(10), softmax_activation()).initialize(X=train_X[:5])
    optimizer, loss = Adam(0.005), CategoricalCrossentropy()
    for epoch in range(1, args.epochs + 1):
        for batch_X, batch_Y in model.ops.multibatch(32, train_X, train_Y, shuffle=True):
            guesses, backprop = model.begin_update(batch_X)
            backprop(loss.get_grad(guesses, batch_Y))
            model.finish_update(optimizer)
        if epoch % 5 == 0 or epoch == args.epochs:
            right = model.predict(dev_X).argmax(axis=1) == dev_Y
            print(f"epoch {epoch:2}  {right.mean():.1%} of the digits are right")

    args.out.mkdir(parents=True, exist_ok=True)
    model.to_disk(args.out / "model.bin")
    # Under its name, the layer can be asked for by a config, too.
    make = registry.get("layers", "Prototypes.v1")
    restored = chain(make(10), softmax_activation()).from_disk(args.out / "model.bin")
    same = numpy.array_equal(restored.predict(dev_X), model.predict(dev_X))
    print("Loaded it again: " + ("the same predictions" if same else "OTHER PREDICTIONS"))
    prototypes = model.layers[0].get_param("C").reshape(10, 8, 8)
    for rows in zip(*(draw(picture) for picture in prototypes[[0, 1, 3, 7]]), strict=True):
        print("   ".join(rows))


if __name__ == "__main__":
    main()
