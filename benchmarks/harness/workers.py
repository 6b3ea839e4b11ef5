"""The parent's side of the worker processes: started when first needed, alive until the end."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path
from typing import Any

from .environments import ONE_THREAD

WORKER = Path(__file__).with_name("worker.py")


def environment(ours: bool) -> dict[str, str]:
    """Environment variables. Only ours sees PYTHONPATH: it may lead to our source tree."""
    env = {**os.environ, **ONE_THREAD}
    if not ours:
        env.pop("PYTHONPATH", None)
    return env


class WorkerError(RuntimeError):
    """A worker could not do what it was told."""


class Worker:
    """One process with one interpreter."""

    def __init__(self, python: Path, core: int | None, env: dict[str, str]):
        command = [str(python), str(WORKER), "" if core is None else str(core)]
        self.process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=env
        )

    def ask(self, **order: Any) -> dict[str, Any]:
        """Send an order, wait for the answer."""
        assert self.process.stdin and self.process.stdout
        try:
            self.process.stdin.write(json.dumps(order) + "\n")
            self.process.stdin.flush()
            line = self.process.stdout.readline()
        except BrokenPipeError:
            line = ""
        if not line:
            raise WorkerError(f"the process ended with status {self.process.wait()} during {order}")
        answer = json.loads(line)
        if "error" in answer:
            raise WorkerError(answer["error"])
        return answer

    def stop(self) -> None:
        """End the process."""
        assert self.process.stdin
        self.process.stdin.close()
        self.process.wait()


def environment_of(peer: str, module: str) -> str:
    """Where a peer runs a module.

    NumPy and the machine's limits run in the process that has our package; spaCy in its own environment, with
    the published package or with ours laid over it.
    """
    if module in ("numpy_work", "machine_work"):
        return "ours"
    if module == "spacy_work":
        return "spacy-ours" if peer == "ours" else "spacy"
    return peer.split()[0]


class Workers:
    """All processes, by the name of their environment: ours, published, torch, jax, spacy, spacy-ours."""

    def __init__(self, pythons: dict[str, Path], core: int | None, limits: Path | None, overlay: Path | None):
        self.pythons = pythons
        self.core = core
        self.limits = limits
        self.overlay = overlay
        self._workers: dict[str, Worker] = {}

    def __enter__(self) -> Workers:
        return self

    def __exit__(self, *exc: object) -> None:
        for worker in self._workers.values():
            worker.stop()

    def has(self, environment: str, module: str) -> bool:
        """Whether a process for it can be started."""
        return environment in self.pythons and (module != "machine_work" or self.limits is not None)

    def get(self, environment_name: str) -> Worker:
        """The process of an environment."""
        worker = self._workers.get(environment_name)
        if worker is None or worker.process.poll() is not None:
            env = environment(environment_name == "ours")
            if environment_name == "spacy-ours":
                env["PYTHONPATH"] = str(self.overlay)
            if self.limits is not None:
                env["THINC_BENCH_LIMITS"] = str(self.limits)
            worker = Worker(self.pythons[environment_name], self.core, env)
            self._workers[environment_name] = worker
        return worker
