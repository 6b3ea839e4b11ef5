"""Losses: gradients for backprop, with a scalar to watch."""

from ._loss_base import IntsOrFloats, IntsOrFloatsOrStrs, Loss  # noqa: F401
from ._loss_crossentropy import (  # noqa: F401
    CategoricalCrossentropy,
    configure_CategoricalCrossentropy_v1,
    configure_CategoricalCrossentropy_v2,
    configure_CategoricalCrossentropy_v3,
)
from ._loss_distances import (  # noqa: F401
    CosineDistance,
    L2Distance,
    configure_CosineDistance,
    configure_L2Distance,
)
from ._loss_sequence import (  # noqa: F401
    SequenceCategoricalCrossentropy,
    configure_SequenceCategoricalCrossentropy_v1,
    configure_SequenceCategoricalCrossentropy_v2,
    configure_SequenceCategoricalCrossentropy_v3,
)

__all__ = ["SequenceCategoricalCrossentropy", "CategoricalCrossentropy", "L2Distance", "CosineDistance"]
