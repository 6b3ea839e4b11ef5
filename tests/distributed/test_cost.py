"""The cost model counts what a ring sends, and does its sums right."""

import numpy
import pytest

from helpers.workers import run_all
from thinc.distributed import cost
from thinc.distributed.buckets import average_
from thinc.distributed.cost import Link, count_messages, efficiency, hierarchical_seconds, ring_seconds

MB = 2**20


@pytest.mark.parametrize("workers", [2, 3, 4])
@pytest.mark.parametrize("nbytes, bucket_bytes", [(4, 4 * MB), (3 * MB, 4 * MB), (5 * MB, 2 * MB)])
def test_messages_of_a_ring(workers, nbytes, bucket_bytes):
    def work(ring):
        sent = []
        exchange = ring._exchange

        def count(outgoing, incoming):
            sent.append(outgoing.nbytes)
            exchange(outgoing, incoming)

        ring._exchange = count
        # Arrays that fill buckets exactly.
        sizes = [bucket_bytes // 4] * (nbytes // bucket_bytes) + [nbytes % bucket_bytes // 4]
        average_([numpy.ones(size, dtype="f") for size in sizes if size], ring, bucket_bytes)
        return len(sent), sum(sent)

    for n_sent, bytes_sent in run_all(workers, work):
        assert n_sent == count_messages(nbytes, workers, bucket_bytes)
        headers = 28 * -(-nbytes // bucket_bytes)
        moved = 2 * (workers - 1) / workers * nbytes
        assert abs(bytes_sent - headers - moved) <= max(8 * n_sent, 0.01 * moved)


def test_ring_seconds():
    slow = Link(bandwidth=1e9, latency=1e-3)
    assert ring_seconds(10**9, 1, slow) == 0
    assert ring_seconds(4, 2, slow) == pytest.approx(3e-3, rel=1e-5)
    bandwidth_only = Link(1e9, 0)
    assert ring_seconds(10**9, 2, bandwidth_only) == pytest.approx(1)
    assert ring_seconds(10**9, 4096, bandwidth_only) == pytest.approx(2, rel=1e-3)
    # Latency grows with the number of workers, and with the number of buckets.
    latency_only = Link(float("inf"), 1e-5)
    assert ring_seconds(4 * MB, 1024, latency_only) == pytest.approx(2047e-5)
    assert ring_seconds(40 * MB, 1024, latency_only) == pytest.approx(20470e-5)
    assert ring_seconds(40 * MB, 1024, latency_only, 40 * MB) == pytest.approx(2047e-5)


def test_hierarchy():
    link, local = Link(1e9, 1e-4), Link(4e9, 1e-5)
    nbytes = 4 * MB
    assert hierarchical_seconds(nbytes, 64, link, 1, local) == ring_seconds(nbytes, 64, link)
    assert hierarchical_seconds(nbytes, 8, link, 8, local) == ring_seconds(nbytes, 8, local)
    passing_on = nbytes / 4e9 + 1e-5
    both = ring_seconds(nbytes, 8, local) + passing_on + ring_seconds(nbytes, 8, link)
    found = hierarchical_seconds(nbytes, 64, link, 8, local)
    assert found == pytest.approx(both) and found < ring_seconds(nbytes, 64, link)
    # Where the machines are not all full, there is one more.
    assert hierarchical_seconds(nbytes, 57, link, 8, local) == pytest.approx(both)


def test_efficiency():
    assert efficiency(1, 0) == 1
    assert efficiency(1, 1) == 0.5
    assert efficiency(1, 1, accumulation=4) == 0.8
    assert efficiency(1, 1, overlap=0.5) == pytest.approx(2 / 3)
    assert efficiency(1, 1, overlap=1) == 1


def test_largest_efficient():
    link = Link(1.25e9, 5e-5)
    found = [cost.largest_efficient(compute, 12_600_000, link) for compute in (0.01, 0.5, 1000)]
    assert found == sorted(found) and found[0] == 0 and 8 < found[1] < found[2] == 4096
    workers = found[1]
    for n, fits in ((workers, True), (2 * workers, False)):
        assert (efficiency(0.5, ring_seconds(12_600_000, n, link)) >= 0.85) == fits
    assert cost.largest_efficient(0.5, 12_600_000, link, accumulation=4) > workers
    assert cost.largest_efficient(0.5, 12_600_000, link, bucket_bytes=64 * MB) > workers
    machines = {"per_machine": 8, "local": Link(4e9, 1e-5)}
    assert cost.largest_efficient(0.5, 12_600_000, link, **machines) > workers
