"""Counts the instructions of the hottest calls under valgrind: numbers that no busy machine disturbs.

Each call is run N and 2 N times; the difference is what N calls take, without whatever comes before and after. Valgrind
knows no AVX-512: the kernels are those for AVX2.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from harness.environments import ONE_THREAD
from harness.report import markdown, section

HERE = Path(__file__).resolve().parent
STORE = HERE / "callgrind.json"
# How often a call is run, the module and function that make it, and their arguments.
CALLS: dict[str, tuple[int, str, str, tuple]] = {
    "MLP, step of training, 128 rows": (2, "thinc_work", "mlp_train", (1,)),
    "tagger, step of training, 48 documents": (1, "thinc_work", "tagger_train", ()),
    "tagger, prediction": (1, "thinc_work", "tagger_predict", ()),
    "MLP 784-256-256-10, prediction, one row": (50, "thinc_work", "mlp_predict", (784, 256, 256, 10)),
    "three layers of width 32, step, one row": (50, "thinc_work", "mlp_step", (1, 32)),
    "Adam, 100,000 weights": (10, "thinc_work", "adam", (100_000,)),
    "cross-entropy, 1024x10": (
        *(20, "thinc_table", "op"),
        ("CategoricalCrossentropy", "float32", 1024, 10),
    ),
    "LayerNorm, forward, 1000x96": (20, "thinc_table", "layer", ("LayerNorm", "forward", 1000, 96)),
    "maxout, 1000x96x3": (20, "thinc_table", "op", ("maxout", "float32", 1000, 96, 3)),
    "gemm, 64x96x96": (50, "thinc_table", "op", ("gemm", "float32", 64, 96, 96)),
    "list2padded, 32 sequences of width 96": (
        *(50, "thinc_table", "op"),
        ("list2padded", "float32", 32, 5, 40, 96),
    ),
}
# The same course in every run: no randomized hashes, no threads, the kernels that valgrind can run.
FIXED = {"PYTHONHASHSEED": "0", "THINC_ISA": "avx2", "OPENBLAS_CORETYPE": "Haswell"}


MARK = "getppid"  # valgrind writes down what it has counted so far whenever this function is called


def work(names: list[str]) -> None:
    """In the process that is counted."""
    import gc
    import importlib

    for name in names:
        n, module, function, args = CALLS[name]
        made = getattr(importlib.import_module(f"work.{module}"), function)(*args)
        gc.collect()
        gc.disable()
        for repeats in (1, n, 2 * n):  # the first call may have something to set up
            os.getppid()
            for _ in range(repeats):
                if made.prepare is not None:
                    made.prepare()
                made.run()
        os.getppid()
        gc.enable()


def measure(python: Path, names: list[str]) -> dict[str, int]:
    """Instructions of one run of each call."""
    with tempfile.TemporaryDirectory() as folder:
        tool = ["valgrind", "--tool=callgrind", f"--dump-before={MARK}", f"--callgrind-out-file={folder}/out"]
        command = [*tool, str(python), __file__, "--work", *names]
        environment = {**os.environ, **ONE_THREAD, **FIXED}
        done = subprocess.run(command, capture_output=True, text=True, check=False, env=environment)
        # One file for each mark: what was counted before it, and since the one before.
        files = [Path(folder, f"out.{i + 1}") for i in range(4 * len(names))]
        if done.returncode or not all(file.exists() for file in files):
            raise SystemExit(f"{' '.join(command)} failed with {done.returncode}:\n{done.stderr[-2000:]}")
        parts = [_total(file) for file in files]
    counts = {}
    for i, name in enumerate(names):
        _, _, once, twice = parts[4 * i : 4 * i + 4]
        counts[name] = round((twice - once) / CALLS[name][0])
    return counts


def _total(file: Path) -> int:
    found = re.search(r"^(?:summary|totals): (\d+)", file.read_text(errors="replace"), re.M)
    if found is None:
        raise SystemExit(f"{file} has no total")
    return int(found[1])


def versions(python: Path) -> str:
    """What the numbers depend on besides our package."""
    code = "import platform, numpy; print('Python', platform.python_version() + ', NumPy', numpy.__version__)"
    done = subprocess.run([str(python), "-c", code], capture_output=True, text=True, check=True)
    return done.stdout.strip()


def compare(counts: dict[str, int], tolerance: float) -> bool:
    """Print the change since the numbers were stored; whether all are within the tolerance."""
    stored = json.loads(STORE.read_text())["instructions"]
    good = True
    for name, now in counts.items():
        before = stored.get(name)
        if before is None:
            print(f"{name:45} {now:>14,}  new")
            continue
        change = now / before - 1
        verdict = "MORE" if change > tolerance else "less" if change < -tolerance else "ok"
        good &= change <= tolerance
        print(f"{name:45} {before:>14,} -> {now:>14,}  {100 * change:+.2f} %  {verdict}")
    return good


def write(counts: dict[str, int], about: str) -> None:
    """Store the numbers: those of other calls stay."""
    stored = json.loads(STORE.read_text())["instructions"] if STORE.exists() else {}
    both = {name: {**stored, **counts}.get(name) for name in CALLS}
    counted = {name: number for name, number in both.items() if number is not None}
    STORE.write_text(json.dumps({"about": about, "instructions": counted}, indent=2) + "\n")
    rows = [[name, f"{number:,}"] for name, number in counted.items()]
    text = [f"Instructions of one call, {about}, kernels for AVX2.", ""]
    section(HERE / "README.md", "callgrind", text + markdown(["call", "instructions"], rows))


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    add = parser.add_argument
    add("--case", action="append", default=[], metavar="TEXT", help="only calls whose names contain it")
    add("--compare", action="store_true", help="with the stored numbers; status 1 if a call takes more")
    add("--tolerance", type=float, default=0.01, help="for --compare (default: %(default)s)")
    add("--write", action="store_true", help="store the numbers, here and in README.md")
    add("--python", type=Path, default=Path(sys.executable), help="interpreter with our package")
    add("--work", nargs="+", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.work:
        work(options.work)
        return 0
    if shutil.which("valgrind") is None:
        raise SystemExit("valgrind is not installed: it counts the instructions.")
    names = [name for name in CALLS if not options.case or any(part in name for part in options.case)]
    about = versions(options.python)
    counts = measure(options.python, names)
    if options.write:
        write(counts, about)
    if options.compare:
        stored = json.loads(STORE.read_text())["about"]
        if stored != about:
            print(f"The stored numbers are of {stored}, these of {about}: Python's own work may differ.")
        return 0 if compare(counts, options.tolerance) else 1
    for name, number in counts.items():
        print(f"{name:45} {number:>14,}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
