"""Ops: every array operation in plain array code, the readable reference for the compiled backends."""

from ._lstm import backprop_lstm, lstm_forward_training
from ._ops_activations import (
    INV_SQRT2,
    INV_SQRT_2PI,
    SQRT2PI,
    dsigmoid,
    dtanh,
    gaussian_cdf,
    gaussian_pdf,
    sigmoid,
)
from ._ops_attention import AttentionOps
from ._ops_batching import BatchingOps
from ._ops_embedding import EmbeddingOps
from ._ops_gru import GRUOps
from ._ops_lstm import LSTMOps
from ._ops_padding import PaddingOps
from ._ops_query_attention import QueryAttentionOps
from ._ops_tables import TableOps
from ._ops_training import TrainingOps

__all__ = [
    "Ops",
    "SQRT2PI",
    "INV_SQRT2",
    "INV_SQRT_2PI",
    "lstm_forward_training",
    "backprop_lstm",
    "sigmoid",
    "dsigmoid",
    "dtanh",
    "gaussian_cdf",
    "gaussian_pdf",
]


class Ops(
    GRUOps,  # and the products, windows, activations and gated units it is built on
    AttentionOps,
    BatchingOps,
    PaddingOps,
    QueryAttentionOps,  # and the softmax and pooling it is built on
    TableOps,
    EmbeddingOps,
    TrainingOps,
    LSTMOps,
):
    """The operations that layers and optimizers are made of, for any array module that works like NumPy.

    Backends are subclasses that name their array module `xp` and replace what they can do faster.

    Parameters
    ----------
    device_type, device_id
        Kept as attributes.
    **kwargs
        Ignored.
    """
