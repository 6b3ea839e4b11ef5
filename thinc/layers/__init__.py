"""The layers: functions that build models."""

# Weights
# Combinators
from .add import add

# Kinds of batches
from .array_getitem import array_getitem
from .chain import chain
from .clipped_linear import ClippedLinear, HardSigmoid, HardTanh, ReluK
from .clone import clone
from .concatenate import concatenate
from .dish import Dish

# Windows, pooling, regularization
from .dropout import Dropout
from .embed import Embed
from .expand_window import expand_window
from .gelu import Gelu
from .hard_swish import HardSwish
from .hard_swish_mobilenet import HardSwishMobilenet
from .hashembed import HashEmbed
from .layernorm import LayerNorm
from .linear import Linear
from .list2array import list2array
from .list2padded import list2padded
from .list2ragged import list2ragged
from .maxout import Maxout
from .mish import Mish
from .noop import noop
from .padded2list import padded2list
from .ragged2list import ragged2list
from .reduce_first import reduce_first
from .reduce_last import reduce_last
from .reduce_max import reduce_max
from .reduce_mean import reduce_mean
from .reduce_sum import reduce_sum
from .relu import Relu
from .residual import residual
from .sigmoid import Sigmoid
from .softmax import Softmax, Softmax_v2
from .swish import Swish
from .with_array import with_array
from .with_array2d import with_array2d

__all__ = [
    "Linear", "Relu", "Mish", "Swish", "Gelu", "Dish", "HardSwish", "HardSwishMobilenet",
    "ClippedLinear", "HardSigmoid", "HardTanh", "ReluK", "Sigmoid", "Maxout", "Softmax", "Softmax_v2",
    "LayerNorm", "Embed", "HashEmbed",
    "add", "chain", "clone", "concatenate", "noop", "residual",
    "Dropout", "expand_window",
    "reduce_first", "reduce_last", "reduce_max", "reduce_mean", "reduce_sum",
    "array_getitem", "list2array", "list2padded", "list2ragged", "padded2list", "ragged2list",
    "with_array", "with_array2d",
]  # fmt: skip
