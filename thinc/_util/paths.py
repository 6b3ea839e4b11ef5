"""Bytes to and from a path; a write happens wholly or not at all."""

import errno
import os
import stat
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pathlib import Path

UNFLUSHABLE = {errno.EACCES, errno.EPERM, errno.EINVAL, errno.ENOTSUP, errno.ENOSYS}


def as_path(path: Any) -> Any:
    """Make a ``Path`` of a string or an ``os.PathLike``; anything with an ``open`` method passes as it is."""
    from pathlib import Path  # brings much with it, which models that stay in memory do without

    return path if hasattr(path, "open") else Path(path)


def write_bytes(path: Any, data: bytes) -> None:
    """Replace the file's contents by `data`; whatever happens, the file is the old one or the new one.

    The data goes to a file beside the target, reaches the disk, and takes the target's name. A process that is
    killed meanwhile can leave the file beside it behind (``.NAME.XXXXXXXX.tmp``). What is no regular file, such
    as a pipe, and what only has an ``open`` method, is written to directly.

    Raises
    ------
    OSError
        If the data cannot be written; the target is as it was.
    """
    from pathlib import Path

    path = as_path(path)
    if not isinstance(path, Path) or (path.exists() and not path.is_file()):
        with path.open("wb") as file:
            file.write(data)
        return
    target = Path(os.path.realpath(path))  # a symbolic link stays, its target is replaced
    # A name has at most 255 bytes on common file systems.
    start = os.fsencode(target.name)[:200].decode(errors="ignore")
    temporary = target.with_name(f".{start}.{os.urandom(4).hex()}.tmp")
    try:
        _write_through(temporary, data)
        if target.exists():
            os.chmod(temporary, stat.S_IMODE(target.stat().st_mode))
        os.replace(temporary, target)
    except BaseException as err:
        temporary.unlink(missing_ok=True)
        if isinstance(err, OSError):
            raise OSError(
                err.errno, f"Cannot write the file, which is as it was: {err.strerror}", str(path)
            ) from err
        raise
    _flush_folder(target.parent)


def read_bytes(path: Any) -> bytes:
    """Return the file's contents."""
    with as_path(path).open("rb") as file:
        data: bytes = file.read()
    return data


def _write_through(path: "Path", data: bytes) -> None:
    with path.open("xb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())


def _flush_folder(folder: "Path") -> None:
    """Make a new name in a folder last; where folders cannot be opened or flushed, the system sees to it.

    Not on Windows, nor in folders that may be written to but not read, nor on some file systems of networks.
    """
    if os.name == "nt":
        return
    try:
        handle = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)
    except OSError as err:
        if err.errno not in UNFLUSHABLE:
            reason = (
                f"The file has been written, but may be the old one after a loss of power: {err.strerror}"
            )
            raise OSError(err.errno, reason, str(folder)) from err
