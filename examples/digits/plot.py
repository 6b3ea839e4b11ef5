"""Draw the history of a training run: loss, accuracy and learning rate."""

from pathlib import Path

import matplotlib

matplotlib.use("Agg")
from matplotlib import pyplot


def save_curves(path: Path, title: str, steps: list[dict], epochs: list[dict]) -> None:
    """Write a PNG. `steps` has one record per update (loss, learn_rate), `epochs` one per epoch (step, train, dev)."""
    figure, (loss_axes, accuracy_axes, rate_axes) = pyplot.subplots(
        1, 3, figsize=(15, 4.2), constrained_layout=True
    )
    figure.suptitle(title)
    numbers = range(1, len(steps) + 1)
    loss_axes.plot(numbers, [step["loss"] for step in steps], color="tab:gray", alpha=0.35, label="batch")
    ends = [epoch["step"] for epoch in epochs]
    loss_axes.plot(ends, [epoch["loss"] for epoch in epochs], color="tab:red", label="epoch mean")
    loss_axes.set(title="Loss (sum of squared gradients)", xlabel="update", yscale="log")
    loss_axes.legend()
    for name, color in (("train", "tab:blue"), ("dev", "tab:orange")):
        accuracy_axes.plot(ends, [100 * epoch[name] for epoch in epochs], color=color, label=name)
    best = max(epochs, key=lambda epoch: epoch["dev"])
    accuracy_axes.annotate(
        f"best dev {100 * best['dev']:.2f} %",
        (best["step"], 100 * best["dev"]),
        xytext=(0, -40),
        textcoords="offset points",
        ha="center",
        arrowprops={"arrowstyle": "->"},
    )
    accuracy_axes.set(title="Accuracy, %", xlabel="update", ylim=(85, 100.5))
    accuracy_axes.legend(loc="lower right")
    rate_axes.plot(numbers, [step["learn_rate"] for step in steps], color="tab:green")
    rate_axes.set(title="Learning rate", xlabel="update")
    rate_axes.ticklabel_format(axis="y", style="sci", scilimits=(-3, -3))
    for axes in (loss_axes, accuracy_axes, rate_axes):
        axes.grid(alpha=0.3)
    figure.savefig(path, dpi=110)
    pyplot.close(figure)
