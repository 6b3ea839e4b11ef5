"""All operations of the table, by name: those of ``Ops``, losses and optimizers."""

from __future__ import annotations

from .ops_activations import ACTIVATIONS
from .ops_losses import LOSSES
from .ops_rows import ROW_OPS
from .ops_training import TRAINING
from .table import Op

OPS: dict[str, Op] = {**ROW_OPS, **ACTIVATIONS, **TRAINING, **LOSSES}
