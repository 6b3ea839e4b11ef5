"""Images of handwritten digits: scikit-learn's bundled set, or MNIST from a folder."""

import gzip
from pathlib import Path

import numpy

Split = tuple[numpy.ndarray, numpy.ndarray]

MNIST_FILES = {
    "train": ("train-images-idx3-ubyte", "train-labels-idx1-ubyte"),
    "dev": ("t10k-images-idx3-ubyte", "t10k-labels-idx1-ubyte"),
}


def load(folder: Path | None, dev_fraction: float, seed: int) -> tuple[str, Split, Split]:
    """Return a name, the training and the development set; X is float32 (N, pixels) in [0, 1], Y int32 (N,)."""
    if folder is not None and has_mnist(folder):
        return "MNIST", _mnist(folder, "train"), _mnist(folder, "dev")
    if folder is not None:
        print(f"No MNIST files in {folder}; training on scikit-learn's digits instead.")
    return "scikit-learn digits", *_digits(dev_fraction, seed)


def has_mnist(folder: Path) -> bool:
    """Tell whether the folder has all four files."""
    return all(_find(folder, name) for names in MNIST_FILES.values() for name in names)


def _digits(dev_fraction: float, seed: int) -> tuple[Split, Split]:
    from sklearn.datasets import load_digits
    from sklearn.model_selection import train_test_split

    images, labels = load_digits(return_X_y=True)
    train_X, dev_X, train_Y, dev_Y = train_test_split(
        images.astype("float32") / 16,
        labels.astype("int32"),
        test_size=dev_fraction,
        random_state=seed,
        stratify=labels,
    )
    return (train_X, train_Y), (dev_X, dev_Y)  # type: ignore[return-value]  # it may return lists, of lists


def _mnist(folder: Path, part: str) -> Split:
    images, labels = (_read_idx(_find(folder, name)) for name in MNIST_FILES[part])
    return images.reshape(len(images), -1).astype("float32") / 255, labels.astype("int32")


def _find(folder: Path, name: str) -> Path | None:
    paths = (folder / name, folder / f"{name}.gz", folder / name.replace("-idx", ".idx"))
    return next((path for path in paths if path.exists()), None)


def _read_idx(path: Path | None) -> numpy.ndarray:
    """Read the IDX format: two zero bytes, type (8 is uint8), number of dimensions, sizes as big-endian int32, data."""
    if path is None:
        raise FileNotFoundError("MNIST file missing")
    raw = gzip.decompress(path.read_bytes()) if path.suffix == ".gz" else path.read_bytes()
    if raw[:3] != b"\0\0\x08":
        raise ValueError(f"Cannot read {path}: expected an IDX file of unsigned bytes")
    shape = numpy.frombuffer(raw, ">i4", count=raw[3], offset=4)
    return numpy.frombuffer(raw, "uint8", offset=4 + 4 * raw[3]).reshape(shape)
