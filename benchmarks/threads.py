"""What a second thread is worth: our package with one and with several, PyTorch and JAX with as many.

Every process may use as many cores as it has threads; they take turns, so no two work at the same time. Wall time.
"""

from __future__ import annotations

import argparse
import os
import sys
from dataclasses import replace
from pathlib import Path

from cases import CASES, Case, Peer
from harness.environments import ONE_THREAD, REQUIREMENTS, ensure
from harness.measure import Row, Settings, measure
from harness.report import HEADINGS, cells, line, markdown, measured, section
from harness.workers import Worker, Workers, environment
from run import matches, versions

HERE = Path(__file__).resolve().parent
FRAMEWORKS = ("torch", "jax")

# How many times as fast as with one thread two must be; None: as far as the memory allows.
WANTED: dict[str, float | None] = {
    "gemm/128x256x784": 1.5,
    "gemm/512x512x512": 1.8,
    "gemm/2000x288x288": 1.8,
    "gemm/1024x1024x1024": 1.8,
    "adam/1e6": None,
    "adam/1e7": None,
    "cross-entropy/4096x1000": 1.6,
    "multibatch/20000x784": None,
    "relu/forward": 1.6,
    "gelu/forward": 1.6,
    "gelu/backward": 1.6,
    "mish/forward": 1.6,
    "softmax/forward": 1.6,
    "layernorm/forward": 1.6,
    "layernorm/backward": 1.6,
    "maxout/forward": 1.6,
    "maxout/backward": 1.6,
    "mlp/train": 1.5,
    "tagger/train": 1.5,
    "tagger/predict": 1.5,
    "predict-one/784-256-256-10": None,
    "step/1x32-32-32": None,
}


class ThreadWorkers(Workers):
    """Processes with a number of threads each; the one called "one" is ours with one thread."""

    def __init__(self, pythons: dict[str, Path], threads: int):
        super().__init__(pythons, None, None, None)
        self.threads = threads

    def get(self, name: str) -> Worker:
        if name not in self._workers:
            env = environment(name in ("ours", "one"))
            if name != "one":
                env |= {key: str(self.threads) for key in ONE_THREAD if key.endswith("NUM_THREADS")}
                env.pop("XLA_FLAGS", None)  # it takes all cores
            self._workers[name] = Worker(self.pythons[name], None, env)
        return self._workers[name]


def with_threads(case: Case, wanted: float | None) -> Case:
    """The same work; against ours with one thread, and against frameworks."""
    one = Peer("one thread", "", case.function, case.args, wanted)
    return replace(case, peers=[one, *(peer for peer in case.peers if peer.name in FRAMEWORKS)])


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--case", action="append", metavar="PATTERN", help="only these")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument(
        "--python", type=Path, default=Path(sys.executable), help="interpreter with our package"
    )
    parser.add_argument(
        "--envs", type=Path, default=HERE.parent / ".bench", help="folder of the environments"
    )
    parser.add_argument("--write", action="store_true", help="write the results into README.md")
    options = parser.parse_args()
    if options.write and options.case:
        parser.error("--write replaces the whole table; leave --case out")
    os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[-options.threads :])
    found = {name: ensure(options.envs, name) for name in FRAMEWORKS if name in REQUIREMENTS}
    pythons = {name: python for name, python in found.items() if python is not None}
    pythons |= {"ours": options.python, "one": options.python}
    cases = {case.name: case for case in CASES}
    chosen = [name for name in WANTED if matches(name, options.case)]
    settings = Settings(rounds=options.rounds, budget=0.04, clock="wall")
    rows: list[Row] = []
    print(line(HEADINGS), flush=True)
    with ThreadWorkers(pythons, options.threads) as workers:
        for name in chosen:
            case = with_threads(cases[name], WANTED[name])
            for row in measure(case, workers, settings, {"one", *FRAMEWORKS}):
                print(line(cells(row), row.note if row.wrong else ""), flush=True)
                rows.append(row)
    if options.write:
        about = "; ".join(
            f"{name}: {versions(python, name == 'ours')[0]}" for name, python in pythons.items()
        )
        text = measured(about).replace("one thread", f"{options.threads} threads")
        table = markdown(HEADINGS, [[*cells(row)[:-1], row.verdict] for row in rows])
        section(HERE / "README.md", "threads", [text, "", *table])
    return 0


if __name__ == "__main__":
    sys.exit(main())
