from collections.abc import Sequence
from typing import Any, TypeAlias

import numpy
from numpy.typing import NDArray

from ..types import Floats2d, FloatsXd

_Codes: TypeAlias = NDArray[numpy.int64]

def encode_array(labels: NDArray[Any], n_classes: int, missing_value: int | None) -> _Codes: ...
def encode_ints(labels: Sequence[int], n_classes: int, missing_value: int | None) -> _Codes: ...
def encode_names(
    labels: Sequence[str | None],
    n_classes: int,
    missing_value: object,
    name_to_i: dict[str, int],
    neg_prefix: str | None,
) -> _Codes: ...
def labels_gradient(
    guesses: list[FloatsXd], codes: list[_Codes], targets: list[tuple[float, float]], scale: float
) -> tuple[list[FloatsXd], float, int]: ...
def soft_gradient(
    guesses: FloatsXd, truths: FloatsXd, keep: NDArray[numpy.bool_] | None, scale: float
) -> tuple[FloatsXd, float, int]: ...
def squared_error_gradient(guesses: FloatsXd, truths: FloatsXd, scale: float) -> tuple[FloatsXd, float]: ...
def cosine_gradient(
    guesses: Floats2d, truths: Floats2d, scale: float, ignore_zeros: bool
) -> tuple[Floats2d, Floats2d, float]: ...
