"""The examples run as their users run them: as programs, with a shortened configuration."""

import gzip
import re
from pathlib import Path

import numpy
import pytest
from sklearn.datasets import load_digits

from helpers.process import run_python
from thinc.api import Config, registry
from thinc.plots import read_log

DIGITS = Path(__file__).parent.parent / "examples" / "digits"
EPOCH = re.compile(r"epoch +(\d+) +loss +([\d.]+) +train +([\d.]+) % +dev +([\d.]+) % +([\d,]+) samples/s")
PNG_SIGNATURE = b"\x89PNG\r\n\x1a\n"


def short_config(path, **training):
    config = Config().from_disk(DIGITS / "config.cfg")
    config["training"].update(training)
    config.to_disk(path)
    return path


def train(tmp_path, *arguments, **training):
    """Run the example; returns what it printed."""
    config = short_config(tmp_path / "short.cfg", **training)
    done = run_python(
        DIGITS / "train.py", "--config", config, "--out", tmp_path / "out", *arguments, cwd=tmp_path
    )
    return done.stdout


def epochs_of(output):
    """Per epoch: number, loss, train accuracy, dev accuracy, samples per second."""
    return [tuple(float(text.replace(",", "")) for text in found) for found in EPOCH.findall(output)]


@pytest.fixture(scope="module")
def digits():
    """scikit-learn's digits as 28 x 28 images of unsigned bytes, and their labels."""
    data = load_digits()
    images = numpy.kron(data.images * 255 / 16, numpy.ones((1, 3, 3))).astype("uint8")  # (N, 24, 24)
    return numpy.pad(images, ((0, 0), (2, 2), (2, 2))), data.target.astype("uint8")


def write_idx(path, array, compress):
    """The IDX format: magic number, sizes as big-endian int32, bytes."""
    raw = bytes([0, 0, 8, array.ndim]) + numpy.array(array.shape, ">i4").tobytes() + array.tobytes()
    if compress:
        path = path.with_name(path.name + ".gz")
        raw = gzip.compress(raw, compresslevel=1)
    path.write_bytes(raw)


def write_mnist(folder, images, labels, n_train, n_dev, compress):
    folder.mkdir()
    for prefix, rows in (("train", slice(0, n_train)), ("t10k", slice(n_train, n_train + n_dev))):
        write_idx(folder / f"{prefix}-images-idx3-ubyte", images[rows], compress)
        write_idx(folder / f"{prefix}-labels-idx1-ubyte", labels[rows], compress)
    return folder


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """What a run of three epochs printed, and the folder that it wrote."""
    folder = tmp_path_factory.mktemp("digits")
    return train(folder, epochs=3), folder / "out"


def test_accuracy_is_printed(run):
    epochs = epochs_of(run[0])
    assert [number for number, *_ in epochs] == [1, 2, 3]
    assert epochs[2][1] < epochs[0][1]
    assert epochs[2][3] > 85
    assert all(speed > 0 for *_, speed in epochs)
    assert f"Loaded it again: the same predictions, {epochs[2][3]:.2f} % on dev" in run[0]


def test_pictures_are_written(run):
    picture = (run[1] / "curves.png").read_bytes()
    assert picture.startswith(PNG_SIGNATURE)
    assert len(picture) > 10_000
    assert "<svg" in (run[1] / "model.svg").read_text(encoding="utf8")


def test_log_has_what_was_printed(run):
    log = read_log(run[1] / "log.jsonl")
    epochs = [record for record in log if "epoch" in record]
    assert [round(100 * record["dev"], 2) for record in epochs] == [dev for *_, dev, _ in epochs_of(run[0])]
    updates = [record for record in log if "epoch" not in record]
    assert [record["step"] for record in updates] == list(range(1, epochs[-1]["step"] + 1))


def test_saved_model_can_be_used_elsewhere(run):
    """The configuration and the file are enough to predict, here in another process."""
    config = Config().from_disk(DIGITS / "config.cfg")
    model = registry.make_from_config(config)["model"].from_disk(run[1] / "model.bin")
    X, Y = load_digits(return_X_y=True)
    assert (model.predict(X.astype("float32") / 16).argmax(axis=1) == Y).mean() > 0.85


@pytest.mark.parametrize("compress", [False, True], ids=["plain", "gzip"])
def test_mnist_files(tmp_path, digits, compress):
    folder = write_mnist(tmp_path / "mnist", *digits, n_train=1000, n_dev=300, compress=compress)
    output = train(tmp_path, "--data", folder, epochs=3)
    assert output.startswith("MNIST: 1000 training and 300 development images of 784 pixels")
    epochs = epochs_of(output)
    assert len(epochs) == 3
    assert epochs[-1][3] > 75
    assert (tmp_path / "out" / "model.bin").stat().st_size > 4 * 784 * 256


def test_folder_without_mnist_is_said(tmp_path):
    (tmp_path / "empty").mkdir()
    output = train(tmp_path, "--data", tmp_path / "empty", epochs=1)
    assert "No MNIST files in" in output
    assert "scikit-learn digits: 1437 training and 360 development images of 64 pixels" in output
    assert len(epochs_of(output)) == 1
