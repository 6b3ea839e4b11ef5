"""Prepare batches while a PyTorch network trains: what ``buffer=`` of `minibatch` is for.

    python examples/buffer/train.py

With ``buffer=8`` a thread prepares up to eight batches ahead while the loop uses those before; with ``buffer=1`` the
loop asks for a batch and then waits for it. Batches and their order are the same, so the loss is, too, to the last
digit.

Here pictures of digits are turned, scaled and shifted by PyTorch, differently in each epoch, for a convolutional
network that is a layer of thinc. PyTorch lets go of Python's lock while it works, so a thread is enough. The network
and the thread get one core each. Preparing a batch takes as long as training on it, so two cores can be nearly twice as
fast as one. On two free cores, the fastest of three rounds:

    buffer=1       0.163 s per epoch    1.00 times as fast
    buffer=2       0.087 s per epoch    1.88 times as fast
    buffer=8       0.087 s per epoch    1.87 times as fast

Nothing is gained while all cores are busy with other work. Waiting for a disk or a network is overlapped in the same
way, and needs no core.
"""

import argparse
import time

import numpy
import torch
from sklearn.datasets import load_digits

from thinc.api import (
    Adam,
    CategoricalCrossentropy,
    Model,
    PyTorchWrapper,
    Softmax,
    chain,
    fix_random_seed,
    get_current_ops,
)

SIZE = 32  # pixels of a side, after the pictures have been enlarged


class Pictures:
    """A data set that is computed when it is indexed.

    The random numbers are drawn from ``seed``, the epoch and the indices, so that they do not depend on which thread is
    first.
    """

    def __init__(self, images: numpy.ndarray, labels: numpy.ndarray, seed: int = 0):
        self.images, self.labels, self.seed = torch.from_numpy(images), labels, seed
        self.epoch = 0

    def __len__(self) -> int:
        return len(self.labels)

    def __getitem__(self, indices: numpy.ndarray) -> tuple[numpy.ndarray, numpy.ndarray]:
        """Transformed pictures (B, 1, SIZE, SIZE) and labels (B,)."""
        rng = numpy.random.default_rng([self.seed, self.epoch, int(indices[0])])
        angle = rng.uniform(-0.3, 0.3, len(indices))
        scale = rng.uniform(0.9, 1.2, len(indices))
        shift = rng.uniform(-0.15, 0.15, (2, len(indices)))
        cos, sin = scale * numpy.cos(angle), scale * numpy.sin(angle)
        maps = numpy.stack([cos, -sin, shift[0], sin, cos, shift[1]], axis=1).reshape(-1, 2, 3)
        grid = torch.nn.functional.affine_grid(
            torch.from_numpy(maps.astype("float32")),
            [len(indices), 1, 2 * SIZE, 2 * SIZE],
            align_corners=False,
        )
        images = torch.nn.functional.grid_sample(
            self.images[torch.from_numpy(indices)], grid, align_corners=False
        )
        return torch.nn.functional.avg_pool2d(images, 2).numpy(), self.labels[indices]


def make_model() -> Model:
    network = torch.nn.Sequential(
        torch.nn.Conv2d(1, 8, 5, stride=2),
        torch.nn.ReLU(),
        torch.nn.Conv2d(8, 16, 5, stride=2),
        torch.nn.ReLU(),
        torch.nn.Flatten(),
    )
    return chain(PyTorchWrapper(network), Softmax(10, 400)).initialize()


def train(data: Pictures, buffer: int, n_epochs: int, batch_size: int) -> tuple[float, float]:
    """Seconds of an epoch on average, and the loss at the end."""
    fix_random_seed(0)
    model, optimizer, loss_of = make_model(), Adam(0.001), CategoricalCrossentropy()
    batches = get_current_ops().minibatch(batch_size, data, shuffle=True, buffer=buffer)
    start, loss = time.perf_counter(), 0.0
    for data.epoch in range(n_epochs):
        loss = 0.0
        for X, truths in batches:
            Y, backprop = model.begin_update(X, input_gradient=False)
            gradient, batch_loss = loss_of(Y, truths)
            backprop(gradient)
            model.finish_update(optimizer)
            loss += float(batch_loss)
    return (time.perf_counter() - start) / n_epochs, loss


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--buffers", type=int, nargs="+", default=[1, 2, 8])
    parser.add_argument("--epochs", type=int, default=4)
    parser.add_argument("--rounds", type=int, default=5, help="how often everything is measured")
    parser.add_argument("--batch-size", type=int, default=64)
    parser.add_argument("--samples", type=int, default=None, help="by default all")
    args = parser.parse_args()
    torch.set_num_threads(1)
    images, labels = load_digits(return_X_y=True)
    images = (images.reshape(-1, 1, 8, 8) / 16).astype("float32")[: args.samples]
    seconds: dict[int, list[float]] = {buffer: [] for buffer in args.buffers}
    losses: dict[int, float] = {}
    data = Pictures(numpy.kron(images, numpy.ones((4, 4), "f")), labels[: args.samples])
    for _ in range(args.rounds):  # in turn, so that whatever else the machine does hits all of them
        for buffer in args.buffers:
            taken, losses[buffer] = train(data, buffer, args.epochs, args.batch_size)
            seconds[buffer].append(taken)
    first = min(seconds[args.buffers[0]])  # the fastest rounds: those that nothing else disturbed
    for buffer, taken in seconds.items():
        print(
            f"buffer={buffer:<4d} {min(taken):8.3f} s per epoch   {first / min(taken):5.2f} times as fast   "
            f"loss {losses[buffer]:.6f}"
        )


if __name__ == "__main__":
    main()
