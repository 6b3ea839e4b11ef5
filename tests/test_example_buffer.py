"""The example of batches that are prepared while a network trains, run as a program."""

import re
from pathlib import Path

import pytest

from helpers.process import run_python

EXAMPLE = Path(__file__).parent.parent / "examples" / "buffer" / "train.py"
LINE = re.compile(r"buffer=(\d+) +[\d.]+ s per epoch +[\d.]+ times as fast +loss ([\d.]+)")


def test_every_buffer_gives_the_same_training():
    pytest.importorskip("torch", reason="needs PyTorch: pip install thinc[torch]")
    settings = {"epochs": 2, "rounds": 1, "samples": 100, "batch-size": 16}
    arguments = [f"--{name}={value}" for name, value in settings.items()]
    found = LINE.findall(run_python(EXAMPLE, *arguments, "--buffers", 1, 3, 500).stdout)
    assert [buffer for buffer, _ in found] == ["1", "3", "500"]
    assert len({loss for _, loss in found}) == 1
