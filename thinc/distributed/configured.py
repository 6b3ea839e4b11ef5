"""[distributed] in a config: how many workers, how often a checkpoint, and how they talk to each other."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Optional, Union

from ..config import Config, registry
from .opening import check_backend
from .training import BACKENDS, ThincTrainer


@registry.distributed("ThincTrainer.v1")
def configure_ThincTrainer(
    train_loop: Callable[[dict[str, Any]], None],
    *,
    workers: Union[int, list[int]] = 1,
    checkpoint_every: int = 0,
    backend: str = "auto",
    max_failures: int = 0,
    timeout: float = 300.0,
    storage_path: Optional[str] = None,
    name: Optional[str] = None,
    loop_config: dict[str, Any] = {},
) -> Any:
    """Make a `ThincTrainer` from plain settings.

    Parameters
    ----------
    train_loop : callable
        What every worker runs, with `loop_config` and ``checkpoint_every`` as the argument.
    workers : int or list of int
        How many; 0 for none but this process; ``[min, max]`` to go on with fewer when a machine is lost, which the
        training loop is told as ``is_elastic``.
    checkpoint_every : int
        Updates between checkpoints, for the training loop; 0 for one at the end.
    backend : {"auto", "tcp", "shared_memory", "ray", "gloo", "nccl"}
        See `ThincTrainer`.
    max_failures : int
        How often to start again from the last checkpoint; -1 for always.
    timeout : float
        How long workers wait for each other at most, in seconds.
    storage_path, name : str, optional
        Where checkpoints go: by default into Ray's folder, under a name with the date.
    loop_config : dict
        More for the training loop.

    Returns
    -------
    DataParallelTrainer
        Its ``fit`` trains.

    Raises
    ------
    ValueError
        If a setting is out of range.
    ImportError
        Without Ray.
    """
    check_backend(backend, BACKENDS)
    bounds = list(workers) if isinstance(workers, (list, tuple)) else [workers, workers]
    if len(bounds) != 2 or not 0 <= bounds[0] <= bounds[1] or (bounds[0] == 0) != (bounds[1] == 0):
        raise ValueError(
            f"[distributed]: workers is {workers!r}; expected a number, 0 for this process, or [min, max]"
        )
    if checkpoint_every < 0:
        raise ValueError(f"[distributed]: checkpoint_every is {checkpoint_every}; expected 0 or more updates")
    if max_failures < -1:
        raise ValueError(f"[distributed]: max_failures is {max_failures}; expected -1 or more")
    from ._ray import run_settings

    settings = {**loop_config, "checkpoint_every": checkpoint_every}
    if bounds[0] < bounds[1]:
        settings["is_elastic"] = True
    return ThincTrainer(
        train_loop,
        train_loop_config=settings,
        timeout=timeout,
        backend=backend,  # type: ignore[arg-type]
        **run_settings(bounds, max_failures, storage_path, name),
    )


def trainer_from_config(
    config: Union[str, Path, Mapping[str, Any]], *, code: str = "", overrides: Mapping[str, Any] = {}
) -> Any:
    """Make the `ThincTrainer` that a config describes in its section ``[distributed]``.

    Parameters
    ----------
    config : str, Path or Config
        A file, or what is in one. Without ``[distributed.train_loop]``, the other sections describe what to train;
        see ``train.v1``.
    code : str
        Python that registers functions which the config names; run on every worker.
    overrides : dict
        Values by dotted path, such as ``{"distributed.workers": 4}``.

    Returns
    -------
    DataParallelTrainer
        Its ``fit`` trains, and returns a ``ray.train.Result``.

    Raises
    ------
    FileNotFoundError
        If there is no such file.
    ValueError
        If there is no section ``[distributed]``, or a section is missing that the training loop needs.
    ConfigValidationError
        If something does not fit; says where.
    ImportError
        Without Ray.
    """
    if isinstance(config, (str, Path)):
        whole = Config().from_disk(config, overrides=dict(overrides))
    else:
        whole = Config().from_str(Config(dict(config)).to_str(interpolate=False), overrides=dict(overrides))
    if "distributed" not in whole:
        raise ValueError(
            f"The config has no section [distributed], but {sorted(whole)}. Add one with "
            '@distributed = "ThincTrainer.v1" and workers = 2.'
        )
    block = dict(whole["distributed"])
    block.setdefault("@distributed", "ThincTrainer.v1")
    if "train_loop" not in block:
        described = Config({name: whole[name] for name in whole if name != "distributed"}).to_str()
        block["train_loop"] = {"@distributed": "train.v1", "config": described, "code": code}
    return registry.resolve({"distributed": block})["distributed"]
