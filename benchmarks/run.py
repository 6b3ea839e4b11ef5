"""Measures this package against its peers and the machine: see README.md."""

from __future__ import annotations

import argparse
import fnmatch
import math
import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

from cases import CASES, IMPORT_CASE
from harness.chart import draw_headlines, draw_table
from harness.environments import REQUIREMENTS, build_limits, ensure, overlay
from harness.imports import FRAMEWORKS, measure_import
from harness.measure import Row, Settings, measure
from harness.report import HEADINGS, cells, cpu_model, line, write_headlines
from harness.table import below, lines_of, mean, write, write_summary
from harness.workers import Workers, environment, environment_of
from table import TABLE

PEERS = ("published", "numpy", "torch", "jax", "tensorflow")
CLOSE = 1.1  # times the target: what is below is measured again
HERE = Path(__file__).resolve().parent
VERSIONS = """
import importlib.metadata, importlib.util, sys
if sys.path[0] == "": del sys.path[0]
found = []
for name in ("thinc", "numpy", "blis", "torch", "jax", "optax", "tensorflow_cpu", "spacy"):
    try:
        found.append(f"{name} {importlib.metadata.version(name)}")
    except importlib.metadata.PackageNotFoundError:
        if importlib.util.find_spec(name):
            found.append(f"{name} from source")
thinc = importlib.util.find_spec("thinc")
print(", ".join(found), thinc.origin if thinc else "", sep=";")
"""


def parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    add = parser.add_argument
    add("--case", action="append", metavar="PATTERN", help="only these, e.g. gemm or 'adam/1e?'")
    add("--table", action="store_true", help="every operation and layer, instead of the headlines")
    add("--list", action="store_true", help="print the names of the cases")
    add("--quick", action="store_true", help="fewer and shorter rounds")
    add("--rounds", type=int, help="number of rounds (default 9, table and quick 5)")
    add("--peers", default=",".join(PEERS), help="comma-separated; default: %(default)s")
    add("--python", type=Path, default=Path(sys.executable), help="interpreter with our package")
    add("--envs", type=Path, default=HERE.parent / ".bench", help="folder of the environments")
    add("--core", type=int, help="core to run on (default: the last one)")
    add("--cpu-time", action="store_true", help="use processor time: for a machine that is busy")
    add("--write", action="store_true", help="write results and pictures: README.md, table.md")
    return parser.parse_args()


def matches(name: str, patterns: list[str] | None) -> bool:
    """A pattern is a glob, or the start or part of a name."""
    return not patterns or any(fnmatch.fnmatch(name, p) or fnmatch.fnmatch(name, f"*{p}*") for p in patterns)


def versions(python: Path, ours: bool) -> tuple[str, str]:
    """What is installed there, and where thinc is."""
    command = [str(python), "-c", VERSIONS]
    done = subprocess.run(command, capture_output=True, text=True, check=True, env=environment(ours))
    packages, place = done.stdout.strip().split(";")
    return packages, place


def pick_core(wanted: int | None) -> int | None:
    """The last core that we may use."""
    if wanted is not None or not hasattr(os, "sched_getaffinity"):
        return wanted
    return max(os.sched_getaffinity(0))


def main() -> int:
    options = parse()
    chosen = set(options.peers.split(","))
    unknown = chosen - {*PEERS, "ours"}
    if unknown:
        raise SystemExit(f"--peers: got {', '.join(sorted(unknown))}; known: {', '.join(PEERS)}")
    selected = [case for case in (TABLE if options.table else CASES) if matches(case.name, options.case)]
    with_import = not options.table and matches(IMPORT_CASE, options.case)
    short = options.quick or options.table
    if options.list:
        print("\n".join([case.name for case in selected] + [IMPORT_CASE] * with_import))
        return 0
    if not selected and not with_import:
        raise SystemExit(f"--case: nothing matches {' '.join(options.case)}; see --list")
    wanted = {
        environment_of(peer.name, peer.module or case.module)
        for case in selected
        for peer in case.peers
        if peer.name.split()[0] in chosen
    }
    if with_import:
        wanted.update(chosen.intersection(FRAMEWORKS))
    needed = [name for name in REQUIREMENTS if name in wanted]
    found = {name: ensure(options.envs, name) for name in needed}
    pythons = {name: python for name, python in found.items() if python is not None}
    pythons["ours"] = options.python
    place = versions(options.python, True)[1]
    laid_over = None
    if "spacy" in pythons and place:
        laid_over = overlay(options.envs, Path(place).parent)
        pythons["spacy-ours"] = pythons["spacy"]
    limits = build_limits(options.envs, HERE / "work" / "limits.cc")
    settings = Settings(
        rounds=options.rounds or (5 if short else 9),
        budget=0.006 if options.table else 0.015 if options.quick else 0.04,
        clock="cpu" if options.cpu_time else "wall",
        patience=0.2 if options.table else math.inf,
    )
    core = pick_core(options.core)
    about = "; ".join(
        f"{name}: {versions(p, name == 'ours')[0]}" for name, p in pythons.items() if name != "spacy-ours"
    )
    if not place:
        print(f"{options.python} finds no thinc: install it there, set PYTHONPATH, or name another --python.")
    print(f"{cpu_model()}, core {core}, {settings.rounds} rounds\n{about}\nours is {place}", end="\n\n")
    print(line(HEADINGS), flush=True)
    found_rows: dict[str, list[Row]] = {}
    with Workers(pythons, core, limits, laid_over) as workers:
        for case in selected:
            found_rows[case.name] = show(measure(case, workers, settings, chosen))
    if options.table:
        close = [case for case in selected if any(is_close(row) for row in found_rows[case.name])]
        print(f"\nAgain, in new processes, what is close to its target: {len(close)} of {len(selected)}")
        longer = replace(settings, rounds=3 * settings.rounds, patience=1.0)
        with Workers(pythons, core, limits, laid_over) as workers:
            for case in close:
                found_rows[case.name] = show(measure(case, workers, longer, chosen))
    rows = [row for case in selected for row in found_rows[case.name]]
    if with_import:
        environments = [options.envs / name for name in FRAMEWORKS if name in pythons]
        rows += show([measure_import(options.python, environments, core, settings.rounds)])
    targets = [row for row in rows if row.target is not None]
    reached = sum(row.verdict == "ok" for row in targets)
    print(f"\n{reached} of {len(targets)} targets reached")
    whole = None if options.case else about
    if options.table:
        finish_table(rows, whole, options.write)
    elif options.write:
        everything = write_headlines(HERE / "README.md", rows, whole)
        draw_headlines(HERE / "headlines.png", everything)
    return 0


def is_close(row: Row) -> bool:
    """Whether chance, such as where in memory the arrays of a process lie, may decide if the target is reached."""
    return row.target is not None and row.ratio is not None and row.ratio < CLOSE * row.target


def finish_table(rows: list[Row], about: str | None, keep: bool) -> None:
    """Print what is below level, and write everything, if wanted."""
    lines = lines_of(rows)
    for best, slow in below(lines):
        print(f"{best:.2f}  {' '.join(slow.key)}")
    means = f"published {mean(line.ratios.get('published') for line in lines):.2f}"
    print(f"geometric means: {means}, best peer {mean(line.best for line in lines):.2f}")
    if keep:
        everything = write(HERE / "table.md", lines, about)
        write_summary(HERE / "README.md", everything)
        draw_table(HERE / "table.png", everything)


def show(rows: list[Row]) -> list[Row]:
    for row in rows:
        print(line(cells(row), row.note), flush=True)
    return rows


if __name__ == "__main__":
    sys.exit(main())
