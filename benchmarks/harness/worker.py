"""The child process: keeps units of work ready and runs them on command, one JSON object a line.

{"setup": id, "module": m, "function": f, "args": [...], "check": path} -> {"checked": bool}
{"time": id, "repeats": n} -> {"wall": seconds, "cpu": seconds} per run
{"drop": id} -> {}
Errors come back as {"error": text}.
"""

from __future__ import annotations

import gc
import importlib
import json
import os
import sys
from pathlib import Path
from time import perf_counter, process_time
from typing import Any

sys.path[0] = str(Path(__file__).resolve().parents[1])
LARGEST_MMAP_THRESHOLD = 32 << 20
CHUNKS = 4  # a measurement is the best of so many chunks: others' work on the machine only ever adds


def pin(core: str) -> None:
    """Stay on one core, before any library counts them."""
    if core and hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, {int(core)})


def settle_allocator() -> None:
    """Free one large block: glibc stops mapping such blocks anew, as in any process that has run a while.

    Without it, what a process happened to run before decides how often the kernel hands it fresh pages.
    """
    import numpy

    numpy.ones(LARGEST_MMAP_THRESHOLD - (1 << 16), dtype="uint8")


def set_up(works: dict, id: str, *, module: str, function: str, args: list, check: str) -> dict[str, Any]:
    imported = importlib.import_module(f"work.{module}")
    settle = getattr(imported, "settle", None)
    if settle is not None:  # what another piece of work has changed for the whole process
        settle()
    work = getattr(imported, function)(*args)
    work = work._replace(settle=work.settle or settle)
    works[id] = work
    gc.collect()
    gc.freeze()
    if work.check is None:
        return {"checked": False}
    import numpy

    numpy.savez(check, *work.check())
    return {"checked": True}


def time_chunk(work: Any, repeats: int) -> tuple[float, float]:
    run, prepare = work.run, work.prepare
    if prepare is None:
        wall, cpu = perf_counter(), process_time()
        for _ in range(repeats):
            run()
        return perf_counter() - wall, process_time() - cpu
    wall_sum = cpu_sum = 0.0
    for _ in range(repeats):
        prepare()
        wall, cpu = perf_counter(), process_time()
        run()
        cpu_sum += process_time() - cpu
        wall_sum += perf_counter() - wall
    return wall_sum, cpu_sum


def time_work(work: Any, repeats: int) -> dict[str, float]:
    gc.collect()  # between measurements, not in them
    if work.settle is not None:
        work.settle()
    n = max(1, repeats // CHUNKS)
    chunks = [time_chunk(work, n) for _ in range(min(CHUNKS, repeats))]
    return {"wall": min(c[0] for c in chunks) / n, "cpu": min(c[1] for c in chunks) / n}


def obey(works: dict, order: dict[str, Any]) -> dict[str, Any]:
    if "setup" in order:
        return set_up(works, order.pop("setup"), **order)
    if "time" in order:
        return time_work(works[order["time"]], order["repeats"])
    works.pop(order["drop"], None)
    gc.unfreeze()
    gc.collect()
    return {}


def main() -> None:
    pin(sys.argv[1])
    settle_allocator()
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)  # whatever a library prints must not mix with the answers
    works: dict[str, Any] = {}
    gc.disable()
    for line in sys.stdin:
        try:
            answer = obey(works, json.loads(line))
        except Exception as error:
            answer = {"error": f"{type(error).__name__}: {error}"}
        print(json.dumps(answer), file=answers, flush=True)


if __name__ == "__main__":
    main()
