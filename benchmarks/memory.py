"""Peak memory of training, in processes of their own: our package, the published one, PyTorch and JAX."""

from __future__ import annotations

import argparse
import importlib
import json
import os
import subprocess
import sys
from pathlib import Path

from harness.environments import ensure
from harness.report import markdown, measured, section
from harness.workers import environment

HERE = Path(__file__).resolve().parent
WORK = {"mlp_train": (10, "MLP, epochs of 20 batches"), "tagger_train": (30, "tagger, steps")}
PEERS = {"ours": "thinc", "published": "thinc", "torch": "torch"}
MEGA = 1e6


def resident(field: str) -> int:
    """Bytes in memory now (``VmRSS``), or at most since the last reset (``VmHWM``). Linux only."""
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith(field + ":"):
            return 1024 * int(line.split()[1])
    raise KeyError(field)


def train(package: str, function: str, repeats: int) -> dict[str, int]:
    """In the process that is measured. The data is made before the training, which is what is counted."""
    module = importlib.import_module(f"work.{package}_work")
    imported = resident("VmRSS")
    work = getattr(module, function)()
    Path("/proc/self/clear_refs").write_text("5")  # resets the peak
    ready = resident("VmRSS")
    for _ in range(repeats):
        work.run()
    return {"imported": imported, "ready": ready, "peak": resident("VmHWM")}


def measure(python: Path, peer: str, function: str, repeats: int) -> dict[str, int]:
    """Start the process."""
    command = [str(python), __file__, "--train", PEERS[peer], function, str(repeats)]
    env = environment(peer == "ours")
    done = subprocess.run(command, capture_output=True, text=True, check=False, env=env)
    if done.returncode:
        raise SystemExit(f"{' '.join(command)} failed:\n{done.stderr}")
    return json.loads(done.stdout)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    add = parser.add_argument
    add("--write", action="store_true", help="write the results into README.md")
    add("--python", type=Path, default=Path(sys.executable), help="interpreter with our package")
    add("--envs", type=Path, default=HERE.parent / ".bench", help="folder of the environments")
    add("--train", nargs=3, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.train:
        package, function, repeats = options.train
        sys.path[0] = str(HERE)
        print(json.dumps(train(package, function, int(repeats))))
        return 0
    if not os.path.exists("/proc/self/clear_refs"):
        raise SystemExit("Peaks are read from /proc, which only Linux has.")
    rows = []
    for function, (repeats, about) in WORK.items():
        for peer in PEERS:
            python = options.python if peer == "ours" else ensure(options.envs, peer)
            if python is None:
                continue
            bytes_ = measure(python, peer, function, repeats)
            numbers = [bytes_["peak"], bytes_["peak"] - bytes_["imported"], bytes_["peak"] - bytes_["ready"]]
            rows.append([f"{about} ({repeats})", peer, *(f"{number / MEGA:.1f} MB" for number in numbers)])
            print("  ".join(rows[-1]), flush=True)
    if options.write:
        headings = ["training", "package", "peak of the process", "without imports", "of training alone"]
        section(HERE / "README.md", "memory", [measured(""), "", *markdown(headings, rows)])
    return 0


if __name__ == "__main__":
    sys.exit(main())
