"""Trains on two machines with a worker each: undisturbed, and with faults on the way.

One worker raises and another is killed; a machine is lost and replaced; a machine is lost and the other one goes on.
The machines are processes here. Prints what came out as JSON.
"""

import json
import os
import signal
import sys
import threading
import time
from pathlib import Path

import numpy
import ray
from ray.cluster_utils import Cluster
from ray.train import FailureConfig, RunConfig, ScalingConfig

from thinc.api import (
    Adam,
    CategoricalCrossentropy,
    LayerNorm,
    Relu,
    Softmax_v2,
    chain,
    fix_random_seed,
    warmup_linear as warmup,
)
from thinc.distributed import (
    ThincTrainer,
    get_communicator,
    prepare_model,
    prepare_optimizer,
    report,
    resume,
    shard,
)
from thinc.distributed.parameters import digest_parameters

EPOCHS, EVERY, RAISES_AT, KILLED_AT = 3, 4, 6, 18  # 10 batches per epoch


def assert_same_everywhere(digest, communicator):
    own = numpy.frombuffer(bytes.fromhex(digest), dtype="u1").copy()
    first = own.copy()
    communicator.broadcast_(first)
    assert (first == own).all(), "workers have different weights"


def train_loop(config):
    communicator = get_communicator()
    fix_random_seed(communicator.rank)  # other dropout, and other weights until they are made the same
    rng = numpy.random.default_rng(0)
    X = rng.normal(size=(200, 6)).astype("f")
    Y = (X[:, 0] > X[:, 1]).astype("int32")
    is_plain = config["is_plain"]
    model = chain(Relu(16, dropout=0.0 if is_plain else 0.3), LayerNorm(), Softmax_v2(2)).initialize(X=X)
    model = prepare_model(model)
    optimizer = prepare_optimizer(Adam(warmup(0.01, 5, 40)), model)
    size = 20 // communicator.world_size
    batches = model.ops.multibatch(size, *shard(X, Y), shuffle=not is_plain, seed=1)
    loss = CategoricalCrossentropy()
    state = resume(model, optimizer, batches=batches, default={"epoch": 0, "step": 0})
    step = started_at = state["step"]
    for epoch in range(state["epoch"], EPOCHS):
        for x, y in batches:
            Yh, backprop = model.begin_update(x)
            backprop(loss.get_grad(Yh, y))
            model.finish_update(optimizer)
            optimizer.step_schedules()
            step += 1
            digest = digest_parameters(model)
            assert_same_everywhere(digest, communicator)
            if step % EVERY == 0 or step == EPOCHS * len(batches):
                metrics = {
                    "digest": digest,
                    "guesses": model.predict(X[:5]).ravel().tolist(),
                    "started_at": started_at,
                    "step": step,
                    "workers": communicator.world_size,
                }
                report(metrics, model, optimizer, batches=batches, extra={"epoch": epoch, "step": step})
            if config["fault"]:
                fail(Path(config["marker"]), config["fault"], communicator.rank, step)


def fail(marker, fault, rank, step):
    """Fail as described, each way once."""
    raised = marker.with_suffix(".raised")
    if fault == "killed" and rank == 0 and step == RAISES_AT and not raised.exists():
        raised.touch()
        raise ValueError("a bug in the training loop")
    if rank == 1 and step == KILLED_AT and not marker.exists():
        marker.with_suffix(".new").write_text(ray.get_runtime_context().get_node_id())
        marker.with_suffix(".new").rename(marker)
        if fault == "killed":
            os.kill(os.getpid(), signal.SIGKILL)
        time.sleep(120)  # until its machine is lost


def fit(folder, name, fault=None, num_workers=2, **settings):
    marker = str(folder / f"{name}.marker")
    trainer = ThincTrainer(
        train_loop,
        train_loop_config={"marker": marker, "fault": fault, "is_plain": False, **settings},
        scaling_config=ScalingConfig(num_workers=num_workers),
        run_config=RunConfig(
            name=name, storage_path=str(folder), failure_config=FailureConfig(max_failures=2)
        ),
    )
    return trainer.fit().metrics


def remove_machine(cluster, machines, marker):
    """Take away the machine that the marker names, when it appears."""
    while not marker.exists():
        time.sleep(0.1)
    (lost,) = [machine for machine in machines if machine.node_id == marker.read_text()]
    machines.remove(lost)
    cluster.remove_node(lost, allow_graceful=False)


def fit_and_lose_machine(cluster, machines, folder, name, **settings):
    arguments = (cluster, machines, folder / f"{name}.marker")
    removing = threading.Thread(target=remove_machine, args=arguments, daemon=True)
    removing.start()
    metrics = fit(folder, name, "lost", **settings)
    removing.join()
    return metrics


if __name__ == "__main__":  # FOLDER
    folder = Path(sys.argv[1]).resolve()
    cluster = Cluster(initialize_head=True, head_node_args={"num_cpus": 0, "include_dashboard": False})
    machines = [cluster.add_node(num_cpus=1) for _ in range(2)]
    ray.init(address=cluster.address, log_to_driver=False)
    try:
        runs = {
            "local": fit(folder, "local", num_workers=0),
            "plain": fit(folder, "plain", num_workers=0, is_plain=True),
            "undisturbed": fit(folder, "undisturbed"),
            "killed": fit(folder, "killed", "killed"),
        }
        machines.append(cluster.add_node(num_cpus=1))
        runs["lost"] = fit_and_lose_machine(cluster, machines, folder, "lost")
        runs["fewer"] = fit_and_lose_machine(
            cluster, machines, folder, "fewer", num_workers=(1, 2), is_plain=True
        )
    finally:
        ray.shutdown()
        cluster.shutdown()
    print(json.dumps(runs))
