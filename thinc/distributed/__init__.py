"""Data-parallel training: every worker has the model, and a share of every batch; gradients are averaged.

The arithmetic runs with any `Communicator`. `ThincTrainer`, `report` and `resume` run it on Ray, which is imported
when one of them is called, never before: ``pip install thinc[ray]``.
"""

from . import demo, loop  # join the registry
from .communicator import Alone, Communicator, get_communicator, use_communicator
from .configured import trainer_from_config
from .opening import open_ring
from .optimizer import DataParallelOptimizer, prepare_optimizer
from .parameters import prepare_model
from .ring import Ring
from .sharding import shard
from .shared_memory import SharedRing
from .training import ThincTrainer, register_collectives, report, resume
from .two_stages import TwoStageRing

__all__ = [
    "ThincTrainer",
    "trainer_from_config",
    "prepare_model",
    "prepare_optimizer",
    "shard",
    "report",
    "resume",
    "get_communicator",
    "use_communicator",
    "Communicator",
    "DataParallelOptimizer",
    "Ring",
    "SharedRing",
    "TwoStageRing",
    "open_ring",
    "register_collectives",
    "Alone",
]
