"""Groups of ray.util.collective: of actors, with our ring; and of the workers of a trainer. Prints the results as JSON.

One of the actors is killed, and another group made under the same name. One of the workers raises.
"""

import json
import sys
from importlib.util import find_spec
from pathlib import Path

import numpy
import ray
from ray.train import FailureConfig, RunConfig, ScalingConfig
from ray.util import collective
from ray.util.collective.types import ReduceOp

from helpers.workers import run_all
from thinc.api import Adam, Relu, Softmax_v2, chain
from thinc.distributed import (
    ThincTrainer,
    get_communicator,
    prepare_model,
    prepare_optimizer,
    register_collectives,
    report,
    resume,
    shard,
    use_communicator,
)
from thinc.distributed.parameters import digest_parameters, parameters_of

N_ACTORS, STEPS = 3, 8


@ray.remote(num_cpus=0)
class Member:
    def __init__(self, rank):
        register_collectives()
        register_collectives()  # does no harm
        self.rank = rank

    def join(self, group):
        collective.init_collective_group(N_ACTORS, self.rank, backend="thinc", group_name=group)

    def work(self, group):
        data = numpy.arange(4.0).reshape(2, 2) + self.rank
        results = {}
        for op in ReduceOp:
            array = data.copy()
            collective.allreduce(array, group, op)
            results[op.name] = array.tolist()
        array = data.copy()
        collective.reduce(array, 1, group)
        results["reduce"] = array.tolist()
        array = data.copy()
        collective.broadcast(array, 2, group)
        results["broadcast"] = array.tolist()
        places = [numpy.empty((2, 2)) for _ in range(N_ACTORS)]
        collective.allgather(places, data, group)
        results["allgather"] = [place.tolist() for place in places]
        collective.reducescatter(array, [data * i for i in range(N_ACTORS)], group)
        results["reducescatter"] = array.tolist()
        collective.barrier(group)
        return results

    def wait(self, group):
        """Do what the others do not take part in; tell what comes of it, and leave."""
        try:
            collective.barrier(group)
        except ConnectionError as err:
            return str(err)
        finally:
            collective.destroy_collective_group(group)


def use_groups():
    register_collectives()
    members = [Member.remote(rank) for rank in range(N_ACTORS)]
    collective.create_collective_group(members, N_ACTORS, list(range(N_ACTORS)), "thinc", "declared")
    found = {"declared": ray.get([member.work.remote("declared") for member in members])}
    ray.get([member.join.remote("joined") for member in members])
    found["joined"] = ray.get([member.work.remote("joined") for member in members])
    waiting = [member.wait.remote("joined") for member in members[:-1]]
    ray.kill(members[-1])
    found["errors"] = ray.get(waiting)
    members[-1] = Member.remote(N_ACTORS - 1)
    ray.get([member.join.remote("joined") for member in members])
    found["again"] = ray.get([member.work.remote("joined") for member in members])
    return found


def train(fault=None):
    """Train without random numbers; return how far this process had to go, and what came out."""
    rng = numpy.random.default_rng(0)
    X = rng.normal(size=(40, 6)).astype("f")
    Y = numpy.eye(2, dtype="f")[(X[:, 0] > X[:, 1]).astype("int")]
    model = chain(Relu(5), Softmax_v2(2)).initialize(X=X, Y=Y)
    if get_communicator().rank == 0:
        for _, _, W in parameters_of(model):
            W[...] = rng.normal(size=W.shape)
    model = prepare_model(model)
    optimizer = prepare_optimizer(Adam(0.01), model)
    batches = model.ops.multibatch(5, *shard(X, Y))
    step = started_at = 0
    if fault is not None:
        step = started_at = resume(model, optimizer, batches=batches, default=0)
    while step < STEPS:
        for x, y in batches:
            if fault and get_communicator().rank == 1 and step == 6 and not Path(fault).exists():
                Path(fault).touch()
                raise ValueError("a bug in the training loop")
            Yh, backprop = model.begin_update(x)
            backprop((Yh - y) / len(x))
            model.finish_update(optimizer)
            step += 1
            if fault is not None and step % 2 == 0:
                metrics = {"digest": digest_parameters(model), "step": step, "started_at": started_at}
                metrics["by"] = type(get_communicator()).__name__
                report(metrics, model, optimizer, batches=batches, extra=step)
    return digest_parameters(model)


def train_in_thread(ring):
    with use_communicator(ring):
        return train()


def fit(folder, backend, fault):
    trainer = ThincTrainer(
        lambda config: train(config["fault"]),
        train_loop_config={"fault": fault and str(folder / fault)},
        backend=backend,
        scaling_config=ScalingConfig(num_workers=2),
        run_config=RunConfig(
            name=backend, storage_path=str(folder), failure_config=FailureConfig(max_failures=1)
        ),
    )
    return trainer.fit().metrics


if __name__ == "__main__":  # FOLDER
    folder = Path(sys.argv[1]).resolve()
    ray.init("local", num_cpus=2, include_dashboard=False, log_to_driver=False)
    try:
        found = {"groups": use_groups(), "threads": run_all(2, train_in_thread)}
        found["ray"] = fit(folder, "ray", "")
        if find_spec("torch") is not None:
            found["gloo"] = fit(folder, "gloo", "raised")
    finally:
        ray.shutdown()
    print(json.dumps(found))
