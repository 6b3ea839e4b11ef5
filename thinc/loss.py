"""Losses: gradients for backprop, with a scalar to watch."""

from ._loss_base import IntsOrFloats, IntsOrFloatsOrStrs, Loss  # noqa: F401
from ._loss_binary import (  # noqa: F401
    BinaryCrossEntropy,
    FocalLoss,
    configure_BinaryCrossEntropy,
    configure_FocalLoss,
)
from ._loss_crossentropy import (  # noqa: F401
    CategoricalCrossentropy,
    configure_CategoricalCrossentropy_v1,
    configure_CategoricalCrossentropy_v2,
    configure_CategoricalCrossentropy_v3,
)
from ._loss_distances import (  # noqa: F401
    CosineDistance,
    HuberLoss,
    L2Distance,
    configure_CosineDistance,
    configure_HuberLoss,
    configure_L2Distance,
)
from ._loss_logarithmic import (  # noqa: F401
    CategoricalCrossentropy_v4,
    KLDivergence,
    configure_CategoricalCrossentropy_v4,
    configure_KLDivergence,
)
from ._loss_ranking import (  # noqa: F401
    InfoNCE,
    MarginRankingLoss,
    configure_InfoNCE,
    configure_MarginRankingLoss,
)
from ._loss_sequence import (  # noqa: F401
    SequenceCategoricalCrossentropy,
    SequenceCategoricalCrossentropy_v4,
    configure_SequenceCategoricalCrossentropy_v1,
    configure_SequenceCategoricalCrossentropy_v2,
    configure_SequenceCategoricalCrossentropy_v3,
    configure_SequenceCategoricalCrossentropy_v4,
)

__all__ = [
    "SequenceCategoricalCrossentropy", "CategoricalCrossentropy", "L2Distance", "CosineDistance",
    "BinaryCrossEntropy", "CategoricalCrossentropy_v4", "FocalLoss", "HuberLoss", "InfoNCE", "KLDivergence",
    "MarginRankingLoss", "SequenceCategoricalCrossentropy_v4",
]  # fmt: skip
