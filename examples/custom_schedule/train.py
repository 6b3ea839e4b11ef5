"""A schedule of one's own, asked for by a config file.

    python examples/custom_schedule/train.py [--epochs N] [--out FOLDER]

The learning rate falls along a cosine, and starts again from above, after longer and longer times (Loshchilov and
Hutter 2017, arXiv:1608.03983). Before each restart the network is at rest, and its accuracy at its best. Trained on
handwritten digits; rates and accuracy are drawn into a picture.
"""

import argparse
from collections.abc import Iterator
from math import cos, pi
from pathlib import Path

import numpy
from sklearn.datasets import load_digits

import thinc
from thinc import plots
from thinc.api import CategoricalCrossentropy, Config, fix_random_seed, registry

HERE = Path(__file__).parent


@thinc.registry.schedules("warm_restarts.v1")
def warm_restarts(highest: float, lowest: float, period: int, growth: float = 1.0) -> Iterator[float]:
    """Yield rates that fall from `highest` to `lowest` in so many steps, again and again.

    Parameters
    ----------
    highest, lowest : float
        The first rate of each round, and what it falls to.
    period : int
        Steps of the first round.
    growth : float
        How many times longer each round is than the one before.
    """
    length = float(period)
    while True:
        for step in range(round(length)):
            yield lowest + (highest - lowest) * (1 + cos(pi * step / length)) / 2
        length *= growth


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--epochs", type=int, help="instead of the number in the config")
    parser.add_argument("--out", type=Path, default=Path("out/custom_schedule"))
    args = parser.parse_args()

    C = registry.make_from_config(Config().from_disk(HERE / "config.cfg"))
    settings, model, optimizer = C["training"], C["model"], C["optimizer"]
    fix_random_seed(0)
    X, Y = load_digits(return_X_y=True)
    X, Y = (X / 16).astype("float32"), Y.astype("int32")
    train_X, train_Y, dev_X, dev_Y = X[:1400], Y[:1400], X[1400:], Y[1400:]
    model.initialize(X=train_X[:5], Y=numpy.eye(10, dtype="float32"))
    loss = CategoricalCrossentropy()
    log: list[dict] = []
    step = 0
    for epoch in range(1, (args.epochs or settings["epochs"]) + 1):
        first = optimizer.learn_rate
        for batch_X, batch_Y in model.ops.multibatch(settings["batch_size"], train_X, train_Y, shuffle=True):
            guesses, backprop = model.begin_update(batch_X, input_gradient=False)
            backprop(loss.get_grad(guesses, batch_Y))
            model.finish_update(optimizer)
            step += 1
            log.append({"step": step, "rate": optimizer.learn_rate})
            optimizer.step_schedules()
        right = float((model.predict(dev_X).argmax(axis=1) == dev_Y).mean())
        log.append({"step": step, "accuracy": right})
        print(
            f"epoch {epoch:2}  rate {first:.5f} to {log[-2]['rate']:.5f}  {right:.1%} of the digits are right"
        )

    args.out.mkdir(parents=True, exist_ok=True)
    panels = {"Learning rate": ["rate"], "Accuracy on dev": ["accuracy"]}
    plots.curves(log, panels).savefig(args.out / "curves.png", dpi=110)
    print(f"Saved {args.out / 'curves.png'}")


if __name__ == "__main__":
    main()
