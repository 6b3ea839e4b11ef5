"""What needs a package that only an extra installs."""

from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def extra(name: str, package: str, sentence: str) -> Iterator[None]:
    """Around imports: says how to install the package if it is not there.

    Parameters
    ----------
    name : str
        The extra: of ``pip install "thinc[name]"``.
    package : str
        What is imported. That something else is missing, be it what the package itself imports, is no matter of the
        extra, and its error passes.
    sentence : str
        Who needs what; the error goes on "which is not installed".

    Raises
    ------
    ImportError
        If the package, or a module of it, cannot be found.
    """
    try:
        yield
    except ImportError as err:
        if (err.name or "").partition(".")[0] != package:
            raise
        raise ImportError(
            f'{sentence}, which is not installed: pip install "thinc[{name}]"', name=err.name
        ) from err
