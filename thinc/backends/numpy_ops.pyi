from typing import Any

from ..types import DeviceTypes, Floats1d, FloatsXd, Ints1d
from ._lstm import LSTMState
from .ops import Ops

__all__ = [
    "NumpyOps", "has_blis", "check_seq2col_lengths", "cpu_clip_gradient", "add_gradient_noise",
    "lstm_forward_training", "backprop_lstm",
]  # fmt: skip

has_blis: bool

def check_seq2col_lengths(ops: Ops, lengths: Any, B: int) -> Ints1d: ...
def lstm_forward_training(params: Any, H0: Any, C0: Any, X: Any, size_at_t: Any) -> tuple[Any, LSTMState]: ...
def backprop_lstm(dY: Any, lengths: Any, params: Any, fwd_state: Any) -> tuple[Any, Any]: ...
def cpu_clip_gradient(gradient: Floats1d, threshold: float) -> None: ...
def add_gradient_noise(gradient: FloatsXd, noise_level: float, timestep: float) -> None: ...

class NumpyOps(Ops):
    use_blis: bool
    def __init__(
        self, device_type: DeviceTypes = "cpu", device_id: int = -1, *, use_blis: bool = True
    ) -> None: ...
