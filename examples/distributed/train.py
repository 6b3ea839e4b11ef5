"""Data-parallel training on Ray: three arms of a spiral, every batch divided among the workers.

Needs ``pip install "thinc[ray]"``. ``--workers 0`` trains in this process, without a cluster.
"""

import argparse
import tempfile
from pathlib import Path

import numpy
from ray.train import FailureConfig, RunConfig, ScalingConfig

from thinc.api import Adam, CategoricalCrossentropy, Relu, Softmax, chain, fix_random_seed
from thinc.distributed import (
    ThincTrainer,
    get_communicator,
    prepare_model,
    prepare_optimizer,
    report,
    resume,
    shard,
)


def make_spirals(n):
    """Points in the plane, each on one of three arms."""
    rng = numpy.random.default_rng(0)
    arms = rng.integers(3, size=n)
    radius = rng.uniform(0.1, 1, size=n)
    angle = 4 * radius + 2 * numpy.pi / 3 * arms + rng.normal(scale=0.1, size=n)
    return (radius * [numpy.cos(angle), numpy.sin(angle)]).T.astype("float32"), arms


def train_loop(config):
    """What every worker runs. Six names make it data parallel; the loop is the usual one."""
    workers = get_communicator()
    fix_random_seed(workers.rank)
    points, arms = make_spirals(1200)
    dev_X, dev_Y = points[900:], arms[900:]
    model = chain(Relu(32), Relu(32), Softmax(3)).initialize(X=points[:5])
    model = prepare_model(model)
    optimizer = prepare_optimizer(Adam(0.01), model)
    loss_calc = CategoricalCrossentropy()
    size = config["batch_size"] // workers.world_size
    batches = model.ops.multibatch(size, *shard(points[:900], arms[:900]), shuffle=True, seed=0)
    first = resume(model, optimizer, batches=batches, default=0)
    for epoch in range(first, config["epochs"]):
        for X, Y in batches:
            guesses, backprop = model.begin_update(X)
            backprop(loss_calc.get_grad(guesses, Y))
            model.finish_update(optimizer)
        accuracy = float((model.predict(dev_X).argmax(axis=1) == dev_Y).mean())
        metrics = {"accuracy": accuracy, "epoch": epoch + 1}
        if metrics["epoch"] % 10 == 0 or metrics["epoch"] == config["epochs"]:
            report(metrics, model, optimizer, batches=batches, extra=metrics["epoch"])
        else:
            report(metrics)


def main():
    """Train, and print the accuracy."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--epochs", type=int, default=30)
    parser.add_argument("--batch-size", type=int, default=60)
    parser.add_argument("--folder", type=Path, help="where checkpoints go; by default a temporary folder")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        folder = arguments.folder or Path(temporary)
        trainer = ThincTrainer(
            train_loop,
            train_loop_config={"batch_size": arguments.batch_size, "epochs": arguments.epochs},
            scaling_config=ScalingConfig(num_workers=arguments.workers),
            run_config=RunConfig(
                name="spirals",
                storage_path=str(folder.resolve()),
                failure_config=FailureConfig(max_failures=3),
            ),
        )
        metrics = trainer.fit().metrics
    print(f"epoch {metrics['epoch']}  workers {arguments.workers}  dev {metrics['accuracy']:.1%}")


if __name__ == "__main__":
    main()
