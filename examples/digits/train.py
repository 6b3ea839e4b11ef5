"""Train a classifier of handwritten digits from a config file.

    python examples/digits/train.py [--config FILE] [--data FOLDER] [--out FOLDER]

Prints accuracy and throughput per epoch, writes the model, a log and pictures of the curves and of the model, then
loads the saved model into a fresh one and checks that it predicts the same.
"""

import argparse
import json
import sys
import time
from pathlib import Path

import numpy
from data import has_mnist, load
from tqdm import tqdm

import thinc
from thinc import plots
from thinc.api import Config, Model, Optimizer, fix_random_seed, registry

HERE = Path(__file__).parent
PANELS = {
    "Loss (sum of squared gradients)": ["loss"],
    "Accuracy": ["train", "dev"],
    "Learning rate": ["learn_rate"],
}


def evaluate(model: Model, batch_size: int, X: numpy.ndarray, Y: numpy.ndarray) -> float:
    """Share of rows whose most probable class is the right one."""
    correct = 0
    for batch_X, batch_Y in model.ops.multibatch(batch_size, X, Y):
        correct += int((model.predict(batch_X).argmax(axis=1) == batch_Y).sum())
    return correct / len(X)


def train_epoch(model: Model, optimizer: Optimizer, loss, batches, label: str, step: int) -> list[dict]:
    """Make one pass over the batches, the first update of which is number `step`; return a record per update."""
    steps = []
    for X, Y in tqdm(batches, desc=label, leave=False, disable=not sys.stderr.isatty()):
        guesses, backprop = model.begin_update(X, input_gradient=False)
        gradient, value = loss(guesses, Y)
        backprop(gradient)
        model.finish_update(optimizer)
        steps.append(
            {"step": step + len(steps), "loss": float(value), "learn_rate": float(optimizer.learn_rate)}
        )
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
    args.out.mkdir(parents=True, exist_ok=True)
    updates, best = 0, 0.0
    with open(args.out / "log.jsonl", "w", encoding="utf8") as log:
        for epoch in range(1, settings["epochs"] + 1):
            start = time.perf_counter()
            done = train_epoch(model, optimizer, loss, batches, f"epoch {epoch}", updates + 1)
            speed = len(train_X) / (time.perf_counter() - start)
            updates += len(done)
            with model.use_params(optimizer.averages):
                record = {
                    "epoch": epoch,
                    "step": updates,
                    "mean loss": sum(step["loss"] for step in done) / len(done),
                    "train": evaluate(model, 256, train_X, train_Y),
                    "dev": evaluate(model, 256, dev_X, dev_Y),
                }
            best = max(best, record["dev"])
            log.writelines(json.dumps(line) + "\n" for line in [*done, record])
            print(
                f"epoch {epoch:3}  loss {record['mean loss']:.5f}  train {100 * record['train']:6.2f} %  "
                f"dev {100 * record['dev']:6.2f} %  {speed:10,.0f} samples/s"
            )

    with model.use_params(optimizer.averages):
        expected = model.predict(dev_X)
        model.to_disk(args.out / "model.bin")
    title = f"{name}: {updates} updates, {100 * best:.2f} % on dev at best"
    curves = plots.curves(
        args.out / "log.jsonl", PANELS, smooth=25, logarithmic=list(PANELS)[:1], title=title
    )
    curves.savefig(args.out / "curves.png", dpi=110)
    plots.graph(model, thinc.profile(model, train_X[:64])).savefig(args.out / "model.svg")
    print(f"Saved {args.out / 'model.bin'}, {args.out / 'curves.png'} and {args.out / 'model.svg'}")

    restored = registry.make_from_config(config)["model"].from_disk(args.out / "model.bin")
    if not numpy.array_equal(restored.predict(dev_X), expected):
        raise SystemExit("The model that was saved and loaded again predicts something else")
    print(
        f"Loaded it again: the same predictions, {100 * evaluate(restored, 256, dev_X, dev_Y):.2f} % on dev"
    )


if __name__ == "__main__":
    main()
