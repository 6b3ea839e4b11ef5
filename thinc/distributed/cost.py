"""What averaging gradients costs: the time of a ring by size, workers and network, and what is left of a step.

Pure arithmetic, to plan with: nothing here sends anything. docs/distributed.md checks it against measurements.
"""

from dataclasses import dataclass

from .buckets import BUCKET_BYTES
from .ring import BLOCK_BYTES

WORKERS = tuple(2**i for i in range(3, 13))


@dataclass(frozen=True)
class Link:
    """Between a worker and the next.

    Attributes
    ----------
    bandwidth : float
        Bytes per second that a worker can send while it receives as many.
    latency : float
        Seconds that a message takes however short it is, the programs at both ends included.
    """

    bandwidth: float
    latency: float


def count_messages(nbytes: int, workers: int, bucket_bytes: int = BUCKET_BYTES) -> int:
    """How many messages a worker sends to sum `nbytes` over the workers: the next one waits for each of them.

    For each bucket one that says what follows, and 2 (W - 1) for each block of W times 512 kB in it.
    """
    if workers == 1:
        return 0
    full, rest = divmod(nbytes, bucket_bytes)
    return full * _count_in_bucket(bucket_bytes, workers) + (_count_in_bucket(rest, workers) if rest else 0)


def _count_in_bucket(nbytes: int, workers: int) -> int:
    return 1 + 2 * (workers - 1) * -(-nbytes // (BLOCK_BYTES * workers))


def ring_seconds(nbytes: int, workers: int, link: Link, bucket_bytes: int = BUCKET_BYTES) -> float:
    """The time to sum `nbytes` over the workers: messages times latency + 2 (W - 1) / W * nbytes / bandwidth."""
    if workers == 1:
        return 0.0
    moved = 2 * (workers - 1) / workers * nbytes
    return count_messages(nbytes, workers, bucket_bytes) * link.latency + moved / link.bandwidth


def hierarchical_seconds(
    nbytes: int, workers: int, link: Link, per_machine: int, local: Link, bucket_bytes: int = BUCKET_BYTES
) -> float:
    """The same in two stages, as `TwoStageRing` does it: within machines of `per_machine` workers, between machines.

    The first worker of each machine takes the sum of its machine around a ring of the machines, over `link`, and gives
    the result to the others, over `local`.
    """
    inside = ring_seconds(nbytes, min(per_machine, workers), local, bucket_bytes)
    if workers <= per_machine:
        return inside
    if per_machine > 1:
        n_buckets = -(-nbytes // bucket_bytes)
        inside += nbytes / local.bandwidth + n_buckets * local.latency
    return inside + ring_seconds(nbytes, -(-workers // per_machine), link, bucket_bytes)


def efficiency(compute: float, averaging: float, *, accumulation: int = 1, overlap: float = 0.0) -> float:
    """The share of the time in which workers compute.

    Parameters
    ----------
    compute : float
        Seconds of forward and backward pass and update.
    averaging : float
        Seconds of averaging, as `ring_seconds` tells.
    accumulation : int
        Backward passes before each update: gradients are averaged once for all of them.
    overlap : float
        The share of `compute` during which gradients could travel meanwhile; 0 here, as nothing overlaps.
    """
    total = accumulation * compute
    return total / (total + max(0.0, averaging - overlap * compute))


def largest_efficient(
    compute: float,
    nbytes: int,
    link: Link,
    *,
    least: float = 0.85,
    accumulation: int = 1,
    bucket_bytes: int = BUCKET_BYTES,
    per_machine: int = 1,
    local: Link | None = None,
) -> int:
    """The largest of 8, 16, ... 4096 workers that still compute for the share `least` of the time; 0 if none do.

    Each worker has batches of the same size, however many there are. With `per_machine` workers on each machine, which
    are `local` to each other, see `hierarchical_seconds`.
    """
    place = (link, per_machine, local or link, bucket_bytes)
    fits = [
        workers
        for workers in WORKERS
        if efficiency(compute, hierarchical_seconds(nbytes, workers, *place), accumulation=accumulation)
        >= least
    ]
    return max(fits, default=0)
