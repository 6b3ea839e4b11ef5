"""Data-parallel training: all-reduce by size and mechanism, scaling from one worker to two, PyTorch DDP beside it.

    python benchmarks/distributed.py --torch PYTHON --write     # into benchmarks/distributed.md

One process per worker, each on a core of its own, one thread each, without Ray: this measures what Ray starts. A round
runs every mechanism once, for a fixed number of steps; the table has the best step over the rounds, and the processor
time of a step, which other programs on the machine do not lengthen by taking turns. `--torch` is a Python with PyTorch
and NumPy; without it these rows are left out.
"""

import argparse
import itertools
import json
import os
import platform
import subprocess
import sys
import tempfile
import time
from pathlib import Path

HERE = Path(__file__).resolve()
RESULTS = HERE.with_suffix(".md")
SIZES = [4, 64 * 1024, 2**20, 4 * 2**20, 16 * 2**20]
MECHANISMS = ["tcp", "shared_memory", "gloo"]
WORK = {
    "mlp": {
        "batches": [128, 256, 512],
        "what": "four layers, three of them 1024x1024, Adam; rows per worker",
    },
    "tagger": {
        "batches": [500, 1000, 2000],
        "what": "hash embedding, 4 convolutions, 96 wide; words per worker",
    },
}


# What a worker does. It imports thinc or torch, never both.


def timed(step, n):
    """The best time of a step and the mean processor time, both in seconds."""
    times = []
    start = time.thread_time()
    for _ in range(n):
        begin = time.perf_counter()
        step()
        times.append(time.perf_counter() - begin)
    return {"best": min(times), "cpu": (time.thread_time() - start) / n}


def thinc_mlp(api, batch):
    import numpy

    rng = numpy.random.default_rng(0)
    X = rng.normal(size=(batch, 1024)).astype("f")
    Y = numpy.eye(10, dtype="f")[rng.integers(0, 10, batch)]
    model = api.chain(*(api.Relu(1024) for _ in range(3)), api.Softmax_v2(10)).initialize(X=X, Y=Y)
    return model, X, Y


def thinc_tagger(api, batch):
    import numpy

    rng = numpy.random.default_rng(0)
    X = rng.integers(0, 2**63, batch).astype("uint64")
    Y = numpy.eye(17, dtype="f")[rng.integers(0, 17, batch)]
    layers = [
        api.residual(api.chain(api.expand_window(1), api.Maxout(96, nP=3, normalize=True))) for _ in range(4)
    ]
    model = api.chain(api.HashEmbed(96, 5000), *layers, api.Softmax_v2(17)).initialize(X=X, Y=Y)
    return model, X, Y


def connect(task, rank, channel):
    """The ring of all workers, whose addresses go through the process that has started them."""
    from thinc.distributed import open_ring
    from thinc.distributed.ring import listen

    listener = listen("127.0.0.1")
    channel.send(listener.getsockname())
    addresses = [tuple(address) for address in channel.receive()]
    return open_ring(rank, addresses, listener, token=bytes(32), backend=task["mechanism"])


