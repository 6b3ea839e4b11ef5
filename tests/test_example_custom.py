"""The examples of a layer and of a schedule of one's own, run as programs."""

import re
from pathlib import Path

from helpers.process import run_python

EXAMPLES = Path(__file__).parent.parent / "examples"


def run(name, tmp_path, epochs):
    done = run_python(
        EXAMPLES / name / "train.py", "--epochs", epochs, "--out", tmp_path / "out", cwd=tmp_path
    )
    accuracies = [float(text) for text in re.findall(r"([\d.]+)% of the digits are right", done.stdout)]
    return done.stdout, accuracies, tmp_path / "out"


def test_layer(tmp_path):
    output, accuracies, folder = run("custom_layer", tmp_path, 5)
    assert float(output.split("largest error of a gradient: ")[1].split()[0]) < 1e-6
    assert accuracies[-1] > 75
    assert "Loaded it again: the same predictions" in output
    assert (folder / "model.bin").is_file()


def test_schedule(tmp_path):
    output, accuracies, folder = run("custom_schedule", tmp_path, 4)
    rates = [tuple(map(float, pair)) for pair in re.findall(r"rate ([\d.]+) to ([\d.]+)", output)]
    assert [first for first, _ in rates] == sorted((first for first, _ in rates[:3]), reverse=True) + [0.01]
    assert rates[2][1] < 0.0002
    assert accuracies[2] > 75
    assert (folder / "curves.png").is_file()


def test_every_example_is_listed():
    index = (EXAMPLES / "README.md").read_text(encoding="utf8")
    for path in EXAMPLES.glob("*/train.py"):
        assert f"`{path.relative_to(EXAMPLES).as_posix()}`" in index
    for name in re.findall(r"^\| `([\w/.]+)`", index, flags=re.MULTILINE):
        assert (EXAMPLES / name).exists() or (EXAMPLES.parent / name).exists(), name
