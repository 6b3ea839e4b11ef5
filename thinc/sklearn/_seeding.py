"""Repeatable training: what layers draw comes from NumPy's global generator, which is seeded for a while."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy

from .._util.random_state import get_random_state, prepare_random_state
from .._util.seeds import fix_random_seed

_ONE_AT_A_TIME = threading.RLock()


@contextmanager
def seeded(generator: Any) -> Iterator[None]:
    """Seed the global generators with a number drawn from a generator, and set them back in the end.

    Blocks in several threads wait for each other. The global generator itself is not seeded: whoever passes it
    has done so.
    """
    if generator is numpy.random.mtrand._rand:
        yield
        return
    with _ONE_AT_A_TIME:
        put_back = prepare_random_state(get_random_state(), "this process")
        try:
            fix_random_seed(int(generator.randint(2**31 - 1)))
            yield
        finally:
            put_back()
