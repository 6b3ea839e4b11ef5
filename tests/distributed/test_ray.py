"""Training on real Ray workers, which raise, are killed, or lose their machine on the way."""

import json
from importlib.util import find_spec
from pathlib import Path

import numpy
import pytest

from helpers import process
from helpers.device import use_as_cupy
from thinc.api import Config, registry
from thinc.distributed import ThincTrainer, demo, report, resume, trainer_from_config
from thinc.distributed.ring import listen

ROOT = Path(__file__).parent.parent.parent
ENVIRONMENT = {
    "RAY_AUTH_MODE": "disabled",
    "RAY_USAGE_STATS_ENABLED": "0",
    "RAY_ADDRESS": "local",  # a cluster of its own, not one that another test has started meanwhile
    "RAY_raylet_start_wait_time_s": "120",  # on a busy machine
}
needs_ray = pytest.mark.skipif(find_spec("ray") is None, reason="needs Ray: pip install 'thinc[ray]'")


def find_line(done, start):
    """What follows `start` in the line that begins with it; of ``{`` all. Ray prints lines of its own in between."""
    (line,) = [line for line in done.stdout.splitlines() if line.startswith(start)]
    return line if start == "{" else line.removeprefix(start)


@needs_ray
def test_lost_worker_and_lost_machine_do_not_change_the_result(tmp_path):
    program = ROOT / "tests" / "helpers" / "ray_run.py"
    # Four runs on workers, of 15 to 30 s each on an idle machine.
    done = process.run_python(program, tmp_path, timeout=1200, **ENVIRONMENT)
    runs = json.loads(find_line(done, "{"))
    local, undisturbed = runs["local"], runs["undisturbed"]
    assert (local["workers"], undisturbed["workers"]) == (1, 2)
    assert undisturbed["step"] == 30 and undisturbed["started_at"] == 0
    assert undisturbed["digest"] != local["digest"]
    for name in ("killed", "lost"):
        disturbed = runs[name]
        assert (tmp_path / f"{name}.marker").exists()
        # The last checkpoint before step 18, or the one before, when Ray had not heard of the last one yet.
        assert disturbed["started_at"] in (12, 16) and disturbed["step"] == 30 and disturbed["workers"] == 2
        assert disturbed["digest"] == undisturbed["digest"]
    assert (tmp_path / "killed.raised").exists()
    # Of two machines one is left. In order and without dropout, the workers do what one does.
    fewer, plain = runs["fewer"], runs["plain"]
    assert fewer["started_at"] in (12, 16) and fewer["step"] == plain["step"] == 30
    assert (tmp_path / "fewer.marker").exists() and fewer["workers"] == plain["workers"] == 1
    assert fewer["digest"] != local["digest"]
    assert fewer["guesses"] == pytest.approx(plain["guesses"], abs=1e-4)


@needs_ray
def test_groups_of_ray_util_collective(tmp_path):
    program = ROOT / "tests" / "helpers" / "ray_collectives.py"
    done = process.run_python(program, tmp_path, timeout=1200, PYTHONPATH=str(ROOT / "tests"), **ENVIRONMENT)
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
@pytest.mark.parametrize("backend, module", [("gloo", "torch"), ("nccl", "cupy")])
def test_group_without_what_it_needs(backend, module):
    if find_spec(module) is not None:
        pytest.skip(f"{module} is installed")
    from thinc.distributed import _ray

    with pytest.raises(ImportError, match=f"The backend '{backend}' between workers needs"):
        _ray._join_group(backend, {})


@needs_ray
def test_nccl_is_for_arrays_on_a_device(monkeypatch):
    from thinc.distributed import _ray

    class Group:
        rank, world_size = 0, 1
        calls = []

        def allreduce_(self, array):
            self.calls.append(("allreduce", type(array)))

        def close(self):
            self.calls.append("close")

    def join(backend, settings):
        assert backend == "nccl" and settings["group"] == "ours"
        return Group()

    cupy = use_as_cupy(monkeypatch)
    monkeypatch.setattr(_ray, "_join_group", join)
    listener = listen("127.0.0.1")
    place = {"rank": 0, "addresses": [listener.getsockname()], "token": bytes(32), "timeout": 5.0}
    communicator = _ray._open_communicator({"backend": "nccl", "group": "ours", **place}, listener)
    communicator.allreduce_(numpy.ones(3))
    communicator.allreduce_(cupy.asarray(numpy.ones(3)))
    communicator.close()
    assert Group.calls == [("allreduce", cupy.ndarray), "close"]


@needs_ray
def test_example(tmp_path):
    example = ROOT / "examples" / "distributed" / "train.py"
    arguments = [example, "--workers", 2, "--folder", tmp_path]
    done = process.run_python(*arguments, timeout=600, cwd=tmp_path, **ENVIRONMENT)
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
        done = process.run_python(*arguments, timeout=600, cwd=tmp_path, **ENVIRONMENT)
        scores.append(float(find_line(done, f"epoch 1  workers {workers}  tags ").rstrip("%")))
    assert 90 < scores[0] < 100 and scores[1] == scores[0]


@needs_ray
@pytest.mark.parametrize("workers", [0, 2])
def test_command_line(tmp_path, workers):
    """What a config describes, in this process and on two workers."""
    arguments = ["-m", "thinc.distributed", "--workers", workers, "--storage-path", tmp_path]
    done = process.run_python(*arguments, timeout=600, cwd=tmp_path, **ENVIRONMENT)
    metrics = json.loads(find_line(done, "{"))
    assert metrics["accuracy"] > 0.95 and metrics["step"] == 150 and metrics["workers"] == max(1, workers)
    folder = Path(find_line(done, "checkpoint: "))
    assert (folder / "run.thinc").exists() and folder.is_relative_to(tmp_path)
    assert (
        sum(path.is_dir() for path in folder.parent.glob("checkpoint_*")) == 3
    )  # after 60, 120 and 150 updates


@needs_ray
def test_config_makes_a_trainer():
    trainer = registry.resolve(Config().from_str(demo.CONFIG + TRAIN_LOOP))["distributed"]
    assert trainer.train_loop_config == {"epochs": 3, "checkpoint_every": 60}
    assert trainer.backend_config.to_dict() == {"timeout": 300.0, "backend": "auto"}
    assert trainer.scaling_config.num_workers == 0 and trainer.run_config.failure_config.max_failures == 3
    overrides = {"distributed.workers": [1, 4]}
    assert trainer_from_config(
        Config().from_str(demo.CONFIG), overrides=overrides
    ).scaling_config.elasticity_enabled


TRAIN_LOOP = """
[distributed.train_loop]
@distributed = "test_loop.v1"

[distributed.loop_config]
epochs = 3
"""


@registry.distributed("test_loop.v1")
def make_loop():
    return print


@pytest.mark.skipif(find_spec("ray") is not None, reason="Ray is installed")
def test_missing_ray_is_said(tmp_path):
    calls = [
        lambda: ThincTrainer(print),
        lambda: report({}),
        lambda: resume(None),
        lambda: trainer_from_config(Config().from_str(demo.CONFIG)),
    ]
    for call in calls:
        with pytest.raises(ImportError, match=r"pip install 'thinc\[ray\]'"):
            call()
    done = process.run_python("-m", "thinc.distributed", cwd=tmp_path, check=False)
    assert done.returncode == 1 and done.stderr.startswith(
        "thinc.distributed: Training on several workers needs Ray"
    )


def test_ray_is_not_imported():
    process.run_python("-c", "import sys, thinc.api, thinc.distributed; assert 'ray' not in sys.modules")
