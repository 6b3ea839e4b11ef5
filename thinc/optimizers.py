"""Optimizers: SGD, Adam and their relatives with weight decay, clipping, averages and schedules."""

from ._optimizer_adafactor import Adafactor
from ._optimizer_adamw import AdamW
from ._optimizer_base import (  # noqa: F401
    ADAM_DEFAULTS,
    SGD_DEFAULTS,
    FloatOrSeq,
    IntOrSeq,
    KeyT,
    Optimizer,
    is_ours as is_ours,
    update_each as update_each,
)
from ._optimizer_lamb import LAMB
from ._optimizer_lion import Lion
from ._optimizer_momentum import MomentumSGD
from ._optimizer_muon import Muon
from ._optimizer_nadam import NAdam
from ._optimizer_schedule_free import ScheduleFreeAdamW
from .config import registry
from .types import Generator  # noqa: F401

__all__ = [
    "Adam",
    "RAdam",
    "SGD",
    "Optimizer",
    "ADAM_DEFAULTS",
    "SGD_DEFAULTS",
    "Adafactor",
    "AdamW",
    "LAMB",
    "Lion",
    "MomentumSGD",
    "Muon",
    "NAdam",
    "ScheduleFreeAdamW",
]


@registry.optimizers("RAdam.v1")
def RAdam(
    learn_rate: FloatOrSeq = ADAM_DEFAULTS["learn_rate"],
    *,
    beta1: FloatOrSeq = ADAM_DEFAULTS["beta1"],
    beta2: FloatOrSeq = ADAM_DEFAULTS["beta2"],
    eps: FloatOrSeq = ADAM_DEFAULTS["eps"],
    L2: FloatOrSeq = ADAM_DEFAULTS["L2"],
    L2_is_weight_decay: bool = bool(ADAM_DEFAULTS["L2_is_weight_decay"]),
    grad_clip: FloatOrSeq = ADAM_DEFAULTS["grad_clip"],
    use_averages: bool = True,
) -> "Optimizer":
    """Rectified Adam (Liu et al. 2020, https://arxiv.org/abs/1908.03265). Parameters as for `Optimizer`."""
    return Optimizer(
        learn_rate,
        beta1=beta1,
        beta2=beta2,
        eps=eps,
        grad_clip=grad_clip,
        L2_is_weight_decay=L2_is_weight_decay,
        L2=L2,
        use_averages=use_averages,
        use_radam=True,
    )


@registry.optimizers("Adam.v1")
def Adam(
    learn_rate: FloatOrSeq = ADAM_DEFAULTS["learn_rate"],
    *,
    L2: FloatOrSeq = ADAM_DEFAULTS["L2"],
    beta1: FloatOrSeq = ADAM_DEFAULTS["beta1"],
    beta2: FloatOrSeq = ADAM_DEFAULTS["beta2"],
    eps: FloatOrSeq = ADAM_DEFAULTS["eps"],
    grad_clip: FloatOrSeq = ADAM_DEFAULTS["grad_clip"],
    L2_is_weight_decay: bool = bool(ADAM_DEFAULTS["L2_is_weight_decay"]),
    use_averages: bool = True,
) -> "Optimizer":
    """Adam (Kingma and Ba 2015, https://arxiv.org/abs/1412.6980). Parameters as for `Optimizer`."""
    return Optimizer(
        learn_rate,
        L2=L2,
        beta1=beta1,
        beta2=beta2,
        eps=eps,
        grad_clip=grad_clip,
        L2_is_weight_decay=L2_is_weight_decay,
        use_averages=use_averages,
        use_radam=False,
    )


@registry.optimizers("SGD.v1")
def SGD(
    learn_rate: FloatOrSeq,
    *,
    L2: FloatOrSeq = SGD_DEFAULTS["L2"],
    grad_clip: FloatOrSeq = SGD_DEFAULTS["grad_clip"],
    L2_is_weight_decay: bool = bool(SGD_DEFAULTS["L2_is_weight_decay"]),
    use_averages: bool = True,
) -> "Optimizer":
    """Stochastic gradient descent without momentum. Parameters as for `Optimizer`."""
    return Optimizer(
        learn_rate,
        L2=L2,
        grad_clip=grad_clip,
        L2_is_weight_decay=L2_is_weight_decay,
        beta1=0.0,
        beta2=0.0,
        use_averages=use_averages,
    )
