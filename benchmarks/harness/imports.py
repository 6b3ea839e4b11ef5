"""How long `import thinc.api` takes, in fresh processes, against `import numpy`."""

from __future__ import annotations

import statistics
import subprocess
from pathlib import Path

from cases import IMPORT_CASE, IMPORT_LIMIT, IMPORT_LIMIT_PYDANTIC

from .measure import Row
from .workers import environment

FRAMEWORKS = ("torch", "tensorflow", "jax", "mxnet", "cupy")
CODE = """
import importlib.util, os, sys, time
if sys.path[0] == "": del sys.path[0]
if hasattr(os, "sched_setaffinity") and {core!r} != "None": os.sched_setaffinity(0, {{int({core!r})}})
sys.path.extend({paths!r})
start = time.perf_counter()
import {module}
seconds = time.perf_counter() - start
visible = [f for f in {frameworks!r} if importlib.util.find_spec(f)]
loaded = [f for f in {frameworks!r} if f in sys.modules]
print(seconds, ",".join(visible), ",".join(loaded), bool(importlib.util.find_spec("pydantic")), sep=";")
"""


def measure_import(python: Path, environments: list[Path], core: int | None, rounds: int) -> Row:
    """Frameworks in the peers' environments are made visible to our interpreter, after its own packages."""
    paths = [str(path) for env in environments for path in sorted(env.glob("lib*/**/site-packages"))]
    numpy_times: list[float] = []
    our_times: list[float] = []
    # Byte code is kept, as it is where a package is installed.
    variables = {key: text for key, text in environment(True).items() if key != "PYTHONDONTWRITEBYTECODE"}
    for i in range(rounds + 1):  # the first round fills the caches
        for module, times in (("numpy", numpy_times), ("thinc.api", our_times)):
            code = CODE.format(core=str(core), paths=paths, module=module, frameworks=FRAMEWORKS)
            done = subprocess.run(
                [str(python), "-c", code], capture_output=True, text=True, check=False, env=variables
            )
            if done.returncode:
                return Row(IMPORT_CASE, "import numpy", note=done.stderr.strip().splitlines()[-1])
            seconds, visible, loaded, pydantic = done.stdout.strip().split(";")
            if i:
                times.append(float(seconds))
    limit = IMPORT_LIMIT_PYDANTIC if pydantic == "True" else IMPORT_LIMIT
    note = f"at most {limit:g} times numpy's; visible: {visible or 'no framework'}"
    row = Row(IMPORT_CASE, "import numpy", statistics.median(our_times), statistics.median(numpy_times))
    row.ratio = statistics.median(theirs / ours for theirs, ours in zip(numpy_times, our_times, strict=True))
    row.unit, row.target, row.note, row.wrong = "cost", 1 / limit, note, bool(loaded)
    if loaded:
        row.note = f"imports {loaded}; {note}"
    return row
