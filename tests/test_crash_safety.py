"""Files are the old ones or the new ones, wherever writing stops."""

import builtins
import errno
import os
import stat
from pathlib import Path

import pytest

from helpers.process import run_python
from thinc._util import paths
from thinc._util.paths import read_bytes, write_bytes
from thinc.api import Adam, Config, Linear, load_checkpoint, save_checkpoint

WRITER = Path(__file__).parent / "helpers" / "killed_writer.py"
posix_only = pytest.mark.skipif(os.name == "nt", reason="Windows has no fork, SIGKILL, RLIMIT_FSIZE or umask")


@posix_only
def test_killed_while_writing(tmp_path):
    """300 processes killed; `killed_writer.py` checks the files after each."""
    kills, leftovers = run_python(WRITER, tmp_path, 300).stdout.split()
    assert int(kills) == 300
    # That some were killed within a write, as about half of those before a line are, is what makes this a test.
    assert int(leftovers) > 10


def write_model(path):
    Linear(2, 2).initialize().to_disk(path)


def write_checkpoint(path):
    save_checkpoint(path, Linear(2, 2).initialize(), Adam())


def write_optimizer(path):
    Adam().to_disk(path)


def write_config(path):
    Config({"a": {"b": 1}}).to_disk(path)


WRITERS = [write_model, write_checkpoint, write_optimizer, write_config]


class FailingFile:
    """A file whose device gives an error after some bytes."""

    def __init__(self, file, error, n_bytes):
        self._file, self._error, self._left = file, error, n_bytes

    def write(self, data):
        self._file.write(data[: self._left])
        if len(data) > self._left:
            raise OSError(self._error, os.strerror(self._error))

    def __getattr__(self, name):
        return getattr(self._file, name)

    def __enter__(self):
        return self

    def __exit__(self, *exc):
        self._file.close()


@pytest.mark.parametrize("write", WRITERS)
@pytest.mark.parametrize("error", [errno.ENOSPC, errno.EIO], ids=["ENOSPC", "EIO"])
@pytest.mark.parametrize("where", ["open", "write", "write some", "fsync", "replace"])
def test_errors_of_the_device(tmp_path, monkeypatch, write, error, where):
    path = tmp_path / "file"
    path.write_bytes(b"old")

    def fail(*args, **kwargs):
        raise OSError(error, os.strerror(error))

    real_open = Path.open

    def open_file(file, mode="r", *args, **kwargs):
        if mode != "xb":  # another file: not the one beside the target
            return real_open(file, mode, *args, **kwargs)
        return fail() if where == "open" else FailingFile(real_open(file, mode), error, n_bytes)

    n_bytes = 5 if where == "write some" else 0
    with monkeypatch.context() as patch:
        if where in ("fsync", "replace"):
            patch.setattr(paths.os, where, fail)
        else:
            patch.setattr(Path, "open", open_file)
        with pytest.raises(OSError, match="as it was") as caught:
            write(path)
    assert caught.value.errno == error
    assert caught.value.filename == str(path)
    assert path.read_bytes() == b"old"
    assert list(tmp_path.iterdir()) == [path]


@posix_only
def test_a_limit_of_the_system_on_the_size(tmp_path):
    """The error comes from the system itself, in the middle of a write."""
    program = """
import resource, signal, sys
from pathlib import Path
from thinc.api import Linear, save_checkpoint
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
path = Path(sys.argv[1])
model = Linear(100, 100).initialize()
model.to_disk(path / "model")
save_checkpoint(path / "checkpoint", model, None)
old = {file.name: file.read_bytes() for file in path.iterdir()}
resource.setrlimit(resource.RLIMIT_FSIZE, (10_000, 10_000))
for write in (model.to_disk, lambda file: save_checkpoint(file, model, None)):
    for name in old:
        try:
            write(path / name)
        except OSError as err:
            print(err.errno)
assert old == {file.name: file.read_bytes() for file in path.iterdir()}
"""
    done = run_python("-c", program, tmp_path)
    assert done.stdout.split() == [str(errno.EFBIG)] * 4


def test_an_interrupt_leaves_the_old_file(tmp_path, monkeypatch):
    path = tmp_path / "file"
    path.write_bytes(b"old")

    def interrupt(handle):
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(paths.os, "fsync", interrupt)
        with pytest.raises(KeyboardInterrupt):
            write_bytes(path, b"new")
    assert path.read_bytes() == b"old"
    assert list(tmp_path.iterdir()) == [path]


