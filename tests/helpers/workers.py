"""Workers in threads of one process, connected by a real ring over the loopback interface."""

import itertools
from functools import partial

from helpers.together import run_together
from thinc.distributed import Alone, open_ring
from thinc.distributed.ring import listen

TOKEN = bytes(range(32))


class Worker(Alone):
    """The place of a worker among others, to which nothing is sent."""

    def __init__(self, rank, world_size):
        self.rank, self.world_size = rank, world_size


def run_workers(world_size, work, *, timeout=30.0, backend="tcp", before=lambda address: None, machines=(1,)):
    """Call ``work(ring)`` in a thread for each rank; return the results, or the errors in their place.

    `before` is called first, with the address of rank 0. `machines` are the numbers of those that workers are on, over
    and over again; more than 1 can be told from each other on Linux only.
    """
    hosts = itertools.islice(itertools.cycle(machines), world_size)
    listeners = [listen(f"127.0.0.{machine}") for machine in hosts]
    addresses = [listener.getsockname() for listener in listeners]
    before(addresses[0])
    results = [None] * world_size

    def run(rank):
        ring = None
        try:
            settings = {"token": TOKEN, "timeout": timeout, "backend": backend}
            ring = open_ring(rank, addresses, listeners[rank], **settings)
            results[rank] = work(ring)
        except Exception as err:
            results[rank] = err
        finally:
            if ring is not None:
                ring.close()

    run_together(*(partial(run, rank) for rank in range(world_size)))
    return results


def run_all(world_size, work, **settings):
    """As `run_workers`, where none may fail."""
    results = run_workers(world_size, work, **settings)
    for result in results:
        if isinstance(result, Exception):
            raise result
    return results
