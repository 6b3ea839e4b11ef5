"""Training on real Ray workers, where it takes longer: `make test-ray`."""

import json
from importlib.util import find_spec
from pathlib import Path

import numpy
import pytest

from helpers.ray_process import check_command_line, find_line, run_with_ray

ROOT = Path(__file__).parent.parent.parent
needs_ray = pytest.mark.skipif(find_spec("ray") is None, reason="needs Ray: pip install 'thinc[ray]'")


@needs_ray
def test_killed_at_any_moment_and_fewer_workers(tmp_path):
    program = ROOT / "tests" / "helpers" / "ray_run.py"
    # After a loss Ray waits as long for a machine that does not come.
    settings = {"RAY_TRAIN_WORKER_GROUP_START_TIMEOUT_S": "60"}
    done = run_with_ray(program, tmp_path, "long", timeout=2400, **settings)
    runs = json.loads(find_line(done, "{"))
    undisturbed, killed, fewer, plain = (runs[name] for name in ("undisturbed", "killed", "fewer", "plain"))
    assert undisturbed["journal"] == [["start", 0]]
    (_, first), raised, (_, second), died, (_, third) = killed["journal"]
    assert (raised, died) == (["raise", 6], ["kill", 18])
    # Ray need not have heard of what was reported last.
    assert first == 0 and second in (0, 4) and third in (0, 4, 8, 12, 16)
    assert killed["step"] == 30 and killed["digest"] == undisturbed["digest"]
    # Of two machines one is left. In order and without dropout, the workers do what one does.
    assert ["lose", 18] in fewer["journal"] and fewer["step"] == plain["step"] == 30
    assert fewer["workers"] == plain["workers"] == 1
    assert fewer["guesses"] == pytest.approx(plain["guesses"], abs=1e-4)


@needs_ray
def test_groups_of_ray_util_collective(tmp_path):
    program = ROOT / "tests" / "helpers" / "ray_collectives.py"
    done = run_with_ray(program, tmp_path, timeout=1200)
    found = json.loads(find_line(done, "{"))
    groups = found["groups"]
    data = numpy.arange(4.0).reshape(2, 2) + numpy.arange(3).reshape(3, 1, 1)
    for rank, results in enumerate(groups["declared"]):
        assert results == {
            "SUM": data.sum(axis=0).tolist(),
            "PRODUCT": data.prod(axis=0).tolist(),
            "MIN": data[0].tolist(),
            "MAX": data[2].tolist(),
            "reduce": (data.sum(axis=0) if rank == 1 else data[rank]).tolist(),
            "broadcast": data[2].tolist(),
            "allgather": data.tolist(),
            "reducescatter": (rank * data.sum(axis=0)).tolist(),
        }
    assert groups["joined"] == groups["again"] == groups["declared"]
    for rank, error in enumerate(groups["errors"]):
        assert error.startswith(f"Rank {rank} lost the connection to another worker")
    # Of two workers, all ways of adding give the same bits.
    (expected,) = set(found["threads"])
    assert found["ray"]["digest"] == expected and found["ray"]["by"] == "GroupCommunicator"
    if find_spec("torch") is not None:
        gloo = found["gloo"]
        assert gloo["digest"] == expected and gloo["by"] == "GroupCommunicator" and gloo["started_at"] > 0


@needs_ray
def test_example(tmp_path):
    example = ROOT / "examples" / "distributed" / "train.py"
    arguments = [example, "--workers", 2, "--folder", tmp_path]
    done = run_with_ray(*arguments, timeout=1200, cwd=tmp_path)
    assert float(find_line(done, "epoch 30  workers 2  dev ").rstrip("%")) > 95


@needs_ray
def test_example_of_spacy(tmp_path):
    """The score of the tagger, which one epoch leaves with mistakes, is the same on two workers."""
    if find_spec("spacy") is None:
        pytest.skip("needs spaCy: pip install spacy")
    example = ROOT / "examples" / "distributed" / "spacy_tagger.py"
    scores = []
    for workers in (0, 2):
        arguments = [example, "--epochs", 1, "--workers", workers, "--folder", tmp_path / str(workers)]
        done = run_with_ray(*arguments, timeout=1200, cwd=tmp_path)
        scores.append(float(find_line(done, f"epoch 1  workers {workers}  tags ").rstrip("%")))
    assert 90 < scores[0] < 100 and scores[1] == scores[0]


@needs_ray
def test_command_line_on_two_workers(tmp_path):
    check_command_line(tmp_path, 2)
