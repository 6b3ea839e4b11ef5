from ..types import DeviceTypes
from ._lstm import backprop_lstm as backprop_lstm
from ._lstm import lstm_forward_training as lstm_forward_training
from .ops import Ops

class NumpyOps(Ops):
    use_blis: bool
    def __init__(
        self, device_type: DeviceTypes = "cpu", device_id: int = -1, *, use_blis: bool = True
    ) -> None: ...
