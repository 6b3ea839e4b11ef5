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
from .collectives import GROUP_BACKENDS, DeviceCommunicator, GroupCommunicator, RingOperations
from .communicator import Alone, get_communicator, use_communicator
from .meeting import meet
from .opening import open_ring
from .ring import listen
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
            "group": f"thinc-{secrets.token_hex(8)}",  # what a group that has failed left behind has another name
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

    def __init__(self, timeout: float, backend: str, folder: Path | None = None):
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
    communicator = _open_communicator(settings, listener)
    try:
        with use_communicator(communicator):
            yield
    finally:
        communicator.close()  # also if this worker has failed: so that the others find out


def _open_communicator(settings: dict[str, Any], listener: socket.socket) -> Any:
    """Connect this worker with the others, in the way that the trainer was told."""
    backend = settings["backend"]
    if backend in ("ray", "gloo"):
        listener.close()
        return _join_group(backend, settings)
    ring = open_ring(
        settings["rank"],
        settings["addresses"],
        listener,
        token=settings["token"],
        timeout=settings["timeout"],
        backend="auto" if backend == "nccl" else backend,
    )
    if backend != "nccl":
        return ring
    try:
        return DeviceCommunicator(ring, _join_group(backend, settings))
    except BaseException:
        ring.close()
        raise


def _join_group(backend: str, settings: dict[str, Any]) -> GroupCommunicator:
    collective = import_module("ray.util.collective")
    name = GROUP_BACKENDS[backend]
    if backend == "ray":
        register_ring()
    if not collective.is_backend_available(name):
        needed = {"gloo": "PyTorch", "nccl": "CuPy and PyTorch"}[backend]
        raise ImportError(
            f"The backend {backend!r} between workers needs {needed}, which this worker does not have. Install it on "
            "every machine, or use backend='auto'."
        )
    collective.init_collective_group(
        len(settings["addresses"]), settings["rank"], backend=name, group_name=settings["group"]
    )
    return GroupCommunicator(collective, settings["group"])


def register_ring() -> None:
    """See `register_collectives`."""
    name = GROUP_BACKENDS["ray"]
    try:
        collective = import_module("ray.util.collective")
        is_registered = collective.is_backend_available(name)
        base = import_module("ray.util.collective.collective_group.base_collective_group").BaseGroup
        register = collective.register_collective_backend
    except (ImportError, AttributeError) as err:
        raise ImportError(
            f"Ray {ray.__version__} does not let backends of ray.util.collective be registered ({err}); install a "
            "newer release"
        ) from err
    if not is_registered:
        register(name, _make_group_class(base))


def _make_group_class(base: Any) -> Any:
    """Ours of the classes of Ray's groups. Made late: Ray's module imports PyTorch where there is one."""

    class RingGroup(RingOperations, base):  # type: ignore[misc]
        def __init__(self, world_size: int, rank: int, group_name: str):
            super().__init__(world_size, rank, group_name)
            self.communicator = meet(rank, world_size, ray.util.get_node_ip_address(), _Board(group_name))

        @classmethod
        def backend(cls) -> str:
            return GROUP_BACKENDS["ray"]

        @classmethod
        def check_backend_availability(cls) -> bool:
            return True

    return RingGroup


class _Board:
    """The entry of a group in Ray's internal key-value store."""

    def __init__(self, group: str):
        self._entry = {"key": f"thinc_collective_group_{group}", "namespace": "thinc"}
        self._store = import_module("ray.experimental.internal_kv")

    def put(self, value: bytes) -> None:
        self._store._internal_kv_put(self._entry["key"], value, namespace=self._entry["namespace"])

    def get(self) -> bytes | None:
        value: bytes | None = self._store._internal_kv_get(**self._entry)
        return value

    def delete(self) -> None:
        self._store._internal_kv_del(**self._entry)


def make_trainer(
    train_loop_per_worker: Callable[..., Any], *, timeout: float, backend: str, **settings: Any
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
    return Path(storage).expanduser() / name  # as Ray does it on a cluster


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
