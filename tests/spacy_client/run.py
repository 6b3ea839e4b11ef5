"""Runs spaCy's published wheel on our wheel, in environments of its own, and compares it with the published package.

python tests/spacy_client/run.py            everything: our tests, then spaCy's own in both environments
python tests/spacy_client/run.py --short    ours alone: imports, a short training, saving, a saved pipeline
"""

import argparse
import hashlib
import json
import os
import subprocess
import sys
import tempfile
import time
import xml.etree.ElementTree as ET
from pathlib import Path

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[1]
SPACY, PUBLISHED = "spacy==3.8.18", "thinc==8.3.14"
TOOLS = ["pytest"]
SUITE_TOOLS = ["hypothesis", "mock"]  # what spaCy's own tests import
SHORT = [
    "test_installation.py",
    "test_saved.py",
    "test_pipelines.py",
    "test_distributed.py",
    "-k",
    "not [ or spacy or everything",
]
ONE_THREAD = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "1")


def parse():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    add = parser.add_argument
    add("--short", action="store_true", help="under two minutes, without the published package")
    add("--wheel", type=Path, help="our wheel (default: the newest in dist/)")
    add(
        "--envs", type=Path, default=ROOT / ".bench", help="folder of the environments (default: %(default)s)"
    )
    add("--no-suite", action="store_true", help="leave out spaCy's own tests")
    return parser.parse_args()


def newest_wheel():
    """The wheel that was built last."""
    wheels = sorted((ROOT / "dist").glob("thinc-*.whl"), key=lambda path: path.stat().st_mtime)
    if not wheels:
        raise SystemExit(f"No thinc-*.whl in {ROOT / 'dist'}: build it with `pip wheel --no-deps -w dist .`")
    return wheels[-1]


def environment(folder, name, requirements, fingerprint):
    """Make a virtual environment unless it is there with just that in it; returns its interpreter."""
    place = folder / name
    python = place.joinpath(*(("Scripts", "python.exe") if os.name == "nt" else ("bin", "python")))
    marker, wanted = place / "installed.json", [*requirements, fingerprint, sys.version]
    if marker.exists() and json.loads(marker.read_text()) == wanted:
        return python
    print(f"Making the environment {place}: {' '.join(requirements)}", flush=True)
    folder.mkdir(parents=True, exist_ok=True)
    subprocess.run([sys.executable, "-m", "venv", "--clear", str(place)], check=True)
    subprocess.run([str(python), "-m", "pip", "install", "--quiet", *requirements], check=True)
    marker.write_text(json.dumps(wanted))
    return python


def variables(**more):
    """Of the processes that test: one thread, and nothing but what is installed."""
    kept = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    return {**kept, **ONE_THREAD, "PYTHONDONTWRITEBYTECODE": "1", **more}


def start_suite(python, report):
    """Start spaCy's own tests in an environment."""
    command = [
        str(python),
        "-m",
        "pytest",
        "-q",
        "--no-header",
        "-p",
        "no:cacheprovider",
        "-p",
        "upstream_strategies",
    ]
    command += ["--pyargs", "spacy", f"--junitxml={report}"]
    log = report.with_suffix(".log").open("w")
    with log:
        return subprocess.Popen(
            command,
            cwd=report.parent,
            env=variables(PYTHONPATH=str(HERE)),
            stdout=log,
            stderr=subprocess.STDOUT,
        )


def outcomes(report):
    """Sets of names from a report: all tests, and those that failed."""
    if not report.exists():
        raise SystemExit(f"spaCy's tests did not finish:\n{report.with_suffix('.log').read_text()[-4000:]}")
    cases = list(ET.parse(report).iter("testcase"))
    name = {case: f"{case.get('classname')}::{case.get('name')}" for case in cases}
    failed = {
        name[case] for case in cases if case.find("failure") is not None or case.find("error") is not None
    }
    return set(name.values()), failed


def compare_suites(ours, published):
    """Run spaCy's own tests in both environments; false if one fails on ours alone."""
    with tempfile.TemporaryDirectory() as scratch:
        reports = {"ours": Path(scratch, "ours.xml"), "published": Path(scratch, "published.xml")}
        running = [
            start_suite(python, reports[n]) for n, python in (("ours", ours), ("published", published))
        ]
        for process in running:
            process.wait()
        (all_ours, failed_ours), (all_published, failed_published) = map(outcomes, reports.values())
    print(f"spaCy's own tests: {len(all_ours)} on ours, {len(all_published)} on the published package")
    for title, names in (
        ("Fail on both", failed_ours & failed_published),
        ("Fail on the published package alone", failed_published - failed_ours),
        ("Fail on ours alone", failed_ours - failed_published),
        ("Were not run on ours", all_published - all_ours),
    ):
        print(f"{title}: {len(names)}", *sorted(names), sep="\n    ")
    return not (failed_ours - failed_published or all_published - all_ours)


def main():
    options = parse()
    start = time.monotonic()
    wheel = (options.wheel or newest_wheel()).resolve()
    digest = hashlib.sha256(wheel.read_bytes()).hexdigest()
    tools = TOOLS if options.short else [*TOOLS, *SUITE_TOOLS]
    name = "spacy-short" if options.short else "spacy-ours"
    ours = environment(options.envs, name, [SPACY, str(wheel), *tools], digest)
    settings, chosen = {"THINC_SPACY_CLIENT": "1"}, SHORT
    if not options.short:
        published = environment(options.envs, "spacy-published", [SPACY, PUBLISHED, *tools], "")
        settings["THINC_SPACY_PEER"], chosen = str(published), []
    command = [str(ours), "-m", "pytest", "-c", "pytest.cfg", "--rootdir", ".", "-q", *chosen]
    passed = subprocess.run(command, cwd=HERE, env=variables(**settings), check=False).returncode == 0
    if not (options.short or options.no_suite):
        passed = compare_suites(ours, published) and passed
    print(f"{'Passed' if passed else 'FAILED'} in {time.monotonic() - start:.0f} s, environments included")
    return 0 if passed else 1


if __name__ == "__main__":
    sys.exit(main())