def run_thinc(task, rank, size, channel):
    import thinc.api as api
    from thinc.distributed import Alone, prepare_model, prepare_optimizer
    from thinc.distributed.buckets import BUCKET_BYTES
    from thinc.distributed.gradients import average_gradients

    communicator = Alone() if size == 1 else connect(task, rank, channel)
    if task["kind"] == "allreduce":
        import numpy

        array = numpy.zeros(task["nbytes"] // 4, dtype="f")
        return timed(lambda: communicator.allreduce_(array), task["steps"])
    model, X, Y = {"mlp": thinc_mlp, "tagger": thinc_tagger}[task["work"]](api, task["batch"])
    model = prepare_model(model, communicator)
    optimizer = prepare_optimizer(api.Adam(0.001, use_averages=False), model, communicator)

    def step():
        Yh, backprop = model.begin_update(X, input_gradient=False)
        backprop((Yh - Y) / len(X))
        model.finish_update(optimizer)

    step()
    result = timed(step, task["steps"])
    if size > 1:  # the part of it that talks
        _, backprop = model.begin_update(X, input_gradient=False)
        backprop(Y)
        communicator.barrier()
        result["averaging"] = timed(
            lambda: average_gradients(model, communicator, BUCKET_BYTES), task["steps"]
        )
    result["nbytes"] = sum(W.nbytes for node in model.walk() for W in params_of(node))
    return result


def params_of(node):
    return [node.get_param(name) for name in node.param_names if node.has_param(name)]


def torch_mlp(torch, batch):
    sizes = [1024] * 4
    layers = []
    for n_in, n_out in itertools.pairwise(sizes):
        layers += [torch.nn.Linear(n_in, n_out), torch.nn.ReLU()]
    return torch.nn.Sequential(*layers, torch.nn.Linear(1024, 10)), torch.randn(batch, 1024), 10


def torch_tagger(torch, batch):
    class Layer(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.linear = torch.nn.Linear(288, 288)
            self.norm = torch.nn.LayerNorm(96)

        def forward(self, X):
            pad = X.new_zeros(1, 96)
            window = torch.cat([torch.cat([pad, X[:-1]]), X, torch.cat([X[1:], pad])], dim=1)
            return X + self.norm(self.linear(window).view(-1, 96, 3).max(dim=2).values)

    class Tagger(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.embed = torch.nn.EmbeddingBag(5000, 96, mode="sum")  # the rows are given, not hashed
            self.rest = torch.nn.Sequential(*(Layer() for _ in range(4)), torch.nn.Linear(96, 17))

        def forward(self, rows):
            return self.rest(self.embed(rows))

    return Tagger(), torch.randint(0, 5000, (batch, 4)), 17


def run_torch(task, rank, size, channel):
    import torch

    torch.set_num_threads(1)
    torch.manual_seed(0)
    if size > 1:
        torch.distributed.init_process_group(
            "gloo", init_method=f"file://{task['rendezvous']}", rank=rank, world_size=size
        )
    if task["kind"] == "allreduce":
        array = torch.zeros(task["nbytes"] // 4)
        start = time.process_time()
        result = timed(lambda: torch.distributed.all_reduce(array), task["steps"])
        result["cpu"] = (time.process_time() - start) / task["steps"]
        torch.distributed.destroy_process_group()
        return result
    model, X, n_out = {"mlp": torch_mlp, "tagger": torch_tagger}[task["work"]](torch, task["batch"])
    labels = torch.randint(0, n_out, (task["batch"],))
    if size > 1:
        model = torch.nn.parallel.DistributedDataParallel(model)
    optimizer = torch.optim.Adam(model.parameters(), lr=0.001, fused=True)

    def step():
        optimizer.zero_grad(set_to_none=True)
        torch.nn.functional.cross_entropy(model(X), labels).backward()
        optimizer.step()

    step()
    start = time.process_time()  # DDP talks in threads of its own
    result = timed(step, task["steps"])
    result["cpu"] = (time.process_time() - start) / task["steps"]
    if size > 1:
        torch.distributed.destroy_process_group()
    return result


def run_overlap(task, rank, size, channel):
    """A backward pass of four products, then four buckets of 4 MB; and with each bucket on its way in a thread."""
    import queue
    import threading

    import numpy

    from thinc.api import NumpyOps

    communicator = connect(task, rank, channel)
    ops = NumpyOps()
    A = numpy.ones((task["batch"], 1024), dtype="f")
    buckets = [numpy.zeros((1024, 1024), dtype="f") for _ in range(4)]
    ready, done = queue.SimpleQueue(), queue.SimpleQueue()

    def reduce_buckets():
        while (i := ready.get()) is not None:
            communicator.allreduce_(buckets[i].reshape(-1))
            done.put(i)

    thread = threading.Thread(target=reduce_buckets)
    thread.start()

    def in_turn():
        for bucket in buckets:
            ops.gemm(A, A, trans1=True, out=bucket)
        for bucket in buckets:
            bucket.fill(0)
            communicator.allreduce_(bucket.reshape(-1))

    def overlapping():
        for i, bucket in enumerate(buckets):
            ops.gemm(A, A, trans1=True, out=bucket)
            bucket.fill(0)
            ready.put(i)
        for _ in buckets:
            done.get()

    result = {}
    for step in (in_turn, overlapping):
        start = time.process_time()
        result[step.__name__] = timed(step, task["steps"])
        result[step.__name__]["cpu"] = (time.process_time() - start) / task["steps"]
    ready.put(None)
    thread.join()
    result["best"] = result["in_turn"]["best"]
    return result


class Channel:
    """Lines of JSON to and from the process that has started this one."""

    def send(self, value):
        print(json.dumps(value), flush=True)

    def receive(self):
        return json.loads(sys.stdin.readline())


def worker():
    """Run the task that comes on standard input; answer with its result."""
    channel = Channel()
    task = channel.receive()
    rank, size = task["rank"], task["size"]
    if hasattr(os, "sched_setaffinity"):
        cores = sorted(os.sched_getaffinity(0))
        os.sched_setaffinity(0, {cores[rank % len(cores)]})
    if task["kind"] == "overlap":
        channel.send({"result": run_overlap(task, rank, size, channel)})
        return
    if task["mechanism"] == "gloo":
        channel.send({"result": run_torch(task, rank, size, channel)})
        # DDP keeps PyTorch's group beyond destroy_process_group. A thread of Gloo that lets go of its last work while
        # the interpreter ends takes the GIL in a destructor, which aborts ("terminate called without an active
        # exception", PyTorch 2.13): leave without that end.
        os._exit(0)
    channel.send({"result": run_thinc(task, rank, size, channel)})


# What starts them, and writes the tables.


def run(python, size, **task):
    """Run a task on workers, and return the result of the slowest of them."""
    with tempfile.TemporaryDirectory() as folder:
        environment = {**os.environ, "OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}
        command = [python, str(HERE), "--worker"]
        workers = [
            subprocess.Popen(
                command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=environment
            )
            for _ in range(size)
        ]
        try:
            for rank, process in enumerate(workers):
                settings = {**task, "rank": rank, "size": size, "rendezvous": f"{folder}/store"}
                tell(process, settings)
            if size > 1 and task["mechanism"] != "gloo":
                addresses = [json.loads(process.stdout.readline()) for process in workers]
                for process in workers:
                    tell(process, addresses)
            results = [json.loads(process.stdout.readline())["result"] for process in workers]
        finally:
            for process in workers:
                process.stdin.close()
                process.stdout.close()
                process.wait(60)
        if any(process.returncode for process in workers):
            raise RuntimeError(f"{task}: workers ended with {[process.returncode for process in workers]}")
    return max(results, key=lambda result: result["best"])


def tell(process, value):
    process.stdin.write(json.dumps(value) + "\n")
    process.stdin.flush()


def best_of(results):
    """The least of each number over the rounds."""
    first = results[0]
    if not isinstance(first, dict):
        return min(results)
    return {name: best_of([result[name] for result in results]) for name in first}


def measure(pythons, rounds, steps):
    """All results: ``{"allreduce": {mechanism: {nbytes: ...}}, "work": {work: {batch: {mechanism: ...}}}}``."""
    found = {}
    for turn in range(rounds):
        for mechanism, python in pythons.items():
            for nbytes in SIZES:
                n = max(10, min(300, 30 * 2**20 // nbytes))
                result = run(python, 2, kind="allreduce", mechanism=mechanism, nbytes=nbytes, steps=n)
                found.setdefault(("allreduce", mechanism, nbytes), []).append(result)
            if mechanism != "gloo":
                result = run(python, 2, kind="overlap", mechanism=mechanism, batch=256, steps=steps)
                found.setdefault(("overlap", mechanism), []).append(result)
            for work, described in WORK.items():
                for batch in described["batches"]:
                    for size in (1, 2):
                        if size == 1 and mechanism == "shared_memory":
                            continue  # one worker is one worker
                        task = {"kind": "train", "work": work, "batch": batch, "steps": steps}
                        result = run(python, size, mechanism=mechanism, **task)
                        found.setdefault((work, mechanism, batch, size), []).append(result)
        print(f"round {turn + 1} of {rounds}", file=sys.stderr, flush=True)
    return {key: best_of(results) for key, results in found.items()}


def microseconds(seconds):
    value = seconds * 1e6
    return f"{value:.0f} µs" if value < 1000 else f"{value / 1000:.3g} ms"


def tables(found, pythons, is_busy):
    """The results as Markdown; from a busy machine without the times that two free cores are needed for."""
    names = {"tcp": "ring, TCP", "shared_memory": "ring, shared memory", "gloo": "PyTorch, Gloo"}
    lines = ["### All-reduce between two workers", ""]
    lines += ["| bytes | " + " | ".join(f"{names[m]} | processor" for m in pythons) + " |"]
    lines += ["|---" * (1 + 2 * len(pythons)) + "|"]
    for nbytes in SIZES:
        cells = [found["allreduce", mechanism, nbytes] for mechanism in pythons]
        row = " | ".join(f"{microseconds(cell['best'])} | {microseconds(cell['cpu'])}" for cell in cells)
        lines.append(f"| {nbytes:,} | {row} |")
    lines += ["", "### Four products, four buckets of 4 MB", ""]
    lines += ["| by | in turn | processor | overlapping | processor |", "|---|---|---|---|---|"]
    for mechanism in pythons:
        if mechanism != "gloo":
            cells = [found["overlap", mechanism][name] for name in ("in_turn", "overlapping")]
            row = " | ".join(f"{microseconds(cell['best'])} | {microseconds(cell['cpu'])}" for cell in cells)
            lines.append(f"| {names[mechanism]} | {row} |")
    lines += ["", "### From one worker to two", ""]
    for work, described in WORK.items():
        nbytes = found[work, "tcp", described["batches"][0], 1]["nbytes"]
        lines += [f"{work}: {described['what']}; {nbytes / 1e6:.3g} MB of gradients.", ""]
        times = "" if is_busy else " one worker | two | efficiency | averaging |"
        lines += [f"| batch | by | in processor time |{times}", "|---" * (3 + times.count("|")) + "|"]
        for batch in described["batches"]:
            for mechanism in pythons:
                alone = found[work, "gloo" if mechanism == "gloo" else "tcp", batch, 1]
                both = found[work, mechanism, batch, 2]
                row = f"| {batch} | {names[mechanism]} | {alone['cpu'] / both['cpu']:.0%} |"
                if not is_busy:
                    averaging = microseconds(both["averaging"]["best"]) if "averaging" in both else ""
                    row += f" {microseconds(alone['best'])} | {microseconds(both['best'])} "
                    row += f"| {alone['best'] / both['best']:.0%} | {averaging} |"
                lines.append(row)
        lines.append("")
    return "\n".join(lines)


def main():
    """Measure, and print or write the tables."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--worker", action="store_true", help=argparse.SUPPRESS)
    parser.add_argument("--torch", help="a Python with PyTorch")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--steps", type=int, default=20, help="of training, per round")
    parser.add_argument(
        "--busy", action="store_true", help="the machine does other things: processor time only"
    )
    parser.add_argument("--write", action="store_true", help=f"into {RESULTS.name}, between its marks")
    arguments = parser.parse_args()
    if arguments.worker:
        worker()
        return
    pythons = {"tcp": sys.executable, "shared_memory": sys.executable}
    if arguments.torch:
        pythons["gloo"] = arguments.torch
    found = measure(pythons, arguments.rounds, arguments.steps)
    text = f"Measured on {time.strftime('%Y-%m-%d')}, {platform.machine()}, {os.cpu_count()} cores.\n\n"
    text += tables(found, pythons, arguments.busy)
    if arguments.write:
        page = RESULTS.read_text(encoding="utf8")
        head, rest = page.split("<!-- results: start -->")
        tail = rest.split("<!-- results: end -->")[1]
        RESULTS.write_text(
            f"{head}<!-- results: start -->\n{text.strip()}\n<!-- results: end -->{tail}", encoding="utf8"
        )
    else:
        print(text)


if __name__ == "__main__":
    main()
