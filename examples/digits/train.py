"""Train a classifier of handwritten digits from a config file.

    python examples/digits/train.py [--config FILE] [--data FOLDER] [--out FOLDER]

Prints accuracy and throughput per epoch, writes the model and a picture of the curves, then loads the saved model
into a fresh one and checks that it predicts the same.
"""

import argparse
import time
from pathlib import Path

import numpy
from data import has_mnist, load
from plot import save_curves
from tqdm import tqdm

from thinc.api import Config, Model, Optimizer, fix_random_seed, registry

HERE = Path(__file__).parent


def evaluate(model: Model, batch_size: int, X: numpy.ndarray, Y: numpy.ndarray) -> float:
    """Share of rows whose most probable class is the right one."""
    correct = 0
    for batch_X, batch_Y in model.ops.multibatch(batch_size, X, Y):
        correct += int((model.predict(batch_X).argmax(axis=1) == batch_Y).sum())
    return correct / len(X)


def train_epoch(model: Model, optimizer: Optimizer, loss, batches, label: str) -> list[dict]:
    """Make one pass over the batches; return a record per update."""
    steps = []
    for X, Y in tqdm(batches, desc=label, leave=False, disable=None):
        guesses, backprop = model.begin_update(X, input_gradient=False)
        gradient, value = loss(guesses, Y)
        backprop(gradient)
        model.finish_update(optimizer)
        steps.append({"loss": float(value), "learn_rate": optimizer.learn_rate})
        optimizer.step_schedules()
    return steps


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--config", type=Path, help="default: config.cfg here, or mnist.cfg for MNIST")
    parser.add_argument("--data", type=Path, help="folder with the four MNIST files (IDX, plain or gzip)")
    parser.add_argument("--out", type=Path, default=Path("out/digits"))
    args = parser.parse_args()

    default = "mnist.cfg" if args.data and has_mnist(args.data) else "config.cfg"
    config = Config().from_disk(args.config or HERE / default)
    C = registry.make_from_config(config)
    settings, model, optimizer, loss = C["training"], C["model"], C["optimizer"], C["loss"]
    fix_random_seed(settings["seed"])
    name, (train_X, train_Y), (dev_X, dev_Y) = load(args.data, settings["dev_fraction"], settings["seed"])
    print(f"{name}: {len(train_X)} training and {len(dev_X)} development images of {train_X.shape[1]} pixels")

    classes = numpy.eye(int(train_Y.max()) + 1, dtype="float32")
    model.initialize(X=train_X[:8], Y=classes)
    batches = model.ops.multibatch(C["batch_size"], train_X, train_Y, shuffle=True)
    steps: list[dict] = []
    epochs: list[dict] = []
    for epoch in range(1, settings["epochs"] + 1):
        start = time.perf_counter()
        done = train_epoch(model, optimizer, loss, batches, f"epoch {epoch}")
        speed = len(train_X) / (time.perf_counter() - start)
        steps += done
        with model.use_params(optimizer.averages):
            record = {
                "step": len(steps),
                "loss": sum(step["loss"] for step in done) / len(done),
                "train": evaluate(model, 256, train_X, train_Y),
                "dev": evaluate(model, 256, dev_X, dev_Y),
            }
        epochs.append(record)
        print(
            f"epoch {epoch:3}  loss {record['loss']:.5f}  train {100 * record['train']:6.2f} %  "
            f"dev {100 * record['dev']:6.2f} %  {speed:10,.0f} samples/s"
        )

    args.out.mkdir(parents=True, exist_ok=True)
    with model.use_params(optimizer.averages):
        expected = model.predict(dev_X)
        model.to_disk(args.out / "model.bin")
    save_curves(args.out / "curves.png", f"{name}: {len(steps)} updates", steps, epochs)
    print(f"Saved {args.out / 'model.bin'} and {args.out / 'curves.png'}")

    restored = registry.make_from_config(config)["model"].from_disk(args.out / "model.bin")
    if not numpy.array_equal(restored.predict(dev_X), expected):
        raise SystemExit("The model that was saved and loaded again predicts something else")
    print(
        f"Loaded it again: the same predictions, {100 * evaluate(restored, 256, dev_X, dev_Y):.2f} % on dev"
    )


if __name__ == "__main__":
    main()
