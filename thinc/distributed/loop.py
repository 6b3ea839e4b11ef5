"""The training loop for a run that a config file describes: what every worker does."""

from collections.abc import Callable
from typing import Any

import numpy

from .._util.seeds import fix_random_seed
from ..checkpoint import position_in
from ..config import Config, registry
from ..model import Model
from .communicator import get_communicator
from .optimizer import prepare_optimizer
from .parameters import prepare_model
from .sharding import shard
from .training import report, resume

SECTIONS = ("model", "optimizer", "loss", "data", "training")


@registry.distributed("train.v1")
def configure_train(config: str, code: str = "") -> Callable[[dict[str, Any]], None]:
    """Make the training loop for a run that a config describes.

    The sections ``[model]``, ``[optimizer]`` and ``[loss]`` make what their names say, on each worker; ``[data]``
    the training data and the data to measure on, ``((X, Y), (dev_X, dev_Y))``; ``[training]`` has ``epochs``,
    ``batch_size``, which is that of all workers together, and ``seed`` (0). If the number of workers may change, it is
    rounded up to a multiple of it; otherwise it must be one.

    Parameters
    ----------
    config : str
        The text of the config.
    code : str
        Python to be run first on each worker, that registers the functions which the config names.

    Returns
    -------
    callable
        It takes a dict with ``checkpoint_every``, the number of updates between checkpoints, of which the last is
        that of the end of the run; and ``is_elastic`` (False), whether the number of workers may change. It reports
        the losses after each epoch and, where the labels are numbers of classes, the accuracy.

    Raises
    ------
    ValueError
        If a section is missing.
    """
    sections = Config().from_str(config, interpolate=False)
    missing = [name for name in SECTIONS if name not in sections]
    if missing:
        raise ValueError(
            f"Cannot train what a config describes: it has no section {missing}. Needed are {list(SECTIONS)}."
        )

    def train(settings: dict[str, Any]) -> None:
        if code:
            exec(compile(code, "<code of the config>", "exec"), {"__name__": "thinc_config_code"})
        run_config(sections, settings["checkpoint_every"], settings.get("is_elastic", False))

    return train


def run_config(config: dict[str, Any], checkpoint_every: int, is_elastic: bool = False) -> None:
    """Train what a config describes on this worker; see `configure_train`."""
    from .. import initializers, layers, loss, optimizers, schedules  # noqa: F401  # what configs name

    workers = get_communicator()
    resolved = registry.resolve({name: config[name] for name in config if name != "distributed"})
    training = resolved["training"]
    fix_random_seed(training.get("seed", 0) + workers.rank)
    (X, Y), (dev_X, dev_Y) = resolved["data"]
    size, remainder = divmod(training["batch_size"], workers.world_size)
    if remainder and is_elastic:
        size += 1
    elif remainder or size < 1:
        raise ValueError(
            f"Cannot divide batches of {training['batch_size']} among {workers.world_size} workers: the batch_size "
            "in [training], which is that of all workers together, must be a multiple of their number"
        )
    model = prepare_model(resolved["model"].initialize(X=X[:10], Y=Y))
    optimizer = prepare_optimizer(resolved["optimizer"], model)
    loss_calc = resolved["loss"]
    batches = model.ops.multibatch(size, *shard(X, Y), shuffle=True, seed=training.get("seed", 0))
    state = resume(model, optimizer, batches=batches, default={"epoch": 0, "step": 0, "losses": [0.0, 0]})
    step = state["step"]
    losses = numpy.array(state["losses"])  # sum and count in this epoch, on all workers until the last report
    new = numpy.zeros(2)  # since then, on this one
    for epoch in range(state["epoch"], training["epochs"]):
        n_done = position_in(batches)["position"] or 0
        for place, (batch_X, batch_Y) in enumerate(batches, start=n_done + 1):
            guesses, backprop = model.begin_update(batch_X, input_gradient=False)
            gradient, batch_loss = loss_calc(guesses, batch_Y)
            backprop(gradient)
            model.finish_update(optimizer)
            optimizer.step_schedules()
            step += 1
            new += float(batch_loss), 1
            is_end = place == len(batches)
            is_last = is_end and epoch + 1 == training["epochs"]
            is_checkpoint = is_last or (checkpoint_every and step % checkpoint_every == 0)
            if not is_end and not is_checkpoint:
                continue
            workers.allreduce_(new)
            losses += new
            new[:] = 0
            metrics = {"epoch": epoch + 1, "step": step, "workers": workers.world_size}
            if is_end:
                metrics.update(_measure(model, loss_calc, dev_X, dev_Y), loss=float(losses[0] / losses[1]))
                losses[:] = 0
            if is_checkpoint:
                extra = {"epoch": epoch, "step": step, "losses": losses.tolist()}
                report(metrics, model, optimizer, batches=batches, extra=extra)
            else:
                report(metrics)


def _measure(model: Model[Any, Any], loss_calc: Any, X: Any, Y: Any) -> dict[str, float]:
    guesses = model.predict(X)
    measured = {"dev_loss": float(loss_calc.get_loss(guesses, Y))}
    labels = numpy.asarray(Y) if isinstance(Y, (list, numpy.ndarray)) else None
    if labels is not None and labels.ndim == 1 and labels.dtype.kind in "iu" and guesses.ndim == 2:
        measured["accuracy"] = float((guesses.argmax(axis=1) == labels).mean())
    return measured
