"""Trains on machines with a worker each: undisturbed, and with faults on the way. Prints what came out as JSON.

`ray_run.py FOLDER short`: a worker raises, another is killed, and a machine is lost and replaced, in one run.
`ray_run.py FOLDER long`: a worker is killed when Ray may not know of the last checkpoint yet; a machine is lost and the
other one goes on. The journal of a run tells at which updates it has started and failed.
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
from ray.train import FailureConfig, RunConfig, ScalingConfig

from helpers.ray_machines import start_machines
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

EPOCHS, EVERY = 3, 4  # 10 batches per epoch


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
    step = state["step"]
    if communicator.rank == 0:
        write(config["journal"], "start", step)
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
                    "step": step,
                    "workers": communicator.world_size,
                    "by": type(communicator).__name__,
                }
                report(metrics, model, optimizer, batches=batches, extra={"epoch": epoch, "step": step})
            fault = config["faults"].get(step)
            if fault and communicator.rank == (fault != "raise"):
                fail(config, fault, step)


def write(journal, event, step):
    with open(journal, "a") as file:
        file.write(f"{event} {step}\n")


def fail(config, fault, step):
    """Fail as described, each way once."""
    journal = Path(config["journal"])
    if fault in journal.read_text():
        return
    if config["waits"]:
        ray.train.get_all_reported_checkpoints()  # returns when Ray has registered the last one
    write(journal, fault, step)
    if fault == "raise":
        raise ValueError("a bug in the training loop")
    if fault == "kill":
        os.kill(os.getpid(), signal.SIGKILL)
    marker = journal.with_suffix(".marker")
    marker.with_suffix(".new").write_text(ray.get_runtime_context().get_node_id())
    marker.with_suffix(".new").rename(marker)
    time.sleep(600)  # until its machine is lost


def fit(folder, name, num_workers=2, *, backend="auto", faults=None, waits=True, is_plain=False):
    journal = folder / f"{name}.journal"
    settings = {"journal": str(journal), "faults": faults or {}, "waits": waits, "is_plain": is_plain}
    trainer = ThincTrainer(
        train_loop,
        train_loop_config=settings,
        backend=backend,
        scaling_config=ScalingConfig(num_workers=num_workers),
        run_config=RunConfig(
            name=name, storage_path=str(folder), failure_config=FailureConfig(max_failures=6)
        ),
    )
    metrics = trainer.fit().metrics
    events = [line.split() for line in journal.read_text().splitlines()]
    return {**metrics, "journal": [(event, int(step)) for event, step in events]}


def remove_machine(cluster, machines, marker):
    """Take away the machine that the marker names, when it appears."""
    while not marker.exists():
        time.sleep(0.1)
    (lost,) = [machine for machine in machines if machine.node_id == marker.read_text()]
    machines.remove(lost)
    cluster.remove_node(lost, allow_graceful=False)


def fit_and_lose_machine(cluster, machines, folder, name, *arguments, **settings):
    removing = threading.Thread(
        target=remove_machine, args=(cluster, machines, folder / f"{name}.marker"), daemon=True
    )
    removing.start()
    metrics = fit(folder, name, *arguments, **settings)
    removing.join()
    return metrics


def main(folder, is_long):
    runs = {"plain": fit(folder, "plain", 0, is_plain=True)}  # without a cluster
    assert not ray.is_initialized()
    place = (*start_machines(2 if is_long else 3), folder)
    try:
        runs["undisturbed"] = fit(folder, "undisturbed")
        if is_long:
            runs["killed"] = fit(folder, "killed", faults={6: "raise", 18: "kill"}, waits=False)
            runs["fewer"] = fit_and_lose_machine(*place, "fewer", (1, 2), faults={18: "lose"}, is_plain=True)
        else:
            runs["pair"] = fit(folder, "pair", backend="ray", is_plain=True)
            faults = {6: "raise", 14: "kill", 22: "lose"}
            runs["disturbed"] = fit_and_lose_machine(*place, "disturbed", faults=faults)
    finally:
        ray.shutdown()
        place[0].shutdown()
    print(json.dumps(runs))


if __name__ == "__main__":
    main(Path(sys.argv[1]).resolve(), is_long=sys.argv[2] == "long")
