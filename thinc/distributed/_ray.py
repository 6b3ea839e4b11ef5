"""Ray places the workers, restarts them and keeps the checkpoints. The only file that imports it."""

import secrets
import socket
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from functools import partial
from importlib import import_module
from pathlib import Path
from typing import Any

from ..model import Model
from ..optimizers import Optimizer
from ..types import SizedGenerator
from .communicator import Alone, get_communicator, use_communicator
from .ring import listen
from .shared_memory import Backend as RingBackend
from .shared_memory import open_ring
from .state import load_state, save_state

try:
    import ray
    import ray.train
    from ray.train.backend import Backend, BackendConfig
except ImportError as err:
    raise ImportError(f"Training on several workers needs Ray: pip install 'thinc[ray]' ({err})") from err

# Where the trainer of Ray Train V2 is, in the releases that are known.
TRAINERS = ("ray.train.v2.api.data_parallel_trainer", "ray.train.data_parallel_trainer")

# In each worker's process: the socket that it listens on, then all that it needs for a ring. Backends run in
# another thread than the training loop.
_listener: socket.socket | None = None
_ring: dict[str, Any] | None = None
# Where checkpoints go of a loop that runs without a cluster: Ray does not copy them anywhere then.
_folder: Path | None = None


class ThincBackend(Backend):  # type: ignore[misc]
    """Tells each worker where the others are. Runs once for every group of workers, also after a failure."""

    def on_start(self, worker_group: Any, backend_config: "ThincConfig") -> None:
        """Collect the addresses of all workers, in the order of their ranks, and give them to each."""
        addresses = worker_group.execute(_open_listener)
        settings = {
            "addresses": addresses,
            "token": secrets.token_bytes(32),
            "timeout": backend_config.timeout,
            "backend": backend_config.backend,
        }
        ray.get(
            [
                worker_group.execute_single_async(rank, _keep_ring_settings, {"rank": rank, **settings})
                for rank in range(len(addresses))
            ]
        )


class ThincConfig(BackendConfig):  # type: ignore[misc]
    """Settings of the communication between workers."""

    def __init__(self, timeout: float, backend: RingBackend, folder: Path | None = None):
        self.timeout = timeout
        self.backend = backend
        self.folder = folder

    @property
    def backend_cls(self) -> type[ThincBackend]:
        """What sets the workers up."""
        return ThincBackend

    @property
    def train_func_context(self) -> Callable[..., Any]:
        """What runs around the training loop, in its thread."""
        return partial(connected, self.folder)

    def to_dict(self) -> dict[str, Any]:
        """The settings as plain data, for Ray's dashboard."""
        return {"timeout": self.timeout, "backend": self.backend}


def _open_listener() -> tuple[str, int]:
    global _listener
    host = ray.util.get_node_ip_address()
    _listener = listen(host)
    return host, _listener.getsockname()[1]


def _keep_ring_settings(settings: dict[str, Any]) -> None:
    global _ring
    _ring = settings


@contextmanager
def connected(folder: Path | None = None) -> Iterator[None]:
    """Connect the workers for the time of the training loop; without a cluster there is one, which is alone."""
    global _ring, _listener, _folder
    settings, listener = _ring, _listener
    _ring = _listener = None
    if settings is None or listener is None:
        _folder = folder
        try:
            with use_communicator(Alone()):
                yield
        finally:
            _folder = None
        return
    ring = open_ring(
        settings["rank"],
        settings["addresses"],
        listener,
        token=settings["token"],
        timeout=settings["timeout"],
        backend=settings["backend"],
    )
    try:
        with use_communicator(ring):
            yield
    finally:
        ring.close()  # also if this worker has failed: so that the others find out


def make_trainer(
    train_loop_per_worker: Callable[..., Any], *, timeout: float, backend: RingBackend, **settings: Any
) -> Any:
    """Ray's data-parallel trainer with our backend; see `ThincTrainer`."""
    folder = _local_folder(settings.get("scaling_config"), settings.get("run_config"))
    config = ThincConfig(timeout, backend, folder)
    return _trainer_class()(train_loop_per_worker, backend_config=config, **settings)


def _local_folder(scaling_config: Any, run_config: Any) -> Path | None:
    """Where Ray would have the checkpoints of a run without a cluster, if that is a folder of this machine."""
    storage = getattr(run_config, "storage_path", None) or str(Path.home() / "ray_results")
    if getattr(scaling_config, "num_workers", None) != 0 or "://" in storage:
        return None
    name = getattr(run_config, "name", None) or time.strftime("ray_train_run-%Y-%m-%d_%H-%M-%S")
    return Path(storage) / name


def _trainer_class() -> Any:
    for module in TRAINERS:
        try:
            return import_module(module).DataParallelTrainer
        except (ImportError, AttributeError):
            continue
    raise ImportError(
        f"Ray {ray.__version__} has no DataParallelTrainer in any of {', '.join(TRAINERS)}; "
        "install a release that is known to work: pip install 'thinc[ray]'"
    )


def report_to_ray(
    metrics: Mapping[str, Any],
    model: Model[Any, Any] | None,
    optimizer: Optimizer | None,
    *,
    batches: SizedGenerator | None,
    extra: Any,
) -> None:
    """See `report`."""
    if model is None:
        ray.train.report(dict(metrics))
        return
    if _folder is not None:
        _folder.mkdir(parents=True, exist_ok=True)
        path = tempfile.mkdtemp(prefix=time.strftime("checkpoint_%Y-%m-%d_%H-%M-%S_"), dir=_folder)
        save_state(path, model, optimizer, batches=batches, extra=extra, communicator=get_communicator())
        ray.train.report(dict(metrics), checkpoint=ray.train.Checkpoint.from_directory(path))
        return
    with tempfile.TemporaryDirectory() as folder:
        save_state(folder, model, optimizer, batches=batches, extra=extra, communicator=get_communicator())
        ray.train.report(dict(metrics), checkpoint=ray.train.Checkpoint.from_directory(folder))


def resume_from_ray(
    model: Model[Any, Any], optimizer: Optimizer | None, *, batches: SizedGenerator | None, default: Any
) -> Any:
    """See `resume`."""
    checkpoint = ray.train.get_checkpoint()
    if checkpoint is None:
        return default
    with checkpoint.as_directory() as folder:
        return load_state(folder, model, optimizer, batches=batches, communicator=get_communicator())


def run_settings(
    workers: list[int], max_failures: int, storage_path: str | None, name: str | None
) -> dict[str, Any]:
    """Ray's objects for plain settings: the smallest and the largest number of workers, and how to run."""
    fewest, most = workers
    return {
        "scaling_config": ray.train.ScalingConfig(num_workers=most if fewest == most else (fewest, most)),
        "run_config": ray.train.RunConfig(
            name=name,
            storage_path=storage_path,
            failure_config=ray.train.FailureConfig(max_failures=max_failures),
        ),
    }
