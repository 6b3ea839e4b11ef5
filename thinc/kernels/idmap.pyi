from collections.abc import Mapping
from typing import Any

import numpy
from numpy.typing import NDArray

def group(
    ids: NDArray[Any],
) -> tuple[NDArray[numpy.int64], NDArray[numpy.int64], NDArray[numpy.int64]]: ...

class IdMap:
    def __init__(self, mapping: Mapping[int, int]) -> None: ...
    def __len__(self) -> int: ...
    def find(self, ids: NDArray[Any], default: int = 0) -> NDArray[numpy.int32]: ...
