"""Bytes to and from a path."""

from pathlib import Path
from typing import Any


def as_path(path: Any) -> Any:
    """Make a ``Path`` of a string or an ``os.PathLike``; anything with an ``open`` method passes as it is."""
    return path if hasattr(path, "open") else Path(path)


def write_bytes(path: Any, data: bytes) -> None:
    """Replace the file's contents by ``data``."""
    with as_path(path).open("wb") as file:
        file.write(data)


def read_bytes(path: Any) -> bytes:
    """Return the file's contents."""
    with as_path(path).open("rb") as file:
        data: bytes = file.read()
    return data
