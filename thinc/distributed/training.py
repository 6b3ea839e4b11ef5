"""ThincTrainer, report and resume: training on Ray, and its checkpoints."""

from collections.abc import Callable, Mapping
from typing import Any

from ..model import Model
from ..optimizers import Optimizer
from ..types import SizedGenerator
from .collectives import GROUP_BACKENDS
from .opening import BACKENDS as RING_BACKENDS, check_backend

BACKENDS = (*RING_BACKENDS, *GROUP_BACKENDS)


def ThincTrainer(
    train_loop_per_worker: Callable[..., Any],
    *,
    train_loop_config: dict[str, Any] | None = None,
    scaling_config: Any = None,
    run_config: Any = None,
    timeout: float = 300.0,
    backend: str = "auto",
    **settings: Any,
) -> Any:
    """Make a trainer that runs a training loop on several workers at once.

    Parameters
    ----------
    train_loop_per_worker : callable
        The training loop, which takes the config or nothing. In it, `prepare_model`, `prepare_optimizer`, `shard`,
        `report` and `resume` know the workers.
    train_loop_config : dict, optional
    scaling_config : ray.train.ScalingConfig, optional
        The number of workers. With 0 the loop runs in this process, without a cluster.
    run_config : ray.train.RunConfig, optional
        Where checkpoints go, and how many failures are allowed.
    timeout : float
        How long workers wait for each other at most, in seconds, before they fail.
    backend : {"auto", "tcp", "shared_memory", "ray", "gloo", "nccl"}
        What numbers go through: shared memory between workers of one machine, or TCP, see `open_ring`; the same as
        a group of ``ray.util.collective``, see `register_collectives`; or the group that Ray makes with PyTorch's Gloo
        or, for arrays of CuPy, with NCCL.
    **settings
        Others of Ray's `DataParallelTrainer`.

    Returns
    -------
    ray.train.v2.api.data_parallel_trainer.DataParallelTrainer
        Its `fit` trains, and returns a ``ray.train.Result``.

    Raises
    ------
    ImportError
        Without Ray.
    ValueError
        If there is no such backend.
    """
    check_backend(backend, BACKENDS)
    from ._ray import make_trainer

    return make_trainer(
        train_loop_per_worker,
        timeout=timeout,
        backend=backend,
        train_loop_config=train_loop_config,
        scaling_config=scaling_config,
        run_config=run_config,
        **settings,
    )


def report(
    metrics: Mapping[str, Any],
    model: Model[Any, Any] | None = None,
    optimizer: Optimizer | None = None,
    *,
    batches: SizedGenerator | None = None,
    extra: Any = None,
) -> None:
    """Report numbers to Ray and, given a model, save a checkpoint; to be called by every worker.

    The checkpoint holds what `save_checkpoint` keeps: model and optimizer once, as they are the same everywhere;
    random generators and the place in the batches for each worker.

    Parameters
    ----------
    metrics : dict
        Those of rank 0 are kept.
    model, optimizer, batches, extra
        See `save_checkpoint`.

    Raises
    ------
    ImportError
        Without Ray.
    RuntimeError
        Outside of a training loop on Ray.
    OSError, TypeError, ValueError
        As `save_checkpoint`.
    """
    from ._ray import report_to_ray

    report_to_ray(metrics, model, optimizer, batches=batches, extra=extra)


def resume(
    model: Model[Any, Any],
    optimizer: Optimizer | None = None,
    *,
    batches: SizedGenerator | None = None,
    default: Any = None,
) -> Any:
    """Go on from the last checkpoint of the run, if there is one; to be called by every worker before training.

    Parameters
    ----------
    model, optimizer, batches
        Built as those that were given to `report`; see `load_checkpoint`. With another number of workers than
        before, `batches` of the new shares go on after as many batches in proportion, so that in that pass some
        rows of shuffled data come twice and others not at all; a worker that has joined draws the random numbers of
        its own seed.
    default
        What to return at the first start.

    Returns
    -------
    What `report` got as `extra`, or `default`.

    Raises
    ------
    ImportError
        Without Ray.
    RuntimeError
        Outside of a training loop on Ray.
    ValueError
        If the checkpoint does not fit; nothing has been changed then.
    """
    from ._ray import resume_from_ray

    return resume_from_ray(model, optimizer, batches=batches, default=default)


def register_collectives() -> None:
    """Make our ring known to ``ray.util.collective`` in this process, as the backend ``"thinc"``.

    To be called once in the driver and in every actor of a group, before it is created; more often does no harm. The
    actors of a group find each other through Ray's internal key-value store. Arrays are those of NumPy, of PyTorch in
    main memory, or of CuPy, by way of main memory. There is no ``send`` and ``recv``.

    Raises
    ------
    ImportError
        Without Ray, or with a release that does not let backends be registered.
    """
    from ._ray import register_ring

    register_ring()
