"""Training on real Ray workers, one of which is killed on the way."""

import json
from importlib.util import find_spec
from pathlib import Path

import pytest

from helpers import process
from thinc.distributed import ThincTrainer, report, resume

ROOT = Path(__file__).parent.parent.parent
ENVIRONMENT = {"RAY_AUTH_MODE": "disabled", "RAY_USAGE_STATS_ENABLED": "0"}
needs_ray = pytest.mark.skipif(find_spec("ray") is None, reason="needs Ray: pip install 'thinc[ray]'")


@needs_ray
def test_killed_worker_does_not_change_the_result(tmp_path):
    program = ROOT / "tests" / "helpers" / "ray_run.py"
    done = process.run_python(program, tmp_path, **ENVIRONMENT)
    runs = json.loads(done.stdout.splitlines()[-1])
    local, undisturbed, killed = runs["local"], runs["undisturbed"], runs["killed"]
    assert (local["workers"], undisturbed["workers"], killed["workers"]) == (1, 2, 2)
    assert undisturbed["step"] == killed["step"] == 30
    # The last checkpoint before step 18, or the one before, when Ray had not heard of the last one yet.
    assert undisturbed["started_at"] == 0 and killed["started_at"] in (12, 16)
    assert (tmp_path / "killed.marker").exists()
    assert killed["digest"] == undisturbed["digest"] != local["digest"]


@needs_ray
def test_example(tmp_path):
    example = ROOT / "examples" / "distributed" / "train.py"
    done = process.run_python(example, "--workers", 2, "--folder", tmp_path, cwd=tmp_path, **ENVIRONMENT)
    assert float(done.stdout.split()[-1].rstrip("%")) > 95


@pytest.mark.skipif(find_spec("ray") is not None, reason="Ray is installed")
def test_missing_ray_is_said():
    for call in (lambda: ThincTrainer(print), lambda: report({}), lambda: resume(None)):
        with pytest.raises(ImportError, match=r"pip install 'thinc\[ray\]'"):
            call()


def test_ray_is_not_imported():
    process.run_python("-c", "import sys, thinc.api, thinc.distributed; assert 'ray' not in sys.modules")
