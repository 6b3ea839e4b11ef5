"""Work: what every function in this package returns."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple


class Work(NamedTuple):
    """One unit of work.

    ``run`` is timed. ``prepare``, if given, comes before every ``run`` and is not timed: it restores what
    ``run`` used up, such as a gradient. ``check`` returns arrays computed from a fresh start, which must
    agree between the packages. ``settle`` sets what is set for the whole process, before it is timed; without it
    that is left to the function ``settle`` of the module, if there is one.
    """

    run: Callable[[], Any]
    prepare: Callable[[], Any] | None = None
    check: Callable[[], Sequence[Any]] | None = None
    settle: Callable[[], Any] | None = None
