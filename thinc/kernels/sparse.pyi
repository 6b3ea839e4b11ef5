from typing import Any

import numpy
from numpy.typing import NDArray

def hash_slots(keys: NDArray[numpy.uint64], length: int, mask: bool) -> NDArray[numpy.uint32]: ...
def score(
    W: NDArray[Any],
    b: NDArray[Any],
    slots: NDArray[numpy.uint32],
    values: NDArray[Any],
    lengths: NDArray[numpy.int32],
    stride: int,
) -> NDArray[Any]: ...
def add_gradient(
    dW: NDArray[Any],
    dY: NDArray[Any],
    slots: NDArray[numpy.uint32],
    values: NDArray[Any],
    lengths: NDArray[numpy.int32],
    stride: int,
) -> None: ...
def ready(W: Any, b: Any, inputs: Any) -> bool: ...
def fit(lengths: NDArray[numpy.int32], n_features: int) -> bool: ...
