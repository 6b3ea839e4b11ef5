"""Pipelines trained and saved on the published package predict the same on ours, and the reverse."""

from pathlib import Path

import pipelines
import pytest

PROGRAM = Path(pipelines.__file__)
TOLERANCE = 1e-3  # of sums of 16 numbers in float32
KINDS = pytest.mark.parametrize("kind", list(pipelines.KINDS))


@KINDS
def test_from_published_to_ours(kind, peer, run, ask, tmp_path):
    run(PROGRAM, "train", kind, tmp_path / "pipeline", python=peer)
    theirs = ask(tmp_path / "pipeline", python=peer)
    assert pipelines.differences(ask(tmp_path / "pipeline"), theirs, tolerance=TOLERANCE) == []


@KINDS
def test_from_ours_to_published(kind, trained, peer, ask, tmp_path):
    nlp, _ = trained(kind)
    nlp.to_disk(tmp_path / "pipeline")
    theirs = ask(tmp_path / "pipeline", python=peer)
    assert pipelines.differences(pipelines.predict(nlp), theirs, tolerance=TOLERANCE) == []


def test_peer_is_the_published_package(peer, run):
    version = run("-c", "import thinc; print(thinc.__version__)", python=peer)
    assert int(version.split(".")[2]) < 100