@posix_only
@pytest.mark.parametrize("error", [errno.EACCES, errno.EINVAL, errno.EIO])
@pytest.mark.parametrize("function", ["open", "fsync"])
def test_folders_that_cannot_be_flushed(tmp_path, monkeypatch, function, error):
    path = tmp_path / "file"
    path.write_bytes(b"old")
    real, folders = getattr(os, function), []

    def fail_for_folders(target, *args):
        is_folder = stat.S_ISDIR(os.stat(target).st_mode)
        folders.append(is_folder)
        if is_folder:
            raise OSError(error, os.strerror(error))
        return real(target, *args)

    with monkeypatch.context() as patch:
        patch.setattr(paths.os, function, fail_for_folders)
        if error == errno.EIO:
            with pytest.raises(
                OSError, match="The file has been written, but may be the old one after a loss"
            ):
                write_bytes(path, b"new")
        else:
            write_bytes(path, b"new")
    assert any(folders)
    assert path.read_bytes() == b"new"
    assert list(tmp_path.iterdir()) == [path]


@posix_only
def test_rights_links_and_names_are_kept(tmp_path):
    path, link = tmp_path / ("n" * 255), tmp_path / "link"
    path.write_bytes(b"old")
    path.chmod(0o640)
    link.symlink_to(path)
    write_bytes(link, b"new")
    assert link.is_symlink()
    assert path.read_bytes() == b"new"
    assert stat.S_IMODE(path.stat().st_mode) == 0o640
    fresh = tmp_path / "fresh"
    mask = os.umask(0o027)
    try:
        write_bytes(str(fresh), b"x")
    finally:
        os.umask(mask)
    assert stat.S_IMODE(fresh.stat().st_mode) == 0o640


@posix_only
@pytest.mark.parametrize(
    "name", ["漢" * 85, "é" * 127, "a" * 255], ids=["three bytes", "two bytes", "one byte"]
)
def test_names_as_long_as_the_system_allows(tmp_path, name):
    for data in (b"old", b"new"):
        write_bytes(tmp_path / name, data)
    assert read_bytes(tmp_path / name) == b"new"
    assert [file.name for file in tmp_path.iterdir()] == [name]


@posix_only
def test_pipes_are_written_to(tmp_path):
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    reader = os.open(pipe, os.O_RDONLY | os.O_NONBLOCK)
    try:
        write_bytes(pipe, b"data")
        assert os.read(reader, 10) == b"data"
    finally:
        os.close(reader)
    assert stat.S_ISFIFO(pipe.stat().st_mode)


def test_what_only_opens_is_written_to(tmp_path):
    class Opens:
        def open(self, mode):
            return builtins.open(tmp_path / "inner", mode)

    write_bytes(Opens(), b"data")
    assert read_bytes(Opens()) == b"data"


@pytest.mark.parametrize("write", WRITERS)
def test_a_missing_folder(tmp_path, write):
    with pytest.raises(FileNotFoundError):
        write(tmp_path / "missing" / "file")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("cut", range(0, 400, 23))
def test_a_model_that_was_cut_off_is_named(tmp_path, cut):
    model = Linear(2, 2).initialize()
    path = tmp_path / "model.bin"
    data = model.to_bytes()
    path.write_bytes(data[:cut] if cut < len(data) else data + b"\x00")
    with pytest.raises(ValueError, match=r"model\.bin"):
        model.from_disk(path)
    assert model.to_bytes() == data


def test_shims_are_all_loaded_or_none(tmp_path):
    from thinc.model import Model
    from thinc.shims import Shim

    class Remembers(Shim):
        def to_bytes(self):
            return self._model

        def from_bytes(self, data):
            if data == b"refuse":
                raise ValueError("no")
            self._model = data

    def make(*states):
        return Model("m", lambda model, X, is_train: (X, lambda dY: dY), shims=[Remembers(s) for s in states])

    model = make(b"a", b"b", b"c")
    with pytest.raises(ValueError, match="no"):
        model.from_bytes(make(b"1", b"2", b"refuse").to_bytes())
    assert [shim._model for shim in model.shims] == [b"a", b"b", b"c"]
    save_checkpoint(tmp_path / "c", make(b"1", b"refuse", b"3"), None)
    with pytest.raises(ValueError, match="no"):
        load_checkpoint(tmp_path / "c", model, None)
    assert [shim._model for shim in model.shims] == [b"a", b"b", b"c"]
    model.from_bytes(make(b"1", b"2", b"3").to_bytes())
    assert [shim._model for shim in model.shims] == [b"1", b"2", b"3"]
