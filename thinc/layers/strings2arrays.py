"""strings2arrays: hash strings into ids."""

from typing import Any, Callable, List, Sequence

from ..config import registry
from ..model import Model
from ..types import Ints2d


@registry.layers("strings2arrays.v1")
def strings2arrays() -> Model[Sequence[Sequence[str]], List[Ints2d]]:
    """Hash each sequence of strings into an array (n, 1) of ids, uint64.

    The hash is MurmurHash's of 32 bits with seed 0, extended to 64 bits with its sign. Nothing flows back.
    """
    return Model("strings2arrays", forward)


def forward(
    model: Model[Sequence[Sequence[str]], List[Ints2d]], Xs: Sequence[Sequence[str]], is_train: bool
) -> tuple[List[Ints2d], Callable[..., Any]]:
    from murmurhash import hash as murmurhash  # what loads it is rarely used

    ops = model.ops
    # NumPy's strings are turned into Python's. Modulo 2**64, which extends the sign.
    arrays: Any = [ops.asarray([murmurhash(str.__str__(x)) for x in X], dtype="int64") for X in Xs]
    return [array.astype("uint64").reshape((-1, 1)) for array in arrays], _no_gradient


def _no_gradient(dYs: Any) -> list[Any]:
    return []
