from typing import Any

import numpy
from numpy.typing import NDArray

def take_rows(array: NDArray[Any], index: NDArray[numpy.integer[Any]]) -> NDArray[Any] | None: ...
