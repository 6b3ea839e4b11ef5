"""A distributed checkpoint: a folder with the training run in one file, and the place of each worker in another."""

from pathlib import Path
from typing import Any

from .._util.msgpack import seal, unseal
from .._util.paths import read_bytes, write_bytes
from .._util.random_state import get_random_state, prepare_random_state
from ..checkpoint import load_checkpoint, position_in, prepare_position, save_checkpoint
from ..model import Model
from ..optimizers import Optimizer
from ..types import SizedGenerator
from .communicator import Communicator

_KIND = "worker 1"
_RUN = "run.thinc"


def save_state(
    folder: Any,
    model: Model[Any, Any],
    optimizer: Optimizer | None,
    *,
    batches: SizedGenerator | None,
    extra: Any,
    communicator: Communicator,
) -> None:
    """Write this worker's part of a checkpoint into a folder; rank 0 writes what all have in common.

    Raises
    ------
    OSError, TypeError, ValueError
        As `save_checkpoint`.
    """
    folder = Path(folder)
    rank = communicator.rank
    if rank == 0:
        save_checkpoint(folder / _RUN, model, optimizer, extra=extra)
    content = {
        "world_size": communicator.world_size,
        "random": get_random_state(),
        "batches": position_in(batches),
    }
    write_bytes(folder / _worker(rank), seal(_KIND, content))


def load_state(
    folder: Any,
    model: Model[Any, Any],
    optimizer: Optimizer | None,
    *,
    batches: SizedGenerator | None,
    communicator: Communicator,
) -> Any:
    """Take over what `save_state` wrote on all workers; return `extra`.

    With another number of workers than before, each goes on in its new share of the data, as far in the pass as the
    old ones were, with the random generators of the worker of its rank; one that has joined keeps its own.

    Raises
    ------
    FileNotFoundError, ValueError
        As `load_checkpoint`; nothing has been changed then.
    """
    folder = Path(folder)
    steps = []
    path = folder / _worker(communicator.rank)
    has_joined = not path.exists()
    if has_joined:
        path = folder / _worker(0)  # seeded batches are at the same place on all
    what = f"the checkpoint of a worker {path}"
    content = unseal(_KIND, read_bytes(path), what)
    if not isinstance(content, dict):
        raise ValueError(f"Cannot load {what}: it is not laid out as one")
    n_saved = content.get("world_size")
    if has_joined and isinstance(n_saved, int) and communicator.rank < n_saved:
        raise FileNotFoundError(
            f"{what} is that of {n_saved} workers, but {_worker(communicator.rank)} is missing"
        )
    # That of the worker, never that of rank 0 on all, which `load_checkpoint` would leave behind.
    random_state = get_random_state() if has_joined else content.get("random")
    steps.append(prepare_random_state(random_state, what))
    is_share = n_saved != communicator.world_size
    steps += prepare_position(batches, content.get("batches"), what, is_share=is_share)
    extra = load_checkpoint(folder / _RUN, model, optimizer)
    for apply in steps:
        apply()
    return extra


def _worker(rank: int) -> str:
    return f"worker-{rank}.thinc"
