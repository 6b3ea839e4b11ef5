import numpy
from numpy.typing import NDArray

from ..types import Floats1d, Floats2d, FloatsXd

def labels_log_loss(
    guesses: FloatsXd,
    codes: NDArray[numpy.int64],
    gold: float,
    other: float,
    weights: Floats1d | None,
    from_logits: bool,
    scale: float,
) -> tuple[FloatsXd, float, int]: ...
def soft_log_loss(
    guesses: FloatsXd,
    truths: FloatsXd,
    keep: NDArray[numpy.bool_] | None,
    weights: Floats1d | None,
    from_logits: bool,
    relative: bool,
    scale: float,
) -> tuple[FloatsXd, float, int]: ...
def binary_loss(
    guesses: FloatsXd,
    truths: FloatsXd,
    weights: Floats1d | None,
    positive: float,
    negative: float,
    focus: float,
    missing: float,
    from_logits: bool,
    scale: float,
) -> tuple[FloatsXd, float, int]: ...
def huber_loss(guesses: FloatsXd, truths: FloatsXd, delta: float, scale: float) -> tuple[FloatsXd, float]: ...
def margin_ranking(
    guesses: Floats2d, truths: Floats1d, margin: float, scale: float
) -> tuple[Floats2d, float, int]: ...
