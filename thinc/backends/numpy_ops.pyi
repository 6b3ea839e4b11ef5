from typing import Any

from ..types import DeviceTypes, Floats1d, FloatsXd, Ints1d
from ._lstm import backprop_lstm as backprop_lstm
from ._lstm import lstm_forward_training as lstm_forward_training
from .ops import Ops

has_blis: bool

def check_seq2col_lengths(ops: Ops, lengths: Any, B: int) -> Ints1d: ...
def cpu_clip_gradient(gradient: Floats1d, threshold: float) -> None: ...
def add_gradient_noise(gradient: FloatsXd, noise_level: float, timestep: float) -> None: ...

class NumpyOps(Ops):
    use_blis: bool
    def __init__(
        self, device_type: DeviceTypes = "cpu", device_id: int = -1, *, use_blis: bool = True
    ) -> None: ...
