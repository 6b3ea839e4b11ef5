from collections.abc import Hashable
from typing import Any

from ..types import FloatsXd

def update_parameter(
    optimizer: Any, key: Hashable, weights: FloatsXd, gradient: FloatsXd, lr_scale: float
) -> FloatsXd | None: ...
def update_parameters(
    optimizer: Any, keys: list[Any], weights: list[FloatsXd], gradients: list[FloatsXd], lr_scale: float
) -> list[FloatsXd] | None: ...
