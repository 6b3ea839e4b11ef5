"""Training on real Ray workers, which raise, are killed and lose their machine on the way, and what needs no worker.

`make test-ray-short` runs this file; test_ray_long.py has what takes longer. Nothing here depends on how fast Ray is.
"""

import json
import threading
from importlib.util import find_spec
from itertools import pairwise
from pathlib import Path
from types import SimpleNamespace

import numpy
import pytest

from helpers import process
from helpers.device import use_as_cupy
from helpers.ray_process import NOT_STARTED, check_command_line, find_line, run_with_ray
from helpers.workers import TOKEN, run_all
from thinc.api import Config, registry
from thinc.distributed import ThincTrainer, demo, report, resume, trainer_from_config
from thinc.distributed.buckets import average_
from thinc.distributed.ring import listen

pytestmark = pytest.mark.filterwarnings("default")  # what Ray imports may warn of itself
RUN = Path(__file__).parent.parent / "helpers" / "ray_run.py"
needs_ray = pytest.mark.skipif(find_spec("ray") is None, reason="needs Ray: pip install 'thinc[ray]'")


@needs_ray
def test_workers_train_the_same_weights_whatever_happens_to_them(tmp_path):
    """In each run the workers compare their weights after every update."""
    done = run_with_ray(RUN, tmp_path, "short", timeout=2400)
    runs = json.loads(find_line(done, "{"))
    plain, pair = runs["plain"], runs["pair"]
    assert (plain["workers"], pair["workers"]) == (1, 2) and plain["step"] == pair["step"] == 30
    assert pair["guesses"] == pytest.approx(plain["guesses"], abs=1e-4)
    assert pair["by"] == "GroupCommunicator"  # of ray.util.collective
    undisturbed, disturbed = runs["undisturbed"], runs["disturbed"]
    assert undisturbed["step"] == disturbed["step"] == 30
    assert undisturbed["workers"] == disturbed["workers"] == 2
    assert undisturbed["by"] == disturbed["by"] == "SharedRing"
    assert undisturbed["journal"] == [["start", 0]]
    faults = [event for event in disturbed["journal"] if event[0] != "start"]
    assert faults == [["raise", 6], ["kill", 14], ["lose", 22]]
    for (event, step), following in pairwise(disturbed["journal"]):
        if event != "start":
            assert following == ["start", step - step % 4]  # the last checkpoint
    assert disturbed["digest"] == undisturbed["digest"] != pair["digest"]


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
def test_command_line(tmp_path):
    """What a config describes, in this process."""
    check_command_line(tmp_path, 0)


@needs_ray
def test_gradients_on_devices_of_two_workers(monkeypatch):
    """NCCL is a ring here that takes nothing but arrays of a device: what goes where, not how fast."""
    from thinc.distributed import _ray

    cupy = use_as_cupy(monkeypatch)
    here = threading.local()

    class Collective:
        is_backend_available = staticmethod(lambda name: name == "NCCL")
        get_rank = staticmethod(lambda name: here.ring.rank)
        get_collective_group_size = staticmethod(lambda name: here.ring.world_size)
        destroy_collective_group = staticmethod(lambda name: here.ring.close())

        @staticmethod
        def init_collective_group(world_size, rank, backend, group_name):
            assert (world_size, rank, backend, group_name) == (2, here.ring.rank, "NCCL", "ours")

        @staticmethod
        def allreduce(array, group_name):
            assert isinstance(array, cupy.ndarray) and group_name == "ours"
            numbers = array.get()
            here.ring.allreduce_(numbers)
            array[:] = cupy.asarray(numbers)

    monkeypatch.setattr(_ray, "import_module", lambda name: Collective)
    listeners = [listen("127.0.0.1") for _ in range(2)]
    place = {"addresses": [listener.getsockname() for listener in listeners], "token": TOKEN, "timeout": 60.0}

    def work(ring):
        here.ring = ring
        settings = {"backend": "nccl", "group": "ours", "rank": ring.rank, **place}
        communicator = _ray._open_communicator(settings, listeners[ring.rank])
        gradients = [numpy.full((2, 3), 1.0 + ring.rank), numpy.full(4, 3.0 * ring.rank)]
        mixed = [cupy.asarray(gradients[0]), gradients[1]]
        average_(mixed, communicator)
        communicator.barrier()
        communicator.close()
        with pytest.raises(OSError):
            communicator.barrier()
        return mixed[0].get().tolist(), mixed[1].tolist()

    assert run_all(2, work) == [([[1.5] * 3] * 2, [1.5] * 4)] * 2
    # Without NCCL the other connection is closed again.
    monkeypatch.setattr(Collective, "is_backend_available", staticmethod(lambda name: False))
    opened = []

    def open_one(rank, addresses, listener, **settings):
        assert settings["backend"] == "auto"
        opened.append(SimpleNamespace(close=lambda: opened.append("closed")))
        return opened[0]

    monkeypatch.setattr(_ray, "open_ring", open_one)
    with pytest.raises(ImportError, match="needs CuPy and PyTorch"):
        _ray._open_communicator({"backend": "nccl", "group": "ours", "rank": 0, **place}, listeners[0])
    assert opened[1:] == ["closed"]


@needs_ray
def test_trainer_is_found_where_a_release_has_it(monkeypatch):
    from thinc.distributed import _ray

    expected = _ray._trainer_class()
    monkeypatch.setattr(_ray, "TRAINERS", ("ray.nowhere", "json", *_ray.TRAINERS))
    assert _ray._trainer_class() is expected
    monkeypatch.setattr(_ray, "TRAINERS", ("ray.nowhere", "json"))
    with pytest.raises(ImportError, match=r"no DataParallelTrainer in any of ray\.nowhere, json; install"):
        _ray._trainer_class()


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


@needs_ray
def test_a_folder_in_the_home_folder():
    overrides = {"distributed.storage_path": "~/runs", "distributed.name": "first"}
    trainer = trainer_from_config(Config().from_str(demo.CONFIG), overrides=overrides)
    assert trainer.backend_config.folder == Path.home() / "runs" / "first"


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


@pytest.mark.skipif(not Path("/proc/self/environ").exists(), reason="processes are found in /proc")
def test_programs_are_run_again_and_leave_nothing_behind(tmp_path):
    """A process that has left the session and cleared its environment is found by the file that it has open."""
    program = f"""
import os, subprocess, sys, time
folder = os.environ["RAY_TMPDIR"]
log = open(os.path.join(folder, "log"), "w")
sleep = [sys.executable, "-c", "import time; time.sleep(600)"]
for settings in ({{}}, {{"env": {{}}, "stdout": log}}):
    child = subprocess.Popen(sleep, start_new_session=True, **settings)
    print(child.pid, file=open(sys.argv[1], "a"))
print(folder, file=open(sys.argv[2], "a"))
sys.exit({NOT_STARTED} if len(open(sys.argv[2]).readlines()) == 1 else 0)
"""
    pids, folders = tmp_path / "pids", tmp_path / "folders"
    run_with_ray("-c", program, pids, folders, timeout=600)
    assert len(set(folders.read_text().split())) == 2
    assert not any(Path(folder).exists() for folder in folders.read_text().split())
    assert len(pids.read_text().split()) == 4
    for pid in pids.read_text().split():
        status = Path("/proc", pid, "status")
        assert not status.exists() or "State:\tZ" in status.read_text()  # nobody has asked how it ended
