"""What a config describes, trained by one worker and by several; reports go to a list."""

import numpy
import pytest

from helpers.workers import run_all, run_workers
from thinc.api import Config, ConfigValidationError
from thinc.distributed import demo, loop, trainer_from_config, use_communicator
from thinc.distributed.parameters import digest_parameters
from thinc.distributed.state import load_state, save_state

SMALL = {"training.epochs": 3}


def read(overrides=SMALL):
    return Config().from_str(demo.CONFIG, overrides=overrides)


@pytest.fixture
def reports(monkeypatch):
    """What workers report: metrics, and a digest of the parameters where there is a checkpoint."""
    found = []

    def report(metrics, model=None, optimizer=None, *, batches=None, extra=None):
        digest = None if model is None else digest_parameters(model)
        found.append((loop.get_communicator().rank, metrics, digest, extra))

    monkeypatch.setattr(loop, "report", report)
    monkeypatch.setattr(loop, "resume", lambda model, optimizer, batches, default: default)
    return found


def train(ring, config, checkpoint_every, **settings):
    with use_communicator(ring):
        loop.configure_train(config.to_str())({"checkpoint_every": checkpoint_every, **settings})


def test_two_workers_do_the_same(reports):
    run_all(2, lambda ring: train(ring, read(), 10))
    ranks = [[rest for rank, *rest in reports if rank == wanted] for wanted in range(2)]
    assert ranks[0] == ranks[1]
    steps = [(metrics["step"], "loss" in metrics, digest is not None) for metrics, digest, _ in ranks[0]]
    assert steps == [
        (10, False, True),
        (15, True, False),
        (20, False, True),
        (30, True, True),
        (40, False, True),
        (45, True, True),
    ]
    assert [extra["losses"][1] for *_, extra in ranks[0] if extra] == [20, 10, 0, 20, 0]
    last = ranks[0][-1][0]
    assert last["accuracy"] > 0.6 and last["loss"] < ranks[0][1][0]["loss"] and last["workers"] == 2


def test_goes_on_where_it_was(reports, monkeypatch):
    (alone,) = run_all(1, lambda ring: ring)
    train(alone, read(), 0)
    assert [metrics["step"] for _, metrics, *_ in reports] == [15, 30, 45]
    whole = reports[-1][1]
    reports.clear()
    states = []

    def resume(model, optimizer, batches, default):
        states.append(default)
        return {"epoch": 2, "step": 30, "losses": [100.0, 1]}

    monkeypatch.setattr(loop, "resume", resume)
    train(alone, read(), 0)
    assert states == [{"epoch": 0, "step": 0, "losses": [0.0, 0]}]
    assert [metrics["step"] for _, metrics, *_ in reports] == [45]
    assert reports[0][1]["loss"] > 6 > whole["loss"]  # 15 small losses and one of 100


@pytest.mark.parametrize("n_before, n_after", [(2, 1), (1, 3), (2, 7)])
def test_goes_on_with_another_number_of_workers(reports, monkeypatch, tmp_path, n_before, n_after):
    def report(metrics, model=None, optimizer=None, *, batches=None, extra=None):
        place = {"batches": batches, "extra": extra, "communicator": loop.get_communicator()}
        if metrics["step"] == 20:
            save_state(tmp_path, model, optimizer, **place)

    with monkeypatch.context() as patches:
        patches.setattr(loop, "report", report)
        run_all(n_before, lambda ring: train(ring, read(), 10))
    monkeypatch.setattr(
        loop,
        "resume",
        lambda model, optimizer, batches, default: load_state(
            tmp_path, model, optimizer, batches=batches, communicator=loop.get_communicator()
        ),
    )
    run_all(n_after, lambda ring: train(ring, read(), 10, is_elastic=True))  # seven have batches of 9
    ours = [(metrics, digest) for rank, metrics, digest, _ in reports if rank == 0]
    steps = [(metrics["epoch"], metrics["step"], digest is not None) for metrics, digest in ours]
    assert steps == [(2, 30, True), (3, 40, True), (3, 45, True)]
    assert ours[-1][0]["workers"] == n_after and ours[-1][0]["accuracy"] > 0.6
    assert len({digest for _, metrics, digest, _ in reports if metrics["step"] == 45}) == 1


def test_code_registers_what_the_config_names(reports):
    code = """
from thinc.api import registry
from thinc.distributed.demo import make_spirals

@registry.datasets("few_points.v1")
def make():
    return make_spirals(40)
"""
    config = read({**SMALL, "data.@datasets": "few_points.v1", "training.batch_size": 10})
    loop.configure_train(config.to_str(), code)({"checkpoint_every": 0})
    assert reports[-1][1]["step"] == 9


def test_bad_use(reports, tmp_path):
    for err in run_workers(2, lambda ring: train(ring, read({"training.batch_size": 7}), 0)):
        assert isinstance(err, ValueError) and "batches of 7 among 2 workers" in str(err)
    config = read()
    config["data"]["n"] = 2
    config["training"]["batch_size"] = 2
    for err in run_workers(2, lambda ring: train(ring, config, 0)):
        assert isinstance(err, ValueError) and "1 rows cannot be divided among 2 workers" in str(err)
    with pytest.raises(ValueError, match=r"no section \['optimizer', 'loss'\]"):
        loop.configure_train("[model]\n[data]\n[training]\n")
    with pytest.raises(ValueError, match=r"no section \[distributed\], but \['model'\]"):
        trainer_from_config(Config({"model": {}}))
    with pytest.raises(FileNotFoundError):
        trainer_from_config(tmp_path / "none.cfg")


@pytest.mark.parametrize(
    "name, value, expected",
    [
        ("workers", -1, "workers is -1; expected a number"),
        ("workers", [3, 2], r"workers is \[3, 2\]"),
        ("workers", [0, 2], r"workers is \[0, 2\]"),
        ("checkpoint_every", -5, "checkpoint_every is -5"),
        ("max_failures", -2, "max_failures is -2"),
        ("backend", "smoke signals", "no backend .smoke signals."),
    ],
)
def test_settings_out_of_range(name, value, expected):
    with pytest.raises(ValueError, match=expected):
        trainer_from_config(read(), overrides={f"distributed.{name}": value})


def test_settings_of_the_wrong_type():
    for name, value in (("workers", "many"), ("checkpoint_every", "often")):
        with pytest.raises((ConfigValidationError, TypeError)):
            trainer_from_config(read(), overrides={f"distributed.{name}": value})


def test_data():
    (X, Y), (dev_X, dev_Y) = demo.make_spirals(100)
    assert X.shape == (75, 2) and dev_X.shape == (25, 2) and set(Y) == set(dev_Y) == {0, 1, 2}
    assert numpy.array_equal(X, demo.make_spirals(100)[0][0])
