"""Temporary files."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import IO, Any


@contextmanager
def make_tempfile(mode: str = "r") -> Iterator[IO[Any]]:
    """Open a named temporary file that is closed and deleted at the end of the block.

    Parameters
    ----------
    mode : str
        As for `open`. Other programs may open the file by its name meanwhile.
    """
    import tempfile

    # It must be closed before it is deleted where open files cannot be, hence not by the context manager.
    f = tempfile.NamedTemporaryFile(mode=mode, delete=False)  # noqa: SIM115
    try:
        with f:
            yield f
    finally:
        if os.path.exists(f.name):
            os.remove(f.name)
