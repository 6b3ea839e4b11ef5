"""Start machines of Ray, for programs that `run_with_ray` runs. A machine is a few processes here."""

import sys
import traceback

import ray
from ray.cluster_utils import Cluster

from helpers.ray_process import NOT_STARTED

OWN = {"wait": False, "object_store_memory": 80 * 2**20}


def start_machines(n):
    """A cluster of a head that runs no workers and `n` machines for one worker each; this process belongs to it."""
    try:
        cluster = Cluster()
        cluster.add_node(num_cpus=0, include_dashboard=False, dashboard_agent_listen_port=0, **OWN)
        machines = [add_machine(cluster) for _ in range(n)]
        cluster.wait_for_nodes(300)
        ray.init(address=cluster.address, log_to_driver=False)
    except Exception:
        traceback.print_exc()
        sys.exit(NOT_STARTED)
    return cluster, machines


def add_machine(cluster):
    return cluster.add_node(num_cpus=1, **OWN)
